//! [`documented`]: the objectives of this server, of the table that SLO-02 documents and of the
//! trays.

use super::{Objective, read_objectives};

/// The text of the objectives, which a plant can take as the beginning of its own file.
const TEXT: &str = include_str!("documented.yaml");

/// The objectives of this server.
///
/// Latency, errors and availability are those of each route (SLO-02). Routes with equal targets
/// share an objective that is split by `endpoint`. A path with several methods has one series in
/// the metrics; it has the targets of its method that changes something.
///
/// ```
/// use sqal_alerts::objective::documented;
///
/// let objectives = documented();
/// let latency = objectives.iter().find(|objective| objective.name() == "latency").unwrap();
/// assert_eq!(latency.target().share(), 0.95);
/// assert!(objectives.iter().all(|objective| objective.burn_rules().is_ok()));
/// ```
#[must_use]
pub fn documented() -> Vec<Objective> {
    read_objectives(TEXT).unwrap_or_else(|error| unreachable!("{error}"))
}
