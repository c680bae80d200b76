//! When people are notified: the state of stations, objectives with burn rates, alert rules,
//! acknowledgement, silences and escalation.
//!
//! An [`AlertRule`] is written once, and used twice: [`generate`] writes it for Prometheus and
//! Alertmanager, and an [`Evaluator`](state::Evaluator) evaluates it in a server that has no
//! Prometheus beside it.

pub mod catalogue;
mod filled;
pub mod generate;
pub mod notify;
pub mod objective;
pub mod query;
mod rule;
pub mod state;
pub mod station;
mod stored;
mod times;
mod words;
mod yaml_keys;

pub use rule::{AlertRule, Hold, InvalidRule, RuleName, Severity};
pub use words::Words;
