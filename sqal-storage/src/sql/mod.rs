//! What both SQL engines have in common: the values of a statement, transactions, and each port
//! that is written once for both.

mod queue;
mod records;
mod row;
mod store;
mod tables;

pub(crate) use queue::{QUEUE_IN_POSTGRES, QUEUE_IN_SQLITE};
pub(crate) use records::{RECORDS_IN_POSTGRES, RECORDS_IN_SQLITE};
pub(crate) use row::{Cell, Row, Value};
pub(crate) use store::{Engine, Sql, SqlStore, SqlTransaction};
pub use tables::{TABLES, VIEWS};
