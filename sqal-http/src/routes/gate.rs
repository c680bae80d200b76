//! What stands before every route: who calls, whether they may, and how often they have.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sqal_resilience::client_address;
use tracing::Instrument;

use super::body::whole;
use super::coding::unpacked;
use super::{Route, Who};
use crate::access::{Caller, by_cookie, presents_a_token};
use crate::problem::NothingDone;
use crate::quota::{Call, Class};
use crate::replies::{Begun, Reply, ReplyKey, fingerprint, key_of};
use crate::slo::Objective;
use crate::{Problem, Services, origin};

/// A route and whom to ask.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) services: Arc<Services>,
    pub(super) route: Route,
    pub(super) number: u16,
    pub(super) objective: Option<Objective>,
}

/// Lets a call in, or says why not; the route finds the [`Caller`] among the request's extensions.
pub(super) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Some(objective) = gate.objective else { return answer(gate, request, next).await };
    let (path, services, begun) = (gate.route.path, Arc::clone(&gate.services), gate.services.clock.now());
    let response = answer(gate, request, next).await;
    objective.record(path, services.clock.now().saturating_duration_since(begun), response.status());
    response
}

async fn answer(gate: Gate, mut request: Request, next: Next) -> Response {
    let Gate { services, route, number, .. } = gate;
    if let Some(successor) = route.successor
        && !services.legacy.enabled
    {
        let mut response = Problem::gone(successor).into_response();
        services.legacy.say(successor, response.headers_mut());
        return response;
    }
    let counting = match enter(&services, route, number, &request) {
        Ok((caller, counting)) => {
            request.extensions_mut().insert(caller);
            counting
        }
        Err(refused) => return refused,
    };
    let mut response = match unpacked(request) {
        Ok(request) if route.repeatable => once(&services, number, request, next).await,
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    };
    if let Some(successor) = route.successor {
        services.legacy.say(successor, response.headers_mut());
    }
    if route.class != Class::Unlimited {
        // What one person may see is kept by no proxy for another.
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if let Some(counting) = counting {
        counting.say(response.headers_mut());
    }
    response
}

/// Bodies of requests that may come twice are at most so long.
const LARGEST: usize = 1024 * 1024;

/// Does a request that has an `Idempotency-Key` once, and answers it as often as it comes.
///
/// In a task of its own: a client that leaves has it done all the same, and asks again for the answer. What was not done is not kept: a server that is busy
/// may do it the next time.
async fn once(services: &Arc<Services>, route: u16, request: Request, next: Next) -> Response {
    let key = match key_of(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => key,
        Err(problem) => return problem.into_response(),
    };
    let holder = request.extensions().get::<Caller>().and_then(Caller::holder);
    let address = holder.is_none().then(|| peer(services, &request)).flatten();
    let (parts, body) = request.into_parts();
    let too_large =
        || Problem::wrong("", "more", format!("at most {LARGEST} bytes"), format!("au plus {LARGEST} octets"));
    let body = match whole(body, LARGEST, too_large).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let print = fingerprint(parts.uri.path_and_query().map_or("", |path| path.as_str()), &body);
    let begun = services.replies.begin(ReplyKey { route, holder, address, key }, print, services.clock.now());
    let under_way = match begun {
        Ok(Begun::New(under_way)) => under_way,
        Ok(Begun::Done(reply)) => return said_again(reply),
        Err(problem) => return problem.into_response(),
    };
    let (request, clock) = (Request::from_parts(parts, Body::from(body)), Arc::clone(&services.clock));
    let doing = async move {
        let (parts, body) = next.run(request).await.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else { return Problem::shutting_down().into_response() };
        // Of a device that was silent nobody knows what it has done: it is not asked again under the same key.
        if parts.extensions.get::<NothingDone>().is_none() {
            let reply = Reply { status: parts.status, headers: parts.headers.clone(), body: body.clone() };
            under_way.answered(reply, clock.now());
        }
        Response::from_parts(parts, Body::from(body))
    };
    match services.shutdown.spawn("keyed request", doing.in_current_span()) {
        Ok(doing) => doing.await.unwrap_or_else(|_| Problem::shutting_down().into_response()),
        Err(_) => Problem::shutting_down().into_response(),
    }
}

fn said_again(Reply { status, headers, body }: Reply) -> Response {
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers;
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

type Entered = (Caller, Option<crate::quota::Counting>);

#[expect(clippy::result_large_err, reason = "a refusal is an answer, and rare")]
fn enter(services: &Services, route: Route, number: u16, request: &Request) -> Result<Entered, Response> {
    let (now, headers) = (services.clock.now(), request.headers());
    let peer = peer(services, request);
    let caller = match services.access.identify(headers, (services.now)()) {
        Ok(caller) => caller,
        Err(problem) => {
            // Whoever guesses is slowed down, wherever an answer would tell; holders of tokens behind the same address are not.
            let tells = route.who != Who::Anybody || route.class != Class::Unlimited;
            if tells && presents_a_token(headers) {
                let guess = Call { class: Class::SignIn, route: u16::MAX };
                let counting = services.quotas.take(guess, &Caller::Anybody, peer, now);
                if let Some(counting) = counting.filter(|counting| !counting.answer.allowed) {
                    let after = counting.answer.retry_after_seconds();
                    return Err(Problem::too_many_requests(after).into_response());
                }
            }
            if route.who != Who::Anybody {
                return Err(problem.into_response());
            }
            Caller::Anybody
        }
    };
    if !caller.may(route.who) {
        let what = format!("this path is for: {}", route.who.as_str());
        return Err(Problem::not_allowed(what).into_response());
    }
    if route.writes() {
        no_stranger(services, headers).map_err(IntoResponse::into_response)?;
    }
    let counting = services.quotas.take(Call { class: route.class, route: number }, &caller, peer, now);
    match counting {
        Some(counting) if !counting.answer.allowed => {
            let mut response = Problem::too_many_requests(counting.answer.retry_after_seconds()).into_response();
            counting.say(response.headers_mut());
            Err(response)
        }
        counting => Ok((caller, counting)),
    }
}

/// A browser sends what a page of another site asks for: an open server would obey it, and so would one that knows the browser by its cookie. A page of
/// another site that has a token may read where that is allowed, and not write.
fn no_stranger(services: &Services, headers: &HeaderMap) -> Result<(), Problem> {
    if services.access.is_open() {
        origin::same(headers)
    } else if by_cookie(headers) || headers.contains_key(header::ORIGIN) {
        origin::same_host(headers)
    } else {
        Ok(())
    }
}

/// The address of the client; what a proxy says is believed if the proxy is trusted.
pub(crate) fn peer(services: &Services, request: &Request) -> Option<IpAddr> {
    const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip();
    // A proxy may add a line of its own behind the client's: they are one list (RFC 9110, 5.3). What is no text is no address.
    let lines: Vec<_> =
        request.headers().get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    let forwarded = (!lines.is_empty()).then(|| lines.join(","));
    Some(client_address(peer, forwarded.as_deref(), |address| services.trusted_proxies.contains(&address)))
}
