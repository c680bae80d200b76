//! The dashboard "Business" (DSH-05): how much the line grades, and how good it is.
//!
//! The first half is of the last minutes and comes from Prometheus. The second half is exact,
//! counts late samples in the hour in which they were measured, and comes from the database.

use super::dashboard::Dashboard;
use super::look::PanelLook::{Columns, Distribution, Figure, Lines, Rows, Stack};
use super::panel::Panel;
use super::scale::{PanelScale, PanelUnit};
use super::variable::DashboardVariable;

/// The shares of rejected trays from which on a person looks at the line. A plant sets its own.
const REJECTS: PanelScale = PanelScale::Rising { warning: 0.05, critical: 0.15 };

/// The shares of sold trays below which a person looks at the line. A plant sets its own.
const CONFORMING: PanelScale = PanelScale::Falling { critical: 0.85, warning: 0.95 };

/// The mean of the fused scores over all servers.
const MEAN_SCORE: &str = "sum(rate(sample_quality_score_sum{$server}[$__rate_interval])) / \
                          sum(rate(sample_quality_score_count{$server}[$__rate_interval]))";

/// The hours of the span that is shown, from its first whole hour on.
const HOURS: &str = "WHERE hour BETWEEN date_trunc('hour', $__timeFrom()::timestamptz) AND $__timeTo()::timestamptz";

/// The samples of an hour that have a grade: neither a calibration nor a reading of nothing.
const GRADED: &str = "nullif(sum(reject + c + b + a + a_plus), 0)";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard::new(
        "sqal-business",
        "Business",
        "What the line grades: samples an hour, mean quality score, rejected and sold trays.",
    )
    .showing("now-24h", "1m")
    .variables(&DashboardVariable::WITH_DATABASE)
    .panels(overview())
    .section("The last minutes", recent())
    .section("How fast, and how completely", service())
    .section("Exact, from the database", stored())
}

/// The figures of DSH-05 as they are now.
fn overview() -> Vec<Panel> {
    vec![
        Panel::new(Figure, "Samples an hour", "Samples that were stored in the last hour.")
            .promql("", "sum(increase(sample_processing_duration_seconds_count{$server}[1h]))"),
        Panel::new(Figure, "Mean quality score", "Mean of the fused scores of the last minutes, from 0 to 1.")
            .promql("", MEAN_SCORE)
            .unit(PanelUnit::Plain),
        Panel::new(
            Figure,
            "Reject rate",
            "Share of the samples of the last five minutes that were rejected. Nothing is shown without a sample.",
        )
        .promql("", &weighted("reject_rate_ratio"))
        .unit(PanelUnit::Share)
        .scale(REJECTS),
        Panel::new(
            Figure,
            "Conformity rate",
            "Share of the samples of the last five minutes that were graded C or better. Nothing is shown without a \
             sample.",
        )
        .promql("", &weighted("conformity_rate_ratio"))
        .unit(PanelUnit::Share)
        .scale(CONFORMING),
    ]
}

fn recent() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Samples an hour by server", "Samples that were stored in the hour before each point.")
            .promql(
                "{{instance}}",
                "sum by (instance) (increase(sample_processing_duration_seconds_count{$server}[1h]))",
            ),
        Panel::new(Lines, "Mean quality score", "Mean of the fused scores, over all servers and of each grade.")
            .promql("all", MEAN_SCORE)
            .promql(
                "{{grade}}",
                "sum by (grade) (rate(sample_quality_score_sum{$server}[$__rate_interval])) / \
                 sum by (grade) (rate(sample_quality_score_count{$server}[$__rate_interval]))",
            )
            .unit(PanelUnit::Plain),
        Panel::new(
            Lines,
            "Reject and conformity rate",
            "Shares of the samples of the last five minutes, over all servers. A server counts by its samples.",
        )
        .promql("rejected", &weighted("reject_rate_ratio"))
        .promql("C or better", &weighted("conformity_rate_ratio"))
        .unit(PanelUnit::Share),
        Panel::new(Stack, "Grades", "Samples by their final grade. Samples without a score are not counted here.")
            .promql("{{grade}}", "sum by (grade) (increase(sample_quality_score_count{$server}[$__rate_interval]))"),
        Panel::new(Distribution, "Quality scores", "How many samples had which fused score.")
            .promql("{{le}}", "sum by (le) (increase(sample_quality_score_bucket{$server}[$__rate_interval]))")
            .unit(PanelUnit::Plain)
            .size(24, 8),
    ]
}

fn service() -> Vec<Panel> {
    vec![
        Panel::new(
            Lines,
            "From measurement to verdict",
            "Half and 99 % of the samples had their verdict stored within this time after they were measured. The \
             objective is 1 s. Samples that waited on a device count with their waiting.",
        )
        .promql("p50", &quantile("0.5", "sample_judged_age_seconds_bucket"))
        .promql("p99", &quantile("0.99", "sample_judged_age_seconds_bucket"))
        .unit(PanelUnit::Seconds)
        .scale(PanelScale::below(1.0))
        .size(8, 8),
        Panel::new(Lines, "Time to judge", "99 % of the samples were checked and judged within this time.")
            .promql("p99", &quantile("0.99", "sample_processing_duration_seconds_bucket"))
            .unit(PanelUnit::Seconds)
            .size(8, 8),
        Panel::new(
            Lines,
            "Samples without color",
            "Share of the judged samples whose color could not be measured: the spectrometer is blind, or its readings \
             were left out.",
        )
        .promql(
            "without color",
            "sum(rate(samples_without_color_total{$server}[$__rate_interval])) / \
             sum(rate(samples_judged_total{$server}[$__rate_interval]))",
        )
        .unit(PanelUnit::Share)
        .size(8, 8),
    ]
}

fn stored() -> Vec<Panel> {
    vec![
        Panel::new(Columns, "Grades by hour", "Samples of each hour by their final grade, late samples included.").sql(
            &by_hour(
                "sum(a_plus)::float8 AS \"A+\", sum(a)::float8 AS \"A\", sum(b)::float8 AS \"B\", \
                 sum(c)::float8 AS \"C\", sum(reject)::float8 AS \"REJECT\"",
            ),
        ),
        Panel::new(Lines, "Reject and conformity rate by hour", "Shares of the graded samples of each hour.")
            .sql(&by_hour(&format!(
                "(sum(reject) / {GRADED})::float8 AS \"rejected\", \
                 (sum(c + b + a + a_plus) / {GRADED})::float8 AS \"C or better\""
            )))
            .unit(PanelUnit::Share),
        Panel::new(Lines, "Mean quality score by hour", "Mean of the fused scores of each hour.")
            .sql(&by_hour("(sum(score_sum) / 1e9 / nullif(sum(scored), 0))::float8 AS \"mean score\""))
            .unit(PanelUnit::Plain),
        Panel::new(Rows, "Stations by reject rate", "The 20 stations with the highest share of rejected samples.").sql(
            &format!(
                "SELECT device_id AS \"Station\", sum(samples)::float8 AS \"Samples\", \
                 round(100 * sum(reject) / {GRADED}, 2)::float8 AS \"Rejected %\", \
                 round(sum(score_sum) / 1e9 / nullif(sum(scored), 0), 4)::float8 AS \"Mean score\" \
                 FROM sample_hour {HOURS} GROUP BY device_id ORDER BY 3 DESC NULLS LAST, 1 LIMIT 20"
            ),
        ),
        Panel::new(Rows, "Newest samples", "The ten newest samples within the span.")
            .sql(
                "SELECT timestamp AS \"time\", device_id, fusion_final_grade, fusion_final_score, fusion_confidence, \
                 sample_id FROM sensor_samples WHERE $__timeFilter(timestamp) ORDER BY timestamp DESC LIMIT 10",
            )
            .size(24, 8),
    ]
}

/// A query of the hours of the span: their time and these columns, over all stations.
fn by_hour(columns: &str) -> String {
    format!("SELECT hour AS \"time\", {columns} FROM sample_hour {HOURS} GROUP BY hour ORDER BY hour")
}

/// The mean of a share of the last five minutes over the servers, each with the number of its
/// samples. A server without a sample has no share (NaN) and is left out.
fn weighted(share: &str) -> String {
    let known = format!("({share}{{$server}} >= 0)");
    format!(
        "sum({known} * samples_throughput_per_second{{$server}}) / \
         sum(samples_throughput_per_second{{$server}} and {known})"
    )
}

/// A quantile of a histogram over all servers.
fn quantile(q: &str, buckets: &str) -> String {
    format!("histogram_quantile({q}, sum by (le) (rate({buckets}{{$server}}[$__rate_interval])))")
}
