//! [`Resource`] and [`Share`]: what can be held, and how much of it each party may hold.

use super::Party;

/// A resource of which a server has a limited amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// TCP connections, each until it becomes a WebSocket.
    Connections,
    /// Device connections (WebSocket).
    WebSockets,
    /// Bytes of WebSocket messages that have not ended yet.
    MessageBytes,
    /// Bytes of request bodies that are being read or processed.
    BodyBytes,
    /// Batches that are being stored.
    Batches,
    /// Event streams.
    Streams,
    /// Bytes of large answers that their clients have not read yet.
    AnswerBytes,
}

const MIB: u64 = 1024 * 1024;

impl Resource {
    pub(super) const COUNT: usize = 7;

    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Connections,
        Self::WebSockets,
        Self::MessageBytes,
        Self::BodyBytes,
        Self::Batches,
        Self::Streams,
        Self::AnswerBytes,
    ];

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Connections => 0,
            Self::WebSockets => 1,
            Self::MessageBytes => 2,
            Self::BodyBytes => 3,
            Self::Batches => 4,
            Self::Streams => 5,
            Self::AnswerBytes => 6,
        }
    }

    /// Its name as the label `kind` of the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::WebSockets => "websockets",
            Self::MessageBytes => "message_bytes",
            Self::BodyBytes => "body_bytes",
            Self::Batches => "batches",
            Self::Streams => "event_streams",
            Self::AnswerBytes => "answer_bytes",
        }
    }

    /// Its name in a sentence.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::WebSockets => "device connections",
            Self::MessageBytes => "bytes of unfinished messages",
            Self::BodyBytes => "bytes of request bodies",
            Self::Batches => "batches",
            Self::Streams => "event streams",
            Self::AnswerBytes => "bytes of answers that were not taken yet",
        }
    }

    /// The share of each party that is documented in `docs/http.md`.
    ///
    /// The byte shares of messages and bodies stay below 64 MiB in sum, with the copies that are
    /// made while a message or a body is assembled. The byte share of answers (32 MiB) comes on
    /// top.
    #[must_use]
    pub const fn usual(self) -> Share {
        match self {
            Self::Connections => Share { device: 32, holder: 1024, address: 256, all: 10_000 },
            Self::WebSockets => Share { device: 16, holder: 4096, address: 4096, all: 10_000 },
            Self::MessageBytes => Share { device: 2 * MIB, holder: 4 * MIB, address: 4 * MIB, all: 12 * MIB },
            // A batch has 8 MiB; a file that a person attaches, or a client of a DSN, 10 MiB.
            Self::BodyBytes => Share { device: 9 * MIB, holder: 12 * MIB, address: 12 * MIB, all: 27 * MIB },
            Self::Batches => Share { device: 1, holder: 1, address: 2, all: 4 },
            Self::Streams => Share { device: 16, holder: 16, address: 16, all: 1000 },
            Self::AnswerBytes => Share { device: 12 * MIB, holder: 12 * MIB, address: 12 * MIB, all: 32 * MIB },
        }
    }
}

/// How much of a resource may be held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// By the token of one device.
    pub device: u64,
    /// By the token of a gateway or of a person.
    pub holder: u64,
    /// By one address of callers without a token (one /64 of IPv6).
    pub address: u64,
    /// By all of them together.
    pub all: u64,
}

impl Share {
    /// The share of one party.
    pub(super) const fn of(self, party: Party) -> u64 {
        match party {
            Party::Device(_) => self.device,
            Party::Holder(_) => self.holder,
            Party::Address(_) => self.address,
            Party::Process => self.all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_has_a_place_a_name_and_a_share_of_its_own() {
        for (place, resource) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(resource.index(), place);
            let share = resource.usual();
            let most = share.device.max(share.holder).max(share.address);
            assert!(most >= 1 && most < share.all, "{resource:?}: one party leaves room for another");
            let names = Resource::ALL.iter().filter(|other| other.as_str() == resource.as_str());
            assert_eq!(names.count(), 1, "{resource:?}");
        }
    }
}
