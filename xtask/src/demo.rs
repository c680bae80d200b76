//! `cargo demo`: the server with an embedded database and two simulated stations, on one machine,
//! until Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::Failed;
use crate::process::Interrupts;
use crate::report::say;

/// Builds, starts everything, says what to open, and ends in order on Ctrl-C.
///
/// Built without optimisation: two stations send a frame every two seconds, and the first build
/// takes a third of the time of a release build. Built without default features: a demo has no
/// collector of traces, and the protocol of collectors needs crates that nothing else needs.
///
/// # Errors
///
/// [`Failed`] if something cannot be built or started.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    say(
        "building sqal-server and sqal-simulator: about 270 crates, two minutes the first time; cargo shows how far it is",
    );
    let mut build = Command::new("cargo");
    build
        .args(["build", "-p", "reference-server", "-p", "device-simulator", "--no-default-features"])
        .current_dir(root);
    interrupts.run(&mut build)?;
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("debug");
    let data = std::env::var_os("SQAL_DATA_DIR").map_or_else(|| root.join("sqal-data"), PathBuf::from);

    let mut server = Command::new(built.join("sqal-server"));
    server.env("SQAL_DATA_DIR", &data).stdout(Stdio::piped()).current_dir(root);
    let mut server = interrupts.spawn(&mut server)?.ending_with(Signal::INT);
    let ready =
        server.until("SQAL is ready").map_err(|_| Failed("the server did not start; it says above why".to_owned()))?;
    let address =
        ready.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("127.0.0.1:8000").to_owned();

    let mut stations = Vec::new();
    for (name, seed) in [("ESP32_SIM_0001", "1"), ("ESP32_SIM_0002", "2")] {
        let mut station = Command::new(built.join("sqal-simulator"));
        station.args([
            "--device-id",
            name,
            "--seed",
            seed,
            "--interval",
            "2",
            "--url",
            &format!("ws://{address}/ws/sensors/"),
        ]);
        stations.push(interrupts.spawn(&mut station)?.ending_with(Signal::INT));
    }
    say(&format!(
        "\n  SQAL grades two simulated stations with the profile foiegras_standard_barquette.\n\n  \
         the line, live    http://{address}/\n  \
         latest sample     http://{address}/api/sqal/latest\n  \
         health, metrics   http://{address}/health   http://{address}/metrics\n  \
         data folder       {}\n\n  Ctrl-C ends the demo; the data stay.\n",
        data.display()
    ));
    let ended = server.wait()?;
    drop(stations);
    if interrupts.came() {
        say(&format!("SQAL has drained and stopped; every acknowledged sample is in {}", data.display()));
        Ok(())
    } else {
        Err(Failed(format!("the server ended by itself: {ended}")))
    }
}
