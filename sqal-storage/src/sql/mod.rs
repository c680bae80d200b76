//! What both SQL engines have in common: the values of a statement, transactions, and each port
//! that is written once for both.

mod audit;
mod bugs;
mod fields;
mod queue;
mod records;
mod register;
mod row;
mod store;
pub(crate) mod stored_row;
mod tables;

pub(crate) use audit::{audit_after, audit_head, audit_rows, log_action, write_down};
pub(crate) use bugs::NAMES_WITHOUT_PREFIX;
pub(crate) use register::{count_decisions, decision_rows};
pub(crate) use row::{Cell, Row, Value};
pub(crate) use store::{Assembled, Engine, Sql, SqlRunner, SqlStore, SqlTransaction};
pub use tables::{TABLES, VIEWS};

#[cfg(feature = "postgres")]
pub(crate) use {
    bugs::BUGS_IN_POSTGRES,
    queue::{QUEUE_IN_POSTGRES, TRACED_JOBS_IN_POSTGRES},
    records::RECORDS_IN_POSTGRES,
    register::LABELS_IN_POSTGRES,
};
#[cfg(feature = "sqlite")]
pub(crate) use {
    bugs::BUGS_IN_SQLITE,
    queue::{QUEUE_IN_SQLITE, TRACED_JOBS_IN_SQLITE},
    records::RECORDS_IN_SQLITE,
    register::LABELS_IN_SQLITE,
};
