//! [`Readers`]: pages and probes that ask the server, and stations that send as fast as they can.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use clap::Parser;
use device_simulator::Config;

use crate::plant::{Plant, token_of};
use crate::process::run;

/// What pages and probes ask for in each second.
const PATHS: [&str; 5] =
    ["/api/v1/samples?limit=20", "/api/v1/devices", "/api/v1/dashboard/metrics", "/health/ready", "/health/live"];

/// Readers of a server, until they are dropped.
pub(crate) struct Readers {
    ticks: Vec<SyncSender<()>>,
}

impl Readers {
    /// Starts a reader for each of the usual paths and for each of `others`. `{}` in a path stands
    /// for a number that is another one in each request.
    pub(crate) fn start(address: &str, others: &[&str]) -> Self {
        let start = |path: &&str| {
            // A reader that still waits for its answer has at most one request before it.
            let (tick, ticks) = sync_channel(1);
            let url = format!("http://{address}{path}");
            std::thread::spawn(move || read(&url, &ticks));
            tick
        };
        Self { ticks: PATHS.iter().chain(others).map(start).collect() }
    }

    /// Has each reader ask once more.
    pub(crate) fn tick(&self) {
        for tick in &self.ticks {
            // The reader waits for an answer.
            let _ = tick.try_send(());
        }
    }
}

/// Requests a URL at each tick.
fn read(url: &str, ticks: &Receiver<()>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(40))).build().into();
    let token = format!("Bearer {}", token_of("marie"));
    for (number, ()) in ticks.iter().enumerate() {
        let request = agent.get(url.replace("{}", &number.to_string())).header("authorization", &token);
        // The server counts the answer; a server that is gone gives none.
        let _ = request.call().map(|mut answer| answer.body_mut().read_to_vec());
    }
}

/// Has another station send this number of samples, as fast as they are acknowledged.
pub(crate) fn flood(plant: &Plant, device: &str, count: u64) {
    let (url, token) = (format!("ws://{}/ws/sensors/", plant.address), token_of("gateway"));
    let arguments = ["sqal-simulator", "--url", &url, "--token", &token, "--device-id", device, "--interval", "0"];
    let mut config = Config::parse_from(arguments);
    config.count = Some(count);
    std::thread::spawn(move || run(&config));
}
