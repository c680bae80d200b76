//! [`KINDS`]: every kind of problem of the interface, with the page at its type.

use sqal_protocol::kinds::{
    self, CLOCK_DISAGREES, FRAME_TOO_LARGE, INVALID_FRAME, Kind, NAME_TAKEN, NOT_ALLOWED, PROFILE_UNKNOWN_HERE,
    SHUTTING_DOWN, STORAGE_REFUSED, STORAGE_UNAVAILABLE,
};

/// A body that is not UTF-8.
pub(crate) const NOT_TEXT: Kind = Kind::new(
    "not-text",
    400,
    "The body is not text",
    "The body is not UTF-8. A batch is NDJSON: one documented frame on each line.",
);

/// A batch of more frames or bytes than the limit.
pub(crate) const BATCH_TOO_LARGE: Kind = Kind::new(
    "batch-too-large",
    413,
    "The batch is too large",
    "The batch has more frames or bytes than the named limit. No frame of it was stored; send it in parts.",
)
.about("the batch");

/// A request that did not arrive in time.
pub(crate) const TOO_SLOW: Kind = Kind::new(
    "too-slow",
    408,
    "The request took too long",
    "The body did not arrive in time, or broke off. Nothing of it was stored; send it again.",
);

/// A server that handles as many requests of this kind as it may at a time.
pub(crate) const BUSY: Kind = Kind::new(
    "busy",
    503,
    "Too much is under way",
    "As many requests of this kind as the server accepts at a time are under way. Nothing of this request was stored; \
     send it again after the named time.",
);

/// A query with values that are not valid.
pub(crate) const INVALID_QUERY: Kind = Kind::new(
    "invalid-query",
    400,
    "The query is not valid",
    "A query parameter or a header field has an invalid value. Each violation names it, the value, and the limit.",
)
.about("the request");

/// A resource that does not exist here.
pub(crate) const NOT_FOUND: Kind =
    Kind::new("not-found", 404, "Not found", "The server does not know the path or the id.");

/// A database that is broken.
pub(crate) const STORAGE_FAILED: Kind = Kind::new(
    "storage-failed",
    503,
    "The database is broken",
    "The database did not answer with samples: its file is damaged, was replaced, or belongs to a newer program. \
     Nothing is acknowledged, and devices keep their samples. The operator must act: the log names the fault.",
);

/// A path that does not support the method.
pub(crate) const METHOD_NOT_ALLOWED: Kind = Kind::new(
    "method-not-allowed",
    405,
    "The method is not allowed here",
    "The path exists, and answers other methods; the header Allow names them.",
);

/// A page of another site.
pub(crate) const FORBIDDEN_ORIGIN: Kind = Kind::new(
    "forbidden-origin",
    403,
    "A page of another site may not connect",
    "A page of another site tried to send frames, or the request names the server by a host name instead of an \
     address. Devices and programs send no Origin.",
);

/// A caller that is not authenticated.
pub(crate) const UNAUTHORIZED: Kind = Kind::new(
    "unauthorized",
    401,
    "Authentication is required",
    "This server needs a token: send Authorization: Bearer <token>, or sign in with the form of the page. The token \
     is missing, wrong or expired.",
);

/// An older path that was switched off.
pub(crate) const GONE: Kind = Kind::new(
    "gone",
    410,
    "This older path is switched off",
    "The operator of this server has switched the un-versioned paths off. The header field Link names the path that \
     takes its place and gives the same answer.",
);

/// A body with values that are not valid.
pub(crate) const INVALID_BODY: Kind = Kind::new(
    "invalid-body",
    400,
    "The body is not valid",
    "The body has an invalid value. Each violation names the place as a JSON pointer, the value, and the limit.",
)
.about("the body");

/// A body in a content coding that is not supported.
pub(crate) const UNSUPPORTED_CODING: Kind = Kind::new(
    "unsupported-coding",
    415,
    "The coding of the body is not known",
    "The Content-Encoding of the body is not gzip. Send the body uncompressed or as gzip; Accept-Encoding names the \
     known codings.",
);

/// A change that does not name the state that it changes.
pub(crate) const PRECONDITION_REQUIRED: Kind = Kind::new(
    "precondition-required",
    428,
    "A precondition is required",
    "Another caller may change this resource too. Read it, and send its ETag as If-Match; for a new resource send \
     If-None-Match: *.",
);

/// A change of a state that was changed meanwhile.
pub(crate) const PRECONDITION_FAILED: Kind = Kind::new(
    "precondition-failed",
    412,
    "The resource has changed",
    "Another caller has changed the resource in between, or it exists already. Read it again, then decide again.",
);

/// A decision that a newer program has written.
pub(crate) const DECISION_UNREADABLE: Kind = Kind::new(
    "decision-unreadable",
    409,
    "This program cannot read the last decision",
    "A newer program made the last decision, and this program cannot read it. Update this server, then decide.",
);

/// A schedule whose record a newer program has written.
pub(crate) const SCHEDULE_UNREADABLE: Kind = Kind::new(
    "schedule-unreadable",
    503,
    "This server cannot read the schedule",
    "A newer program has written the record of the schedule, as it happens while servers are updated one after the \
     other. Nothing was changed. Send the request again after the named time; if that does not help, update this \
     server.",
);

/// An alert, a silence or a bug that a newer program has written.
pub(crate) const RECORD_UNREADABLE: Kind = Kind::new(
    "record-unreadable",
    503,
    "This server cannot read the alert, the silence or the bug",
    "A newer program has written the alert, the silence or the bug, as it happens while servers are updated one after \
     the other. It was not changed. Send the request again after the named time; if that does not help, update this \
     server.",
);

/// An alert or a silence that has ended.
pub(crate) const ENDED: Kind = Kind::new(
    "ended",
    409,
    "The alert or the silence has ended",
    "The alert or the silence has ended, and what was asked for needs one that has not. Read the list again.",
);

/// A caller that has called more often than its quota allows. A device reads it too, and has no
/// header fields.
pub(crate) const TOO_MANY_REQUESTS: Kind = Kind {
    page: "The caller has sent more often than the quota allows. Try again after `retry_after` seconds; the header \
           field Retry-After of an answer has the same number, and RateLimit-Policy and RateLimit have the quota and \
           its rest.",
    ..kinds::TOO_MANY_REQUESTS
};

/// A request that is already under way under the same `Idempotency-Key`.
pub(crate) const KEY_UNDER_WAY: Kind = Kind::new(
    "key-under-way",
    409,
    "The same request is under way",
    "A request with this Idempotency-Key is under way. Send it again after the named time to get its answer.",
);

/// An `Idempotency-Key` that belongs to another request.
pub(crate) const KEY_REUSED: Kind = Kind::new(
    "key-reused",
    422,
    "The key belongs to another request",
    "This Idempotency-Key was used with another path or body. A key is for one request and its repetitions.",
);

/// A device that is not connected to this server.
pub(crate) const DEVICE_AWAY: Kind = Kind::new(
    "device-away",
    409,
    "The device is not connected",
    "The device has no connection to this server and cannot receive a command. Try again when it is online.",
);

/// A device that received a command and did not answer in time.
pub(crate) const DEVICE_SILENT: Kind = Kind::new(
    "device-silent",
    504,
    "The device did not answer in time",
    "The device received the command and did not answer. It may have executed the command: read its state before you \
     repeat it.",
);

/// An internal error of the server.
pub(crate) const BROKEN_OFF: Kind = Kind::new(
    "broken-off",
    500,
    "The server has a fault",
    "The request broke off because of a fault in the server. The log names the fault; tell the operator.",
);

/// A body of more bytes than the limit.
pub(crate) const BODY_TOO_LARGE: Kind = Kind::new(
    "body-too-large",
    413,
    "The body is too large",
    "The body has more bytes than the named limit, counted after it was unpacked. Nothing of it was stored.",
)
.about("the body");

/// A body of a media type that the path does not read.
pub(crate) const UNSUPPORTED_MEDIA: Kind = Kind::new(
    "unsupported-media-type",
    415,
    "The media type of the body is not known",
    "The Content-Type of the body is none that this path reads. The detail names those that it reads.",
);

/// A change that the state of the resource does not allow.
pub(crate) const CHANGE_REFUSED: Kind = Kind::new(
    "change-refused",
    409,
    "The change is not allowed now",
    "The resource is in a state that does not allow the change. Each violation names the field, the value and what is \
     allowed. Nothing was changed.",
)
.about("the change");

/// A personal datum that cannot be kept, because the server has no key to seal it.
pub(crate) const NO_KEY: Kind = Kind::new(
    "no-key",
    422,
    "Names and mail addresses of people cannot be kept",
    "This server has no key under which it seals names and mail addresses of people, and does not store them \
     unsealed. Send the request without them, or have the operator give the server a key.",
)
.about("the body");

/// All kinds, in the order of the description of the interface.
pub(crate) const KINDS: [Kind; 38] = [
    INVALID_FRAME,
    FRAME_TOO_LARGE,
    CLOCK_DISAGREES,
    PROFILE_UNKNOWN_HERE,
    NOT_TEXT,
    BATCH_TOO_LARGE,
    TOO_SLOW,
    BUSY,
    INVALID_QUERY,
    NOT_FOUND,
    STORAGE_UNAVAILABLE,
    STORAGE_REFUSED,
    NAME_TAKEN,
    STORAGE_FAILED,
    METHOD_NOT_ALLOWED,
    FORBIDDEN_ORIGIN,
    UNAUTHORIZED,
    NOT_ALLOWED,
    TOO_MANY_REQUESTS,
    GONE,
    INVALID_BODY,
    UNSUPPORTED_CODING,
    PRECONDITION_REQUIRED,
    PRECONDITION_FAILED,
    DECISION_UNREADABLE,
    SCHEDULE_UNREADABLE,
    RECORD_UNREADABLE,
    ENDED,
    KEY_UNDER_WAY,
    KEY_REUSED,
    DEVICE_AWAY,
    DEVICE_SILENT,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA,
    CHANGE_REFUSED,
    NO_KEY,
    BROKEN_OFF,
    SHUTTING_DOWN,
];
