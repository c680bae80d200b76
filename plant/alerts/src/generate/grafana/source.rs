//! [`DataSource`]: where a panel asks, and under which uid Grafana knows it.

use serde_json::{Value, json};

/// A data source of the dashboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataSource {
    /// The Prometheus that scrapes the servers.
    Prometheus,
    /// The PostgreSQL database of the servers.
    Postgres,
}

impl DataSource {
    /// The plugin of Grafana. That of PostgreSQL has this name since Grafana 10.2.3.
    pub(super) const fn plugin(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Postgres => "grafana-postgresql-datasource",
        }
    }

    /// The variable of a dashboard that holds the uid, so that a plant can choose another source.
    pub(super) const fn variable(self) -> &'static str {
        match self {
            Self::Prometheus => "DS",
            Self::Postgres => "DS_SQL",
        }
    }

    /// The uid and the name of the source that `deploy/grafana/provisioning` makes.
    pub(super) const fn provisioned(self) -> (&'static str, &'static str) {
        match self {
            Self::Prometheus => ("sqal-prometheus", "SQAL Prometheus"),
            Self::Postgres => ("sqal-postgres", "SQAL PostgreSQL"),
        }
    }

    /// The source as panels and queries name it.
    pub(super) fn reference(self) -> Value {
        json!({ "type": self.plugin(), "uid": format!("${{{}}}", self.variable()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_names_its_source_by_the_variable() {
        assert_eq!(DataSource::Prometheus.reference(), json!({ "type": "prometheus", "uid": "${DS}" }));
        assert_eq!(DataSource::Postgres.reference()["uid"], "${DS_SQL}");
    }
}
