//! The reference server: all crates of the family in one process.
//!
//! Its database is embedded, or a PostgreSQL. [`settings`] reads and checks the variables of the
//! server, and [`serve`] composes it from them.

mod abort_on_drop;
mod cache_alert;
mod compose;
mod connections;
mod expired_records;
mod heads;
mod listen;
mod lock;
mod no_proxy;
mod observe;
mod one_host;
mod one_length;
mod plain_file;
mod private;
mod profiling;
mod runbooks;
mod server_error;
mod session_key;
pub mod settings;
mod signals;
mod tokens;
mod unnamed_attachments;
mod wall_clock;

pub use compose::serve;
pub use observe::{TraceKeeper, inventory, log_to_stderr, metrics_text, traces};
pub use profiling::Profiling;
pub use server_error::ServerError;
pub use wall_clock::wall_clock;
