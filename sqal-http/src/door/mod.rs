//! Who may come in, how often, and how much each may hold at once.

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod browser_session;
pub(crate) mod budget;
pub(crate) mod caller;
pub(crate) mod caught;
mod coding;
pub(crate) mod conditions;
pub(crate) mod counted_stream;
pub(crate) mod deeds;
pub(crate) mod french;
pub(crate) mod gate;
pub(crate) mod guesses;
mod host_callers;
pub(crate) mod kinds;
pub(crate) mod layers;
pub(crate) mod once_key;
mod origin;
pub(crate) mod peer;
pub(crate) mod problem;
pub(crate) mod quota;
pub(crate) mod replies;
#[cfg(feature = "serve")]
pub(crate) mod serve;
pub(crate) mod token_file;
pub(crate) mod token_hash;
mod traced;
pub(crate) mod version;
mod weak_tokens;

pub use access::Access;
pub use browser_session::{RandomnessError, SessionKey};
pub use budget::{Budget, Connection, ExceededError, Resource, Share};
pub use caller::{Caller, Credential, Grant, Role, Who};
pub use counted_stream::CountedStream;
pub use quota::{Class, ConnectLimit, Quotas};
pub use token_file::{InvalidTokenFile, Token, TokenFile};
pub use token_hash::{InvalidTokenHash, TokenHash};
pub use version::{InvalidSunset, Legacy, Successor};
