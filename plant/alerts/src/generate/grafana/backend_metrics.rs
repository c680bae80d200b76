//! The documented dashboard "Gaveurs Backend Metrics" (DSH-08), with its three panels under their
//! documented titles.
//!
//! Two of the documented queries are changed, because they do not show what their titles promise.
//! The quotient of unaggregated series has no value for a cache that has no misses yet (C-26), so
//! both sides are summed. `sample_quality_score` is a histogram and has no series of that name
//! (C-08), so its buckets are drawn.

use super::dashboard::Dashboard;
use super::look::PanelLook::{Distribution, Lines};
use super::panel::Panel;
use super::scale::{PanelScale, PanelUnit};
use super::source::DataSource;
use super::variable::DashboardVariable;

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard::new(
        "gaveurs-backend-metrics",
        "Gaveurs Backend Metrics",
        "The three panels of the system before: requests, caches and quality scores.",
    )
    .variables(&[
        DashboardVariable::Source(DataSource::Prometheus),
        DashboardVariable::JOB,
        DashboardVariable::INSTANCE,
    ])
    .panels(vec![
        Panel::new(Lines, "Request Rate", "Requests a second over the last five minutes, by route.")
            .promql("{{endpoint}}", "sum by (endpoint) (rate(http_requests_total{$server}[5m]))")
            .unit(PanelUnit::Requests),
        Panel::new(Lines, "Cache Hit Rate", "Share of the reads of the last five minutes that a cache answered.")
            .promql(
                "all caches",
                "sum(rate(cache_hits_total{$server}[5m])) / \
                 (sum(rate(cache_hits_total{$server}[5m])) + sum(rate(cache_misses_total{$server}[5m])))",
            )
            .unit(PanelUnit::Share)
            .scale(PanelScale::Falling { critical: 0.5, warning: 0.7 }),
        Panel::new(Distribution, "Quality Score Distribution", "How many samples had which fused score.")
            .promql("{{le}}", "sum by (le) (increase(sample_quality_score_bucket{$server}[5m]))")
            .unit(PanelUnit::Plain)
            .size(24, 9),
    ])
}
