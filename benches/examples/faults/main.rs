//! Measures what 1 000 equal faults a second of 50 devices cost a server that takes frames.
//!
//! Usage: `cargo build --release -p reference-server --bin sqal-server`, then
//! `cargo run --release -p benches --example faults -- [pairs] [seconds] [limit]`.
//!
//! Without arguments there are 10 pairs of windows of 10 seconds, and a limit of 60 000 events of
//! the project in a minute, so that all are accepted. With 6 000, the limit of a project that names
//! none, most are refused with 429. A pair is a window without faults and one with them, on one
//! server. The devices send envelopes that are compressed with gzip, on connections that are kept.
//! They do not wait after 429, as clients of Sentry would.
//!
//! Two lines are measured on SQLite, and on PostgreSQL too if `SQAL_TEST_POSTGRES_URL` names one:
//!
//! 1. 16 stations that send as fast as they are answered, and a new server for each pair. Printed
//!    are the frames a second, and the server's processor time for each frame. The processor time
//!    of the events is in it; that of PostgreSQL is not.
//! 2. 200 stations that send a frame a second, and one server. Printed are the times to the
//!    acknowledgements, and the memory of the server before and after all events.
//!
//! After the faults, the program ends with an error unless the list of bugs has one bug, with
//! all accepted events and 50 devices.
#![allow(clippy::print_stdout, reason = "a program for people")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts and shares of them"
)]

mod bugs;
mod devices;
mod server;
mod stations;
mod window;

use std::time::Duration;

use devices::{DEVICES, EVENTS_PER_SECOND};
use server::{Engine, Failed, Server};
use stations::Stations;
use window::{Pair, Window, spread};

/// How many stations send as fast as they are answered.
const FAST: u32 = 16;

/// How many stations send a frame a second.
const STEADY: u32 = 200;

/// The least frames a second with faults, as a share of those without, that is promised.
const LEAST_RATIO: f64 = 0.95;

/// What is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    pairs: u32,
    /// The length of a window.
    length: Duration,
    /// The events that the server takes in a minute.
    limit: u32,
}

impl Plan {
    fn of(arguments: &[String]) -> Result<Self, Failed> {
        let number = |place: usize, default: u32| -> Result<u32, Failed> {
            let text = arguments.get(place);
            Ok(text.map_or(Ok(default), |text| text.parse::<u32>())?)
        };
        let (pairs, seconds, limit) = (number(0, 10)?, number(1, 10)?, number(2, 60_000)?);
        if arguments.len() > 3 || [pairs, seconds, limit].contains(&0) {
            return Err("usage: faults [pairs] [seconds of a window] [events that are taken in a minute]".into());
        }
        Ok(Self { pairs, length: Duration::from_secs(u64::from(seconds)), limit })
    }
}

/// Measures how much ingest is slower with faults if it uses the whole machine.
async fn saturated(engine: &Engine, plan: Plan) -> Result<(), Failed> {
    println!("{}, {FAST} stations as fast as they are answered, a new server for each pair", engine.name());
    let mut pairs = Vec::new();
    for number in 0..plan.pairs {
        let server = Server::start(engine, plan.limit).await?;
        let stations = Stations::begin(server.address(), FAST, None).await?;
        let pair = Pair::measure(&server, &stations, plan.length, number).await?;
        stations.end().await?;
        let told = bugs::check(server.address(), pair.events.accepted).await?;
        print_pair(number, &pair);
        println!("    {told}; VmHWM {:.1} MiB", server.usage()?.peak_mib);
        pairs.push(pair);
    }
    print_ratios(&pairs);
    Ok(())
}

/// Measures how much later the frames of a usual line are acknowledged with faults.
async fn steady(engine: &Engine, plan: Plan) -> Result<(), Failed> {
    println!("{}, {STEADY} stations with a frame a second each, one server", engine.name());
    let server = Server::start(engine, plan.limit).await?;
    let stations = Stations::begin(server.address(), STEADY, Some(Duration::from_secs(1))).await?;
    let (mut pairs, mut accepted, mut refused) = (Vec::new(), 0, 0);
    for number in 0..plan.pairs {
        let pair = Pair::measure(&server, &stations, plan.length, number).await?;
        print_pair(number, &pair);
        accepted += pair.events.accepted;
        refused += pair.events.refused;
        pairs.push(pair);
    }
    let told = bugs::check(server.address(), accepted).await?;
    let usage = server.usage()?;
    stations.end().await?;
    print_latencies("without faults", &pairs.iter().map(|pair| pair.without).collect::<Vec<_>>());
    print_latencies("with faults", &pairs.iter().map(|pair| pair.with).collect::<Vec<_>>());
    println!("  {told}; {refused} were refused with 429");
    // The first window of the first pair is without faults.
    let before = pairs.first().map_or(f64::NAN, |pair| pair.without.resident_mib[1]);
    println!(
        "  memory of the server: VmRSS {before:.1} MiB before the first event, {:.1} MiB after all; VmHWM {:.1} MiB",
        usage.resident_mib, usage.peak_mib
    );
    Ok(())
}

fn print_pair(number: u32, pair: &Pair) {
    println!("  pair {}", number + 1);
    for (name, window) in [("without", &pair.without), ("with   ", &pair.with)] {
        println!(
            "    {name} {:.0} frames/s ({} refused), {:.1} µs of the server's processor time each; p99 {:.1} ms; \
             {:.0} events/s accepted, {:.0} refused with 429; processors: server {:.2}, this program {:.2}; \
             VmRSS {:.1} to {:.1} MiB",
            window.frames,
            window.refused_frames,
            window.micros_per_frame(),
            window.latency_ms[1],
            window.accepted,
            window.refused,
            window.server,
            window.own,
            window.resident_mib[0],
            window.resident_mib[1],
        );
    }
}

fn print_ratios(pairs: &[Pair]) {
    let median = |of: fn(&Pair) -> f64| spread(pairs.iter().map(of))[1];
    let [least, ratio, most] = spread(pairs.iter().map(Pair::frames_ratio));
    let told = if ratio >= LEAST_RATIO { "at most 5 % less" } else { "MORE THAN 5 % LESS" };
    println!(
        "  median of frames a second: {:.0} without, {:.0} with; ratio {ratio:.3} ({least:.3} to {most:.3}): {told}",
        median(|pair| pair.without.frames),
        median(|pair| pair.with.frames),
    );
    let [least, ratio, most] = spread(pairs.iter().map(Pair::processor_ratio));
    println!(
        "  median of the server's processor time for a frame: {:.1} µs without, {:.1} µs with; ratio {ratio:.3} \
         ({least:.3} to {most:.3}); {:.0} µs for an event",
        median(|pair| pair.without.micros_per_frame()),
        median(|pair| pair.with.micros_per_frame()),
        median(Pair::micros_per_event),
    );
}

fn print_latencies(name: &str, windows: &[Window]) {
    let of = |value: fn(&Window) -> f64| spread(windows.iter().map(value));
    let [worst, in_time, _] = of(|window| window.in_time_percent);
    println!(
        "  {name}: {:.0} frames/s, {in_time:.2} % acknowledged within a second (worst window {worst:.2} %); medians of \
         p50 {:.1} ms, p99 {:.1} ms; slowest {:.1} ms; {:.3} processors of the server",
        of(|window| window.frames)[1],
        of(|window| window.latency_ms[0])[1],
        of(|window| window.latency_ms[1])[1],
        of(|window| window.latency_ms[2])[2],
        of(|window| window.server)[1],
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let plan = Plan::of(&arguments)?;
    #[expect(clippy::disallowed_methods, reason = "a bench is told where its server is")]
    let postgres = std::env::var("SQAL_TEST_POSTGRES_URL").ok().map(Engine::Postgres);
    println!(
        "{} pairs of windows of {} s; {DEVICES} devices send {EVENTS_PER_SECOND} equal events a second, of which {} a \
         minute are taken",
        plan.pairs,
        plan.length.as_secs(),
        plan.limit,
    );
    for engine in [Some(Engine::Sqlite), postgres].into_iter().flatten() {
        saturated(&engine, plan).await?;
        steady(&engine, plan).await?;
        engine.remove_database().await?;
    }
    Ok(())
}
