//! [`documented`]: the alert rules of a line, each with what it means for the trays.
//!
//! A rule says what it looks at in its query alone, so Prometheus and the server itself decide the
//! same. Rules of one server keep the label `instance`, which a scrape adds to every series; rules
//! of stations do not, because every server of a plant may see the same station.
//!
//! Every rule on a share also asks for a number of events: one failed request of three is a third,
//! and no reason to call a person.

mod caches;
mod database;
mod draft;
mod explanations;
mod ingest;
mod inhibition;
mod outside;
mod requests;
mod server;
mod stations;
mod work;

use std::collections::BTreeSet;

pub use explanations::Explanations;
pub(crate) use inhibition::OF_ONE_NAME;
pub use inhibition::{Inhibition, inhibitions};
pub use outside::{JOBS, WATCHDOG, WATCHDOG_RUNBOOK, outside};

use crate::rule::AlertRule;

/// The pages of the rules that objectives have.
const RUNBOOKS_OF_OBJECTIVES: [&str; 2] = ["error-budget-burn", "objective-without-data"];

/// One server.
const INSTANCE: &[&str] = &["instance"];
/// One route of one server.
const ROUTE: &[&str] = &["instance", "endpoint"];

/// The rules that Prometheus and a server without Prometheus evaluate, over what the server itself
/// measures.
///
/// ```
/// use sqal_alerts::catalogue::documented;
///
/// let rules = documented();
/// let pool = rules.iter().find(|rule| rule.name().as_str() == "DatabasePoolExhausted").unwrap();
/// assert!(pool.query().promql().starts_with("db_connection_pool_available == 0"));
/// ```
#[must_use]
pub fn documented() -> Vec<AlertRule> {
    let groups = [
        requests::rules(),
        ingest::rules(),
        caches::rules(),
        database::rules(),
        server::rules(),
        stations::rules(),
        work::rules(),
    ];
    groups.into_iter().flatten().collect()
}

/// The pages under `docs/runbook/` that alerts name, without `.md`: of [`documented`], of
/// [`outside()`], of [`WATCHDOG`] and of the objectives.
#[must_use]
pub fn runbooks() -> BTreeSet<&'static str> {
    let rules = documented().into_iter().chain(outside()).map(|rule| rule.runbook());
    rules.chain([WATCHDOG_RUNBOOK]).chain(RUNBOOKS_OF_OBJECTIVES).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::objective;
    use crate::rule::Severity;

    fn all() -> Vec<AlertRule> {
        documented().into_iter().chain(outside()).collect()
    }

    /// A name that Prometheus refuses would end the process in `documented`.
    #[test]
    fn no_rule_of_the_catalogue_is_refused_and_none_stands_twice() {
        let rules = all();
        let names: BTreeSet<_> = rules.iter().map(|rule| (rule.name().as_str(), rule.severity())).collect();
        assert_eq!(names.len(), rules.len());
    }

    /// ALR-01 to ALR-07, HLT-14: these names, severities and times are documented.
    #[test]
    fn every_documented_alert_is_there() {
        for (name, severity, minutes) in [
            ("HighErrorRate", Severity::Critical, 5),
            ("LowCacheHitRate", Severity::Critical, 10),
            ("LowCacheHitRate", Severity::Warning, 10),
            ("DatabasePoolExhausted", Severity::Critical, 1),
            ("CircuitBreakerOpen", Severity::Critical, 5),
            ("APISLOLatencyBreachRepeated", Severity::Warning, 5),
            ("APISLOLatencyBreachCritical", Severity::Critical, 5),
            ("APISLOErrorRateBreach", Severity::Critical, 5),
            ("APISLOAvailabilityBreach", Severity::Critical, 5),
            ("APILatencyP95High", Severity::Warning, 5),
            ("IngestSLOBreachRepeated", Severity::Critical, 5),
            ("IngestSLOBreachCountHigh", Severity::Warning, 0),
            ("IngestSLOSeverityCritical", Severity::Critical, 10),
            ("GlobalSLOBreachesElevated", Severity::Warning, 5),
            ("CriticalHealthCheckFailing", Severity::Critical, 5),
        ] {
            let is_it = |rule: &&AlertRule| rule.name().as_str() == name && rule.severity() == severity;
            let found = all().iter().find(is_it).map(|rule| rule.hold().before);
            assert_eq!(found, Some(Duration::from_secs(60 * minutes)), "{name} {}", severity.as_str());
        }
    }

    #[test]
    fn a_runbook_is_called_after_its_alert() {
        for rule in all() {
            let letters = |text: &str| text.replace('-', "").to_lowercase();
            assert_eq!(letters(rule.runbook()), letters(rule.name().as_str()));
            let is_slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(rule.runbook().bytes().all(is_slug), "{}", rule.runbook());
        }
    }

    #[test]
    fn every_text_is_there_in_both_languages_with_the_same_placeholders() {
        let placeholders = |text: &str| -> BTreeSet<String> {
            text.split('{').skip(1).filter_map(|after| Some(after.split_once('}')?.0.to_owned())).collect()
        };
        for rule in all() {
            for words in [rule.summary(), rule.description()] {
                assert!(!words.en.is_empty() && words.en != words.fr, "{}: {words:?}", rule.name());
                assert_eq!(placeholders(&words.en), placeholders(&words.fr), "{}", rule.name());
            }
            assert!(!rule.summary().en.contains(['\n', '.']), "{}: a summary is one line", rule.name());
        }
    }

    #[test]
    fn the_alerts_of_objectives_have_their_pages() {
        let mut named = BTreeSet::new();
        for objective in objective::documented() {
            named.extend(objective.rules().unwrap().iter().map(AlertRule::runbook));
        }
        assert_eq!(named, BTreeSet::from(RUNBOOKS_OF_OBJECTIVES));
        assert!(runbooks().is_superset(&named));
    }

    /// A server without Prometheus keeps what its rules look back to.
    #[test]
    fn no_rule_of_a_server_looks_back_further_than_six_hours() {
        for rule in documented() {
            assert!(rule.query().longest() <= Duration::from_hours(6), "{}", rule.name());
            assert!(!rule.query().metrics().contains("up"), "{}: a server does not scrape itself", rule.name());
        }
    }
}
