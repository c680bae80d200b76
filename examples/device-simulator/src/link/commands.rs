//! Executes the commands of the server: pause, resume, and the interval between two samples.

use std::time::Duration;

use serde_json::json;
use tracing::info;

use super::messages::Command;
use super::work::Work;

impl Work {
    /// Executes a command of the server (SIM-05), and returns the reply.
    pub(super) fn obey(&mut self, command: &Command) -> String {
        let done = match command.name.as_str() {
            "simulator.pause" => {
                self.paused = true;
                Ok(json!({ "paused": true }))
            }
            "simulator.resume" => {
                self.paused = false;
                Ok(json!({ "paused": false }))
            }
            "simulator.interval" => match command.arguments["seconds"].as_f64().map(Duration::try_from_secs_f64) {
                Some(Ok(interval)) if !interval.is_zero() => {
                    self.interval = interval;
                    Ok(json!({ "seconds": interval.as_secs_f64() }))
                }
                _ => Err("seconds: expected a number above 0".to_owned()),
            },
            name => Err(format!("{name} is not known here: simulator.pause, simulator.resume, simulator.interval")),
        };
        info!(command = command.name, refused = done.as_ref().err(), "a command of the server");
        let id = &command.id;
        match done {
            Ok(result) => json!({ "type": "command_ack", "id": id, "status": "done", "result": result }),
            Err(why) => json!({ "type": "command_ack", "id": id, "status": "refused", "detail": why }),
        }
        .to_string()
    }
}
