//! Service level objectives as data: which share of events may be bad within 30 days, and the alert
//! rules and recording rules that follow from it.
//!
//! An [`Objective`] has an [`Indicator`], which names the counters of events, and a [`Target`].
//! From both follow the alerts on its error budget, [`Objective::burn_rules`], at each
//! [`BurnRate`], and what Prometheus records for dashboards, [`Objective::recordings`].
//! [`documented()`] gives the objectives of this server; a plant writes its own in our format
//! ([`read_objectives`]), in `OpenSLO` ([`read_openslo`]) or for Sloth ([`read_sloth`]):
//! [`ObjectiveFormat`] tells which, and [`with_own()`] puts them beside the documented ones.
//!
//! ```
//! use sqal_alerts::objective::{BurnRate, documented};
//!
//! let objectives = documented();
//! let hits = objectives.iter().find(|objective| objective.name() == "cache-hits").unwrap();
//!
//! // A quarter of the reads may miss. 6 times that would be more misses than reads.
//! assert_eq!(hits.reachable(), [BurnRate::of_window("1d"), BurnRate::of_window("3d")].map(Option::unwrap));
//! let windows: Vec<_> = hits.burn_rules()?.iter().map(|rule| rule.labels()["window"].clone()).collect();
//! assert_eq!(windows, ["1d", "3d"]);
//! # Ok::<(), sqal_alerts::objective::UnreachableBurnError>(())
//! ```

mod burn_rate;
mod burn_rules;
mod certainty;
mod definition;
mod documented;
mod file_error;
mod format;
mod indicator;
mod invalid_objective;
mod objective_file;
mod openslo;
mod query_texts;
mod recordings;
mod selector_text;
mod sloth;
mod target;
mod with_own;

pub use burn_rate::{BurnRate, RateWindow, UnreachableBurnError};
pub use burn_rules::{ERROR_BUDGET_BURN, OBJECTIVE_WITHOUT_DATA};
pub use definition::Objective;
pub use documented::documented;
pub use file_error::InvalidObjectiveFile;
pub use format::ObjectiveFormat;
pub use indicator::Indicator;
pub use invalid_objective::InvalidObjective;
pub use objective_file::read_objectives;
pub use openslo::read_openslo;
pub use recordings::Recording;
pub use sloth::read_sloth;
pub use target::Target;
pub use with_own::{NamesakeError, with_own};
