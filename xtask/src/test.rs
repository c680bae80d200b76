//! `cargo xtask test`: every test of the workspace, with every service that a test needs.

use std::path::Path;
use std::process::Command;

use crate::Failed;
use crate::packages::{self, Programs};
use crate::process::Interrupts;
use crate::report::say;
use crate::services::Services;
use crate::tools;

/// Installs what is missing, starts the services, runs everything, and stops what it started.
///
/// # Errors
///
/// [`Failed`] names the step; nothing is skipped, a test that cannot run fails.
pub fn run(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    say("== tests, doctests, examples");
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace", "--all-features", "--no-fail-fast"]).current_dir(root);
    tells(&mut tests, &programs, &services);
    tests.env("SQAL_TEST_OUTBOX_PYTHON", tools::outbox_strangers(root, interrupts, &programs.python)?);
    tests.env("SQAL_TEST_MOTO", tools::moto(root, interrupts, &programs.python)?);
    tests.env("SQAL_TEST_SCHEMATHESIS", tools::schemathesis(root, interrupts, &programs.python)?);
    tests.env("SQAL_TEST_OTLP_PYTHON", tools::otlp_receiver(root, interrupts, &programs.python)?);
    tests.env("SQAL_TEST_SENTRY_PYTHON", tools::sentry_client(root, interrupts, &programs.python)?);
    interrupts.run(&mut tests)?;
    say("== every interleaving of a few threads");
    let mut interleavings = Command::new("cargo");
    interleavings.args([
        "test",
        "-p",
        "sqal-resilience",
        "--features",
        "tokio",
        "--lib",
        "--test",
        "interleavings",
        "--target-dir",
        "target/model_check",
    ]);
    interrupts.run(interleavings.env("RUSTFLAGS", "--cfg model_check").current_dir(root))?;
    say("== grading links without std and without an allocator");
    links_without_std(root, interrupts)?;
    say("== offline grading knows no runtime");
    let pure = ["offline-grading", "edge-grading", "sqal-core", "sqal-sensors", "sqal-fusion", "sqal-resilience"];
    knows_no_runtime(root, &pure)?;
    say("== all tests passed");
    Ok(())
}

/// Runs the tests whose tools are too large for every run, or that last minutes: `go tool pprof` on
/// the profiles of a server, and a Prometheus with an Alertmanager that call for a killed database.
///
/// # Errors
///
/// [`Failed`] if a test fails, or a program cannot be installed.
pub fn heavy(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let (go, programs) = (packages::go(interrupts)?, packages::ready(interrupts)?);
    say("== heavy tests");
    let mut tests = Command::new("cargo");
    tests.args(["test", "-p", "reference-server", "--features", "heap", "--test", "heavy", "--test", "paging"]);
    tells_programs(&mut tests, &programs);
    interrupts.run(tests.current_dir(root).env("SQAL_TEST_GO", go))
}

/// Makes eleven faults, one after the other, and prints which alerts tell of each.
///
/// # Errors
///
/// [`Failed`] if an alert does not come, or a person is called for something else.
pub fn faults(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let programs = packages::ready(interrupts)?;
    let mut drill = Command::new("cargo");
    drill.args([
        "test",
        "--release",
        "-p",
        "reference-server",
        "--test",
        "fault_drill",
        "--",
        "--nocapture",
        "each_fault",
    ]);
    tells_programs(&mut drill, &programs);
    interrupts.run(drill.current_dir(root).env("SQAL_FAULTS", "11"))
}

/// Tells a command where the servers and their programs are.
fn tells(command: &mut Command, programs: &Programs, services: &Services) {
    command.env("SQAL_TEST_POSTGRES_URL", &services.postgres_url).env("SQAL_TEST_REDIS_URL", &services.redis_url);
    tells_programs(command, programs);
}

/// Tells a command where programs are.
fn tells_programs(command: &mut Command, programs: &Programs) {
    command.env("SQAL_TEST_POSTGRES_PROGRAMS", &programs.postgres).env("SQAL_TEST_CHROMIUM", &programs.chromium);
    command.env("SQAL_TEST_PROMETHEUS", &programs.prometheus);
    command.env("SQAL_TEST_PROMTOOL", programs.prometheus.with_file_name("promtool"));
    command.env("SQAL_TEST_AMTOOL", &programs.amtool);
    command.env("SQAL_TEST_ALERTMANAGER", programs.amtool.with_file_name("prometheus-alertmanager"));
}

/// Kills our process and the databases at random for `cycles` cycles (200 without a number); the
/// seed is printed.
///
/// # Errors
///
/// [`Failed`] if something acknowledged was lost, or a server does not start.
pub fn soak(root: &Path, interrupts: &Interrupts, cycles: Option<&str>) -> Result<(), Failed> {
    let cycles = cycles.unwrap_or("200");
    let number = cycles.parse::<u32>().map_err(|error| Failed(format!("soak: {cycles:?} cycles: {error}")))?;
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    let mut soak = Command::new("cargo");
    soak.args(["test", "-p", "sqal-storage", "--all-features", "--test", "soak", "--", "--nocapture"])
        .current_dir(root);
    tells(&mut soak, &programs, &services);
    interrupts.run(soak.env("SQAL_SOAK_CYCLES", number.to_string()))
}

/// Restarts and kills a server under 200 stations `cycles` times (40 without a number), and its
/// database and cache; the seed is printed.
///
/// # Errors
///
/// [`Failed`] if something acknowledged was lost, or a client was told something else than what is
/// documented.
pub fn rolling(root: &Path, interrupts: &Interrupts, cycles: Option<&str>) -> Result<(), Failed> {
    let cycles = cycles.unwrap_or("40");
    let number = cycles.parse::<u32>().map_err(|error| Failed(format!("rolling: {cycles:?} restarts: {error}")))?;
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    let mut rolling = Command::new("cargo");
    rolling
        .args(["test", "--release", "-p", "reference-server", "--test", "rolling", "--", "--nocapture"])
        .current_dir(root);
    tells(&mut rolling, &programs, &services);
    interrupts.run(rolling.env("SQAL_ROLLING_CYCLES", number.to_string()).env("SQAL_ROLLING_STATIONS", "200"))
}

/// Kills workers and servers over one queue `kills` times (500 without a number); the seed is
/// printed.
///
/// # Errors
///
/// [`Failed`] if an acknowledged job was lost, or if a job was run by two workers at once.
pub fn kills(root: &Path, interrupts: &Interrupts, kills: Option<&str>) -> Result<(), Failed> {
    let kills = kills.unwrap_or("500");
    let number = kills.parse::<u32>().map_err(|error| Failed(format!("kills: {kills:?} kills: {error}")))?;
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    let mut test = Command::new("cargo");
    test.args(["test", "--release", "-p", "reference-server", "--test", "kills", "--", "--nocapture"]);
    test.arg("--test-threads=1").current_dir(root);
    tells(&mut test, &programs, &services);
    interrupts.run(test.env("SQAL_KILLS", number.to_string()))
}

/// Fills a file and a PostgreSQL with `samples` samples (a million without a number), and backs
/// each up, restores it and compares.
///
/// # Errors
///
/// [`Failed`] if what came back is not what was there, or a server does not start.
pub fn drill(root: &Path, interrupts: &Interrupts, samples: Option<&str>) -> Result<(), Failed> {
    let samples = samples.unwrap_or("1000000");
    samples.parse::<u32>().map_err(|error| Failed(format!("drill: {samples:?} samples: {error}")))?;
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    for name in ["filled", "scratch"] {
        let mut psql = Command::new(programs.postgres.join("psql"));
        interrupts.run(psql.args([&services.postgres_url, "-qc", &format!("CREATE DATABASE {name}")]))?;
    }
    for embedded in [true, false] {
        // A folder for each: a million samples are three gigabytes, and as many restored.
        let folder = tempfile::tempdir_in(root.join("target"))?;
        let place = |name: &str| {
            if embedded {
                folder.path().join(name).display().to_string()
            } else {
                format!("{}{name}", services.postgres_url.trim_end_matches("postgres"))
            }
        };
        let mut fill = Command::new("cargo");
        fill.args([
            "run",
            "--quiet",
            "--release",
            "-p",
            "benches",
            "--example",
            "fill",
            "--",
            &place("filled"),
            samples,
        ]);
        interrupts.run(fill.current_dir(root))?;
        let mut drill = Command::new("cargo");
        drill.args(["run", "--quiet", "--release", "-p", "operations", "--bin", "sqal", "--", "drill"]);
        drill.args(["--database", &place("filled"), "--scratch", &place("scratch")]).env("TMPDIR", folder.path());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(programs.postgres.clone()).chain(std::env::split_paths(&path));
        drill.env("PATH", std::env::join_paths(paths).map_err(|error| Failed(error.to_string()))?);
        interrupts.run(drill.current_dir(root))?;
    }
    Ok(())
}

/// Runs a bench that needs servers, with those of this run.
///
/// # Errors
///
/// [`Failed`] if there is no such bench, or a server does not start.
pub fn bench(root: &Path, interrupts: &Interrupts, name: Option<&str>) -> Result<(), Failed> {
    let name = name.ok_or_else(|| Failed("usage: cargo xtask bench <name>, for example storage".to_owned()))?;
    let programs = packages::ready(interrupts)?;
    let services = Services::start(&programs, interrupts)?;
    let mut bench = Command::new("cargo");
    bench.args(["bench", "-p", "benches", "--bench", name]).current_dir(root);
    tells(&mut bench, &programs, &services);
    interrupts.run(&mut bench)
}

/// Links `examples/edge-grading` as a shared library with nothing but the C library's memory
/// functions.
///
/// A second panic handler (that is, std) or a missing allocator ends the link; so does any other
/// undefined symbol. Dead code is kept, so that the link holds the whole chain; that it does is
/// checked too.
fn links_without_std(root: &Path, interrupts: &Interrupts) -> Result<(), Failed> {
    let mut link = Command::new("cargo");
    link.args(["rustc", "--quiet", "-p", "edge-grading", "--profile", "edge", "--crate-type", "cdylib", "--"]);
    link.args(["--cfg", "edge", "-C", "link-dead-code", "-C", "link-arg=-nostdlib", "-C", "link-arg=-lc"]);
    // The host's compiled core names the unwinder's personality; a microcontroller's does not.
    link.args(["-C", "link-arg=-Wl,--no-undefined", "-C", "link-arg=-Wl,--defsym=rust_eh_personality=0"]);
    interrupts.run(link.current_dir(root))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), std::path::PathBuf::from);
    let linked = std::fs::read(target.join("edge/libedge_grading.so"))?;
    for part in ["decode_uld_frame", "TofAnalyzer", "SpectralAnalyzer", "PowerMeanRule", "Decision"] {
        if !linked.windows(part.len()).any(|window| window == part.as_bytes()) {
            return Err(Failed(format!("the linked library does not hold {part}: the proof proves nothing")));
        }
    }
    Ok(())
}

/// Asks cargo whether a crate's tree holds tokio, as a user gets it.
fn knows_no_runtime(root: &Path, crates: &[&str]) -> Result<(), Failed> {
    for name in crates {
        let output = Command::new("cargo")
            .args(["tree", "-p", name, "--edges", "normal", "--no-default-features", "--prefix", "none"])
            .current_dir(root)
            .output()?;
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || !tree.starts_with(name) {
            return Err(Failed(format!("cargo tree -p {name}: {}", String::from_utf8_lossy(&output.stderr))));
        }
        if let Some(line) = tree
            .lines()
            .find(|line| ["tokio ", "mio ", "socket2 ", "tower "].iter().any(|runtime| line.starts_with(runtime)))
        {
            return Err(Failed(format!("{name} knows a runtime: {line}")));
        }
    }
    Ok(())
}
