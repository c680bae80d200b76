//! `POST /api/v1/devices/{device_id}/commands`: sends a command to a connected device.
//!
//! The answer of the device is the answer of the request (ING-02, SIM-05).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqal_core::Name;
use sqal_protocol::talk::{Command, Done};
use tracing::info;

use super::parameters::name_in_path;
use crate::devices::commands::NotAnswered;
use crate::door::body::{json, whole};
use crate::door::caller::Caller;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::{ADMINISTRATOR, DEVICE_IN_PATH, Endpoint, post};
use crate::services::Services;

/// The routes of commands.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        post("/api/v1/devices/{device_id}/commands", ADMINISTRATOR, Class::Create, ask)
            .objective(Objective::LONG)
            .once_per_key()
            .described("askDevice", "Devices", "Give a command to a connected device, and return its answer")
            .parameters(&[DEVICE_IN_PATH])
            .takes::<Asked>("The command")
            .gives::<Answered>()
            .problems(&[400, 404, 408, 409, 504])
            .line(
                "gives a command to a device that is connected to this server: \
                 `{\"name\":\"simulator.pause\",\"arguments\":{},\"timeout_secs\":10}`; the answer is that of the \
                 device: `{\"status\":\"done\",\"detail\":null,\"result\":null}`, or `refused` with `detail` \
                 ([protocol.md](protocol.md))",
                "",
            )
            .good_call("/api/v1/devices/ESP32_SIM_1234/commands", 409)
            .bad_call("PUT", "/api/v1/devices/ESP32_SIM_1234/commands", 405),
    ]
}

/// The longest command, in bytes.
const LONGEST: usize = 64 * 1024;

/// The default time that a device may take, in seconds.
const USUAL_SECS: f64 = 10.0;

/// The longest time that a request can give a device, in seconds.
const MOST_SECS: f64 = 60.0;

/// A command for a device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a command: name, arguments, timeout_secs")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Asked {
    /// The name of the command, for example `simulator.pause`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[a-z0-9_.]+$"))]
    name: Name<64>,
    /// The arguments of the command.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    arguments: Map<String, Value>,
    /// How long the device may take, in seconds.
    #[serde(default = "usual_secs")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 60, default = 10))]
    timeout_secs: f64,
}

const fn usual_secs() -> f64 {
    USUAL_SECS
}

/// The answer of a device to a command.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Answered {
    status: Done,
    /// Why the device refuses, or what it says about the command.
    detail: Option<String>,
    /// The result of the command.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    result: Option<Value>,
}

/// Sends the command, and waits for the answer.
pub(crate) async fn ask(
    State(services): State<Arc<Services>>,
    Extension(caller): Extension<Caller>,
    device: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Json<Answered>, Problem> {
    let (device, _) = name_in_path(device, "device")?;
    let Asked { name, arguments, timeout_secs } =
        read(&whole(body, LONGEST, || too_long("more than 65536 bytes")).await?)?;
    let write = |id: &str| Command::new(id, &device, &name, &arguments).text();
    let answered = services.line.commands.ask(&device, Duration::from_secs_f64(timeout_secs), write).await;
    let outcome = match &answered {
        Ok(answer) if answer.status == Done::Done => "done",
        Ok(_) => "refused",
        Err(NotAnswered::Away) => "away",
        Err(NotAnswered::Silent) => "silent",
    };
    // The log must show later which caller stopped the line.
    info!(%caller, device = device.as_str(), name = name.as_str(), outcome, "a command was given to a device");
    services.write_down(&caller, "command", &format!("command {} to {device}: {outcome}", name.as_str()));
    match answered {
        Ok(answer) => Ok(Json(Answered { status: answer.status, detail: answer.detail, result: answer.result })),
        Err(NotAnswered::Away) => Err(Problem::device_away(&device)),
        Err(NotAnswered::Silent) => Err(Problem::device_silent(&device, timeout_secs)),
    }
}

fn too_long(found: &str) -> Problem {
    Problem::wrong("", found, "at most 65536 bytes", "au plus 65536 octets")
}

/// The command, or the problem of a body that is not a valid command.
fn read(body: &[u8]) -> Result<Asked, Problem> {
    let asked: Asked =
        json(body, "a command: name, arguments, timeout_secs", "une commande : name, arguments, timeout_secs")?;
    if !asked.name.as_str().bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.')) {
        let (limit, french) = ("letters a to z, digits, _ and .", "lettres a à z, chiffres, _ et .");
        return Err(Problem::wrong("/name", format!("{:?}", asked.name.as_str()), limit, french));
    }
    if !(1.0..=MOST_SECS).contains(&asked.timeout_secs) {
        let (limit, french) = (format!("1 to {MOST_SECS}"), format!("1 à {MOST_SECS}"));
        return Err(Problem::wrong("/timeout_secs", asked.timeout_secs, limit, french));
    }
    Ok(asked)
}
