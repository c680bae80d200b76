//! [`Access`]: authenticates devices and people by token, and keeps only the tokens' hashes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{Extensions, HeaderMap, header};
use sqal_core::{DeviceId, Timestamp};
use sqal_intake::Holder;

use crate::door::browser_session;
use crate::door::browser_session::{RandomnessError, Session, SessionKey, Sessions};
use crate::door::caller::{Caller, Credential, Grant, only_device_of};
use crate::door::host_callers::HostCallers;
use crate::door::problem::Problem;
use crate::door::token_file::{InvalidTokenFile, Token, TokenFile};
use crate::door::token_hash::TokenHash;
use crate::door::weak_tokens::is_weak;

#[derive(Debug)]
struct Known {
    name: Holder,
    grant: Grant,
    until: Option<Timestamp>,
}

type Table = HashMap<TokenHash, Known>;

/// Which callers are let in: every caller, the holders of tokens, or the callers that the host
/// application vouches for.
///
/// Tokens can be replaced while connections are open.
pub struct Access {
    known: Option<RwLock<Arc<Table>>>,
    /// The devices that the host application has let in; `None` if it does not authenticate
    /// callers.
    host: Option<HostCallers>,
    /// The sessions of browsers; `None` without tokens, or if the system gives no random numbers.
    sessions: Option<Sessions>,
}

impl Access {
    /// Lets every caller do everything: for a server that only its own machine can reach.
    #[must_use]
    pub const fn open() -> Self {
        Self { known: None, host: None, sessions: None }
    }

    /// Lets in only the holders of these tokens.
    ///
    /// The sessions of browsers are valid in this process only, unless
    /// [`with_session_key`](Self::with_session_key) sets a key that is kept.
    ///
    /// # Errors
    ///
    /// [`InvalidTokenFile`] if the tokens cannot be used together.
    pub fn of(tokens: TokenFile) -> Result<Self, InvalidTokenFile> {
        let table = table(tokens)?;
        if table.is_empty() {
            return Err(InvalidTokenFile::Empty);
        }
        let sessions = SessionKey::random().ok().map(Sessions::new);
        Ok(Self { known: Some(RwLock::new(Arc::new(table))), host: None, sessions })
    }

    /// Lets in only callers that the host application vouches for.
    ///
    /// The host application's own middleware, outside of the router, authenticates a request and
    /// puts a [`Caller`] into the request's extensions. The caller's name stands in decisions
    /// (`decided_by`), the audit log and `/api/v1/session`, and quotas count by it. If a route
    /// requires a caller, a request without a [`Caller::Known`] is refused with 401; the
    /// unauthenticated [`Caller`] does not count. Tokens and cookies of SQAL are ignored.
    ///
    /// Open connections and event streams stay open until the host application ends them. A dead
    /// letter is replayed if its holder was let in as the letter's device, or as a gateway, since
    /// this process began.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use axum::Router;
    /// use axum::body::{Body, to_bytes};
    /// use axum::http::Request;
    /// use axum::middleware::{Next, from_fn};
    /// use sqal_http::door::{Access, Caller, Role};
    /// use sqal_http::{Profile, Profiles, Services, router};
    /// use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
    /// use tower::ServiceExt;
    ///
    /// // The host's own sign-in; here a field that its proxy sets.
    /// async fn signed_in(mut request: Request<Body>, next: Next) -> axum::response::Response {
    ///     let user = request.headers().get("x-user").and_then(|user| user.to_str().ok()).map(str::to_owned);
    ///     if let Some(name) = user.and_then(|user| user.parse().ok()) {
    ///         request.extensions_mut().insert(Caller::person(name, Role::QualityEngineer));
    ///     }
    ///     next.run(request).await
    /// }
    ///
    /// let store = Arc::new(MemoryStore::new());
    /// let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
    /// let profiles = Profiles::new([("example".parse()?, Profile::example())])?;
    /// let now = || sqal_core::Timestamp::from_micros(1_729_983_600_000_000).unwrap();
    /// let mut services = Services::new(store, writer, profiles, now);
    /// services.door.access = Arc::new(Access::from_host());
    /// let app = Router::new().nest_service("/quality", router(services)).layer(from_fn(signed_in));
    ///
    /// let asked = Request::get("/quality/api/v1/session").header("x-user", "ben").body(Body::empty())?;
    /// let answer = to_bytes(app.clone().oneshot(asked).await?.into_body(), 10_000).await?;
    /// assert!(std::str::from_utf8(&answer)?.contains(r#""name":"ben","role":"quality_engineer""#));
    /// let stranger = Request::get("/quality/api/v1/samples").body(Body::empty())?;
    /// assert_eq!(app.oneshot(stranger).await?.status(), 401);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_host() -> Self {
        Self { known: None, host: Some(HostCallers::default()), sessions: None }
    }

    /// Sets the key for the sessions of browsers and keeps the tokens. Servers with the same key
    /// accept each other's sessions. If the key is kept in a file, sessions outlive a restart.
    #[must_use]
    pub fn with_session_key(self, key: SessionKey) -> Self {
        Self { sessions: Some(Sessions::new(key)), ..self }
    }

    /// Whether every caller is let in without authentication.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.known.is_none() && self.host.is_none()
    }

    /// Whether the host application authenticates the callers.
    pub(crate) const fn is_of_host(&self) -> bool {
        self.host.is_some()
    }

    /// Replaces the tokens from now on. The new list may be empty.
    ///
    /// Connections and event streams that were opened with a token that is still in the list stay
    /// open. All others are closed within 20 seconds, even if their holder has another token in the
    /// list. A server that lets every caller in stays open.
    ///
    /// # Errors
    ///
    /// [`InvalidTokenFile`] if the tokens cannot be used together. The old tokens then stay in
    /// force.
    pub fn replace(&self, tokens: TokenFile) -> Result<(), InvalidTokenFile> {
        let new = Arc::new(table(tokens)?);
        if let Some(known) = &self.known {
            *known.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    fn table(&self) -> Option<Arc<Table>> {
        self.known.as_ref().map(|known| Arc::clone(&known.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Authenticates a request by the [`Caller`] that the host application has put into its
    /// extensions. Without a host application, authenticates it by its headers as
    /// [`identify`](Self::identify) does.
    pub(crate) fn caller(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let Some(host) = &self.host else { return self.identify(headers, now) };
        match extensions.get::<Caller>() {
            Some(caller @ Caller::Known(..)) => {
                host.remember(caller);
                Ok(*caller)
            }
            Some(Caller::Unauthenticated) | None => Err(Problem::unauthorized()),
        }
    }

    /// Authenticates a request by its `Authorization: Bearer`, or by the session in a browser's
    /// cookie. A token in the URL is ignored, because every log on the way would record it.
    ///
    /// # Errors
    ///
    /// [`Problem`] 401 if the token is missing, wrong or expired; it does not say which. If the
    /// host application authenticates the callers, headers do not count and every request is
    /// refused here.
    pub fn identify(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Problem> {
        if self.is_of_host() {
            return Err(Problem::unauthorized());
        }
        let Some(table) = self.table() else { return Ok(Caller::Unauthenticated) };
        let credential = if let Some(token) = bearer(headers) {
            Credential { token: TokenHash::of(token), session: None }
        } else {
            let (token, session) = self.session(headers, now).ok_or_else(Problem::unauthorized)?;
            Credential { token, session: Some(session) }
        };
        let known = table.get(&credential.token).filter(|known| known.until.is_none_or(|until| now < until));
        let known = known.ok_or_else(Problem::unauthorized)?;
        Ok(Caller::Known(known.name, known.grant, Some(credential)))
    }

    /// The session of the request's cookie, if the cookie is valid and the session is not over.
    fn session(&self, headers: &HeaderMap, now: Timestamp) -> Option<(TokenHash, Session)> {
        self.sessions.as_ref()?.read(browser_session::cookie(headers)?, now)
    }

    /// Begins a session for a caller that has shown a token; `None` if the caller was authenticated
    /// in another way.
    pub(crate) fn begin_session(&self, caller: &Caller, now: Timestamp) -> Option<Result<String, RandomnessError>> {
        let Caller::Known(_, _, Some(Credential { token, session: None })) = caller else { return None };
        let sessions = self.sessions.as_ref();
        Some(sessions.map_or(Err(RandomnessError), |sessions| sessions.begin(*token, now)))
    }

    /// The renewed value of a session's cookie, once half of the session's lifetime is over.
    pub(crate) fn renewed_session(&self, caller: &Caller, now: Timestamp) -> Option<String> {
        let Caller::Known(_, _, Some(Credential { token, session: Some(session) })) = caller else { return None };
        self.sessions.as_ref()?.renewed(*token, session, now)
    }

    /// Signs out the session of a request's cookie.
    pub(crate) fn end_session(&self, headers: &HeaderMap, now: Timestamp) {
        if let (Some(sessions), Some((_, session))) = (&self.sessions, self.session(headers, now)) {
            sessions.end(&session, now);
        }
    }

    /// Whether a holder may hand in samples of a device now, by any of its tokens. On a server
    /// without tokens every holder may.
    #[must_use]
    pub fn may_bring(&self, holder: &Holder, device: &DeviceId, now: Timestamp) -> bool {
        if let Some(host) = &self.host {
            return host.may_bring(holder, device);
        }
        let Some(table) = self.table() else { return true };
        table.values().any(|known| {
            known.name == *holder
                && known.until.is_none_or(|until| now < until)
                && Caller::Known(known.name, known.grant, None).speaks_for(device)
        })
    }

    /// The device of a holder whose tokens permit, now, samples of one device and of no other.
    /// `None` for a gateway, for a person, and on a server without tokens.
    #[must_use]
    pub fn only_device(&self, holder: &Holder, now: Timestamp) -> Option<DeviceId> {
        if let Some(host) = &self.host {
            return host.only_device(holder);
        }
        let table = self.table()?;
        let valid = |known: &&Known| known.name == *holder && known.until.is_none_or(|until| now < until);
        only_device_of(table.values().filter(valid).map(|known| known.grant))
    }

    /// Whether a caller that was let in would be let in again.
    ///
    /// A caller with a credential would be if its token is still there for the same holder and
    /// purpose, the token has not expired, and its session was not signed out. A caller without a
    /// credential would be if its holder has a valid token for the same purpose. A caller that the
    /// host application vouches for stays let in until the host application ends the connection.
    #[must_use]
    pub fn still_knows(&self, caller: &Caller, now: Timestamp) -> bool {
        let (Some(table), Caller::Known(name, grant, credential)) = (self.table(), caller) else { return true };
        let same =
            |known: &Known| known.name == *name && known.grant == *grant && known.until.is_none_or(|until| now < until);
        let Some(Credential { token, session }) = credential else { return table.values().any(same) };
        let may_watch =
            |session: &Session| self.sessions.as_ref().is_some_and(|sessions| sessions.may_watch(session, now));
        table.get(token).is_some_and(same) && session.as_ref().is_none_or(may_watch)
    }
}

fn table(file: TokenFile) -> Result<Table, InvalidTokenFile> {
    let mut table = Table::new();
    for Token { name, grant, sha256, until } in file.tokens {
        if is_weak(&sha256) {
            return Err(InvalidTokenFile::Weak(name.to_string()));
        }
        if let Some(other) = table.insert(sha256, Known { name, grant, until }) {
            return Err(InvalidTokenFile::Twice { first: other.name.to_string(), second: name.to_string() });
        }
    }
    Ok(table)
}

/// The token of an `Authorization` header. The scheme's name is case-insensitive (RFC 9110, 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a request is authenticated by its cookie alone, which a browser sends for any page.
pub(crate) fn by_cookie(headers: &HeaderMap) -> bool {
    bearer(headers).is_none() && browser_session::cookie(headers).is_some()
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table() {
            None if self.is_of_host() => f.write_str("Access(host application)"),
            None => f.write_str("Access(open)"),
            Some(table) => write!(f, "Access({} tokens)", table.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::caller::{Role, Who};
    use sqal_core::Name;

    fn name<const N: usize>(text: &str) -> Name<N> {
        Name::new(text).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn token(holder: &str, grant: Grant, text: &str, until: Option<i64>) -> Token {
        Token { name: name(holder), grant, sha256: TokenHash::of(text), until: until.map(at) }
    }

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_holder_is_known_by_header_or_cookie_until_its_time_and_by_nothing_else() {
        let station = Grant::Device(name("ESP32_001"));
        let tokens =
            vec![token("camera", station, "s3cret", Some(100)), token("marie", Grant::Role(Role::Viewer), "m", None)];
        let access = Access::of(TokenFile { tokens }).unwrap();
        let of = |token: &str| Some(Credential { token: TokenHash::of(token), session: None });
        let known = Caller::Known(name("camera"), station, of("s3cret"));
        for (header, value) in [(header::AUTHORIZATION, "Bearer s3cret"), (header::AUTHORIZATION, "bearer  s3cret ")] {
            assert_eq!(access.identify(&with(header, value), at(99)), Ok(known), "{value}");
        }
        let marie = access.identify(&with(header::AUTHORIZATION, "Bearer m"), at(99)).unwrap();
        let session = access.begin_session(&marie, at(99)).unwrap().unwrap();
        for (cookie, is_known) in [
            (format!("a=b; sqal_session={session}; c=d"), true),
            (format!("__Host-sqal_session={session}"), true),
            (format!("__Host-sqal_session=x; sqal_session={session}"), false),
            (format!("xsqal_session={session}"), false),
            (format!("sqal_sessions={session}"), false),
            (format!("sqal_session={session}0"), false),
            ("sqal_session=m".to_owned(), false),
            ("sqal_token=m".to_owned(), false),
        ] {
            let found = access.identify(&with(header::COOKIE, &cookie), at(99));
            assert_eq!(found.ok().and_then(|caller| caller.holder()), is_known.then(|| name("marie")), "{cookie}");
        }
        let by_session = access.identify(&with(header::COOKIE, &format!("sqal_session={session}")), at(99)).unwrap();
        assert!(access.begin_session(&by_session, at(99)).is_none(), "a session begins no session");
        assert!(access.still_knows(&by_session, at(99)));
        access.end_session(&with(header::COOKIE, &format!("sqal_session={session}")), at(99));
        assert!(!access.still_knows(&by_session, at(99)), "what it watches ends when it signs out");
        assert!(access.still_knows(&marie, at(99)), "and nothing else does");
        for (header, value) in [
            (header::AUTHORIZATION, "Bearer s3cre"),
            (header::AUTHORIZATION, "Bearer"),
            (header::AUTHORIZATION, "Basic s3cret"),
            (header::HOST, "s3cret"),
        ] {
            assert_eq!(access.identify(&with(header, value), at(99)).unwrap_err().status, 401, "{value}");
        }
        assert!(access.identify(&with(header::AUTHORIZATION, "Bearer s3cret"), at(100)).is_err());
        assert!(access.identify(&with(header::AUTHORIZATION, "Bearer m"), at(100)).is_ok());
        assert_eq!(format!("{access:?}"), "Access(2 tokens)");
    }

    /// If the host application authenticates the callers, the headers of a request never count.
    /// Neither does the unauthenticated caller in the extensions, which may do everything.
    #[test]
    fn only_a_caller_that_the_host_application_names_is_let_in() {
        let access = Access::from_host();
        assert!(!access.is_open() && format!("{access:?}") == "Access(host application)");
        let caller = |inside: Option<Caller>, headers: &HeaderMap| {
            let mut extensions = Extensions::new();
            if let Some(inside) = inside {
                extensions.insert(inside);
            }
            access.caller(headers, &extensions, at(0))
        };
        let (bearer, none) = (with(header::AUTHORIZATION, "Bearer s3cret"), HeaderMap::new());
        let ben = Caller::person(name("ben"), Role::Viewer);
        for headers in [&bearer, &none] {
            assert_eq!(caller(Some(ben), headers), Ok(ben));
            for inside in [None, Some(Caller::Unauthenticated)] {
                assert_eq!(caller(inside, headers).unwrap_err().status, 401);
            }
            assert_eq!(access.identify(headers, at(0)).unwrap_err().status, 401);
        }
        assert!(access.still_knows(&ben, at(0)));
        // Without a host application, a caller in the request's extensions is ignored.
        let mut extensions = Extensions::new();
        extensions.insert(ben);
        assert_eq!(Access::open().caller(&none, &extensions, at(0)), Ok(Caller::Unauthenticated));
        let tokens = vec![token("marie", Grant::Role(Role::Viewer), "a long token of hers", None)];
        let access = Access::of(TokenFile { tokens }).unwrap();
        assert_eq!(access.caller(&none, &extensions, at(0)).unwrap_err().status, 401);
    }

    #[test]
    fn a_holder_is_one_device_while_its_tokens_name_no_other() {
        let (one, two) = (Grant::Device(name("ESP32_001")), Grant::Device(name("ESP32_002")));
        let tokens = vec![
            token("camera", one, "old", None),
            token("camera", one, "new", None),
            token("moved", two, "before", Some(100)),
            token("moved", one, "after", None),
            token("gateway", Grant::Gateway, "of the line", None),
            token("gateway", one, "of a device", None),
            token("marie", Grant::Role(Role::Viewer), "hers", None),
        ];
        let access = Access::of(TokenFile { tokens }).unwrap();
        let only = |holder: &str, now: i64| access.only_device(&name(holder), at(now));
        assert_eq!(only("camera", 0), Some(name("ESP32_001")));
        assert_eq!((only("moved", 99), only("moved", 100)), (None, Some(name("ESP32_001"))));
        assert_eq!((only("gateway", 0), only("marie", 0), only("unknown", 0)), (None, None, None));
        assert_eq!(Access::open().only_device(&name("camera"), at(0)), None);
    }

    #[test]
    fn a_token_is_replaced_while_the_other_still_works() {
        let grant = Grant::Device(name("ESP32_001"));
        let file = |tokens: &[&str]| TokenFile {
            tokens: tokens.iter().map(|text| token("camera", grant, text, None)).collect(),
        };
        let access = Access::of(file(&["old"])).unwrap();
        let caller = access.identify(&with(header::AUTHORIZATION, "Bearer old"), at(0)).unwrap();
        access.replace(file(&["old", "new"])).unwrap();
        assert!(access.still_knows(&caller, at(0)));
        access.replace(file(&["new"])).unwrap();
        assert!(!access.still_knows(&caller, at(0)), "whoever has stolen the old one is shut out, too");
        let caller = access.identify(&with(header::AUTHORIZATION, "Bearer new"), at(0)).unwrap();
        assert!(access.still_knows(&caller, at(0)));
        assert!(access.identify(&with(header::AUTHORIZATION, "Bearer old"), at(0)).is_err());
        let vouched = Caller::Known(name("camera"), grant, None);
        assert!(access.still_knows(&vouched, at(0)), "known by name, for the host application says so");
        let other = TokenFile { tokens: vec![token("camera", Grant::Role(Role::Viewer), "new", None)] };
        access.replace(other).unwrap();
        assert!(!access.still_knows(&caller, at(0)), "what it was let in for is gone");
        assert!(!access.still_knows(&vouched, at(0)));
        assert!(Access::of(TokenFile::default()).is_err_and(|error| error == InvalidTokenFile::Empty));
        let twice = TokenFile { tokens: vec![token("a", grant, "x", None), token("b", grant, "x", None)] };
        assert_eq!(access.replace(twice).unwrap_err().to_string(), "a and b have the same token");
        assert!(
            access.identify(&with(header::AUTHORIZATION, "Bearer new"), at(0)).is_ok(),
            "what cannot be used changes nothing"
        );
        let weak =
            TokenFile { tokens: vec![token("camera", grant, "new", None), token("lazy", grant, "password", None)] };
        assert_eq!(access.replace(weak).unwrap_err(), InvalidTokenFile::Weak("lazy".to_owned()));
        access.replace(TokenFile::default()).unwrap();
        assert!(access.identify(&with(header::AUTHORIZATION, "Bearer new"), at(0)).is_err(), "everybody is shut out");
    }

    #[test]
    fn everyone_may_what_their_role_says_and_no_more() {
        let device = Caller::Known(name("d"), Grant::Device(name("ESP32_001")), None);
        let gateway = Caller::Known(name("g"), Grant::Gateway, None);
        let person = |role| Caller::Known(name("p"), Grant::Role(role), None);
        let wants = [
            Who::Everyone,
            Who::Device,
            Who::Person(Role::Viewer),
            Who::Person(Role::QualityEngineer),
            Who::Person(Role::Administrator),
        ];
        for (caller, may) in [
            (Caller::Unauthenticated, [true; 5]),
            (device, [true, true, false, false, false]),
            (gateway, [true, true, false, false, false]),
            (person(Role::Viewer), [true, false, true, false, false]),
            (person(Role::QualityEngineer), [true, false, true, true, false]),
            (person(Role::Administrator), [true, false, true, true, true]),
        ] {
            assert_eq!(wants.map(|who| caller.may(who)), may, "{caller:?}");
        }
        assert!(device.speaks_for(&name("ESP32_001")) && !device.speaks_for(&name("ESP32_002")));
        assert!(gateway.speaks_for(&name("ESP32_002")) && Caller::Unauthenticated.speaks_for(&name("x")));
        assert!(!person(Role::Administrator).speaks_for(&name("ESP32_001")), "no person makes measurements");
    }
}
