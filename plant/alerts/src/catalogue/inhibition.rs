//! [`Inhibition`]: which alert explains others, so that people are told the cause and not each of
//! its effects.

use std::sync::LazyLock;

use super::{INSTANCE, ROUTE};
use crate::notify::AlertView;
use crate::objective::ERROR_BUDGET_BURN;
use crate::rule::Severity;
use crate::station::Cause;

/// While an alert fires, the alerts that it explains are not told.
///
/// The explaining alert and the explained one agree in the labels [`equal`](Self::equal). An alert
/// without one of these labels agrees only with an alert that does not have it either, as in
/// Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inhibition {
    /// The name of the alert that explains the others.
    pub source: &'static str,
    /// The severity of the explaining alert; `None` for any.
    pub severity: Option<Severity>,
    /// The names of the alerts that are explained; empty for every other alert.
    pub targets: &'static [&'static str],
    /// A label of the explained alerts, and the values of it that are meant.
    pub only: Option<(&'static str, &'static [&'static str])>,
    /// The labels in which both agree.
    pub equal: &'static [&'static str],
}

impl Inhibition {
    /// Whether `source` fires now and explains `target`.
    #[must_use]
    pub fn explains(&self, source: &AlertView, target: &AlertView) -> bool {
        let is_target = if self.targets.is_empty() {
            target.alertname != self.source
        } else {
            self.targets.contains(&target.alertname.as_str())
        };
        let is_meant =
            self.only.is_none_or(|(label, values)| target.label(label).is_some_and(|value| values.contains(&value)));
        self.is_source(source)
            && is_target
            && is_meant
            && self.equal.iter().all(|label| source.label(label) == target.label(label))
    }

    /// Whether an alert fires now and is the explaining one.
    pub(super) fn is_source(&self, alert: &AlertView) -> bool {
        alert.alertname == self.source
            && self.severity.is_none_or(|severity| severity == alert.severity)
            && alert.is_firing()
    }
}

/// The labels in which a critical alert and a warning of one name agree, if the first explains the
/// second.
pub(crate) const OF_ONE_NAME: [&str; 6] = ["cluster", "alertname", "instance", "endpoint", "device", "objective"];

/// The label that names a plant, which the configuration of Prometheus adds to every alert.
const PLANT: &[&str] = &["cluster"];

/// The health checks that need the database.
const CHECKS_OF_DATABASE: &[&str] = &["database", "writer"];

/// What a server whose database is away cannot do.
const WITHOUT_DATABASE: &[&str] = &[
    "APILatencyP95High",
    "APISLOAvailabilityBreach",
    "APISLOErrorRateBreach",
    "APISLOLatencyBreachCritical",
    "APISLOLatencyBreachRepeated",
    "DatabasePoolExhausted",
    "DatabaseSlow",
    "GlobalSLOBreachesElevated",
    "HighErrorRate",
    "IngestSLOBreachCountHigh",
    "IngestSLOBreachRepeated",
    "LowCacheHitRate",
    "SpoolGrowing",
];

/// Every inhibition between different alerts. Beside these, a critical alert inhibits the warning
/// of its own name.
///
/// An alert that says that samples are lost or no longer taken is inhibited only by a server that
/// does not answer.
///
/// ```
/// assert!(!sqal_alerts::catalogue::inhibitions().is_empty());
/// ```
#[must_use]
pub fn inhibitions() -> &'static [Inhibition] {
    static TABLE: LazyLock<Vec<Inhibition>> = LazyLock::new(table);
    &TABLE
}

fn table() -> Vec<Inhibition> {
    let failing = of("CircuitBreakerOpen", &["CriticalHealthCheckFailing"], INSTANCE);
    // A warning about the disk explains nothing: the database may be lost for another reason.
    let full = |inhibition: Inhibition| Inhibition { severity: Some(Severity::Critical), ..inhibition };
    let failing_when_full = full(of("DiskNearlyFull", &["CriticalHealthCheckFailing"], INSTANCE));
    vec![
        full(of("DiskNearlyFull", WITHOUT_DATABASE, INSTANCE)),
        full(of("DiskNearlyFull", &["CircuitBreakerOpen"], INSTANCE)),
        Inhibition { only: Some(("check", CHECKS_OF_DATABASE)), ..failing_when_full },
        full(of("DiskNearlyFull", &[ERROR_BUDGET_BURN], PLANT)),
        of("ServerDown", &[], INSTANCE),
        of("CircuitBreakerOpen", WITHOUT_DATABASE, INSTANCE),
        Inhibition { only: Some(("check", CHECKS_OF_DATABASE)), ..failing },
        // Objectives are those of all servers of a plant.
        of("CircuitBreakerOpen", &[ERROR_BUDGET_BURN], PLANT),
        of(
            "HighErrorRate",
            &["APISLOAvailabilityBreach", "APISLOErrorRateBreach", "GlobalSLOBreachesElevated"],
            INSTANCE,
        ),
        of("APISLOAvailabilityBreach", &["APISLOErrorRateBreach"], ROUTE),
        of("APISLOLatencyBreachCritical", &["APISLOLatencyBreachRepeated", "APILatencyP95High"], ROUTE),
        of("SpoolNearlyFull", &["SpoolGrowing"], INSTANCE),
        of("CacheBreakerOpen", &["CacheAway"], INSTANCE),
        // A changed product or a wrong clock is none of the faults that it counts.
        Inhibition { only: Some(("cause", Cause::DOUBTFUL)), ..of("StationsFaulty", &["StationFault"], PLANT) },
    ]
}

const fn of(source: &'static str, targets: &'static [&'static str], equal: &'static [&'static str]) -> Inhibition {
    Inhibition { source, severity: None, targets, only: None, equal }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue::{Explanations, documented, outside};

    pub(in crate::catalogue) fn view(alertname: &str, severity: Severity, labels: &[(&str, &str)]) -> AlertView {
        AlertView {
            key: format!("{alertname} {labels:?}"),
            alertname: alertname.to_owned(),
            severity,
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            summary: crate::Words::default(),
            description: crate::Words::default(),
            runbook: String::new(),
            began: sqal_core::Timestamp::from_micros(0).unwrap(),
            resolved: None,
            acknowledged_by: None,
            value: None,
        }
    }

    fn is_inhibited(alert: &AlertView, all: &[AlertView]) -> bool {
        Explanations::of(all).explains(alert)
    }

    #[test]
    fn an_open_breaker_explains_the_errors_of_its_server_and_of_no_other() {
        let breaker = view("CircuitBreakerOpen", Severity::Critical, &[("instance", "a"), ("name", "database")]);
        let errors = |of: &str| view("HighErrorRate", Severity::Critical, &[("instance", of)]);
        let check =
            |of: &str| view("CriticalHealthCheckFailing", Severity::Critical, &[("instance", "a"), ("check", of)]);
        let all = [breaker.clone()];
        assert!(is_inhibited(&errors("a"), &all) && !is_inhibited(&errors("b"), &all));
        assert!(is_inhibited(&check("database"), &all) && !is_inhibited(&check("spool"), &all));
        assert!(!is_inhibited(&breaker, &all), "no alert explains itself");
        let over = AlertView { resolved: Some(breaker.began), ..breaker };
        assert!(!is_inhibited(&errors("a"), &[over]));
        let disk = |severity| view("DiskNearlyFull", severity, &[("instance", "a")]);
        assert!(is_inhibited(&disk(Severity::Warning), &[disk(Severity::Critical)]));
        assert!(!is_inhibited(&disk(Severity::Critical), &[disk(Severity::Warning)]));
    }

    #[test]
    fn many_faulty_stations_explain_the_faults_of_instruments_alone() {
        let many = [view("StationsFaulty", Severity::Critical, &[])];
        for cause in Cause::ALL {
            let fault = view("StationFault", Severity::Warning, &[("device", "POSTE1"), ("cause", cause.as_str())]);
            assert_eq!(is_inhibited(&fault, &many), cause.makes_doubtful(), "{cause}");
        }
    }

    #[test]
    fn every_name_is_that_of_an_alert() {
        let rules: Vec<_> = documented().into_iter().chain(outside()).collect();
        let mut names: BTreeSet<_> = rules.iter().map(|rule| rule.name().as_str()).collect();
        names.insert(ERROR_BUDGET_BURN);
        for inhibition in inhibitions() {
            for name in inhibition.targets.iter().chain([&inhibition.source]) {
                assert!(names.contains(name), "{name}");
            }
        }
    }

    /// Two alerts that inhibit each other would both not be told.
    #[test]
    fn no_alert_inhibits_itself_by_way_of_others() {
        let inhibitions = inhibitions();
        for first in inhibitions {
            let (mut reached, mut ahead) = (BTreeSet::new(), vec![first.source]);
            while let Some(name) = ahead.pop() {
                for inhibition in inhibitions.iter().filter(|inhibition| inhibition.source == name) {
                    ahead.extend(inhibition.targets.iter().filter(|target| reached.insert(**target)));
                }
            }
            assert!(!reached.contains(first.source), "{}", first.source);
        }
    }

    #[test]
    fn a_loss_of_samples_is_always_told() {
        for loss in ["AcknowledgedSamplesLost", "SpoolNearlyFull", "IngestSLOSeverityCritical", "DiskNearlyFull"] {
            assert!(inhibitions().iter().all(|inhibition| !inhibition.targets.contains(&loss)), "{loss}");
        }
    }
}
