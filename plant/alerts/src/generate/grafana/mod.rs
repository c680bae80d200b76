//! The dashboards of Grafana: [`dashboards`] gives their files, [`panels`] every query in them.
//!
//! A dashboard is Rust data. Each query is written by hand as Grafana sends it, because a chart
//! needs more of `PromQL` than an alert does. The files are committed under
//! `deploy/grafana/dashboards/`, and `tests/grafana.rs` compares them with what this module writes.
//!
//! ```
//! use sqal_alerts::generate::grafana::{dashboards, panels};
//!
//! let names: Vec<_> = dashboards().iter().map(|dashboard| dashboard.file_name()).collect();
//! assert!(names.contains(&"gaveurs-backend-metrics.json".to_owned()));
//! assert!(panels().iter().any(|query| query.title == "Quality Score Distribution"));
//! ```

mod backend_metrics;
mod bugs;
mod business;
mod column;
mod dashboard;
mod devices;
mod infrastructure;
mod look;
mod objectives;
mod panel;
mod panel_query;
mod scale;
mod source;
mod variable;

pub use dashboard::Dashboard;
pub use panel_query::{PanelQuery, PanelQueryKind};

/// Every dashboard.
#[must_use]
pub fn dashboards() -> Vec<Dashboard> {
    vec![
        infrastructure::dashboard(),
        business::dashboard(),
        devices::dashboard(),
        bugs::dashboard(),
        backend_metrics::dashboard(),
        objectives::dashboard(),
    ]
}

/// Every query of every dashboard, with those that fill variables.
#[must_use]
pub fn panels() -> Vec<PanelQuery> {
    dashboards().iter().flat_map(Dashboard::queries).collect()
}
