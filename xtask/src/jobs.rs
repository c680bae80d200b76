//! `cargo xtask jobs`: jobs that do nothing, through the queue on PostgreSQL and on a file, with
//! graphile-worker beside it on the same PostgreSQL, in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failed;
use crate::packages;
use crate::process::Interrupts;
use crate::report::say;
use crate::services::Services;
use crate::tools;

/// The peer of the comparison that `docs/storage.md` names.
const PEER: &str = "graphile-worker@0.18.0";

/// How many jobs are measured without a number.
const JOBS: &str = "10000";

/// Builds, measures both, and prints the jobs a second of each. Without `npm` the peer is left out.
///
/// # Errors
///
/// [`Failed`] if something cannot be built or started, or a job is lost.
pub fn run(root: &Path, interrupts: &Interrupts, jobs: Option<&str>) -> Result<(), Failed> {
    let jobs = jobs.unwrap_or(JOBS);
    jobs.parse::<u32>().map_err(|error| Failed(format!("jobs: {jobs:?} jobs: {error}")))?;
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--package", "benches", "--example", "jobs"]);
    interrupts.run(build.current_dir(root))?;
    let built = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("release");
    let database = |name: &str| -> Result<String, Failed> {
        let mut psql = Command::new(programs.postgres.join("psql"));
        interrupts.run(psql.args([&services.postgres_url, "-qc", &format!("CREATE DATABASE {name}")]))?;
        Ok(format!("{}{name}", services.postgres_url.trim_end_matches("postgres")))
    };
    let folder = tempfile::tempdir_in(root.join("target"))?;
    let file = folder.path().join("sqal.db").display().to_string();
    for (name, place) in [("PostgreSQL", database("sqal")?), ("a file of SQLite", file)] {
        say(&format!("the queue on {name}, {jobs} jobs, workers of 16 places"));
        interrupts.run(Command::new(built.join("examples/jobs")).args([&place, jobs]))?;
    }
    let modules = match tools::node_modules(root, interrupts, "graphile-peer-1", PEER) {
        Ok(modules) => modules,
        Err(missing) if !interrupts.came() => {
            say(&format!("the peer is left out: {missing}"));
            return Ok(());
        }
        Err(interrupted) => return Err(interrupted),
    };
    say(&format!("{PEER} on PostgreSQL, {jobs} jobs, workers of 16 places"));
    for workers in ["1", "4", "16"] {
        let mut peer = Command::new("node");
        peer.arg(root.join("benches/peers/graphile_jobs.mjs")).args([
            &database(&format!("peer_{workers}"))?,
            workers,
            jobs,
        ]);
        interrupts.run(peer.env("PEER_MODULES", &modules))?;
    }
    Ok(())
}
