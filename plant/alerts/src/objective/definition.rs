//! [`Objective`]: what share of which events must be good, and how people are told when it is not.

use std::num::NonZeroU32;

use crate::query::Labels;
use crate::query::is_label_name;
use crate::words::Words;

use super::{BurnRate, Indicator, InvalidObjective, Target};

/// The labels that an alert or a recording of an objective sets itself.
const OWN_LABELS: [&str; 8] =
    ["__name__", "alertname", "le", "objective", "severity", "sloth_severity", "traffic", "window"];

/// A service level objective over 30 days.
///
/// ```
/// use sqal_alerts::Words;
/// use sqal_alerts::objective::{Indicator, Objective, Target};
/// use sqal_alerts::query::Selector;
///
/// let bad = Selector::new("api_slo_error_breach_total");
/// let total = Selector::new("api_slo_request_duration_seconds_count");
/// let objective = Objective::new(
///     "errors",
///     Words::new("Requests are answered without an error.", "Les requêtes aboutissent sans erreur."),
///     Indicator::of_bad(vec![bad], vec![total])?,
///     Target::new(0.99)?,
/// )?
/// .split_by(&["endpoint"])?;
///
/// // Four burn rates, and the alert for a route with few requests.
/// assert_eq!(objective.burn_rules()?.len(), 5);
/// assert_eq!(objective.id(), "sqal-errors");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    name: String,
    service: String,
    description: Words,
    pub(super) indicator: Indicator,
    target: Target,
    split_by: Vec<String>,
    least_events: NonZeroU32,
    burn_rates: Vec<BurnRate>,
    tells_few_events: bool,
}

impl Objective {
    /// The events that a burn alert needs in its long window, unless
    /// [`Objective::with_least_events`] says otherwise.
    pub const LEAST_EVENTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

    /// An objective of the service `sqal` that is one for all events, with the usual burn rates.
    ///
    /// # Errors
    ///
    /// [`InvalidObjective`] if `name` is not 1 to 64 letters a to z, digits and `-`, without a `-`
    /// at the beginning.
    pub fn new(name: &str, description: Words, indicator: Indicator, target: Target) -> Result<Self, InvalidObjective> {
        Ok(Self {
            name: checked("name", name)?,
            service: "sqal".to_owned(),
            description,
            indicator,
            target,
            split_by: Vec::new(),
            least_events: Self::LEAST_EVENTS,
            burn_rates: BurnRate::USUAL.to_vec(),
            tells_few_events: true,
        })
    }

    /// Sets the service that the objective is of.
    ///
    /// # Errors
    ///
    /// [`InvalidObjective`] if `service` is not written as a name of an objective is.
    pub fn of_service(mut self, service: &str) -> Result<Self, InvalidObjective> {
        self.service = checked("service", service)?;
        Ok(self)
    }

    /// Makes an objective of its own for each value of these labels, such as `endpoint`: each has
    /// its own budget and its own alerts.
    ///
    /// # Errors
    ///
    /// [`InvalidObjective`] if a label is not legal, given twice, or one that alerts and
    /// recordings set themselves.
    pub fn split_by(mut self, labels: &[&str]) -> Result<Self, InvalidObjective> {
        for (at, &label) in labels.iter().enumerate() {
            let limit = if !is_label_name(label) {
                "letters, digits and _, and no digit at the beginning"
            } else if OWN_LABELS.contains(&label) || label.starts_with("sloth_") {
                "a label that the alert does not set itself"
            } else if labels.iter().take(at).any(|&earlier| earlier == label) {
                "each label once"
            } else {
                continue;
            };
            return Err(InvalidObjective::text("split_by", label, limit));
        }
        self.split_by = labels.iter().map(|&label| label.to_owned()).collect();
        Ok(self)
    }

    /// Sets the events that a burn alert needs in its long window.
    #[must_use]
    pub fn with_least_events(mut self, events: NonZeroU32) -> Self {
        self.least_events = events;
        self
    }

    /// Sets the burn rates on which people are told. Without any, the objective is only recorded.
    #[must_use]
    pub fn with_burn_rates(mut self, burn_rates: Vec<BurnRate>) -> Self {
        self.burn_rates = burn_rates;
        self
    }

    /// Leaves the rule for few events out: for an objective whose share of bad events means nothing
    /// as long as there are few, such as the misses of a cache that hardly anything reads.
    #[must_use]
    pub fn ignoring_few_events(mut self) -> Self {
        self.tells_few_events = false;
        self
    }

    /// The name: the labels `objective` and `sloth_slo`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The service: the label `sloth_service`.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The service and the name: the label `sloth_id`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}-{}", self.service, self.name)
    }

    /// What the objective asks, in one sentence.
    #[must_use]
    pub const fn description(&self) -> &Words {
        &self.description
    }

    /// The share of events that must be good.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// The labels for each value of which the objective is one of its own.
    pub fn labels_of_split(&self) -> impl Iterator<Item = &str> {
        self.split_by.iter().map(String::as_str)
    }

    /// The events that a burn alert needs in its long window.
    #[must_use]
    pub const fn least_events(&self) -> NonZeroU32 {
        self.least_events
    }

    /// The burn rates on which people are told.
    #[must_use]
    pub fn burn_rates(&self) -> &[BurnRate] {
        &self.burn_rates
    }

    /// Whether few events are told about, if three of them or more are bad.
    pub(super) const fn tells_few_events(&self) -> bool {
        self.tells_few_events
    }

    /// The usual burn rates that the objective can reach. An objective with a large budget cannot
    /// use it up 14.4 times too fast: more than all events would have to be bad.
    #[must_use]
    pub fn reachable(&self) -> Vec<BurnRate> {
        BurnRate::USUAL.into_iter().filter(|rate| rate.threshold(self.target) < 1.0).collect()
    }

    /// The labels of each recording of this objective.
    pub(super) fn recorded_labels(&self) -> Labels {
        [("sloth_id", self.id()), ("sloth_service", self.service.clone()), ("sloth_slo", self.name.clone())]
            .map(|(label, value)| (label.to_owned(), value))
            .into()
    }
}

fn checked(place: &'static str, name: &str) -> Result<String, InvalidObjective> {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(is_legal) && !name.starts_with('-') {
        return Ok(name.to_owned());
    }
    let limit = "1 to 64 letters a to z, digits and -, and no - at the beginning";
    Err(InvalidObjective::text(place, name, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Selector;

    fn objective(name: &str) -> Result<Objective, InvalidObjective> {
        let of = |metric| vec![Selector::new(metric)];
        let indicator = Indicator::of_bad(of("bad_total"), of("all_total"))?;
        Objective::new(name, Words::default(), indicator, Target::new(0.99)?)
    }

    #[test]
    fn a_name_is_what_can_stand_in_a_url_and_a_label() {
        for name in ["errors", "a", "5xx-share", &"x".repeat(64)] {
            assert_eq!(objective(name).unwrap().name(), name);
        }
        for name in ["", "-a", "Errors", "a_b", "a b", "é", &"x".repeat(65)] {
            let refused = objective(name).unwrap_err();
            assert_eq!((refused.place, refused.value), ("name", format!("{name:?}")));
            assert_eq!(objective("a").unwrap().of_service(name).unwrap_err().place, "service");
        }
    }

    #[test]
    fn a_split_by_a_label_that_alerts_set_themselves_is_refused() {
        for label in ["severity", "objective", "window", "traffic", "le", "alertname", "sloth_slo", "a-b", "1a", ""] {
            let refused = objective("a").unwrap().split_by(&["endpoint", label]).unwrap_err();
            assert_eq!((refused.place, refused.value), ("split_by", format!("{label:?}")));
        }
        assert_eq!(objective("a").unwrap().split_by(&["a", "b", "a"]).unwrap_err().limit, "each label once");
    }

    #[test]
    fn an_objective_needs_twenty_events_unless_it_says_otherwise() {
        assert_eq!(objective("a").unwrap().least_events().get(), 20);
    }
}
