//! The statistics of each hour (TSB-07), and of the line over the last day (DSH-02, DSH-05).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use sqal_core::{DeviceId, Timestamp};
use sqal_intake::presence::Heard;
use sqal_protocol::Violation;
use sqal_protocol::time::{parse, rfc3339};
use sqal_storage::{
    cache::{CacheKey, CacheKind},
    samples::{Hour, HourlyQuery, InvalidSpan, Tally},
};

use super::parameters::{device_of, unreadable};
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::door::version::UNVERSIONED_SINCE;
use crate::line::caches::Caches;
use crate::line::statistics::{HourDocument, Totals};
use crate::route::objective::Objective;
use crate::route::{DEVICE_IN_QUERY, Endpoint, FROM, UNTIL, VIEWER, get};
use crate::services::Services;

/// The routes of hours.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/aggregates/hourly", VIEWER, Class::Summary, hourly)
            .objective(Objective::MANY)
            .described("listHours", "Aggregates", "The statistics of each hour")
            .parameters(&[DEVICE_IN_QUERY, FROM, UNTIL])
            .gives::<Hours>()
            .problems(&[400])
            .line(
                "`items`: `hour` and `statistics`, oldest first; hours without samples are left out. `from` \
                 and `until` are RFC 3339 (write `+` as `%2B`), the hour of `until` is not part of it \
                 (`until=…T23:30:00Z` leaves out the hour 23); without them the last 24 hours with the \
                 present one. At most 10 000 hours",
                "10 min",
            )
            .bad_call("GET", "/api/v1/aggregates/hourly?from=yesterday", 400),
        get("/api/v1/dashboard/metrics", VIEWER, Class::Summary, dashboard)
            .objective(Objective::MANY)
            .described("getDashboard", "Aggregates", "The line at a glance")
            .gives::<Dashboard>()
            .line(
                "`statistics` of the last 24 hours; `samples_per_hour` (by the last five minutes), `devices` \
                 by presence and `websocket_connections`, of this server and moment",
                "5 min; 0",
            ),
        get("/api/dashboard/metrics/", VIEWER, Class::Summary, dashboard)
            .objective(Objective::MANY)
            .replaced_by("/api/v1/dashboard/metrics", UNVERSIONED_SINCE)
            .described("getDashboardLegacy", "Aggregates", "The line at a glance")
            .gives::<Dashboard>()
            .line("the same as `GET /api/v1/dashboard/metrics`", "5 min; 0"),
    ]
}

/// Default span of an hourly query, in hours.
const USUAL: i64 = 24;

/// The parameters of an hourly query. Every one is text first, so that a wrong one can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    device_id: Option<String>,
    from: Option<String>,
    until: Option<String>,
}

/// Hours of a span, the oldest first; an hour without samples is left out.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Hours {
    items: Vec<HourDocument>,
    from: String,
    until: String,
}

impl Span {
    /// The hours from that of `from` to that of `until`, which is excluded. Without them, the last
    /// 24 hours with the present hour.
    fn query(self, now: Timestamp) -> Result<HourlyQuery, Problem> {
        let mut wrong = Vec::new();
        let device: Option<DeviceId> = device_of(self.device_id, &mut wrong);
        let mut hour = |name: &str, text: Option<String>| {
            text.map(|text| {
                let time = parse(&text);
                if time.is_none() {
                    let (limit, french) = ("a time as RFC 3339 writes it", "une date au format RFC 3339");
                    wrong.push(Violation::new(format!("?{name}"), text, limit, french));
                }
                time.map(Hour::of)
            })
        };
        let (from, until) = (hour("from", self.from), hour("until", self.until));
        if !wrong.is_empty() {
            return Err(Problem::invalid_query(wrong));
        }
        let until = until.flatten().unwrap_or_else(|| Hour::of(now).later(1));
        let from = from.flatten().unwrap_or_else(|| until.later(-USUAL));
        let query = HourlyQuery::new(from, until).map_err(|InvalidSpan { hours }| {
            let most = HourlyQuery::MOST_HOURS;
            let (limit, french) = (format!("a span of 0 to {most} hours"), format!("une durée de 0 à {most} heures"));
            Problem::invalid_query(vec![Violation::new("?from", format!("{hours} hours before ?until"), limit, french)])
        })?;
        Ok(device.map_or(query, |device| query.of_device(device)))
    }
}

/// `GET /api/v1/aggregates/hourly[?device_id=&from=&until=]`: the statistics of each hour.
pub(crate) async fn hourly(
    State(services): State<Arc<Services>>,
    span: Result<Query<Span>, QueryRejection>,
) -> Result<Json<Hours>, Problem> {
    let Query(span) = span.map_err(|refused| unreadable(&refused, "device_id, from and until"))?;
    let query = span.query((services.now)())?;
    let name = format!("{} {}", query.from().number(), query.until().number());
    let key = match query.device_id() {
        Some(device) => CacheKey::of_device(CacheKind::HourlyAggregates, *device, name),
        None => CacheKey::of_line(CacheKind::HourlyAggregates, name),
    };
    let fetch =
        async || Ok::<_, Problem>(services.storage.store.hourly(&query).await?.iter().map(HourDocument::of).collect());
    // Long spans have a cache of their own, because one of them would evict a hundred short ones.
    let is_long = query.until().number() - query.from().number() > Caches::LONGEST_OF_MANY;
    let cache = if is_long { &services.line.caches.long_hours } else { &services.line.caches.hours };
    let items = (*cache.get(&key, fetch).await?).clone();
    let (from, until) = (rfc3339(query.from().begins()), rfc3339(query.until().begins()));
    Ok(Json(Hours { items, from, until }))
}

/// The line at a glance.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Dashboard {
    /// The span of `statistics`, which are cached for 5 minutes, and 2.5 more during a refresh.
    hours: i64,
    statistics: Totals,
    /// The present rate; this and the fields below are of this moment and this process.
    samples_per_hour: f64,
    devices: Heads,
    websocket_connections: usize,
}

#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Heads {
    online: usize,
    late: usize,
    offline: usize,
}

/// `GET /api/dashboard/metrics/` and `GET /api/v1/dashboard/metrics`.
pub(crate) async fn dashboard(State(services): State<Arc<Services>>) -> Result<Json<Dashboard>, Problem> {
    let query = Span::default().query((services.now)())?;
    let key = CacheKey::of_line(CacheKind::DashboardMetrics, "day");
    let fetch = async || {
        let hours = services.storage.store.hourly(&query).await?;
        let sum = hours.into_iter().map(|hour| hour.tally).reduce(|sum: Tally, next| sum.and(&next));
        Ok::<_, Problem>(sum.as_ref().map(Totals::of).unwrap_or_default())
    };
    let statistics = (*services.line.caches.dashboard.get(&key, fetch).await?).clone();
    let now = services.clock.now();
    let mut devices = Heads::default();
    for (_, present) in services.line.presence.all(now) {
        *match present.heard {
            Heard::Online => &mut devices.online,
            Heard::Late => &mut devices.late,
            Heard::Offline => &mut devices.offline,
        } += 1;
    }
    #[cfg(feature = "ws")]
    let websocket_connections = services.line.websockets.open();
    #[cfg(not(feature = "ws"))]
    let websocket_connections = 0;
    let samples_per_hour = services.line.recent.figures(now).per_second * 3600.0;
    Ok(Json(Dashboard { hours: USUAL, statistics, samples_per_hour, devices, websocket_connections }))
}
