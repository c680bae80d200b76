//! The reference server: the family of crates composed into one process, with an embedded database or a PostgreSQL.

mod config;
mod database;
mod observe;
mod server;

pub use config::{Config, DatabaseUrl, ProfileError};
pub use observe::{log_to_stderr, metrics_text};
pub use server::{ServerError, serve};
