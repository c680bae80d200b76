//! `/api/v1/devices/{device_id}/calibrations`: calibrations, computed from stored readings.
//!
//! A calibration holds what a station's sensors read on an empty tray, or on a white tile.
//!
//! No number is entered by hand. A record names the span of readings that it was computed from, and
//! the holder that asked for it. It never changes.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqal_core::{DeviceId, Name, Sample, SampleId};
use sqal_intake::shown_names::ShownNames;
use sqal_protocol::reference::Reference;
use sqal_protocol::time::{parse, rfc3339};
use sqal_sensors::{CalibrationRecord, EmptyTray, HeightReference, TofProfile, WhiteTile};
use sqal_storage::{
    SampleQuery,
    labels::Labels,
    register::{Entry, EntryKind},
    samples::Cursor,
};
use tracing::warn;

use super::parameters::{Versions, name_in_path, new_name_in_path};
use super::span::Span;
use crate::door::body::{json, whole};
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{BEFORE, DEVICE_IN_PATH, ENGINEER, Endpoint, LIMIT, VIEWER, get, post};
use crate::services::Services;

/// The routes of calibrations.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/devices/{device_id}/calibrations", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listCalibrations", "Devices", "The calibrations of a device, the newest first")
            .parameters(&[DEVICE_IN_PATH, LIMIT, BEFORE])
            .gives::<Calibrations>()
            .problems(&[400, 404])
            .line(
                "`items`, newest first: `kind`, `taken_at`, `age_days`, `temperature_c`, the author, the request \
                 (`asked`) and its `profile`, `found`, and `reference` in the form of a profile. `limit` and `before` \
                 are those of decisions",
                "0",
            )
            .good_call("/api/v1/devices/ESP32_SIM_1234/calibrations", 200)
            .bad_call("GET", "/api/v1/devices/ESP32_SIM_1234/calibrations?limit=0", 400),
        post("/api/v1/devices/{device_id}/calibrations", ENGINEER, Class::Create, record)
            .objective(Objective::LONG)
            .queries(9)
            .described("calibrate", "Devices", "Compute a calibration from stored readings, and record it")
            .parameters(&[DEVICE_IN_PATH])
            .takes::<Wanted>("From which readings")
            .changes_or_makes::<Calibration>()
            .problems(&[400, 404, 408])
            .line(
                "computes a calibration from stored readings and records it (201; 200 if it was recorded before): \
                 `{\"empty_tray\":{\"profile\":\"…\",\"readings\":{\"from\":\"…\",\"until\":\"…\"}}}`, or \
                 `{\"white_tile\":{\"reflectance\":0.99,\"white\":{…},\"dark\":{…}}}`. At most 500 readings a span. \
                 Refused with the reason: readings of a sensor that has not settled, and a floor more than 5 mm off the \
                 profile's reference, because the tray was then not empty; `\"moved\":true` in `empty_tray` accepts a \
                 new floor",
                "",
            )
            .good_call("/api/v1/devices/ESP32_SIM_1234/calibrations", 400)
            .bad_call("PUT", "/api/v1/devices/ESP32_SIM_1234/calibrations", 405),
    ]
}

/// The longest request, in bytes.
const LONGEST: usize = 16 * 1024;

/// The limit of readings in a span: a sensor that needs more has not settled.
const MOST_READINGS: u16 = 500;

/// If a floor lies farther from the profile's reference than this, in mm, the tray is not empty,
/// unless the sensor or the tray was moved.
const MOST_OFF_MM: f64 = 5.0;

/// The kind of the entries in the register that are calibrations.
fn calibrations() -> EntryKind {
    Name::new("calibration").unwrap_or_else(|_| unreachable!("eleven letters"))
}

/// From which readings to calibrate: of the empty tray, or of a white tile.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a calibration: empty_tray or white_tile")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Wanted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    empty_tray: Option<Tray>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    white_tile: Option<Tile>,
}

/// An empty tray.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Tray {
    /// The profile by which zones are judged; its settings of the tray apply.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 64))]
    profile: Name<64>,
    /// When the tray was empty: 30 readings or more.
    readings: Span,
    /// Whether sensor or tray was moved since the profile's reference: the floor may be anywhere.
    #[serde(default)]
    moved: bool,
}

/// A white tile, and darkness.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Tile {
    /// What the tile reflects of the light, as its certificate says.
    #[cfg_attr(feature = "openapi", schema(exclusive_minimum = 0, maximum = 1))]
    reflectance: f64,
    /// When the tile was shown: 10 readings or more.
    white: Span,
    /// When the lamp was off, or the window covered.
    dark: Span,
}

/// A calibration as clients read it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Calibration {
    /// Its place among the calibrations of the device, from 1.
    #[serde(default)]
    number: u32,
    device_id: String,
    /// `empty_tray` or `white_tile`.
    kind: String,
    /// When the last of its readings was taken.
    taken_at: String,
    /// The temperature of the air at that time in °C, if it was measured.
    temperature_c: Option<f32>,
    /// Its age in days.
    #[serde(default)]
    age_days: f64,
    /// When it was recorded; `recorded_by` is the holder of the token.
    #[serde(default)]
    recorded_at: String,
    #[serde(default)]
    recorded_by: Option<String>,
    /// The request with its readings; with the profile, it is enough to compute it again.
    asked: Wanted,
    /// The profile by which zones were judged; null for a tile.
    profile: Option<Reference>,
    /// The result: the mean of each zone or channel, how many readings, and their drift.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    found: Value,
    /// The part for a profile: its `tof.reference`, or its `spectral.white_reference`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    reference: Value,
}

/// The calibrations of a device, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Calibrations {
    items: Vec<Calibration>,
}

impl Calibration {
    /// The calibration of an entry as it was recorded. Returns `None` for a record that this
    /// program cannot read. If its JSON cannot be parsed, that is logged.
    fn of(entry: &Entry, services: &Services) -> Option<Self> {
        let unreadable = |why| {
            let (device, number) = (entry.name.as_str(), entry.version);
            warn!(device, number, %why, "a stored calibration cannot be read and is left out");
        };
        let mut record: Self = serde_json::from_str(&entry.body).map_err(unreadable).ok()?;
        (record.number, record.recorded_at) = (entry.version, rfc3339(entry.at));
        record.recorded_by = entry.by.map(|by| by.to_string());
        let taken_at = parse(&record.taken_at)?;
        let device_id = Name::stored(&record.device_id).ok()?;
        record.age_days = CalibrationRecord::new(device_id, taken_at, ()).age_days((services.now)());
        Some(record)
    }
}

/// `GET /api/v1/devices/{device_id}/calibrations[?limit=&before=]`.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    device: Result<Path<String>, PathRejection>,
    which: Result<Query<Versions>, QueryRejection>,
) -> Result<Json<Calibrations>, Problem> {
    let (device, _) = name_in_path::<100>(device, "device")?;
    let (before, limit) = Versions::read(which)?;
    let entries = services.register()?.history(&calibrations(), &device, before, limit).await?;
    Ok(Json(Calibrations { items: entries.iter().filter_map(|entry| Calibration::of(entry, &services)).collect() }))
}

/// `POST /api/v1/devices/{device_id}/calibrations`: computes a calibration from the readings of a
/// span, and records it. If one of the newest 50 calibrations was computed from the same readings,
/// that calibration is returned and no other is recorded.
pub(crate) async fn record(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    device: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<(StatusCode, Json<Calibration>), Problem> {
    let (device, _) = new_name_in_path::<100>(device, "device")?;
    let register = services.register()?;
    let most = format!("at most {LONGEST} bytes");
    let body = whole(body, LONGEST, || Problem::wrong("", "more", &*most, format!("au plus {LONGEST} octets"))).await?;
    let wanted: Wanted =
        json(&body, "a calibration: empty_tray or white_tile", "un étalonnage : empty_tray ou white_tile")?;
    let computed = match wanted {
        Wanted { empty_tray: Some(tray), white_tile: None } => empty_tray(&services, device, tray).await?,
        Wanted { empty_tray: None, white_tile: Some(tile) } => white_tile(&services, device, tile).await?,
        _ => return Err(Problem::wrong("", "none or both", "empty_tray or white_tile", "empty_tray ou white_tile")),
    };
    let body = serde_json::to_string(&computed).unwrap_or_else(|_| unreachable!("names and finite numbers"));
    // Calibrations do not depend on each other: of two concurrent requests the first gets the
    // number, and the other the next.
    for _ in 0..16 {
        let newest = register.history(&calibrations(), &device, None, 50).await?;
        let there = newest.iter().find(|entry| entry.body == body);
        if let Some(known) = there.and_then(|entry| Calibration::of(entry, &services)) {
            return Ok((StatusCode::OK, Json(known)));
        }
        let version = newest.first().map_or(0, |entry| entry.version).saturating_add(1);
        let (at, by) = ((services.now)(), caller.holder());
        let entry =
            Entry { kind: calibrations(), name: device, version, body: body.clone(), at, by, labels: Labels::new() };
        if register.add(&entry).await? {
            let recorded = Calibration::of(&entry, &services).unwrap_or_else(|| unreachable!("it was just written"));
            return Ok((StatusCode::CREATED, Json(recorded)));
        }
    }
    Err(Problem::busy("too many calibrations of this device at once"))
}

/// The readings of a device in a span, the oldest first.
async fn readings(services: &Services, device: DeviceId, span: &Span, place: &str) -> Result<Vec<Sample>, Problem> {
    let (from, until) = span.times(place)?;
    let mut query = SampleQuery::newest(NonZeroU16::new(MOST_READINGS).unwrap_or(NonZeroU16::MIN));
    query.device_id = Some(device);
    query.after = Some(Cursor::at(until, SampleId::from_bytes([0; 16])));
    let page = services.storage.store.query(&query).await?;
    // The length of the page does not decide: a page leaves out damaged samples.
    if page.next.is_some_and(|next| next.timestamp() >= from) {
        let (limit, french) = (format!("at most {MOST_READINGS} readings"), format!("au plus {MOST_READINGS} mesures"));
        return Err(Problem::wrong(place, "too many readings", limit, french));
    }
    let mut samples = page.items;
    samples.retain(|sample| sample.key.timestamp >= from);
    samples.reverse();
    Ok(samples)
}

async fn empty_tray(services: &Services, device: DeviceId, tray: Tray) -> Result<Calibration, Problem> {
    let profiles = services.line.intake.profiles();
    let Some((reference, profile)) = profiles.get(&tray.profile) else {
        let known = ShownNames::of(profiles.names());
        return Err(Problem::wrong("/empty_tray/profile", tray.profile, known.english(), known.french()));
    };
    let mut samples = readings(services, device, &tray.readings, "/empty_tray/readings").await?;
    samples.retain(|sample| sample.tof.is_some());
    let frames = samples.iter().filter_map(|sample| sample.tof.as_ref());
    let found = EmptyTray::from_frames(frames, &profile.tof).map_err(|why| {
        let french = "des mesures d'un plateau vide, capteur chaud";
        Problem::wrong("/empty_tray/readings", why, "readings of an empty tray by a warm sensor", french)
    })?;
    let off = off_mm(&found, &profile.tof).filter(|off| !tray.moved && *off > MOST_OFF_MM);
    if let Some(off) = off {
        let limit = format!(
            "at most {MOST_OFF_MM} mm for an empty tray, or \"moved\": true where the sensor or the tray was moved"
        );
        let french = format!(
            "au plus {MOST_OFF_MM} mm pour un plateau vide, ou « moved » : true si le capteur ou le plateau a été déplacé"
        );
        let place = "/empty_tray/readings";
        return Err(Problem::wrong(place, format!("{off:.1} mm off the profile's reference"), limit, french));
    }
    let asked = Wanted { empty_tray: Some(tray), white_tile: None };
    Ok(Calibration {
        profile: Some(Reference::of(reference)),
        ..computed(device, "empty_tray", samples.last(), asked, &found, &found.reference())
    })
}

/// The largest distance of a floor from the profile's reference, in mm over the tray's zones.
/// `None` if the profile knows no floor.
fn off_mm(found: &EmptyTray, profile: &TofProfile) -> Option<f64> {
    let known = |zone: usize| match profile.reference {
        HeightReference::Flat { distance_mm, .. } => Some(distance_mm),
        HeightReference::Map { distance_mm, .. } => Some(distance_mm[zone]),
        _ => None,
    };
    let off = profile.tray.zones().iter().map(|zone| Some((found.distance_mm[zone] - known(zone)?).abs()));
    off.collect::<Option<Vec<_>>>().map(|off| off.into_iter().fold(0.0, f64::max))
}

async fn white_tile(services: &Services, device: DeviceId, tile: Tile) -> Result<Calibration, Problem> {
    let mut white = readings(services, device, &tile.white, "/white_tile/white").await?;
    white.retain(|sample| sample.spectrum.is_some());
    let dark = readings(services, device, &tile.dark, "/white_tile/dark").await?;
    let spectra = |samples: &'_ [Sample]| samples.iter().filter_map(|sample| sample.spectrum).collect::<Vec<_>>();
    let (lit, unlit) = (spectra(&white), spectra(&dark));
    let found = WhiteTile::from_readings(lit.iter(), unlit.iter(), tile.reflectance).map_err(|why| {
        let french = "des mesures d'un carreau blanc et de l'obscurité";
        Problem::wrong("/white_tile", why, "readings of a white tile, and of darkness", french)
    })?;
    let asked = Wanted { empty_tray: None, white_tile: Some(tile) };
    Ok(computed(device, "white_tile", white.last(), asked, &found, &found.reference))
}

/// A calibration of what was found and of what it was found from. `last` is the last of its
/// readings.
fn computed(
    device: DeviceId,
    kind: &str,
    last: Option<&Sample>,
    asked: Wanted,
    found: &impl Serialize,
    reference: &impl Serialize,
) -> Calibration {
    Calibration {
        number: 0,
        device_id: device.to_string(),
        kind: kind.to_owned(),
        taken_at: last.map(|last| rfc3339(last.key.timestamp)).unwrap_or_default(),
        temperature_c: last.and_then(|last| last.meta.temperature_c),
        age_days: 0.0,
        recorded_at: String::new(),
        recorded_by: None,
        asked,
        profile: None,
        found: json_of(found),
        reference: json_of(reference),
    }
}

fn json_of(found: &impl Serialize) -> Value {
    serde_json::to_value(found).unwrap_or_else(|_| unreachable!("finite numbers"))
}
