//! How soon each lasting fault of a station is named, and how often a calm station is accused.
//!
//! `cargo run --release -p station-study -- 1000 100` simulates a thousand
//! shifts without a fault and a hundred occurrences of each fault, and prints the table of
//! `docs/stations.md`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a command")]

use std::collections::BTreeMap;
use std::thread;

use sqal_alerts::station::{StationFault, StationWatch};
use station_study::{Lasting, Shift, TRAYS_OF_A_SHIFT, named};

/// The trays that are seen before a fault begins, beyond those that are learned.
const BEFORE: u32 = 400;

/// The trays that are seen after a fault has begun.
const AFTER: u32 = 200;

/// A shift with the noise of the simulator, or with that of a recorded sensor.
fn of(seed: u64, is_recorded: bool) -> Shift {
    if is_recorded { Shift::recorded(seed) } else { Shift::simulated(seed) }
}

fn main() {
    let mut counts = std::env::args().skip(1).filter_map(|count| count.parse::<u64>().ok());
    let (shifts, occurrences) = (counts.next().unwrap_or(20), counts.next().unwrap_or(20));
    let table = |is_recorded| {
        let rows = Lasting::ALL.map(|fault| row(fault, occurrences, is_recorded));
        (rows, calm(shifts / 2, is_recorded))
    };
    // One thread for each noise.
    let (simulated, recorded) = thread::scope(|scope| {
        let recorded = scope.spawn(|| table(true));
        (table(false), recorded.join().expect("a study has no reason to fail"))
    });
    for (noise, (rows, calm)) in [("simulated", simulated), ("recorded", recorded)] {
        println!(
            "| fault ({noise} noise) | named first | delay in trays: median | 95 % | most | also named | product blamed |"
        );
        println!("|---|---|---|---|---|---|---|");
        for row in rows {
            println!("{row}");
        }
        println!("\n{calm}\n");
    }
}

/// The row of a fault.
fn row(fault: Lasting, occurrences: u64, is_recorded: bool) -> String {
    let (mut delays, mut rightly, mut blamed, mut also) = (Vec::new(), 0, 0, BTreeMap::new());
    for seed in 0..occurrences {
        let mut shift = of(seed, is_recorded);
        let mut watch = StationWatch::new();
        named(&mut watch, &mut shift, BEFORE);
        shift.begin(fault);
        let named = named(&mut watch, &mut shift, AFTER);
        let is_right = |fault_named: &StationFault| fault.causes().contains(&fault_named.cause);
        if let Some((tray, _)) = named.iter().find(|(_, fault)| is_right(fault)) {
            delays.push(*tray);
        }
        rightly += u64::from(named.first().is_some_and(|(_, first)| is_right(first)));
        for (_, other) in named.iter().filter(|(_, other)| !is_right(other)) {
            blamed += u64::from(!other.cause.makes_doubtful() && other.cause.as_str() == "product_changed");
            *also.entry(other.cause.as_str()).or_insert(0) += 1;
        }
    }
    delays.sort_unstable();
    let at = |share: usize| delays.get((delays.len() * share / 100).min(delays.len().saturating_sub(1)));
    let shown = |delay: Option<&u32>| delay.map_or("–".to_owned(), u32::to_string);
    format!(
        "| {fault:?} | {rightly} of {occurrences} | {} | {} | {} | {also:?} | {blamed} |",
        shown(at(50)),
        shown(at(95)),
        shown(delays.last())
    )
}

/// The false alarms of shifts without a fault.
fn calm(shifts: u64, is_recorded: bool) -> String {
    let mut alarms = BTreeMap::new();
    for seed in 0..shifts {
        let (mut shift, mut watch) = (of(1_000_000 + seed, is_recorded), StationWatch::new());
        for (_, fault) in named(&mut watch, &mut shift, TRAYS_OF_A_SHIFT) {
            *alarms.entry(fault.cause.as_str()).or_insert(0_u64) += 1;
        }
    }
    format!("{shifts} shifts without a fault: false alarms {alarms:?}")
}
