//! `/api/v1/stations`: whether the instruments of each station can be believed, and what is wrong.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use serde::{Deserialize, Serialize};
use sqal_alerts::station::{Cause, Evidence, Quantity, StationFault, StationView};
use sqal_core::{DeviceId, Name};
use sqal_protocol::Violation;
use sqal_protocol::time::rfc3339;

use super::bilingual::Bilingual;
use super::parameters::{HowMany, limit_of, new_name_in_path, unreadable};
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_alerts::AFTER_STATION;
use crate::route::{DEVICE_IN_PATH, ENGINEER, Endpoint, LIMIT, VIEWER, get, post};
use crate::services::Services;

/// The routes of stations.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/stations", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listStations", "Stations", "The stations and their faults, by the names of their devices")
            .parameters(&[LIMIT, AFTER_STATION])
            .gives::<StationList>()
            .problems(&[400])
            .line(
                "`items`: each station with its `state` (`learning`, `well` or `faulty`) and the `faults` that last, each \
                 with its `cause`, since when, what to do and the `evidence`; and `next` for the next page's `after` \
                 (null on the last). `limit` is 1 to 500, by default 50",
                "0; 30 s if another server receives its trays",
            )
            .bad_call("GET", "/api/v1/stations?limit=501", 400),
        get("/api/v1/stations/{device_id}", VIEWER, Class::Read, one)
            .objective(Objective::ONE)
            .described("getStation", "Stations", "One station and its faults")
            .parameters(&[DEVICE_IN_PATH])
            .gives::<Station>()
            .problems(&[404])
            .line("one station, as in the list", "0; 30 s if another server receives its trays")
            .good_call("/api/v1/stations/ESP32_SIM_1234", 404)
            .bad_call("PUT", "/api/v1/stations/ESP32_SIM_1234", 405),
        get("/api/v1/stations/{device_id}/faults", VIEWER, Class::Read, faults)
            .objective(Objective::MANY)
            .described("listStationFaults", "Stations", "The faults of a station, the newest first")
            .parameters(&[DEVICE_IN_PATH, LIMIT])
            .gives::<StationFaults>()
            .problems(&[400, 404])
            .line(
                "`items`: the faults that last and those of the last 400 days that are over (`ended`), the newest first. \
                 `limit` is 1 to 500, by default 50",
                "0; 30 s if another server receives its trays",
            )
            .good_call("/api/v1/stations/ESP32_SIM_1234/faults", 404)
            .bad_call("GET", "/api/v1/stations/ESP32_SIM_1234/faults?limit=0", 400),
        post("/api/v1/stations/{device_id}/relearn", ENGINEER, Class::Create, relearn)
            .objective(Objective::LONG)
            .queries(7)
            .described("relearnStation", "Stations", "Let a station learn anew what is usual")
            .parameters(&[DEVICE_IN_PATH])
            .gives::<Station>()
            .problems(&[404])
            .line(
                "the station forgets what is usual and learns it from its next trays; all its faults end. For after a \
                 repair, a calibration, or a change of product that is meant. Written down in the audit log",
                "",
            )
            .good_call("/api/v1/stations/ESP32_SIM_1234/relearn", 404)
            .bad_call("PUT", "/api/v1/stations/ESP32_SIM_1234/relearn", 405),
    ]
}

/// The most stations and faults in an answer.
const LARGEST_PAGE: u16 = 500;

/// How many stations and faults are in an answer without `limit`.
const USUAL_PAGE: u16 = 50;

/// The parameters of a page of stations. Every one is text first, so that a wrong one can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StationsQuery {
    limit: Option<String>,
    after: Option<String>,
}

/// Whether the instruments of a station can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
enum StationState {
    /// The station learns what is usual. Until then only faults that need no comparison are found.
    Learning,
    /// The station has no fault.
    Well,
    /// The station has a fault.
    Faulty,
}

/// A station as clients read it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Station {
    device_id: String,
    state: StationState,
    /// The faults that last, the first found first.
    faults: Vec<Fault>,
    /// The number of trays that were seen.
    trays: u64,
    /// When its newest tray was received.
    received_at: String,
    /// What was learned as usual; null while the station learns.
    reference: Option<LearnedReference>,
    /// The number of trays that are still needed to learn what is usual, as the server knows it
    /// that answers.
    trays_to_learn: usize,
}

/// What was learned as usual.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct LearnedReference {
    /// The number of the reference; each that is learned anew has the next.
    version: u32,
    /// The time of the first tray that was learned.
    from: String,
    /// The time of the last tray that was learned.
    until: String,
}

/// A lasting change of a station.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Fault {
    /// The cause that explains it best.
    #[cfg_attr(feature = "openapi", schema(schema_with = cause))]
    cause: Cause,
    name: Bilingual,
    /// What to do.
    advice: Bilingual,
    /// The time of the first tray that shows it.
    since: String,
    /// When it was certain enough to be told.
    found: String,
    /// The number of trays from the first that shows it to the one with which it was told.
    delay_trays: u32,
    /// When it was over; null while it lasts.
    ended: Option<String>,
    /// Whether the trays from `since` to `ended` are doubtful, because an instrument is at fault.
    doubtful: bool,
    evidence: Vec<ShownEvidence>,
}

/// A value that differs from what was learned.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ShownEvidence {
    /// What was watched, for example `signal`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    quantity: Quantity,
    /// The unit of both values; empty for shares and logarithms.
    unit: &'static str,
    usual: f64,
    seen: f64,
    /// The change in percent, if the values are natural logarithms.
    change_percent: Option<f64>,
}

/// A page of stations.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct StationList {
    items: Vec<Station>,
    /// What to pass as `after` for the next page; null on the last.
    next: Option<String>,
}

/// The faults of a station, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct StationFaults {
    items: Vec<Fault>,
}

/// The schema of a cause.
#[cfg(feature = "openapi")]
pub(super) fn cause() -> utoipa::openapi::schema::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
    let words = Cause::ALL.map(Cause::as_str);
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words)).build())
}

impl Station {
    fn of(view: &StationView) -> Self {
        let reference = view.reference.map(|span| LearnedReference {
            version: span.version,
            from: rfc3339(span.from),
            until: rfc3339(span.until),
        });
        let state = match (view.faults.is_empty(), &reference) {
            (false, _) => StationState::Faulty,
            (true, None) => StationState::Learning,
            (true, Some(_)) => StationState::Well,
        };
        Self {
            device_id: view.device.to_string(),
            state,
            faults: view.faults.iter().map(Fault::of).collect(),
            trays: view.trays,
            received_at: rfc3339(view.received_at),
            reference,
            trays_to_learn: view.trays_to_learn,
        }
    }
}

impl Fault {
    fn of(fault: &StationFault) -> Self {
        Self {
            cause: fault.cause,
            name: fault.cause.words().into(),
            advice: fault.cause.advice().into(),
            since: rfc3339(fault.since),
            found: rfc3339(fault.found),
            delay_trays: fault.delay,
            ended: fault.ended.map(rfc3339),
            doubtful: fault.cause.makes_doubtful(),
            evidence: fault.evidence.iter().map(ShownEvidence::of).collect(),
        }
    }
}

impl ShownEvidence {
    fn of(evidence: &Evidence) -> Self {
        let Evidence { quantity, usual, seen } = *evidence;
        let change_percent = quantity.is_logarithm().then(|| (seen - usual).exp_m1() * 100.0);
        Self { quantity, unit: quantity.unit(), usual, seen, change_percent }
    }
}

/// `GET /api/v1/stations[?limit=&after=]`: the stations, by the names of their devices.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    query: Result<Query<StationsQuery>, QueryRejection>,
) -> Result<Json<StationList>, Problem> {
    let Query(StationsQuery { limit, after }) = query.map_err(|refused| unreadable(&refused, "limit and after"))?;
    let mut wrong = Vec::new();
    let limit = limit_of(limit, USUAL_PAGE, LARGEST_PAGE, &mut wrong);
    let after = after.and_then(|text| station_of(&text, &mut wrong));
    if !wrong.is_empty() {
        return Err(Problem::invalid_query(wrong));
    }
    let Some(parts) = &services.plant.alerts else { return Ok(Json(StationList { items: Vec::new(), next: None })) };
    let page = parts.stations.page(after.as_ref(), limit, (services.now)()).await?;
    let items = page.items.iter().map(Station::of).collect();
    Ok(Json(StationList { items, next: page.next.map(|device| device.to_string()) }))
}

/// The station that `after` names. A text that is not the name of a device is added to `wrong`.
fn station_of(text: &str, wrong: &mut Vec<Violation>) -> Option<DeviceId> {
    let name = Name::new(text);
    if name.is_err() {
        let (limit, french) = ("the `next` of an earlier page", "le champ next d'une page précédente");
        wrong.push(Violation::new("?after", format!("{text:?}"), limit, french));
    }
    name.ok()
}

/// `GET /api/v1/stations/{device_id}`: one station.
pub(crate) async fn one(
    State(services): State<Arc<Services>>,
    device: Result<Path<String>, PathRejection>,
) -> Result<Json<Station>, Problem> {
    let (device, unknown) = new_name_in_path(device, "station")?;
    let view = services.alerts()?.stations.station(&device, (services.now)()).await?.ok_or(unknown)?;
    Ok(Json(Station::of(&view)))
}

/// `GET /api/v1/stations/{device_id}/faults[?limit=]`: the faults of a station, the newest first.
pub(crate) async fn faults(
    State(services): State<Arc<Services>>,
    device: Result<Path<String>, PathRejection>,
    how_many: Result<Query<HowMany>, QueryRejection>,
) -> Result<Json<StationFaults>, Problem> {
    let (device, unknown) = new_name_in_path(device, "station")?;
    let Query(how_many) = how_many.map_err(|refused| unreadable(&refused, "limit"))?;
    let limit = how_many.most(USUAL_PAGE, LARGEST_PAGE)?;
    let faults = faults_of(&services, &device, unknown).await?;
    Ok(Json(StationFaults { items: faults.iter().take(usize::from(limit)).map(Fault::of).collect() }))
}

/// The faults of a station, the newest first; the problem `unknown` if no server knows the station.
pub(super) async fn faults_of(
    services: &Services,
    device: &DeviceId,
    unknown: Problem,
) -> Result<Vec<StationFault>, Problem> {
    let (stations, now) = (&services.alerts()?.stations, (services.now)());
    stations.faults(device, now).await?.ok_or(unknown)
}

/// `POST /api/v1/stations/{device_id}/relearn`.
pub(crate) async fn relearn(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    device: Result<Path<String>, PathRejection>,
) -> Result<Json<Station>, Problem> {
    let (device, unknown) = new_name_in_path(device, "station")?;
    let view = services.alerts()?.stations.relearn(&device, (services.now)()).await?.ok_or(unknown)?;
    services.write_down(&caller, "station", &format!("station {device}: learns anew what is usual"));
    Ok(Json(Station::of(&view)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_is_shown_as_a_change_in_percent_and_nothing_else_is() {
        let shown = |quantity, seen| ShownEvidence::of(&Evidence { quantity, usual: 2.0, seen }).change_percent;
        let film = shown(Quantity::Signal, 2.0 + 0.3_f64.ln()).unwrap();
        assert!((film + 70.0).abs() < 1e-9, "{film}");
        assert_eq!(shown(Quantity::Light, 2.0), Some(0.0));
        for quantity in [Quantity::Floor, Quantity::MissingTof, Quantity::Age] {
            assert_eq!(shown(quantity, 6.0), None);
        }
    }
}
