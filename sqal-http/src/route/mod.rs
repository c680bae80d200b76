//! [`Route`]: what a route declares about itself, and the builder of the declaration.
//!
//! The declaration of a route, beside its handler, states who may call it, how often, its
//! objective, the most queries of a call, its description, its line of `docs/http.md`, and two
//! calls for the test of the interface.

pub(crate) mod api_version;
pub(crate) mod objective;
mod parameter;
mod shape;
#[cfg(feature = "bugs")]
pub(crate) mod spelling;

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{self, MethodRouter};

pub use api_version::ApiVersion;
pub use objective::Objective;
#[cfg(feature = "openapi")]
pub(crate) use parameter::IDEMPOTENCY_KEY;
#[cfg(feature = "alerts")]
pub(crate) use parameter::of_alerts;
#[cfg(feature = "bugs")]
pub(crate) use parameter::of_bugs;
pub(crate) use parameter::{
    AFTER, BEFORE, DEVICE_IN_PATH, DEVICE_IN_QUERY, FROM, IF_MATCH, IF_NONE_MATCH, JOB, KNOWN, LAST_EVENT_ID, LIMIT,
    LIMIT_OF_LETTERS, PROBLEM, PROFILE, Parameter, SAMPLE, SCHEDULE, UNTIL,
};
#[cfg(feature = "openapi")]
pub(crate) use shape::Schemas;
pub(crate) use shape::{Shape, Shaped};
#[cfg(feature = "bugs")]
use spelling::Spelling;

use crate::door::caller::{Role, Who};
use crate::door::quota::Class;
use crate::door::version::Successor;
use crate::services::Services;

/// The paths of the metrics: the canonical one, and its alias by the second documented convention
/// (C-06).
pub(crate) const METRICS: [&str; 2] = ["/metrics", "/prometheus/metrics-http"];

pub(crate) const EVERYONE: Who = Who::Everyone;
pub(crate) const DEVICE: Who = Who::Device;
pub(crate) const VIEWER: Who = Who::Person(Role::Viewer);
pub(crate) const ENGINEER: Who = Who::Person(Role::QualityEngineer);
pub(crate) const ADMINISTRATOR: Who = Who::Person(Role::Administrator);

/// A route of the table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Its path as a template.
    pub path: &'static str,
    /// The callers that it admits.
    pub who: Who,
    /// The quota that limits how often it may be called.
    pub class: Class,
    /// The objective of its answers; `None` for streams without end and the files of pages.
    pub objective: Option<Objective>,
    /// The most queries that a call sends to the database while its answer is made, however many
    /// rows there are.
    pub queries: u32,
    /// What replaces it, if it is deprecated.
    pub successor: Option<Successor>,
    /// Whether each call has a new effect, unless an `Idempotency-Key` shows that the call was
    /// executed.
    pub repeatable: bool,
    /// What it does, in one line of `docs/http.md`.
    pub line: &'static str,
    /// How old its answer may be, as `docs/http.md` states it.
    pub age: &'static str,
    /// Two calls for the test of the interface.
    pub calls: Calls,
    /// Its description; `None` for routes that OpenAPI cannot describe and for the files of pages.
    pub(crate) described: Option<Described>,
}

/// Two calls of a route with their statuses, for the test of the interface. In a path, `{id}`
/// stands for the id of a stored sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The path of a call by the route's method without a body, and its status: an error where the
    /// route needs a body or a connected device.
    pub good: (&'static str, u16),
    /// The method and path of the call that is refused, and its status.
    pub bad: (&'static str, &'static str, u16),
}

/// The description of a route for OpenAPI.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "openapi"), allow(dead_code, reason = "only the description reads it"))]
pub(crate) struct Described {
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Option<(Takes, &'static str)>,
    pub(crate) answer: Gives,
    pub(crate) fails: &'static [u16],
}

/// The body that a route takes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "openapi"), allow(dead_code, reason = "only the description reads it"))]
pub(crate) enum Takes {
    /// JSON of a type.
    Json(Shape),
    /// A JSON object that the schema leaves open.
    Object,
    /// JSON values, one a line.
    Lines,
    /// A JSON merge patch (RFC 7396) of a type.
    #[cfg(feature = "bugs")]
    MergePatch(Shape),
    /// A file: the one of `multipart/form-data`, or the whole body.
    #[cfg(feature = "bugs")]
    File,
    /// Bytes of this media type.
    #[cfg(feature = "bugs")]
    Bytes(&'static str),
}

/// The answer of a route.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "openapi"), allow(dead_code, reason = "only the description reads it"))]
pub(crate) enum Gives {
    /// JSON of a type.
    Json(Shape),
    /// JSON of a type, of a resource that existed, was changed, or was made (201).
    ChangedOrMade(Shape),
    /// JSON of a type, of a resource that was made (201).
    #[cfg_attr(
        not(any(feature = "alerts", feature = "bugs")),
        allow(dead_code, reason = "only silences and bugs are made without a known name")
    )]
    Made(Shape),
    /// JSON of a type, of work that was begun (202).
    Begun(Shape),
    /// A text of this media type.
    Text(&'static str),
    /// A text of one of these media types, as the client prefers.
    Texts(&'static [&'static str]),
    /// JSON of a type, or a text of this media type, as the client prefers.
    JsonOrText(Shape, &'static str),
    /// The bytes of a file, whose media type is that of its content.
    #[cfg(feature = "bugs")]
    File,
    /// No content (204).
    Empty,
}

impl Route {
    /// The most queries of a call of a route that declares no number.
    pub const USUAL_QUERIES: u32 = 3;

    /// The parameters of its query as they are written, for example `?device_id=&limit=`; empty if
    /// it has none.
    #[must_use]
    pub fn query(&self) -> String {
        let parameters = self.described.map_or(&[][..], |described| described.parameters);
        let names = parameters.iter().filter(|parameter| parameter.place == "query").map(|parameter| parameter.name);
        let query = names.map(|name| format!("{name}=")).collect::<Vec<_>>().join("&");
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// The statuses of its answers to calls that succeed.
    #[must_use]
    pub fn succeeds_with(&self) -> &'static [u16] {
        match self.described.map(|described| described.answer) {
            Some(Gives::ChangedOrMade(_)) => &[200, 201],
            Some(Gives::Made(_)) => &[201],
            Some(Gives::Begun(_)) => &[202],
            Some(Gives::Empty) => &[204],
            // The upgrade to a WebSocket.
            None if self.path.starts_with("/ws/") => &[101],
            #[cfg(feature = "bugs")]
            Some(Gives::File) => &[200],
            Some(Gives::Json(_) | Gives::Text(_) | Gives::Texts(_) | Gives::JsonOrText(..)) | None => &[200],
        }
    }

    /// A page of the host application beside the router, which reads.
    pub(crate) const fn beside(who: Who) -> Self {
        undeclared("GET", "", who, Class::Read)
    }

    /// Whether a call may change something.
    pub(crate) const fn writes(&self) -> bool {
        matches!(self.who, Who::Device) || !matches!(self.method.as_bytes(), b"GET")
    }
}

/// A route and its handler.
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    pub(crate) answer: MethodRouter<Arc<Services>>,
}

macro_rules! entry {
    ($name:ident, $method:literal) => {
        /// A route of this method: its path, the callers that it admits, its quota, its handler.
        pub(crate) fn $name<H, T>(path: &'static str, who: Who, class: Class, handler: H) -> Endpoint
        where
            H: Handler<T, Arc<Services>>,
            T: 'static,
        {
            Endpoint { route: undeclared($method, path, who, class), answer: routing::$name(handler) }
        }
    };
}

entry!(get, "GET");
entry!(post, "POST");
entry!(put, "PUT");
#[cfg(feature = "bugs")]
entry!(patch, "PATCH");
entry!(delete, "DELETE");

const fn undeclared(method: &'static str, path: &'static str, who: Who, class: Class) -> Route {
    Route {
        method,
        path,
        who,
        class,
        objective: None,
        queries: Route::USUAL_QUERIES,
        successor: None,
        repeatable: false,
        line: "",
        age: "",
        // Of the methods that a path does not have, most paths lack this one.
        calls: Calls { good: (path, 200), bad: (if is_patch(method) { "PUT" } else { "PATCH" }, path, 405) },
        described: None,
    }
}

/// Whether a method is `PATCH`.
const fn is_patch(method: &str) -> bool {
    matches!(method.as_bytes(), b"PATCH")
}

impl Endpoint {
    /// Sets the objective of the route.
    pub(crate) const fn objective(mut self, objective: Objective) -> Self {
        self.route.objective = Some(objective);
        self
    }

    /// Sets the most queries of a call. What begins or commits a transaction is a query too.
    pub(crate) const fn queries(mut self, most: u32) -> Self {
        self.route.queries = most;
        self
    }

    /// Deprecates the route since a time (in seconds since 1970): the route at `path`, of a newer
    /// version and with the same method, replaces it and was there at that time (C-11).
    pub(crate) const fn replaced_by(mut self, path: &'static str, since: i64) -> Self {
        self.route.successor = Some(Successor { path, since });
        self
    }

    /// Marks the route: each call has a new effect, unless an `Idempotency-Key` shows that the call
    /// was executed.
    pub(crate) const fn once_per_key(mut self) -> Self {
        self.route.repeatable = true;
        self
    }

    /// Sets the line of `docs/http.md`: what the route does, and how old its answer may be.
    pub(crate) const fn line(mut self, what: &'static str, age: &'static str) -> Self {
        (self.route.line, self.route.age) = (what, age);
        self
    }

    /// Sets the call of the test that has the route's method. Without one, that is its path, with
    /// status 200.
    pub(crate) const fn good_call(mut self, path: &'static str, status: u16) -> Self {
        self.route.calls.good = (path, status);
        self
    }

    /// Sets the call of the test that is refused. Without one, that is the route's path by a method
    /// that it does not have.
    pub(crate) const fn bad_call(mut self, method: &'static str, path: &'static str, status: u16) -> Self {
        self.route.calls.bad = (method, path, status);
        self
    }

    /// Describes the route: its name for programs, its group and its summary.
    pub(crate) const fn described(mut self, id: &'static str, tag: &'static str, summary: &'static str) -> Self {
        let (parameters, fails): (&[Parameter], &[u16]) = (&[], &[]);
        self.route.described =
            Some(Described { id, tag, summary, parameters, body: None, answer: Gives::Empty, fails });
        self
    }

    /// Changes the description.
    ///
    /// # Panics
    ///
    /// If the route was not described before; every test that reads the table shows it.
    const fn with(mut self, described: Described) -> Self {
        self.route.described = Some(described);
        self
    }

    const fn description(&self) -> Described {
        self.route.described.expect("`described` comes first")
    }

    /// Sets the parameters of the path, the query and the header.
    pub(crate) const fn parameters(self, parameters: &'static [Parameter]) -> Self {
        let described = self.description();
        self.with(Described { parameters, ..described })
    }

    const fn body(self, takes: Takes, what: &'static str) -> Self {
        let described = self.description();
        self.with(Described { body: Some((takes, what)), ..described })
    }

    /// Sets the body that the route takes: JSON of a type.
    pub(crate) fn takes<T: Shaped>(self, what: &'static str) -> Self {
        self.body(Takes::Json(T::shape()), what)
    }

    /// Sets the body that the route takes: a JSON object that the schema leaves open.
    pub(crate) const fn takes_object(self, what: &'static str) -> Self {
        self.body(Takes::Object, what)
    }

    /// Sets the body that the route takes: JSON values, one a line.
    pub(crate) const fn takes_lines(self, what: &'static str) -> Self {
        self.body(Takes::Lines, what)
    }

    /// Sets the body that the route takes: JSON of a type, whose fields clients may spell in both
    /// ways.
    #[cfg(feature = "bugs")]
    pub(crate) fn takes_spelled<T: Shaped, S: Spelling>(self, what: &'static str) -> Self {
        self.body(Takes::Json(S::shape::<T>()), what)
    }

    /// Sets the body that the route takes: a JSON merge patch of a type.
    #[cfg(feature = "bugs")]
    pub(crate) fn takes_merge_patch<T: Shaped, S: Spelling>(self, what: &'static str) -> Self {
        self.body(Takes::MergePatch(S::shape::<T>()), what)
    }

    /// Sets the body that the route takes: a file.
    #[cfg(feature = "bugs")]
    pub(crate) const fn takes_file(self, what: &'static str) -> Self {
        self.body(Takes::File, what)
    }

    /// Sets the body that the route takes: bytes of a media type.
    #[cfg(feature = "bugs")]
    pub(crate) const fn takes_bytes(self, media: &'static str, what: &'static str) -> Self {
        self.body(Takes::Bytes(media), what)
    }

    const fn answer(self, answer: Gives) -> Self {
        let described = self.description();
        self.with(Described { answer, ..described })
    }

    /// Sets the answer: JSON of a type.
    pub(crate) fn gives<T: Shaped>(self) -> Self {
        self.answer(Gives::Json(T::shape()))
    }

    /// Sets the answer: JSON of a schema that no type has.
    pub(crate) const fn gives_named(self, schema: &'static str) -> Self {
        self.answer(Gives::Json(Shape::Named(schema)))
    }

    /// Sets the answer: JSON of a type, of a resource that existed, was changed, or was made (201).
    pub(crate) fn changes_or_makes<T: Shaped>(self) -> Self {
        self.answer(Gives::ChangedOrMade(T::shape()))
    }

    /// Sets the answer: JSON of a type, of a resource that was made (201).
    #[cfg(feature = "alerts")]
    pub(crate) fn makes<T: Shaped>(self) -> Self {
        self.answer(Gives::Made(T::shape()))
    }

    /// Sets the answer: JSON of a type, with its fields in one spelling.
    #[cfg(feature = "bugs")]
    pub(crate) fn gives_spelled<T: Shaped, S: Spelling>(self) -> Self {
        self.answer(Gives::Json(S::shape::<T>()))
    }

    /// Sets the answer: JSON of a type, with its fields in one spelling, of a resource that was
    /// made (201).
    #[cfg(feature = "bugs")]
    pub(crate) fn makes_spelled<T: Shaped, S: Spelling>(self) -> Self {
        self.answer(Gives::Made(S::shape::<T>()))
    }

    /// Sets the answer: the bytes of a file.
    #[cfg(feature = "bugs")]
    pub(crate) const fn gives_file(self) -> Self {
        self.answer(Gives::File)
    }

    /// Sets the answer: JSON of a type, of work that was begun (202).
    pub(crate) fn begins<T: Shaped>(self) -> Self {
        self.answer(Gives::Begun(T::shape()))
    }

    /// Sets the answer: a text of a media type.
    pub(crate) const fn gives_text(self, media: &'static str) -> Self {
        self.answer(Gives::Text(media))
    }

    /// Sets the answer: a text of one of several media types, as the client prefers.
    pub(crate) const fn gives_texts(self, media: &'static [&'static str]) -> Self {
        self.answer(Gives::Texts(media))
    }

    /// Sets the answer: JSON of a type, or a text of a media type, as the client prefers.
    pub(crate) fn gives_or_text<T: Shaped>(self, media: &'static str) -> Self {
        self.answer(Gives::JsonOrText(T::shape(), media))
    }

    /// Sets the statuses of the problems that this route has beside those of every route.
    pub(crate) const fn problems(self, fails: &'static [u16]) -> Self {
        let described = self.description();
        self.with(Described { fails, ..described })
    }
}
