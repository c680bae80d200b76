//! `cargo xtask check | test | fuzz | load | jobs | soak | rolling | kills | faults | drill |
//! bench | demo | tidy`: the checks and commands of this repository.

use std::path::Path;
use std::process::ExitCode;

use xtask::process::Interrupts;
use xtask::report::say;
use xtask::{check, demo, fuzz, jobs, load, scenarios, seeded, test, tidy};

const USAGE: &str = "usage: cargo xtask <command>

  check   everything that needs no service: format, lints, docs, layers, features, licences
  test    every test; installs and starts PostgreSQL, Redis, a browser, Prometheus, moto and schemathesis for itself, and stops them
  test heavy  the tests whose tools are too large for every run, or that last minutes: Go, whose pprof opens the profiles of a server; Prometheus and Alertmanager, which call for a killed database
  fuzz [minutes] [target]  searches for bytes that break a promise of a parser (10 minutes for each of fuzz/targets)
  load    stations as load on the server, and on a FastAPI server that does the same job, in the same run
  jobs [jobs]  jobs a second through the queue on PostgreSQL and on a file, with graphile-worker beside it if npm is there
  soak [cycles]  random kills of our process and of the databases: nothing acknowledged may be lost (SQAL_SOAK_SEED repeats one)
  rolling [restarts]  a server under 200 stations is restarted and killed, with its database and cache (SQAL_ROLLING_SEED repeats one)
  kills [kills]  workers and servers over one queue are killed 500 times: no job may be lost or run twice at once (SQAL_KILLS_SEED repeats one)
  faults  eleven faults of a server, its services and its machine: each is told by its alert, and no person is called for anything else
  drill [samples]  fill a file and a PostgreSQL, back up, restore, compare: recovery time and point are printed
  bench <name>   a bench that needs servers, with servers of its own
  demo    the line in a box: server and two simulated stations on http://127.0.0.1:8000 (cargo demo)
  scenarios  the tests that bear a scenario's id, as the table of docs/resilience.md
  seeded     six bugs of the field put into a copy of the breaker, one at a time: the suite must go red
  tidy    the structural part of check alone: arrows, names, first lines, sentences, public surface, the find-it table";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    let interrupts = Interrupts::install();
    let command = std::env::args().nth(1).unwrap_or_default();
    let done = interrupts.and_then(|interrupts| match command.as_str() {
        "check" => check::run(root, &interrupts),
        "test" if std::env::args().nth(2).as_deref() == Some("heavy") => test::heavy(root, &interrupts),
        "test" => test::run(root, &interrupts),
        "fuzz" => fuzz::run(root, &interrupts, std::env::args().nth(2).as_deref(), std::env::args().nth(3).as_deref()),
        "load" => load::run(root, &interrupts),
        "jobs" => jobs::run(root, &interrupts, std::env::args().nth(2).as_deref()),
        "faults" => test::faults(root, &interrupts),
        "kills" => test::kills(root, &interrupts, std::env::args().nth(2).as_deref()),
        "rolling" => test::rolling(root, &interrupts, std::env::args().nth(2).as_deref()),
        "soak" => test::soak(root, &interrupts, std::env::args().nth(2).as_deref()),
        "drill" => test::drill(root, &interrupts, std::env::args().nth(2).as_deref()),
        "bench" => test::bench(root, &interrupts, std::env::args().nth(2).as_deref()),
        "demo" => demo::run(root, &interrupts),
        "scenarios" => scenarios::run(root),
        "seeded" => seeded::run(root),
        "tidy" => tidy::run(root),
        _ => Err(xtask::Failed(USAGE.to_owned())),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            say(&failed.to_string());
            ExitCode::FAILURE
        }
    }
}
