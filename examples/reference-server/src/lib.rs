//! The reference server: all crates of the family in one process.
//!
//! Its database is embedded, or a PostgreSQL.

mod abort_on_drop;
mod cache;
mod config;
mod database;
mod heads;
mod listen;
mod observe;
mod one_host;
mod one_length;
mod plain_file;
mod private;
mod profiling;
mod server;
mod server_error;
mod session_key;
mod settings;
mod tokens;
mod waiting;
mod wall_clock;

pub use config::{Asked, Config, Refused, SecretUrl, read};
pub use observe::{log_to_stderr, metrics_text};
pub use profiling::Profiling;
pub use server::serve;
pub use server_error::ServerError;
pub use settings::{Mistake, SETTINGS, Setting, Source};
pub use wall_clock::wall_clock;
