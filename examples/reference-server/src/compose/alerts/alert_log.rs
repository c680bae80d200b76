//! [`AlertLog`]: the lines of the log about alerts: one when an alert begins, and one when it ends.
//!
//! A shipper of the log that calls a person at `ERROR` needs no database: an alert that begins
//! while the database is away has its line at once.

use std::collections::BTreeSet;

use sqal_alerts::state::{Alert, AlertKey, BookUpdate, Finding};
use sqal_alerts::{RuleName, Severity};
use sqal_work::outbox::Language;
use tracing::{debug, error, info, warn};

/// The most lines about alerts that begin at one time.
const MOST_LINES: usize = 20;

/// Which alerts the log has a line of.
#[derive(Debug, Default)]
pub(super) struct AlertLog {
    /// The open alerts that were told, or that the book had when this process began to read it.
    told: BTreeSet<AlertKey>,
}

/// What a line says of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogLine {
    severity: Severity,
    rule: RuleName,
    summary: String,
    key: AlertKey,
}

impl AlertLog {
    /// Notes the open alerts of a book, which an earlier process or another server has told.
    pub(super) fn know<'a>(&mut self, alerts: impl IntoIterator<Item = &'a Alert>) {
        self.told.extend(alerts.into_iter().filter(|alert| alert.resolved.is_none()).map(|alert| alert.key));
    }

    /// Notes what the book has taken, and returns the alerts whose beginning is to be told.
    pub(super) fn written(&mut self, update: &BookUpdate) -> Vec<LogLine> {
        let began = update.began.iter().filter(|alert| !self.told.contains(&alert.key)).map(LogLine::of_alert);
        let began = began.collect();
        self.told.clear();
        self.know(&update.current);
        began
    }

    /// Notes what this server finds while the book cannot be written, and returns the alerts whose
    /// beginning is to be told.
    pub(super) fn unwritten(&mut self, firing: &[Finding]) -> Vec<LogLine> {
        firing.iter().filter(|finding| self.told.insert(finding.key)).map(LogLine::of_finding).collect()
    }
}

impl LogLine {
    fn of_alert(alert: &Alert) -> Self {
        let summary = alert.summary.filled(Language::English, &alert.labels, alert.value);
        Self { severity: alert.severity, rule: alert.rule.clone(), summary, key: alert.key }
    }

    fn of_finding(finding: &Finding) -> Self {
        let summary = finding.summary.filled(Language::English, &finding.labels, finding.value);
        Self { severity: finding.severity, rule: finding.rule.clone(), summary, key: finding.key }
    }
}

/// Writes the lines of alerts that begin: the critical ones first and at `ERROR`, the others at
/// `WARN`. Beyond 20 lines the rest is counted, at the level of its most serious alert.
pub(super) fn tell_began(mut began: Vec<LogLine>) {
    began.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    for LogLine { severity, rule, summary, key } in began.iter().take(MOST_LINES) {
        let (rule, summary, key) = (rule.as_str(), summary.as_str(), key.as_str());
        match severity {
            Severity::Critical => error!(rule, summary, key, severity = "critical", "an alert begins"),
            Severity::Warning => warn!(rule, summary, key, severity = "warning", "an alert begins"),
        }
    }
    let rest = began.get(MOST_LINES..).unwrap_or_default();
    match rest.first().map(|line| line.severity) {
        Some(Severity::Critical) => error!(more = rest.len(), "further alerts begin: see the page of alerts"),
        Some(Severity::Warning) => warn!(more = rest.len(), "further alerts begin: see the page of alerts"),
        None => {}
    }
}

/// Writes the lines of alerts that have ended. One that has begun again and again has its lines at
/// `DEBUG`, because it may end each minute.
pub(super) fn tell_ended(update: &BookUpdate) {
    for alert in &update.resumed {
        debug!(rule = alert.rule.as_str(), key = alert.key.as_str(), flaps = alert.flaps, "an alert begins again");
    }
    for alert in &update.resolved {
        let (rule, key, flaps) = (alert.rule.as_str(), alert.key.as_str(), alert.flaps);
        if flaps == 0 {
            info!(rule, key, "an alert has ended");
        } else {
            debug!(rule, key, flaps, "an alert has ended that begins again and again");
        }
    }
}

#[cfg(test)]
mod tests {
    use fixtures::logged::LoggedLines;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;
    use sqal_alerts::query::{Element, Query, Selector};
    use sqal_alerts::{AlertRule, Hold, Words};
    use sqal_core::{Name, Timestamp};
    use tracing_subscriber::util::SubscriberInitExt;

    use super::*;

    fn finding(severity: Severity, device: usize) -> Finding {
        let (query, summary) = (Query::from(Selector::new("x")), Words::new("{device} fails", "{device} en défaut"));
        let rule = AlertRule::new("StationFault", severity, query, Hold::default(), summary, Words::default(), "x");
        let labels = [("device".to_owned(), format!("POSTE{device}"))].into();
        let now = Timestamp::from_micros(1_794_000_000_000_000).unwrap();
        Finding::of(&rule.unwrap(), Element { labels, value: 1.0 }, now)
    }

    fn alert(device: usize) -> Alert {
        let found = finding(Severity::Warning, device);
        Alert::found(&found, &Name::new("line-1").unwrap(), found.since)
    }

    /// What the book says after it has taken what fires: `known` alerts were open before.
    fn update(known: &BTreeSet<usize>, firing: &BTreeSet<usize>) -> BookUpdate {
        BookUpdate {
            began: firing.difference(known).map(|device| alert(*device)).collect(),
            current: firing.iter().map(|device| alert(*device)).collect(),
            ..BookUpdate::default()
        }
    }

    proptest! {
        /// Looks at which alerts fire, with the database away at some of them. Each alert is told
        /// when it begins, and once while it goes on, also if the database goes and comes back.
        #[test]
        fn an_alert_is_told_once_while_it_goes_on_whether_the_database_is_away_or_not(
            looks in vec((btree_set(0..6_usize, 0..6), any::<bool>()), 1..20),
        ) {
            let (mut log, mut in_book) = (AlertLog::default(), BTreeSet::new());
            // What the reader of the log holds for open: told, and not seen by the book to be over.
            let mut told = BTreeSet::new();
            for (firing, is_away) in looks {
                let lines = if is_away {
                    let findings: Vec<_> = firing.iter().map(|device| finding(Severity::Warning, *device)).collect();
                    log.unwritten(&findings)
                } else {
                    let lines = log.written(&update(&in_book, &firing));
                    in_book.clone_from(&firing);
                    lines
                };
                let keys: BTreeSet<_> = lines.iter().map(|line| line.key).collect();
                let expected: BTreeSet<_> =
                    firing.iter().map(|device| alert(*device).key).filter(|key| !told.contains(key)).collect();
                prop_assert_eq!(&keys, &expected);
                prop_assert_eq!(lines.len(), keys.len());
                told.extend(keys);
                if !is_away {
                    told = firing.iter().map(|device| alert(*device).key).collect();
                }
            }
        }
    }

    #[test]
    fn critical_alerts_have_their_lines_first_and_what_is_beyond_twenty_is_counted() {
        let lines = LoggedLines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _logging = subscriber.set_default();
        let mut log = AlertLog::default();
        let mut findings: Vec<_> = (0..30).map(|device| finding(Severity::Warning, device)).collect();
        findings.push(finding(Severity::Critical, 99));
        tell_began(log.unwritten(&findings));
        tell_began(log.unwritten(&findings));
        let text = lines.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 21, "{text}");
        assert!(lines[0].contains("ERROR") && lines[0].contains("POSTE99 fails"), "{text}");
        assert!(lines[1].contains("WARN") && lines[1].contains("rule=\"StationFault\""), "{text}");
        assert!(lines[20].contains("WARN") && lines[20].contains("more=11"), "{text}");
    }
}
