//! `/api/v1/system/log`: the filter of the log, which administrators change for a limited time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use serde::{Deserialize, Serialize};
use sqal_core::Timestamp;
use sqal_protocol::time::rfc3339;
use sqal_telemetry::log::{ChangeDuration, InvalidLogFilter, LogControl, LogEndedError, LogFilter, LogState};

use crate::door::body::{json, whole};
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{ADMINISTRATOR, Endpoint, delete, get, put};
use crate::services::Services;

/// The routes of the log.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/system/log", ADMINISTRATOR, Class::Read, show)
            .objective(Objective::ONE)
            .described("getLog", "System", "The filter of this server's log")
            .gives::<LogFilterState>()
            .problems(&[404])
            .line(
                "`filter` (in force), `usual`, and `until`, when the usual filter is in force again; 404 if the program \
                 gives no control of its log",
                "0",
            ),
        put("/api/v1/system/log", ADMINISTRATOR, Class::Create, change)
            .objective(Objective::ONE)
            .described("changeLog", "System", "Change the filter of this server's log for a limited time")
            .takes::<LogFilterChange>("The change")
            .gives::<LogFilterState>()
            .problems(&[400, 404, 408])
            .line(
                "`{\"filter\":\"sqal_http=debug\",\"for_seconds\":900}` lays a filter over the usual one for 1 to 86400 \
                 seconds, 900 by default; a later change replaces an earlier one, and the usual filter comes back by \
                 itself. The answer is that of GET; the change is in the audit log",
                "",
            )
            .good_call("/api/v1/system/log", 400),
        delete("/api/v1/system/log", ADMINISTRATOR, Class::Create, revert)
            .objective(Objective::ONE)
            .described("revertLog", "System", "Put the usual filter of this server's log into force now")
            .gives::<LogFilterState>()
            .problems(&[404])
            .line("puts the usual filter into force now; the answer is that of GET", ""),
    ]
}

/// The longest body, in bytes.
const LONGEST: usize = 8 * 1024;

/// The longest part of a filter in one line of the audit log, in bytes.
const PART: usize = 200;

/// A change of the filter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a change: filter, for_seconds")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct LogFilterChange {
    /// A level (`off`, `error`, `warn`, `info`, `debug`, `trace`) or `target=level`, several with
    /// commas. It is laid over the usual filter.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1024))]
    filter: String,
    /// How long the change lasts, in seconds.
    #[serde(default = "usual_seconds")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 86400, default = 900))]
    for_seconds: u64,
}

fn usual_seconds() -> u64 {
    ChangeDuration::default().get().as_secs()
}

/// The filter of the log.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct LogFilterState {
    /// The filter in force.
    filter: String,
    /// The filter that the program began with.
    usual: String,
    /// When the usual filter is in force again; null if it is in force.
    until: Option<String>,
}

impl From<LogState> for LogFilterState {
    fn from(state: LogState) -> Self {
        let until = state.until.and_then(timestamp).map(rfc3339);
        Self { filter: state.filter.to_string(), usual: state.usual.to_string(), until }
    }
}

/// The time of the system's clock as a timestamp; `None` far outside the present.
fn timestamp(at: SystemTime) -> Option<Timestamp> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?).ok()
}

/// A timestamp as the system's clock has it. A time before 1970 is no time of a server.
fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}

/// `GET /api/v1/system/log`.
pub(crate) async fn show(State(services): State<Arc<Services>>) -> Result<Json<LogFilterState>, Problem> {
    Ok(Json(control(&services)?.state().into()))
}

/// `PUT /api/v1/system/log`.
pub(crate) async fn change(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<LogFilterState>, Problem> {
    let control = control(&services)?;
    let too_long =
        || Problem::wrong("", format!("more than {LONGEST} bytes"), "at most 8192 bytes", "au plus 8192 octets");
    let (over, lasts) = read(&whole(body, LONGEST, too_long).await?)?;
    let state = control.change(&over, lasts, system_time((services.now)()))?;
    for deed in deeds(&over, lasts) {
        services.write_down(&caller, "log", &deed);
    }
    Ok(Json(state.into()))
}

/// `DELETE /api/v1/system/log`.
pub(crate) async fn revert(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<LogFilterState>, Problem> {
    let control = control(&services)?;
    let was_changed = control.state().until.is_some();
    let state = control.revert()?;
    // Without a change there is nothing to write down.
    if was_changed {
        services.write_down(&caller, "log", "log filter: the usual one again");
    }
    Ok(Json(state.into()))
}

/// What the audit log says of a change. It cuts long lines, so a long filter has several.
fn deeds(over: &LogFilter, lasts: ChangeDuration) -> Vec<String> {
    let seconds = lasts.get().as_secs();
    // A filter is ASCII.
    let parts: Vec<_> = over.as_str().as_bytes().chunks(PART).map(String::from_utf8_lossy).collect();
    match &*parts {
        [whole] => vec![format!("log filter {whole} for {seconds} s")],
        parts => (1..)
            .zip(parts)
            .map(|(number, part)| format!("log filter {part} for {seconds} s, part {number} of {}", parts.len()))
            .collect(),
    }
}

fn control(services: &Services) -> Result<&LogControl, Problem> {
    services.plant.log.as_ref().ok_or_else(uncontrolled)
}

fn uncontrolled() -> Problem {
    Problem::not_found("the filter of this server's log cannot be changed: its program gives no control of the log")
}

impl From<LogEndedError> for Problem {
    fn from(_: LogEndedError) -> Self {
        uncontrolled()
    }
}

/// The change of a body, or the problem of a body that is not a valid change.
fn read(body: &[u8]) -> Result<(LogFilter, ChangeDuration), Problem> {
    let LogFilterChange { filter, for_seconds } =
        json(body, "a change: filter, for_seconds", "un changement : filter, for_seconds")?;
    let filter = filter.parse().map_err(|refused| wrong_filter(&refused))?;
    let lasts = ChangeDuration::new(Duration::from_secs(for_seconds))
        .map_err(|_| Problem::wrong("/for_seconds", for_seconds, "1 to 86400", "1 à 86400"))?;
    Ok((filter, lasts))
}

fn wrong_filter(refused: &InvalidLogFilter) -> Problem {
    let found = match refused {
        InvalidLogFilter::Empty => "no directive".to_owned(),
        InvalidLogFilter::TooLong(bytes) => format!("{bytes} bytes"),
        InvalidLogFilter::Directive { number, text } => format!("directive {number}: {text:?}"),
        other => other.to_string(),
    };
    let french = "un niveau (off, error, warn, info, debug, trace) ou cible=niveau, plusieurs avec des virgules, au \
                  plus 1024 octets";
    Problem::wrong("/filter", found, InvalidLogFilter::EXPECTED, french)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The audit log cuts a line after 255 bytes, so that the end of a long filter would be hidden.
    #[test]
    fn a_long_filter_is_written_down_whole() {
        let lasts = ChangeDuration::default();
        let short: LogFilter = "sqal_http=debug".parse().unwrap();
        assert_eq!(deeds(&short, lasts), ["log filter sqal_http=debug for 900 s"]);
        let long: LogFilter = format!("{}sqal=off", "sqal_http=debug,".repeat(60)).parse().unwrap();
        let deeds = deeds(&long, lasts);
        assert!(deeds.iter().all(|deed| deed.len() <= 255), "{deeds:?}");
        let part = |deed: &String| deed["log filter ".len()..].split(" for 900 s").next().unwrap().to_owned();
        let parts: String = deeds.iter().map(part).collect();
        assert_eq!((deeds.len(), parts.as_str()), (5, long.as_str()));
        assert!(deeds[4].ends_with("sqal=off for 900 s, part 5 of 5"), "{deeds:?}");
    }

    #[test]
    fn a_wrong_change_is_refused_with_its_place_in_both_languages() {
        let refused = |body: &str| {
            let problem = read(body.as_bytes()).unwrap_err();
            let violation = &problem.violations[0];
            (
                violation.pointer.clone(),
                violation.value.clone(),
                problem.errors.values().flatten().cloned().collect::<String>(),
            )
        };
        for (body, pointer, found, french) in [
            (r#"{"filter":"info,sqal_http=debgu"}"#, "/filter", "directive 2: \"sqal_http=debgu\"", "directive 2 : "),
            (r#"{"filter":""}"#, "/filter", "no directive", "aucune directive ; attendu : un niveau"),
            (r#"{"filter":"debug","for_seconds":0}"#, "/for_seconds", "0", "attendu : 1 à 86400"),
            (r#"{"filter":"debug","for_seconds":86401}"#, "/for_seconds", "86401", "attendu : 1 à 86400"),
        ] {
            let (place, what, told) = refused(body);
            assert_eq!((place.as_str(), what.as_str()), (pointer, found), "{body}");
            assert!(told.contains(french), "{told}");
        }
        let long = format!(r#"{{"filter":"{}"}}"#, "debug,".repeat(200));
        assert_eq!(refused(&long).1, "1200 bytes");
        for body in [
            "",
            "{}",
            "[]",
            r#"{"filter":1}"#,
            r#"{"filter":"debug","for_seconds":1.5}"#,
            r#"{"filter":"debug","x":1}"#,
        ] {
            assert_eq!(read(body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
        let (filter, lasts) = read(br#"{"filter":"sqal_http=debug"}"#).unwrap();
        assert_eq!((filter.as_str(), lasts), ("sqal_http=debug", ChangeDuration::default()));
    }
}
