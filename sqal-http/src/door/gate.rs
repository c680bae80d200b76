//! The gate before every route: it knows the caller, checks the role, and counts the quota.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::body::whole_within;
use super::caught::{caught, ended};
use super::coding::unpacked;
use crate::door::access::{bearer, by_cookie};
use crate::door::budget::{Connection, ExceededError, Hold, Party, Resource};
use crate::door::caller::{Caller, Who};
use crate::door::once_key::OnceKey;
use crate::door::peer::{direct_peer, is_trusted, peer};
use crate::door::problem::{NothingDone, Problem};
use crate::door::quota::{Call, Class, Counting};
use crate::door::replies::{Begun, Reply, ReplyKey, fingerprint, key_of};
use crate::door::{browser_session, origin};
use crate::route::{METRICS, Route};
use crate::services::Services;

/// A route, and the services that its gate uses.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) services: Arc<Services>,
    pub(crate) route: Arc<Route>,
    pub(crate) number: u16,
    /// Whether the route is answered while the process ends, without the end waiting for it: a
    /// probe.
    pub(crate) probe: bool,
}

/// Admits a call, or answers with the reason of the refusal. The route finds the [`Caller`] among
/// the request's extensions.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let path = gate.route.path;
    let Some(objective) = gate.route.objective else { return caught(path, unless_ending(gate, request, next)).await };
    let (services, begun) = (Arc::clone(&gate.services), gate.services.clock.now());
    let response = caught(path, unless_ending(gate, request, next)).await;
    objective.record(path, services.clock.now().saturating_duration_since(begun), response.status());
    response
}

/// Refuses new requests once the shutdown has begun, before anything is done for them. The shutdown
/// waits for the requests that were begun. A refusal counts against the objective.
async fn unless_ending(gate: Gate, request: Request, next: Next) -> Response {
    if gate.probe || is_waited_for(&request) {
        return answer(gate, request, next).await;
    }
    let shutdown = gate.services.shutdown.clone();
    match shutdown.track() {
        Ok(_active) => answer(gate, request, next).await,
        Err(_) => Problem::shutting_down().into_response(),
    }
}

/// Whether the server has already counted this request as one under way.
#[cfg(feature = "serve")]
fn is_waited_for(request: &Request) -> bool {
    request.extensions().get::<crate::door::serve::WaitedFor>().is_some()
}

#[cfg(not(feature = "serve"))]
const fn is_waited_for(_: &Request) -> bool {
    false
}

async fn answer(gate: Gate, mut request: Request, next: Next) -> Response {
    let Gate { services, route, number, .. } = gate;
    if let Some(successor) = &route.successor
        && services.door.legacy.switches_off(route.path)
    {
        let mut response = Problem::gone(successor.path).into_response();
        services.door.legacy.say(route.path, successor, response.headers_mut());
        return response;
    }
    let (party, counting, renewed) = match enter(&services, &route, number, &request) {
        Ok((caller, counting)) => {
            let party = match party_of(&services, &caller, &request) {
                Ok(party) => party,
                Err(exceeded) => return Problem::from(exceeded).into_response(),
            };
            let renewed = renewed(&services, &route, &caller, request.headers());
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(party);
            (party, counting, renewed)
        }
        Err(refused) => return refused,
    };
    let mut response = match unpacked(request) {
        Ok(request) if route.repeatable => once(&services, number, party, request, next).await,
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    };
    // The answer to a change is sent regardless of the bytes that wait: a client that is told to
    // try again would repeat the change.
    if !route.writes() && response.body().size_hint().exact().is_some_and(|bytes| bytes > LARGE_ANSWER) {
        response = until_taken(&services, party, response).await;
    }
    if let Some(successor) = &route.successor {
        services.door.legacy.say(route.path, successor, response.headers_mut());
    }
    if route.class != Class::Unlimited {
        // No proxy may keep the answer to one caller for another.
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if let Some(counting) = counting {
        counting.say(response.headers_mut());
    }
    if let Some(renewed) = renewed {
        response.headers_mut().append(header::SET_COOKIE, renewed);
    }
    response
}

/// The new cookie of a session that is in use, once half of its time is over. A request that writes
/// gets none, because it may end the session itself.
fn renewed(services: &Services, route: &Route, caller: &Caller, headers: &HeaderMap) -> Option<HeaderValue> {
    if route.writes() {
        return None;
    }
    let value = services.door.access.renewed_session(caller, (services.now)())?;
    HeaderValue::try_from(browser_session::kept(&value, browser_session::is_of_host(headers))).ok()
}

/// The party whose share a call uses. Once the caller is known, its connection is no longer counted
/// for its address.
fn party_of(services: &Services, caller: &Caller, request: &Request) -> Result<Party, ExceededError> {
    if caller.holder().is_none() {
        return Ok(Party::of(caller, peer(services, request)));
    }
    let party = Party::of(caller, None);
    if let Some(connection) = request.extensions().get::<Connection>() {
        connection.known(&services.door.budget, party)?;
    }
    Ok(party)
}

/// Answers over this many bytes are counted until the client has taken them.
const LARGE_ANSWER: u64 = 16 * 1024;

/// The bytes of an answer, held until the connection has written the last of them.
struct Untaken {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Untaken {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Counts a large answer for its party until the client has taken it. If too many bytes wait
/// already, refuses the answer.
async fn until_taken(services: &Services, party: Party, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // The size is known, so the body is there already.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Problem::too_slow("the answer broke off").into_response();
    };
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    match services.door.budget.take(Resource::AnswerBytes, party, length) {
        Ok(hold) => Response::from_parts(parts, Body::from(Bytes::from_owner(Untaken { bytes, _hold: hold }))),
        Err(exceeded) => Problem::from(exceeded).into_response(),
    }
}

/// The longest body of a request that may be repeated, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Executes a request with an `Idempotency-Key` once, and gives each repetition the same answer.
///
/// Runs in a task of its own: if the client disconnects, the request is still executed, and the
/// client can ask again for the answer. If nothing was done, the answer is not kept, so that a busy
/// server can execute the request the next time.
async fn once(services: &Arc<Services>, route: u16, party: Party, request: Request, next: Next) -> Response {
    let key = match key_of(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => key,
        Err(problem) => return problem.into_response(),
    };
    let holder = request.extensions().get::<Caller>().and_then(Caller::holder);
    let address = holder.is_none().then(|| peer(services, &request)).flatten();
    let key = ReplyKey { route, holder, address, key };
    let (mut parts, body) = request.into_parts();
    let too_large =
        || Problem::wrong("", "more", format!("at most {LARGEST} bytes"), format!("au plus {LARGEST} octets"));
    let (body, hold) = match whole_within(&services.door.budget, party, body, LARGEST, too_large).await {
        Ok(read) => read,
        Err(problem) => return problem.into_response(),
    };
    let print = fingerprint(parts.uri.path_and_query().map_or("", |path| path.as_str()), &body);
    // The route may keep the key for longer than this process lives.
    parts.extensions.insert(OnceKey::of(&key));
    let begun = services.door.replies.begin(key, print, services.clock.now());
    let under_way = match begun {
        Ok(Begun::New(under_way)) => under_way,
        Ok(Begun::Done(reply)) => return said_again(reply),
        Err(problem) => return problem.into_response(),
    };
    let (request, clock) = (Request::from_parts(parts, Body::from(body)), Arc::clone(&services.clock));
    let doing = async move {
        let _hold = hold;
        // A request that broke off may have been executed in part. Its key gets the same answer,
        // and it is not executed again.
        let (parts, body) = caught("keyed request", next.run(request)).await.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else { return Problem::shutting_down().into_response() };
        // It is unknown whether a silent device has executed a command: it is not asked again under
        // the same key.
        if parts.extensions.get::<NothingDone>().is_none() {
            let reply = Reply { status: parts.status, headers: parts.headers.clone(), body: body.clone() };
            under_way.answered(reply, clock.now());
        }
        Response::from_parts(parts, Body::from(body))
    };
    match services.shutdown.spawn("keyed request", doing.in_current_span()) {
        Ok(doing) => doing.await.unwrap_or_else(|error| ended("keyed request", &error).into_response()),
        Err(_) => Problem::shutting_down().into_response(),
    }
}

fn said_again(Reply { status, headers, body }: Reply) -> Response {
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers;
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

type Entered = (Caller, Option<Counting>);

/// The number of the pages beside the router among the routes, whose numbers count from 0.
const BESIDE: u16 = u16::MAX - 1;

#[expect(clippy::result_large_err, reason = "a refusal is an answer, and rare")]
fn enter(services: &Services, route: &Route, number: u16, request: &Request) -> Result<Entered, Response> {
    let (now, headers) = (services.clock.now(), request.headers());
    // Whether the answer shows something, or tells whether a token is right.
    let tells = route.who != Who::Everyone || route.class != Class::Unlimited || METRICS.contains(&route.path);
    if tells && services.door.access.is_open() {
        origin::known_host(headers, &services.door.allowed_hosts).map_err(IntoResponse::into_response)?;
    }
    let peer = peer(services, request);
    let caller = identified(services, route, request, peer, tells)?;
    if !caller.may(route.who) {
        let what = format!("this path is for: {}", route.who.as_str());
        return Err(Problem::not_allowed(what).into_response());
    }
    if route.writes() {
        no_stranger(services, route, &caller, request).map_err(|problem| {
            if services.door.guesses.may_tell(now) {
                let (peer, why) = (peer.map(tracing::field::display), problem.detail.as_str());
                tracing::warn!(peer, path = route.path, why, "a request of a page of another site was refused");
            }
            problem.into_response()
        })?;
    }
    let counting = services.door.quotas.take(Call { class: route.class, route: number }, &caller, peer, now);
    match counting {
        Some(counting) if !counting.answer.allowed => {
            let mut response = Problem::too_many_requests(counting.answer.retry_after_seconds()).into_response();
            counting.say(response.headers_mut());
            Err(response)
        }
        counting => Ok((caller, counting)),
    }
}

impl Services {
    /// Admits a caller to a page that the host application serves beside the router, for example on
    /// a listener of its own. The caller is authenticated as on the routes: by its token, by the
    /// cookie of its session, or by the host application. Wrong tokens count as guesses, and all
    /// such pages together have the quota of a route that reads.
    ///
    /// # Errors
    ///
    /// The answer that refuses the caller, a [`Problem`]: 401 if it is not authenticated, 403 if it
    /// may not see the page or names a host that this server does not have, 429 after too many
    /// calls or wrong tokens.
    #[expect(clippy::result_large_err, reason = "a refusal is an answer, and rare")]
    pub fn admit(&self, who: Who, request: &Request) -> Result<Caller, Response> {
        enter(self, &Route::beside(who), BESIDE, request).map(|(caller, _)| caller)
    }
}

/// Who calls. A wrong token counts as a guess if the answer `tells` whether it is right.
#[expect(clippy::result_large_err, reason = "a refusal is an answer, and rare")]
fn identified(
    services: &Services,
    route: &Route,
    request: &Request,
    peer: Option<IpAddr>,
    tells: bool,
) -> Result<Caller, Response> {
    let (now, headers) = (services.clock.now(), request.headers());
    // Only bearer tokens are guesses. A session is signed, and a cookie of an expired session is no
    // attack.
    let guess = peer
        .filter(|_| tells && !services.door.access.is_of_host())
        .zip(services.door.quotas.wrong_tokens())
        .zip(bearer(headers));
    if let Some(((address, quota), token)) = guess
        && let Some(left) = services.door.guesses.refuses(address, token, quota, now)
    {
        return Err(Problem::too_many_requests(Some(seconds(left))).into_response());
    }
    match services.door.access.caller(headers, request.extensions(), (services.now)()) {
        Ok(caller) => {
            if let Some((address, token)) = peer.zip(caller.token()) {
                services.door.guesses.right(address, token);
            }
            Ok(caller)
        }
        Err(problem) => {
            if let Some(((address, quota), token)) = guess {
                let wait = services.door.guesses.wrong(address, token, quota, now);
                if let Some(count) = services.door.guesses.to_write_down(now) {
                    services.write_down(
                        &Caller::Unauthenticated,
                        "sign_in",
                        &format!("{count} wrong tokens since the last such line"),
                    );
                }
                if let Some(left) = wait {
                    return Err(Problem::too_many_requests(Some(seconds(left))).into_response());
                }
            }
            if route.who != Who::Everyone {
                return Err(problem.into_response());
            }
            Ok(Caller::Unauthenticated)
        }
    }
}

/// A duration in seconds, rounded up.
fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// Refuses a request that writes and comes from a page of another site.
///
/// A browser sends what a page of another site asks for. A server without tokens would obey it, and
/// so would one that knows the browser by its cookie. If a page of another site has a token, it may
/// read where that is allowed, and not write. A device is not a page: no other site has the token
/// in its `Authorization` field.
fn no_stranger(services: &Services, route: &Route, caller: &Caller, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    if services.door.access.is_open() {
        let allowed = &services.door.allowed_hosts;
        if METRICS.contains(&route.path) {
            // A scraper has its own name for this machine, and what it reads names no sample and no
            // device.
            Ok(())
        } else if route.path.starts_with("/ws/") {
            origin::same_or_of_a_program(headers, allowed)
        } else {
            origin::same(headers, allowed)
        }
    } else if caller.is_a_device() && bearer(headers).is_some() {
        Ok(())
    } else if by_cookie(headers) || by_cookie_of_host(services, headers) || headers.contains_key(header::ORIGIN) {
        origin::same_host(headers, direct_peer(request).is_some_and(|peer| is_trusted(services, peer)))
    } else {
        Ok(())
    }
}

/// Whether the host application may have authenticated the request by a cookie of its own.
fn by_cookie_of_host(services: &Services, headers: &HeaderMap) -> bool {
    services.door.access.is_of_host() && headers.contains_key(header::COOKIE)
}
