//! `/api/v1/devices/{device_id}/calibrations`: what a station's sensors read on an empty tray, or on a white tile, computed from readings that are stored.
//!
//! Nobody types a number in: a record names the span of readings that it was computed from, and who asked for it; it stays as it is.

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
use sqal_sensors::{CalibrationRecord, EmptyTray, WhiteTile};
use sqal_storage::{Cursor, Entry, EntryKind, SampleQuery};

use super::body::{json, whole};
use super::parameters::{HowMany, name_in_path, unreadable};
use super::span::Span;
use crate::access::Caller;
use crate::wire::rfc3339;
use crate::{Problem, Services, Violation};

/// The longest request, in bytes.
const LONGEST: usize = 16 * 1024;

/// The most readings of a span: a sensor that needs more has not settled.
const MOST_READINGS: u16 = 500;

/// The kind of entry that a calibration is in the register.
fn calibrations() -> EntryKind {
    Name::new("calibration").unwrap_or_else(|_| unreachable!("eleven letters"))
}

/// From which readings to calibrate: of the empty tray, or of a white tile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Wanted {
    /// The profile by which zones are judged; what it says of the tray counts.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 64))]
    profile: Name<64>,
    /// When the tray was empty: 30 readings or more.
    #[serde(default)]
    empty_tray: Option<Span>,
    /// When the tile was shown.
    #[serde(default)]
    white_tile: Option<Tile>,
}

/// A white tile, and darkness.
#[derive(Debug, Deserialize)]
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
pub(super) struct Calibration {
    /// Its place among those of the device, from 1.
    #[serde(default)]
    number: u32,
    device_id: String,
    /// `empty_tray` or `white_tile`.
    kind: String,
    /// When the last of its readings was taken.
    taken_at: String,
    /// The temperature of the air then in °C, if it was measured.
    temperature_c: Option<f32>,
    /// How old it is, in days.
    #[serde(default)]
    age_days: f64,
    /// When it was recorded, and whose token it was.
    #[serde(default)]
    recorded_at: String,
    #[serde(default)]
    recorded_by: Option<String>,
    /// The first and the last of the readings that it was computed from.
    first_sample: String,
    last_sample: String,
    /// What was found: the mean of each zone or channel, how many readings, and their drift.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    found: Value,
    /// What a profile takes of it: as `tof.reference`, or as `spectral.white_reference`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    reference: Value,
}

/// Those of a device, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Calibrations {
    items: Vec<Calibration>,
}

impl Calibration {
    /// As it was recorded; `None` for a record that this program cannot read.
    fn of(entry: &Entry, services: &Services) -> Option<Self> {
        let mut record: Self = serde_json::from_str(&entry.body).ok()?;
        (record.number, record.recorded_at) = (entry.version, rfc3339(entry.at));
        record.recorded_by = entry.by.map(|by| by.to_string());
        let taken_at = crate::parse_time(&record.taken_at)?;
        let device_id = Name::new(&record.device_id).ok()?;
        let age = CalibrationRecord { device_id, taken_at, temperature_c: record.temperature_c, calibration: () };
        record.age_days = age.age_days((services.now)());
        Some(record)
    }
}

/// `GET /api/v1/devices/{device_id}/calibrations[?limit=]`.
pub(super) async fn list(
    State(services): State<Arc<Services>>,
    device: Result<Path<String>, PathRejection>,
    how_many: Result<Query<HowMany>, QueryRejection>,
) -> Result<Json<Calibrations>, Problem> {
    let (device, _) = name_in_path::<100>(device, "device")?;
    let Query(how_many) = how_many.map_err(|refused| unreadable(&refused, "limit"))?;
    let entries = services.register.history(&calibrations(), &device, None, how_many.most(50, 500)?).await?;
    Ok(Json(Calibrations { items: entries.iter().filter_map(|entry| Calibration::of(entry, &services)).collect() }))
}

/// `POST /api/v1/devices/{device_id}/calibrations`: computed from the readings of a span, and recorded.
pub(super) async fn record(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    device: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<(StatusCode, Json<Calibration>), Problem> {
    let (device, _) = name_in_path::<100>(device, "device")?;
    let most = format!("at most {LONGEST} bytes");
    let body = whole(body, LONGEST, || refuse("", "more", &most, &format!("au plus {LONGEST} octets"))).await?;
    let wanted: Wanted = json(
        &body,
        "a calibration: profile, and empty_tray or white_tile",
        "un étalonnage : profile, et empty_tray ou white_tile",
    )?;
    let computed = match (&wanted.empty_tray, &wanted.white_tile) {
        (Some(span), None) => empty_tray(&services, device, &wanted.profile, span).await?,
        (None, Some(tile)) => white_tile(&services, device, tile).await?,
        _ => return Err(refuse("", "none or both", "empty_tray or white_tile", "empty_tray ou white_tile")),
    };
    let body = serde_json::to_string(&computed).unwrap_or_else(|_| unreachable!("names and finite numbers"));
    let mut number =
        services.register.history(&calibrations(), &device, None, 1).await?.first().map_or(0, |e| e.version);
    // Calibrations do not depend on each other: whoever is first has the number, and the other the next.
    for _ in 0..16 {
        number = number.saturating_add(1);
        let (at, by) = ((services.now)(), caller.holder());
        let entry = Entry { kind: calibrations(), name: device, version: number, body: body.clone(), at, by };
        if services.register.add(&entry).await? {
            let recorded = Calibration::of(&entry, &services).unwrap_or_else(|| unreachable!("it was just written"));
            return Ok((StatusCode::CREATED, Json(recorded)));
        }
    }
    Err(Problem::busy("too many calibrations of this device at once"))
}

fn refuse(pointer: &str, found: impl std::fmt::Display, limit: &str, french: &str) -> Problem {
    Problem::invalid_body(vec![Violation::new(pointer, found, limit, french)])
}

/// The readings of a device in a span, the oldest first.
async fn readings(services: &Services, device: DeviceId, span: &Span, place: &str) -> Result<Vec<Sample>, Problem> {
    let (from, until) = span.times(place)?;
    let limit = NonZeroU16::new(MOST_READINGS).unwrap_or(NonZeroU16::MIN);
    let after = Some(Cursor::at(until, SampleId::from_bytes([0; 16])));
    let page = services.store.query(&SampleQuery { device_id: Some(device), after, limit }).await?;
    let mut samples = page.items;
    samples.retain(|sample| sample.key.timestamp >= from);
    samples.reverse();
    if samples.len() == usize::from(MOST_READINGS) {
        let (limit, french) =
            (format!("at most {} readings", MOST_READINGS - 1), format!("au plus {} mesures", MOST_READINGS - 1));
        return Err(refuse(place, "too many readings", &limit, &french));
    }
    Ok(samples)
}

async fn empty_tray(
    services: &Services,
    device: DeviceId,
    name: &Name<64>,
    span: &Span,
) -> Result<Calibration, Problem> {
    let profiles = services.intake.profiles();
    let Some((_, profile)) = profiles.get(name) else {
        return Err(refuse("/profile", name, "the name of a profile", "le nom d'un profil"));
    };
    let samples = readings(services, device, span, "/empty_tray").await?;
    let frames = samples.iter().filter_map(|sample| sample.tof.as_ref());
    let found = EmptyTray::from_frames(frames, &profile.tof).map_err(|why| {
        refuse(
            "/empty_tray",
            why,
            "readings of an empty tray by a warm sensor",
            "des mesures d'un plateau vide, capteur chaud",
        )
    })?;
    Ok(computed(device, "empty_tray", &samples, json_of(&found), json_of(&found.reference())))
}

async fn white_tile(services: &Services, device: DeviceId, tile: &Tile) -> Result<Calibration, Problem> {
    let white = readings(services, device, &tile.white, "/white_tile/white").await?;
    let dark = readings(services, device, &tile.dark, "/white_tile/dark").await?;
    let spectra = |samples: &'_ [Sample]| samples.iter().filter_map(|sample| sample.spectrum).collect::<Vec<_>>();
    let (lit, unlit) = (spectra(&white), spectra(&dark));
    let found = WhiteTile::from_readings(lit.iter(), unlit.iter(), tile.reflectance).map_err(|why| {
        refuse(
            "/white_tile",
            why,
            "readings of a white tile, and of darkness",
            "des mesures d'un carreau blanc et de l'obscurité",
        )
    })?;
    Ok(computed(device, "white_tile", &white, json_of(&found), json_of(&found.reference)))
}

fn json_of(found: &impl Serialize) -> Value {
    serde_json::to_value(found).unwrap_or_else(|_| unreachable!("finite numbers"))
}

/// What was found, with what it was found from; there is at least one reading.
fn computed(device: DeviceId, kind: &str, samples: &[Sample], found: Value, reference: Value) -> Calibration {
    let id = |sample: Option<&Sample>| sample.map(|sample| sample.id().to_string()).unwrap_or_default();
    let last = samples.last();
    Calibration {
        number: 0,
        device_id: device.to_string(),
        kind: kind.to_owned(),
        taken_at: last.map(|last| rfc3339(last.key.timestamp)).unwrap_or_default(),
        temperature_c: last.and_then(|last| last.meta.temperature_c),
        age_days: 0.0,
        recorded_at: String::new(),
        recorded_by: None,
        first_sample: id(samples.first()),
        last_sample: id(last),
        found,
        reference,
    }
}
