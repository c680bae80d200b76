//! [`Caller`]: who calls a route, what it may do, and what a route requires.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqal_core::DeviceId;
use sqal_intake::Holder;
use sqal_intake::sender::{Devices, Sender};

use crate::door::browser_session::Session;
use crate::door::token_hash::TokenHash;

/// The role of a person. Each role may do everything that the roles before it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Reads samples and watches the line.
    Viewer,
    /// Decides about products.
    QualityEngineer,
    /// Decides about devices and people.
    Administrator,
}

/// The caller that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Any caller, also without a token: probes, and pages that contain no sample.
    Everyone,
    /// A device or a gateway.
    Device,
    /// A person with this role, or a higher one.
    Person(Role),
}

impl Who {
    /// The text for this requirement in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Device => "device",
            Self::Person(Role::Viewer) => "viewer",
            Self::Person(Role::QualityEngineer) => "quality engineer",
            Self::Person(Role::Administrator) => "administrator",
        }
    }
}

/// What a token permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Handing in samples of one device.
    Device(DeviceId),
    /// Handing in samples of any device: for a program that collects samples on their way.
    Gateway,
    /// Everything that a person with this role may do.
    Role(Role),
}

/// The device of a holder with these grants, if it may hand in samples of one device only.
pub(crate) fn only_device_of(grants: impl IntoIterator<Item = Grant>) -> Option<DeviceId> {
    let mut only = None;
    for grant in grants {
        match grant {
            Grant::Device(device) if only.is_none_or(|only| only == device) => only = Some(device),
            Grant::Device(_) | Grant::Gateway => return None,
            Grant::Role(_) => {}
        }
    }
    only
}

/// The caller of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "one per request or connection, copied and never allocated")]
pub enum Caller {
    /// The caller of a server without tokens: unauthenticated, with every role.
    Unauthenticated,
    /// The holder of a token, or a caller that the host application vouches for. The latter has no
    /// credential.
    Known(Holder, Grant, Option<Credential>),
}

/// How a caller was authenticated: by the hash of its token and, for a browser, by the session that
/// was begun with the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential {
    pub(crate) token: TokenHash,
    pub(crate) session: Option<Session>,
}

impl Caller {
    /// A person that the host application vouches for; see
    /// [`Access::from_host`](crate::door::Access::from_host).
    #[must_use]
    pub const fn person(name: Holder, role: Role) -> Self {
        Self::Known(name, Grant::Role(role), None)
    }

    /// Whether the caller meets this requirement.
    #[must_use]
    pub fn may(&self, who: Who) -> bool {
        match (self, who) {
            (Self::Unauthenticated, _)
            | (_, Who::Everyone)
            | (Self::Known(_, Grant::Device(_) | Grant::Gateway, _), Who::Device) => true,
            (Self::Known(_, Grant::Role(role), _), Who::Person(least)) => *role >= least,
            _ => false,
        }
    }

    /// The name of the caller; `None` if it is unauthenticated.
    #[must_use]
    pub const fn holder(&self) -> Option<Holder> {
        match self {
            Self::Unauthenticated => None,
            Self::Known(name, ..) => Some(*name),
        }
    }

    /// The hash of the token with which the caller was authenticated; `None` without a token.
    pub(crate) const fn token(&self) -> Option<TokenHash> {
        match self {
            Self::Known(_, _, Some(credential)) => Some(credential.token),
            _ => None,
        }
    }

    /// Whether the caller is an authenticated device or gateway.
    pub(crate) const fn is_a_device(&self) -> bool {
        matches!(self, Self::Known(_, Grant::Device(_) | Grant::Gateway, _))
    }

    /// Whether the caller may hand in a sample of this device.
    #[must_use]
    pub fn speaks_for(&self, device: &DeviceId) -> bool {
        self.sender().speaks_for(device)
    }

    /// The caller as the sender of frames.
    pub(crate) const fn sender(&self) -> Sender {
        let devices = match self {
            Self::Unauthenticated | Self::Known(_, Grant::Gateway, _) => Devices::All,
            Self::Known(_, Grant::Device(own), _) => Devices::One(*own),
            Self::Known(_, Grant::Role(_), _) => Devices::None,
        };
        Sender { holder: self.holder(), devices }
    }
}

/// The caller as the log shows it. A name was validated, so it cannot forge a log line.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("unauthenticated"),
            Self::Known(name, ..) => write!(f, "{:?}", name.as_str()),
        }
    }
}
