//! The dashboard "Bugs" (DSH-07): how many bugs are open, and how fast they are resolved.
//!
//! What is open now comes from Prometheus and from `bug_metrics`, the days from `bug_metrics`,
//! which is exact, and single bugs from `bug_reports`. A plant with SQLite has the first alone.

use super::dashboard::Dashboard;
use super::look::PanelLook::{Figure, Lines, Rows, Shares, Stack};
use super::panel::Panel;
use super::scale::{PanelScale, PanelUnit};
use super::variable::DashboardVariable;

/// The statuses of bugs that are open, as a list of SQL.
const OPEN: &str = "('open', 'in_progress')";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard::new(
        "sqal-bugs",
        "Bugs",
        "Faults that people, devices, pages and servers have reported: how many are open, and how fast they are \
         resolved.",
    )
    .showing("now-30d", "1m")
    .variables(&DashboardVariable::WITH_DATABASE)
    .panels(overview())
    .section("Open", open())
    .section("Day by day", days())
    .section("Single bugs", single())
}

/// The figures of DSH-07 as they are now.
fn overview() -> Vec<Panel> {
    vec![
        Panel::new(Figure, "Open bugs", "Bugs of all servers that are neither resolved nor closed.")
            .promql("", "sum(max by (severity) (bugs_open{$server}))")
            .unit(PanelUnit::Plain),
        Panel::new(Figure, "Critical bugs", "Critical bugs that are neither resolved nor closed.")
            .promql("", "max(bugs_open{$server,severity=\"critical\"})")
            .unit(PanelUnit::Plain)
            .scale(PanelScale::below(1.0)),
        Panel::new(
            Figure,
            "Resolved today",
            "How often a bug was resolved or closed since midnight, by the time zone of the database.",
        )
        .sql(
            "SELECT coalesce(sum(bugs), 0)::float8 AS \"resolved today\" FROM bug_metrics \
             WHERE measure = 'ended' AND slot >= date_trunc('day', $__timeTo()::timestamptz)",
        )
        .unit(PanelUnit::Plain),
        Panel::new(
            Figure,
            "Mean resolution time",
            "Mean time from the report to the end, over all bugs that are resolved or closed now.",
        )
        .sql(
            "SELECT (sum(micros) / 1e6 / nullif(sum(bugs), 0))::float8 AS \"mean\" FROM bug_metrics \
             WHERE measure = 'current' AND status IN ('resolved', 'closed')",
        )
        .unit(PanelUnit::Seconds),
    ]
}

fn open() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Open bugs by severity", "Bugs that are neither resolved nor closed, by their severity.")
            .promql("{{severity}}", "max by (severity) (bugs_open{$server})")
            .unit(PanelUnit::Plain),
        Panel::new(Shares, "Open bugs by category", "Bugs that are neither resolved nor closed, by their category.")
            .sql(&format!(
                "SELECT coalesce(nullif(category, ''), 'none') AS \"Category\", sum(bugs)::float8 AS \"Bugs\" \
                 FROM bug_metrics WHERE measure = 'current' AND status IN {OPEN} GROUP BY category \
                 ORDER BY 2 DESC, 1"
            ))
            .unit(PanelUnit::Plain),
    ]
}

fn days() -> Vec<Panel> {
    vec![
        Panel::new(
            Lines,
            "Opened and resolved a day",
            "Bugs that were reported on each day, how often one was resolved or closed, and how often one was taken up \
             again.",
        )
        .sql(&format!(
            "SELECT date_trunc('day', slot) AS \"time\", {}, {}, {} FROM bug_metrics WHERE {} GROUP BY 1 ORDER BY 1",
            happened("created", "opened"),
            happened("ended", "resolved"),
            happened("reopened", "reopened"),
            within("slot")
        ))
        .unit(PanelUnit::Plain),
        Panel::new(
            Lines,
            "Resolution time",
            "Half and 90 % of the bugs that were resolved or closed on a day, and still are, took at most this time from \
             their report.",
        )
        .sql(&format!(
            "SELECT date_trunc('day', resolved_at) AS \"time\", {}, {} FROM bug_reports WHERE {} GROUP BY 1 \
             ORDER BY 1",
            took("0.5", "p50"),
            took("0.9", "p90"),
            within("resolved_at")
        ))
        .unit(PanelUnit::Seconds),
        Panel::new(Stack, "New bugs by source", "Bugs that were reported in the hour before each point, by who did it.")
            .promql("{{source}}", "sum by (source) (increase(bugs_created_total{$server}[1h]))")
            .unit(PanelUnit::Plain)
            .size(24, 8),
    ]
}

fn single() -> Vec<Panel> {
    vec![
        Panel::new(Rows, "Open bugs, the worst first", "The 20 worst bugs that are neither resolved nor closed.")
            .sql(&format!(
                "SELECT severity AS \"Severity\", title AS \"Bug\", status AS \"Status\", assignee AS \"Assignee\", \
                 device_id AS \"Device\", firmware_version AS \"Firmware\", occurrences::float8 AS \"Occurrences\", \
                 last_seen AS \"Last seen\", created_at AS \"Reported\", id AS \"Id\" FROM bug_reports \
                 WHERE status IN {OPEN} ORDER BY severity_rank DESC, created_at DESC LIMIT 20"
            ))
            .size(24, 9),
        Panel::new(Rows, "Bugs that came back", "The newest 20 bugs whose fault came back after its end.")
            .sql(
                "SELECT regressed_at AS \"Came back\", regressed_in AS \"In firmware\", severity AS \"Severity\", \
                 title AS \"Bug\", occurrences::float8 AS \"Occurrences\", devices::float8 AS \"Devices\", id AS \"Id\" \
                 FROM bug_reports WHERE $__timeFilter(regressed_at) ORDER BY regressed_at DESC LIMIT 20",
            )
            .size(24, 8),
    ]
}

/// The number of events of a measure, as a column with a name.
fn happened(measure: &str, name: &str) -> String {
    format!("coalesce(sum(bugs) FILTER (WHERE measure = '{measure}'), 0)::float8 AS \"{name}\"")
}

/// The nearest rank of the seconds from the report to the end, as a column with a name.
fn took(share: &str, name: &str) -> String {
    format!(
        "(percentile_disc({share}) WITHIN GROUP (ORDER BY date_part('epoch', resolved_at - created_at)))::float8 \
         AS \"{name}\""
    )
}

/// The days of the span that is shown, from the first whole one on.
fn within(column: &str) -> String {
    format!("{column} BETWEEN date_trunc('day', $__timeFrom()::timestamptz) AND $__timeTo()::timestamptz")
}
