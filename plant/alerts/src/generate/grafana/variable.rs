//! [`DashboardVariable`]: what a reader of a dashboard can choose at its top.

use serde_json::{Value, json};

use super::source::DataSource;

/// A variable of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DashboardVariable {
    /// Which data source of a kind is asked.
    Source(DataSource),
    /// One value of a label, or several.
    Choice {
        /// The name in queries, behind `$`.
        name: &'static str,
        /// The word that readers see.
        label: &'static str,
        /// The series that have the label, and the label itself.
        of: (&'static str, &'static str),
        /// Whether several values, and all of them, can be chosen.
        several: bool,
    },
}

impl DashboardVariable {
    /// The job of the scrapes. It is one at a time: the scrape configuration that is delivered has
    /// two jobs for one server, and sums over both would count everything twice.
    pub(super) const JOB: Self =
        Self::Choice { name: "job", label: "Job", of: ("sqal_build_info", "job"), several: false };

    /// The servers of the job.
    pub(super) const INSTANCE: Self = Self::Choice {
        name: "instance",
        label: "Server",
        of: ("sqal_build_info{job=~\"$job\"}", "instance"),
        several: true,
    };

    /// The variables of a dashboard that asks Prometheus about servers, and their database.
    pub(super) const WITH_DATABASE: [Self; 4] =
        [Self::Source(DataSource::Prometheus), Self::Source(DataSource::Postgres), Self::JOB, Self::INSTANCE];

    /// The variable as Grafana reads it.
    pub(super) fn json(self) -> Value {
        match self {
            Self::Source(source) => {
                let (uid, name) = source.provisioned();
                json!({
                    "current": { "selected": false, "text": name, "value": uid },
                    "hide": 0,
                    "includeAll": false,
                    "label": if source == DataSource::Prometheus { "Prometheus" } else { "PostgreSQL" },
                    "multi": false,
                    "name": source.variable(),
                    "options": [],
                    "query": source.plugin(),
                    "refresh": 1,
                    "regex": "",
                    "skipUrlSync": false,
                    "type": "datasource",
                })
            }
            Self::Choice { name, label, of: (series, values), several } => choice(name, label, series, values, several),
        }
    }
}

/// A variable with the values that a label has now.
fn choice(name: &str, label: &str, series: &str, values: &str, several: bool) -> Value {
    let query = format!("label_values({series}, {values})");
    let mut variable = json!({
        "datasource": DataSource::Prometheus.reference(),
        "definition": query,
        "hide": 0,
        "includeAll": several,
        "label": label,
        "multi": several,
        "name": name,
        "options": [],
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "refresh": 2,
        "regex": "",
        "skipUrlSync": false,
        "sort": 1,
        "type": "query",
    });
    // "All" is one expression that also finds series which come after the page was loaded.
    if let (true, Some(fields)) = (several, variable.as_object_mut()) {
        fields.insert("allValue".to_owned(), json!(".*"));
        fields.insert("current".to_owned(), json!({ "selected": true, "text": ["All"], "value": ["$__all"] }));
    }
    variable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_servers_can_be_chosen_and_only_one_job() {
        let (job, instance) = (DashboardVariable::JOB.json(), DashboardVariable::INSTANCE.json());
        assert_eq!((&job["multi"], &job["allValue"]), (&json!(false), &Value::Null));
        assert_eq!((&instance["multi"], &instance["allValue"]), (&json!(true), &json!(".*")));
        assert_eq!(instance["definition"], "label_values(sqal_build_info{job=~\"$job\"}, instance)");
    }
}
