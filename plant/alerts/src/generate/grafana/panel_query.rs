//! [`PanelQuery`]: a query of a panel, as it is written and as Grafana would send it.

use sqal_core::Timestamp;

use super::source::DataSource;

/// The language of a [`PanelQuery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelQueryKind {
    /// `PromQL`, answered by Prometheus.
    Promql,
    /// SQL, answered by the PostgreSQL database of the servers.
    Sql,
}

impl PanelQueryKind {
    /// Where a query of the kind is asked.
    pub(super) const fn source(self) -> DataSource {
        match self {
            Self::Promql => DataSource::Prometheus,
            Self::Sql => DataSource::Postgres,
        }
    }
}

/// A query of a panel.
///
/// ```
/// use sqal_alerts::generate::grafana::{PanelQuery, PanelQueryKind};
/// use sqal_core::Timestamp;
///
/// let query = PanelQuery {
///     dashboard: "Devices",
///     title: "Silent stations",
///     kind: PanelQueryKind::Promql,
///     text: "count(station_silent{device=~\"$device\"} == 1)".to_owned(),
/// };
/// let (from, to) = (Timestamp::from_micros(0)?, Timestamp::from_micros(3_600_000_000)?);
/// assert_eq!(query.filled(from, to), "count(station_silent{device=~\".*\"} == 1)");
/// # Ok::<(), sqal_core::timestamp::InvalidTimestamp>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelQuery {
    /// The title of the dashboard.
    pub dashboard: &'static str,
    /// The title of the panel, or the name of the variable that the query fills.
    pub title: &'static str,
    /// The language.
    pub kind: PanelQueryKind,
    /// The text with the variables and macros of Grafana.
    pub text: String,
}

/// The variables that a reader chooses. Each stands in a matcher `=~`, so that `.*` is all.
const CHOICES: [&str; 5] = ["$job", "$instance", "$device", "$service", "$slo"];

impl PanelQuery {
    /// The text as Grafana sends it for a span of time, if the reader of the dashboard has chosen
    /// everything: without a variable and without a macro.
    ///
    /// `$__rate_interval` is 5 minutes, which is enough for a scrape every 75 seconds or more
    /// often.
    #[must_use]
    pub fn filled(&self, from: Timestamp, to: Timestamp) -> String {
        match self.kind {
            PanelQueryKind::Promql => filled_promql(&self.text, from, to),
            PanelQueryKind::Sql => filled_sql(&self.text, &literal(from), &literal(to)),
        }
    }
}

fn filled_promql(text: &str, from: Timestamp, to: Timestamp) -> String {
    let seconds = (to.micros().saturating_sub(from.micros()) / 1_000_000).max(1);
    let text = text.replace("$__rate_interval", "5m").replace("$__range", &format!("{seconds}s"));
    CHOICES.iter().fold(text, |text, name| text.replace(name, ".*"))
}

fn filled_sql(text: &str, from: &str, to: &str) -> String {
    let (mut rest, mut filled) = (text, String::new());
    while let Some((before, after)) = rest.split_once("$__timeFilter(") {
        let (column, behind) = after.split_once(')').unwrap_or((after, ""));
        filled.extend([before, column, " BETWEEN ", from, " AND ", to]);
        rest = behind;
    }
    filled.push_str(rest);
    filled.replace("$__timeFrom()", from).replace("$__timeTo()", to)
}

/// A time as a literal of SQL, as Grafana writes it.
fn literal(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| format!("to_timestamp({} / 1e6)", time.micros()), |time| format!("'{time}'"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(kind: PanelQueryKind, text: &str) -> PanelQuery {
        PanelQuery { dashboard: "Business", title: "A panel", kind, text: text.to_owned() }
    }

    #[test]
    fn each_macro_of_sql_is_filled() {
        let (from, to) = (Timestamp::from_micros(0).unwrap(), Timestamp::from_micros(60_000_000).unwrap());
        let text = "WHERE $__timeFilter(hour) AND a > $__timeFrom() AND $__timeFilter(b) AND c < $__timeTo()";
        assert_eq!(
            query(PanelQueryKind::Sql, text).filled(from, to),
            "WHERE hour BETWEEN '1970-01-01T00:00:00Z' AND '1970-01-01T00:01:00Z' AND a > '1970-01-01T00:00:00Z' \
             AND b BETWEEN '1970-01-01T00:00:00Z' AND '1970-01-01T00:01:00Z' AND c < '1970-01-01T00:01:00Z'"
        );
    }

    #[test]
    fn a_span_of_promql_is_that_of_the_page() {
        let (from, to) = (Timestamp::from_micros(0).unwrap(), Timestamp::from_micros(7_200_000_000).unwrap());
        let text = "rate(a_total{job=~\"$job\"}[$__range]) / rate(a_total[$__rate_interval])";
        let filled = query(PanelQueryKind::Promql, text).filled(from, to);
        assert_eq!(filled, "rate(a_total{job=~\".*\"}[7200s]) / rate(a_total[5m])");
    }

    proptest! {
        /// Whatever the text and the times are, nothing is lost but variables and macros.
        #[test]
        fn a_text_without_a_dollar_stays_as_it_is(text in "[^$]*", from: u32, to: u32) {
            let time = |micros: u32| Timestamp::from_micros(i64::from(micros)).unwrap();
            for kind in [PanelQueryKind::Promql, PanelQueryKind::Sql] {
                prop_assert_eq!(query(kind, &text).filled(time(from), time(to)), text.clone());
            }
        }
    }
}
