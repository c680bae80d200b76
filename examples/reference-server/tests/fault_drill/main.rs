//! A drill of eleven faults: each is told by its alert, and no person is called for anything else.
//!
//! The rules hold for minutes, so the drill is a time lapse: a real server is scraped each second,
//! and the rules see each page 15 seconds after the one before. A minute of the drill is a quarter
//! of an hour for the rules. This has four consequences:
//!
//! - What happens once a second happens four times a minute for the rules. A rule that asks for
//!   more than one event a second needs more than 15 events in a second of the drill; one that asks
//!   for 20 events in 5 minutes needs 20 in 20 seconds.
//! - Gauges and shares are not changed by the lapse.
//! - The server does not know of it: a call that waits 5 s for a database seems to wait 75 s, and
//!   the server counts its jobs once in 15 minutes. So the delays of the drill are upper bounds.
//! - Six hours lie before a fault, because rules on error budgets look back for hours. The server
//!   does not run for them: its counters are taken to have risen before as they rise in its last
//!   healthy seconds. Windows of 1 and 3 days know these six hours alone, as those of a server that
//!   has been started six hours ago.
//!
//! The first fault is a part of every test run; `cargo xtask faults` runs all and prints the table
//! of `docs/alerts.md`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a drill prints what it has seen")]

#[path = "../../../../sqal-storage/tests/disk/mod.rs"]
mod disk;
mod faults;
mod findings;
mod hours_before;
mod lapse;
#[path = "../runbook/plant.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod plant;
#[path = "../../../../sqal-storage/tests/servers/postgres.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod postgres;
#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod process;
#[path = "../prometheus/mod.rs"]
#[expect(dead_code, reason = "each test file uses its part of the support")]
mod prometheus;
mod seconds;
mod traffic;

use faults::Fault;
use findings::Findings;
use lapse::Lapse;
use seconds::Seconds;
use traffic::Readers;

/// The heads of the table of `docs/alerts.md`.
const HEADS: &str = "\
| fault | how it is made | calls a person, after | told in the shift, after | explained, so not told |
|---|---|---|---|---|";

/// The minutes of the short form: the breaker fires before them, and nothing else may.
const SHORT: u32 = 7;

/// Runs a fault for these minutes of the lapse, and checks what is told. Returns its row.
fn drill(fault: &Fault, minutes: u32) -> String {
    let mut state = (fault.ready)();
    let mut seconds = Seconds::new();
    let readers = Readers::start(&state.plant.address, state.reads);
    let healthy = lapse::healthy_pages(&state.plant, &mut seconds, &readers);
    let mut lapse = Lapse::after(&healthy);
    (state.begin)(&mut state.plant);
    for second in 0..minutes * lapse::SCRAPES_A_MINUTE {
        seconds.next();
        readers.tick();
        (state.each)(&state.plant, second);
        lapse.see(&(state.seen)(&lapse::page(&state.plant)));
    }
    let row = lapse.findings().row(fault);
    println!("{row}");
    check(fault, lapse.findings());
    row
}

/// The alerts of the fault are found, and no other alert calls a person.
fn check(fault: &Fault, findings: &Findings) {
    let missing: Vec<_> = fault.tells.iter().filter(|name| !findings.has(name)).collect();
    assert!(missing.is_empty(), "{}: {missing:?} did not fire:\n{findings:#?}", fault.name);
    let others: Vec<_> = findings.calls().filter(|call| !fault.calls.contains(call)).collect();
    assert!(others.is_empty(), "{}: {others:?} call a person, too:\n{findings:#?}", fault.name);
}

/// `SQAL_FAULTS` faults are made, in their order; one for [`SHORT`] minutes if it is not set.
#[test]
fn each_fault_is_told_by_its_alert_and_no_person_is_called_for_anything_else() {
    #[expect(clippy::disallowed_methods, reason = "how the command tells the test how much to do")]
    let Ok(count) = std::env::var("SQAL_FAULTS") else {
        drill(&faults::ALL[0], SHORT);
        return;
    };
    let count: usize = count.parse().unwrap();
    // A fault whose alerts are wrong does not keep the others from being tried.
    let rows: Vec<_> = faults::ALL
        .iter()
        .take(count)
        .map(|fault| std::panic::catch_unwind(|| drill(fault, fault.minutes)).map_err(|_| fault.name))
        .collect();
    println!("{HEADS}");
    rows.iter().flatten().for_each(|row| println!("{row}"));
    let failed: Vec<_> = rows.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
