//! `/api/v1/alerts`: what is wrong now and what was, with what people have done about it.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use sqal_alerts::state::{
    self, AlertBookError, AlertCursor, AlertDeed, AlertFilter, AlertKey, AlertScope, DeedEntry, Silence,
};
use sqal_alerts::{RuleName, Severity};
use sqal_core::Timestamp;
use sqal_protocol::Violation;
use sqal_protocol::time::rfc3339;

use super::bilingual::Bilingual;
use super::parameters::{device_of, limit_of, unreadable};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_alerts::{AFTER_ALERT, ALERT, ALERT_STATE, RULE, SEVERITY};
use crate::route::{DEVICE_IN_QUERY, Endpoint, LIMIT, VIEWER, get};
use crate::services::Services;

/// The routes that read alerts.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/alerts", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listAlerts", "Alerts", "Alerts, the newest first, page by page")
            .parameters(&[ALERT_STATE, DEVICE_IN_QUERY, SEVERITY, RULE, LIMIT, AFTER_ALERT])
            .gives::<AlertList>()
            .problems(&[400])
            .line(
                "alerts, newest first: `items`, and `next` for the next page's `after` (null on the last). `state` is \
                 `open` (the default), `ended` (of the last 30 days) or `all`; `limit` is 1 to 500, by default 50. A \
                 page can be shorter than `limit` although another follows",
                "0",
            )
            .bad_call("GET", "/api/v1/alerts?limit=501", 400),
        get("/api/v1/alerts/{key}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .queries(4)
            .described("getAlert", "Alerts", "One alert, with what people have done about it")
            .parameters(&[ALERT])
            .gives::<AlertHistory>()
            .problems(&[404])
            .line(
                "one alert, as in the list, and its newest 100 `deeds`: the acknowledgements and causes of all alerts \
                 with this key, the newest first",
                "0",
            )
            .good_call("/api/v1/alerts/none", 404)
            .bad_call("PUT", "/api/v1/alerts/none", 405),
    ]
}

/// The most alerts on a page.
const LARGEST_PAGE: u16 = 500;

/// The most deeds that are shown of an alert.
const MOST_DEEDS: u16 = 100;

/// The parameters of a page. Every one is text first, so that a wrong one can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsQuery {
    state: Option<String>,
    device_id: Option<String>,
    severity: Option<String>,
    rule: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

impl AlertsQuery {
    /// Which alerts are asked for, after which place, and how many.
    fn read(self) -> Result<(AlertFilter, Option<AlertCursor>, NonZeroU16), Problem> {
        let mut wrong = Vec::new();
        let limit = limit_of(self.limit, 50, LARGEST_PAGE, &mut wrong);
        let device = device_of(self.device_id, &mut wrong).map(|device| device.to_string());
        let mut refused = |name: &str, text: &str, limit: &str, french: &str| {
            wrong.push(Violation::new(format!("?{name}"), format!("{text:?}"), limit, french));
        };
        let scope = self.state.map(|text| {
            let scope = scope_of(&text);
            if scope.is_none() {
                refused("state", &text, "open, ended or all", "open, ended ou all");
            }
            scope
        });
        let severity = self.severity.map(|text| {
            let severity = Severity::ALL.into_iter().find(|severity| severity.as_str() == text);
            if severity.is_none() {
                refused("severity", &text, "warning or critical", "warning ou critical");
            }
            severity
        });
        let rule = self.rule.map(|text| {
            let rule = RuleName::new(&text).ok();
            if rule.is_none() {
                let french = "le nom d'une alerte : 1 à 64 lettres, chiffres et _";
                refused("rule", &text, "the name of an alert: 1 to 64 letters, digits and _", french);
            }
            rule
        });
        let after = self.after.map(|text| {
            let after: Option<AlertCursor> = text.parse().ok();
            if after.is_none() {
                refused("after", &text, "the `next` of an earlier page", "le champ next d'une page précédente");
            }
            after
        });
        if !wrong.is_empty() {
            return Err(Problem::invalid_query(wrong));
        }
        let (scope, rule, severity) = (scope.flatten().unwrap_or_default(), rule.flatten(), severity.flatten());
        let filter = AlertFilter { scope, device, rule, severity };
        Ok((filter, after.flatten(), NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN)))
    }
}

fn scope_of(text: &str) -> Option<AlertScope> {
    Some(match text {
        "open" => AlertScope::Open,
        "ended" => AlertScope::Ended,
        "all" => AlertScope::All,
        _ => return None,
    })
}

/// An alert as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Alert {
    /// 64 hexadecimal digits. An alert that begins again has the key that it had before.
    key: String,
    /// The name of its rule.
    alertname: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = severity))]
    severity: Severity,
    /// The labels, without `alertname` and `severity`.
    labels: BTreeMap<String, String>,
    /// One line that names what is wrong.
    summary: Bilingual,
    /// What it means for the trays.
    description: Bilingual,
    /// The value that the rule found last; null if that is no number.
    value: Option<f64>,
    began: String,
    /// The end; null while the alert is open.
    resolved: Option<String>,
    /// How long the alert has lasted, or lasted until its end.
    since_seconds: u64,
    /// The person who works on it.
    acknowledged: Option<Acknowledgement>,
    /// Why there was an alert, as a person has found out.
    cause: Option<AssignedCause>,
    /// How often the alert ended and began again within five minutes.
    flaps: u32,
    /// Whether a silence is in force that matches the alert.
    silenced: bool,
    /// The page that says what to do, by its name.
    runbook: String,
}

/// A person works on an alert.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Acknowledgement {
    by: String,
    at: String,
    note: String,
}

/// Why there was an alert, and what was done.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct AssignedCause {
    cause: String,
    action: String,
    by: String,
    at: String,
}

/// A page of alerts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AlertList {
    items: Vec<Alert>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<String>,
}

/// An alert with what people have done about the alerts with its key.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct AlertHistory {
    #[serde(flatten)]
    alert: Alert,
    /// The newest deed first.
    deeds: Vec<Deed>,
}

/// What a person has done about an alert.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Deed {
    /// Its place among the deeds about the alert's key, from 1.
    number: u32,
    /// `acknowledged` or `cause_assigned`.
    kind: &'static str,
    by: Option<String>,
    at: String,
    /// The beginning of the alert to which it was done.
    began: String,
    /// Of an acknowledgement.
    note: Option<String>,
    /// Of a cause.
    cause: Option<String>,
    /// Of a cause.
    action: Option<String>,
}

/// The schema of a severity.
#[cfg(feature = "openapi")]
fn severity() -> utoipa::openapi::schema::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
    let words = Severity::ALL.map(Severity::as_str);
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words)).build())
}

impl Alert {
    /// An alert as it is at a time, beside the silences that are in force then.
    pub(super) fn of(alert: &state::Alert, silences: &[Silence], now: Timestamp) -> Self {
        let (labels, value) = (&alert.labels, alert.value);
        let is_matched = |silence: &Silence| silence.matches(alert.key.as_str(), |name| alert.label(name));
        Self {
            key: alert.key.to_string(),
            alertname: alert.rule.to_string(),
            severity: alert.severity,
            labels: labels.clone(),
            summary: Bilingual::filled(&alert.summary, labels, value),
            description: Bilingual::filled(&alert.description, labels, value),
            value,
            began: rfc3339(alert.began),
            resolved: alert.resolved.map(rfc3339),
            since_seconds: alert.lasted(now).as_secs(),
            acknowledged: alert.acknowledged.as_ref().map(|done| Acknowledgement {
                by: done.by.to_string(),
                at: rfc3339(done.at),
                note: done.note.to_string(),
            }),
            cause: alert.cause.as_ref().map(|done| AssignedCause {
                cause: done.cause.to_string(),
                action: done.action.to_string(),
                by: done.by.to_string(),
                at: rfc3339(done.at),
            }),
            flaps: alert.flaps,
            silenced: silences.iter().any(|silence| silence.is_active(now) && is_matched(silence)),
            runbook: alert.runbook.clone(),
        }
    }
}

impl Deed {
    fn of(entry: &DeedEntry) -> Self {
        let (kind, note, cause, action) = match &entry.deed {
            AlertDeed::Acknowledged { note } => ("acknowledged", Some(note), None, None),
            AlertDeed::CauseAssigned { cause, action } => ("cause_assigned", None, Some(cause), Some(action)),
        };
        Self {
            number: entry.number,
            kind,
            by: entry.by.map(|by| by.to_string()),
            at: rfc3339(entry.at),
            began: rfc3339(entry.began),
            note: note.map(ToString::to_string),
            cause: cause.map(ToString::to_string),
            action: action.map(ToString::to_string),
        }
    }
}

/// `GET /api/v1/alerts[?state=&device_id=&severity=&rule=&limit=&after=]`.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    query: Result<Query<AlertsQuery>, QueryRejection>,
) -> Result<Json<AlertList>, Problem> {
    let parameters = "state, device_id, severity, rule, limit and after";
    let Query(query) = query.map_err(|refused| unreadable(&refused, parameters))?;
    let (filter, after, limit) = query.read()?;
    let Some(parts) = &services.plant.alerts else { return Ok(Json(AlertList { items: Vec::new(), next: None })) };
    let now = (services.now)();
    let page = parts.book.list(&filter, after.as_ref(), limit, now).await?;
    let silences = parts.silences.list_active(now).await?;
    let items = page.items.iter().map(|alert| Alert::of(alert, &silences, now)).collect();
    Ok(Json(AlertList { items, next: page.next.map(|next| next.to_string()) }))
}

/// `GET /api/v1/alerts/{key}`: an alert with what people have done about it.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    key: Result<Path<String>, PathRejection>,
) -> Result<Json<AlertHistory>, Problem> {
    let (parts, key) = (services.alerts()?, key_in_path(key)?);
    let now = (services.now)();
    let alert = parts.book.get(&key, now).await?.ok_or(AlertBookError::Unknown { key })?;
    let deeds = parts.book.deeds(&key, None, MOST_DEEDS).await?.iter().map(Deed::of).collect();
    let silences = parts.silences.list_active(now).await?;
    Ok(Json(AlertHistory { alert: Alert::of(&alert, &silences, now), deeds }))
}

/// The key in the path. A text that is not a key is the key of no alert.
pub(super) fn key_in_path(key: Result<Path<String>, PathRejection>) -> Result<AlertKey, Problem> {
    let Path(text) = key.map_err(|refused| Problem::not_found(refused.body_text()))?;
    text.parse().map_err(|_| Problem::not_found(format!("no alert {:?}", text.chars().take(64).collect::<String>())))
}

impl From<AlertBookError> for Problem {
    fn from(error: AlertBookError) -> Self {
        match error {
            AlertBookError::Storage(error) => error.into(),
            AlertBookError::Unknown { .. } => Self::not_found(error.to_string()),
            AlertBookError::Ended { .. } => Self::ended(error.to_string()),
            AlertBookError::Unreadable { .. } => Self::record_unreadable(error.to_string()),
            error => Self::broken(&error.to_string()),
        }
    }
}
