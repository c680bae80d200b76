//! Devices: which exist, whether they are present, and the statistics of their samples (DSH-06).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use sqal_core::DeviceId;
use sqal_intake::presence::{Agreement, Heard, Present};
use sqal_protocol::time::rfc3339;
use sqal_storage::{
    cache::{CacheKey, CacheKind},
    samples::{Hour, HourlyQuery},
};

use super::parameters::name_in_path;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::line::statistics::{DeviceStatistics, Totals};
use crate::route::objective::Objective;
use crate::route::{DEVICE_IN_PATH, Endpoint, VIEWER, get};
use crate::services::Services;

/// The routes of devices.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/devices", VIEWER, Class::Summary, list)
            .objective(Objective::MANY)
            .described("listDevices", "Devices", "Every device with its presence and its statistics")
            .gives::<Devices>()
            .line(
                "`items`: every device with `presence`, `last_heard_at`, `usual_interval_secs` and \
                 `statistics` of the last 10 000 hours",
                "presence 0, statistics 15 min",
            ),
        get("/api/v1/devices/{device_id}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getDevice", "Devices", "One device")
            .parameters(&[DEVICE_IN_PATH])
            .gives::<Device>()
            .problems(&[404])
            .line(
                "one device, as in the list (404 if it has no samples in the last 10 000 hours and has not sent since \
                 the start of the server)",
                "presence 0, statistics 15 min",
            )
            .good_call("/api/v1/devices/ESP32_SIM_1234", 200)
            .bad_call("GET", "/api/v1/devices/nobody", 404),
    ]
}

/// A device as clients read it.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the documented name")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Device {
    device_id: String,
    presence: Heard,
    /// When this process last stored a sample of it.
    last_heard_at: Option<String>,
    usual_interval_secs: Option<f64>,
    /// How far its clock is ahead, by the least delayed of its last 15 frames; negative if behind.
    clock_offset_seconds: Option<f64>,
    /// Whether its last frame was accepted; null if this process has received no frame of it.
    state: Option<Agreement>,
    /// Sample statistics, cached for 15 min and 7.5 more during a refresh; null for a newer device.
    statistics: Option<Totals>,
}

/// All devices.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Devices {
    items: Vec<Device>,
    /// How many hours back the statistics go.
    hours: i64,
}

impl Device {
    fn of(device_id: String, present: Option<Present>, statistics: Option<Totals>) -> Self {
        Self {
            device_id,
            presence: present.map_or(Heard::Offline, |present| present.heard),
            last_heard_at: present.and_then(|present| present.last).map(rfc3339),
            usual_interval_secs: present.and_then(|present| present.interval).map(|interval| interval.as_secs_f64()),
            clock_offset_seconds: present.map(|present| present.clock_offset_secs),
            state: present.map(|present| present.agreement),
            statistics,
        }
    }
}

/// The longest span of an hourly query that ends with the present hour.
fn all_hours(services: &Services) -> HourlyQuery {
    let until = Hour::of((services.now)()).later(1);
    HourlyQuery::new(until.later(-HourlyQuery::MOST_HOURS), until).unwrap_or_else(|_| unreachable!("just long enough"))
}

/// The statistics of one device or of all, from the cache.
async fn statistics(services: &Services, device: Option<DeviceId>) -> Result<Vec<DeviceStatistics>, Problem> {
    let query = all_hours(services);
    let (key, query) = match device {
        Some(device) => (CacheKey::of_device(CacheKind::DeviceStats, device, "statistics"), query.of_device(device)),
        None => (CacheKey::of_line(CacheKind::DeviceStats, "statistics"), query),
    };
    // Empty results are not cached: unknown names cannot evict known devices, and a new device does
    // not stay unknown.
    let fetch = async || {
        let devices = services.storage.store.by_device(&query).await.map_err(|error| Some(Problem::from(error)))?;
        if devices.is_empty() { Err(None) } else { Ok(devices.iter().map(DeviceStatistics::of).collect()) }
    };
    match services.line.caches.devices.get(&key, fetch).await {
        Ok(known) => Ok((*known).clone()),
        Err(None) => Ok(Vec::new()),
        Err(Some(problem)) => Err(problem),
    }
}

/// `GET /api/v1/devices`: all devices that this process has received frames of, or that have
/// samples, by name.
pub(crate) async fn list(State(services): State<Arc<Services>>) -> Result<Json<Devices>, Problem> {
    let mut known = statistics(&services, None).await?;
    let now = services.clock.now();
    let mut items: Vec<_> = services
        .line
        .presence
        .all(now)
        .into_iter()
        .map(|(device, present)| {
            let at = known.iter().position(|known| known.device_id == device.as_str());
            Device::of(device.to_string(), Some(present), at.map(|at| known.swap_remove(at).statistics))
        })
        .collect();
    items.extend(known.into_iter().map(|known| Device::of(known.device_id, None, Some(known.statistics))));
    items.sort_unstable_by(|a, b| a.device_id.cmp(&b.device_id));
    Ok(Json(Devices { items, hours: HourlyQuery::MOST_HOURS }))
}

/// `GET /api/v1/devices/{device_id}`: one device.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    device: Result<Path<String>, PathRejection>,
) -> Result<Json<Device>, Problem> {
    let (device, unknown) = name_in_path(device, "device")?;
    let present = services.line.presence.of(&device, services.clock.now());
    let statistics = statistics(&services, Some(device)).await?.into_iter().next().map(|known| known.statistics);
    if present.is_none() && statistics.is_none() {
        return Err(unknown);
    }
    Ok(Json(Device::of(device.to_string(), present, statistics)))
}
