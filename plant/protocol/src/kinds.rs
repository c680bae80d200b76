//! [`Kind`]: the kinds of problems that an answer to a device may have.

/// A kind of problem, and the page that explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of the problem's type.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The kind in words.
    pub title: &'static str,
    /// The text of the page at the problem's type.
    pub page: &'static str,
    /// What a violation without a place is about.
    pub whole: &'static str,
}

impl Kind {
    /// A kind whose violations are about a frame.
    #[must_use]
    pub const fn new(name: &'static str, status: u16, title: &'static str, page: &'static str) -> Self {
        Self { name, status, title, page, whole: "the frame" }
    }

    /// The kind, whose violations are about something else than a frame.
    #[must_use]
    pub const fn about(self, whole: &'static str) -> Self {
        Self { whole, ..self }
    }
}

/// A frame with values that are not valid.
pub const INVALID_FRAME: Kind = Kind::new(
    "invalid-frame",
    400,
    "The frame is not valid",
    "A device sent a frame with an invalid value. Each violation names the place as a JSON pointer, the value, and \
     the limit. Correct the device; the same frame would be refused again.",
);

/// A frame of more bytes than the limit.
pub const FRAME_TOO_LARGE: Kind = Kind::new(
    "frame-too-large",
    413,
    "The frame is too large",
    "A frame was larger than the named limit. A documented frame has about 4 KB.",
);

/// A frame whose time is too far ahead of the server's clock.
pub const CLOCK_DISAGREES: Kind = Kind::new(
    "clock-disagrees",
    503,
    "The clocks of device and server disagree",
    "The time of the frame is too far ahead of the server's clock, so one of the two clocks is wrong. The device \
     keeps the frame and sends it again after the named time. Set the clocks of the server and of the device by one \
     time service.",
);

/// A frame whose profile is not known to this server.
pub const PROFILE_UNKNOWN_HERE: Kind = Kind::new(
    "profile-unknown-here",
    503,
    "The profile is not known on this server",
    "The frame names a profile that this server does not have. The name may be mistyped here or in the device, or the \
     profile is not in force yet. The device keeps the frame and sends it again after the named time.",
);

/// A sample that cannot be stored now.
pub const STORAGE_UNAVAILABLE: Kind = Kind::new(
    "storage-unavailable",
    503,
    "Samples cannot be stored or read now",
    "The database did not answer in time. Nothing was acknowledged; send the same request again after the named time. \
     Sending it twice does no harm.",
);

/// A sample that the database refuses because of its content.
pub const STORAGE_REFUSED: Kind = Kind::new(
    "storage-refused",
    500,
    "The sample cannot be stored",
    "The database refuses the content of this sample. The sample was not acknowledged; tell the operator.",
);

/// A sample whose device, time and name were stored before with another reading.
pub const NAME_TAKEN: Kind = Kind::new(
    "name-taken",
    409,
    "This device, time and name are taken by another reading",
    "A sample with this device, time and name is stored already, and its reading differs: both sensors, meta and \
     config_profile are compared. The stored sample stays. This one was not stored and is kept as a dead letter. Look \
     for two devices with one device_id, or for a device whose counter and clock both start again.",
);

/// A caller that is authenticated, but is not permitted to do this.
pub const NOT_ALLOWED: Kind = Kind::new(
    "not-allowed",
    403,
    "You may not do this",
    "The token is valid and does not allow this request: a device hands in its own samples, a gateway the samples of \
     any device, and a person does what the role allows.",
);

/// A caller that has sent more often than the quota allows.
pub const TOO_MANY_REQUESTS: Kind = Kind::new(
    "too-many-requests",
    429,
    "Too many requests",
    "The caller has sent more often than the quota allows. Try again after `retry_after` seconds.",
);

/// A process that is ending.
pub const SHUTTING_DOWN: Kind = Kind::new(
    "shutting-down",
    503,
    "The server is shutting down",
    "The server finishes the requests under way and accepts no new ones. Connect again.",
);
