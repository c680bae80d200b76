//! [`Explanations`]: which alerts of one moment others explain, so that people are told the cause
//! and not each of its effects.

use std::collections::{HashMap, HashSet};

use super::inhibition::{Inhibition, OF_ONE_NAME, inhibitions};
use crate::notify::AlertView;
use crate::rule::Severity;

/// The values of some labels of an alert; `None` for each that it does not have.
type LabelValues<'a> = Vec<Option<&'a str>>;

/// What the alerts of one moment explain: by the [`inhibitions`], and by a critical alert the
/// warning of its name.
///
/// The alerts are gone through once, and then each is looked up.
///
/// ```
/// use sqal_alerts::catalogue::Explanations;
/// use sqal_alerts::notify::AlertView;
/// use sqal_alerts::{Severity, Words};
/// use sqal_core::Timestamp;
///
/// let alert = |alertname: &str| AlertView {
///     key: alertname.to_owned(),
///     alertname: alertname.to_owned(),
///     severity: Severity::Warning,
///     labels: [("instance".to_owned(), "line-1".to_owned())].into(),
///     summary: Words::default(),
///     description: Words::default(),
///     runbook: String::new(),
///     began: Timestamp::from_micros(0).unwrap(),
///     resolved: None,
///     acknowledged_by: None,
///     value: None,
/// };
/// let alerts = [alert("SpoolNearlyFull"), alert("SpoolGrowing")];
/// let explanations = Explanations::of(&alerts);
/// assert!(explanations.explains(&alerts[1]) && !explanations.explains(&alerts[0]));
/// ```
#[derive(Clone, Debug)]
pub struct Explanations<'a> {
    /// An alert that fires and is the source of an inhibition, by the place of the inhibition in
    /// the table and the labels in which both alerts agree.
    sources: HashMap<(usize, LabelValues<'a>), &'a AlertView>,
    /// The labels of the critical alerts that fire, in which a warning agrees.
    critical: HashSet<LabelValues<'a>>,
}

impl<'a> Explanations<'a> {
    /// What these alerts explain.
    #[must_use]
    pub fn of(alerts: &'a [AlertView]) -> Self {
        let (mut sources, mut critical) = (HashMap::new(), HashSet::new());
        for alert in alerts.iter().filter(|alert| alert.is_firing()) {
            if alert.severity == Severity::Critical {
                critical.insert(values(alert, &OF_ONE_NAME));
            }
            for (place, inhibition) in inhibitions().iter().enumerate().filter(|(_, row)| row.is_source(alert)) {
                sources.entry((place, values(alert, inhibition.equal))).or_insert(alert);
            }
        }
        Self { sources, critical }
    }

    /// Whether an alert that fires explains this one.
    #[must_use]
    pub fn explains(&self, alert: &AlertView) -> bool {
        let is_milder = alert.severity == Severity::Warning && self.critical.contains(&values(alert, &OF_ONE_NAME));
        let has_source = |(place, inhibition): (usize, &Inhibition)| {
            let source = self.sources.get(&(place, values(alert, inhibition.equal)));
            source.is_some_and(|source| inhibition.explains(source, alert))
        };
        is_milder || inhibitions().iter().enumerate().any(has_source)
    }
}

fn values<'a>(alert: &'a AlertView, labels: &[&str]) -> LabelValues<'a> {
    labels.iter().map(|label| alert.label(label)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::inhibition::tests::view;
    use super::*;

    /// The names of the alerts of which inhibitions speak, and one of which none does.
    fn names() -> Vec<&'static str> {
        let named = inhibitions().iter().flat_map(|row| row.targets.iter().copied().chain([row.source]));
        named.chain(["ServerClockStepped"]).collect()
    }

    /// A label that an alert may have.
    fn label(
        name: &'static str,
        values: &'static [&'static str],
    ) -> impl Strategy<Value = Option<(&'static str, &'static str)>> {
        prop::option::of(select(values)).prop_map(move |value| value.map(|value| (name, value)))
    }

    fn alert() -> impl Strategy<Value = AlertView> {
        let labels = (
            label("instance", &["a", "b"]),
            label("cluster", &["lyon"]),
            label("check", &["database", "spool"]),
            label("cause", &["sensor_blind", "lamp_aging"]),
        );
        (select(names()), any::<bool>(), labels, prop::bool::weighted(0.8)).prop_map(
            |(name, is_critical, (instance, cluster, check, cause), is_firing)| {
                let severity = if is_critical { Severity::Critical } else { Severity::Warning };
                let labels: Vec<_> = [instance, cluster, check, cause].into_iter().flatten().collect();
                let alert = view(name, severity, &labels);
                AlertView { resolved: (!is_firing).then_some(alert.began), ..alert }
            },
        )
    }

    proptest! {
        #[test]
        fn an_alert_is_explained_if_one_of_all_explains_it(alerts in prop::collection::vec(alert(), 0..30)) {
            let explanations = Explanations::of(&alerts);
            for alert in &alerts {
                let is_milder = |other: &AlertView| {
                    (other.severity, alert.severity) == (Severity::Critical, Severity::Warning)
                        && other.is_firing()
                        && OF_ONE_NAME.iter().all(|label| other.label(label) == alert.label(label))
                };
                let by_one = alerts
                    .iter()
                    .any(|other| is_milder(other) || inhibitions().iter().any(|row| row.explains(other, alert)));
                prop_assert_eq!(explanations.explains(alert), by_one, "{:?}", alert);
            }
        }
    }
}
