//! `cargo xtask load`: the server under a line of stations, with a FastAPI server that does the
//! same job beside it, in the same run on the same PostgreSQL.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::Failed;
use crate::packages;
use crate::process::Interrupts;
use crate::report::say;
use crate::services::Services;
use crate::tools;

/// What the peer is made of, in the versions that the figures of `docs/http.md` were taken with.
const PEER: [&str; 5] =
    ["fastapi==0.165.0", "uvicorn[standard]==0.54.0", "asyncpg==0.32.0", "numpy==2.4.6", "scipy==1.17.1"];

/// How many stations send as fast as they are answered.
const FAST: &str = "16";

/// For how many seconds.
const SECONDS: &str = "20";

/// Builds, starts both, loads both, and prints what each has done.
///
/// # Errors
///
/// [`Failed`] if something cannot be built or started, or a station is refused.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let programs = packages::ready(interrupts)?;
    let python = tools::environment(root, interrupts, &programs.python, "fastapi-peer-1", &PEER)?.join("bin/python");
    let services = Services::start(&programs, interrupts)?;
    build(root, interrupts)?;
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("release");
    let database = |name: &str| -> Result<String, Failed> {
        let mut psql = Command::new(programs.postgres.join("psql"));
        interrupts.run(psql.args([&services.postgres_url, "-qc", &format!("CREATE DATABASE {name}")]))?;
        Ok(format!("{}{name}", services.postgres_url.trim_end_matches("postgres")))
    };
    let load = |port: u16, process: u32, stations: &str, hertz: &str, seconds: &str| {
        let mut load = Command::new(built.join("examples/load"));
        load.args([&format!("ws://127.0.0.1:{port}/ws/sensors"), &process.to_string(), stations, hertz, seconds]);
        interrupts.run(&mut load)
    };
    let folder = tempfile::tempdir_in(root.join("target"))?;
    {
        let port = free_port()?;
        let mut server = Command::new(built.join("sqal-server"));
        server.args(["--address", &format!("127.0.0.1:{port}"), "--log", "warn", "--data-dir"]).arg(folder.path());
        server.env("DATABASE_URL", database("sqal")?).stdout(Stdio::piped());
        for quota in ["SQAL_CONNECTIONS_PER_MINUTE", "SQAL_FRAMES_PER_MINUTE", "SQAL_CALLS_PER_MINUTE"] {
            server.env(quota, "0");
        }
        let mut server = interrupts.spawn(&mut server)?.ending_with(Signal::TERM);
        server.until("SQAL is ready")?;
        say(&format!("SQAL, {FAST} stations as fast as they are answered"));
        load(port, server.id(), FAST, "0", SECONDS)?;
        say("SQAL, 2000 stations at 0.2 frames a second each");
        load(port, server.id(), "2000", "0.2", SECONDS)?;
    }
    let port = free_port()?;
    let mut peer = Command::new(python);
    peer.args([
        "-m",
        "uvicorn",
        "fastapi_ingest:app",
        "--port",
        &port.to_string(),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]);
    peer.args(["--log-level", "info"]).env("DATABASE_URL", database("peer")?).current_dir(root.join("benches/peers"));
    let mut peer = interrupts.spawn(peer.stderr(Stdio::piped()))?.ending_with(Signal::TERM);
    peer.until_error("Uvicorn running on")?;
    say(&format!("FastAPI, asyncpg and NumPy, {FAST} stations as fast as they are answered"));
    load(port, peer.id(), FAST, "0", SECONDS)
}

fn build(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--package", "reference-server", "--bin", "sqal-server"]);
    build.args(["--package", "benches", "--example", "load"]);
    interrupts.run(build.current_dir(root))
}

fn free_port() -> Result<u16, Failed> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
