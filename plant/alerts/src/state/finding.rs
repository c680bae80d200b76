//! [`Finding`]: what a rule finds for one label set.

use std::collections::BTreeMap;

use sqal_core::Timestamp;

use super::key::AlertKey;
use crate::query::Element;
use crate::{AlertRule, RuleName, Severity, Words};

/// A condition that holds: what the alert of it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The key of the alert.
    pub key: AlertKey,
    /// The name of the rule.
    pub rule: RuleName,
    /// The severity of the rule.
    pub severity: Severity,
    /// The labels of the element and of the rule, without `alertname`, `severity` and `__name__`.
    /// A label of the rule hides one of the element, as in Prometheus.
    pub labels: BTreeMap<String, String>,
    /// One line that names what is wrong, with its placeholders.
    pub summary: Words,
    /// What it means for the trays, with its placeholders.
    pub description: Words,
    /// The page under `docs/runbook/`, without `.md`.
    pub runbook: String,
    /// The value of the element when it was found last; `None` if that is not a finite number.
    pub value: Option<f64>,
    /// The first evaluation at which the condition held.
    pub since: Timestamp,
}

impl Finding {
    /// What `rule` finds in an element of its query's answer.
    #[must_use]
    pub fn of(rule: &AlertRule, element: Element, since: Timestamp) -> Self {
        let Element { mut labels, value } = element;
        labels.retain(|name, value| !matches!(&**name, "__name__" | "alertname" | "severity") && !value.is_empty());
        Self::with_labels(rule, labels, Some(value), since)
    }

    /// What `rule` has found with these labels.
    pub(super) fn with_labels(
        rule: &AlertRule,
        mut labels: BTreeMap<String, String>,
        value: Option<f64>,
        since: Timestamp,
    ) -> Self {
        labels.extend(rule.labels().clone());
        Self {
            key: AlertKey::of(rule.name(), rule.severity(), &labels),
            rule: rule.name().clone(),
            severity: rule.severity(),
            labels,
            summary: rule.summary().clone(),
            description: rule.description().clone(),
            runbook: rule.runbook().to_owned(),
            value: value.filter(|value| value.is_finite()),
            since,
        }
    }
}
