//! Simulates the stations of a line as load on a server, and prints its throughput and latency.
//!
//! Usage: `load <ws://…/ws/sensors> <process> <stations> <frames a second of each; 0: as fast as
//! answered> <seconds>`.
//!
//! It prints the acknowledgements a second, and per second of the server process's processor time.
//! It also prints the time from a frame to its acknowledgement (median and 99 %), and the memory
//! that the server process has grown by for each connection.
#![allow(clippy::print_stdout, reason = "a program for people")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts and shares of them"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use fixtures::scene::{Fault, Scene, Station};
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use sqal_core::Channel;
use tokio::sync::Barrier;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The unanswered frames of a station that sends as fast as it is answered.
const WINDOW: usize = 16;

/// The seconds of processor time that a process has used, and its memory in KiB.
fn used(process: u32) -> Result<(f64, f64), Failed> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The process name in brackets may contain spaces.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    Ok((ticks / 100.0, resident.trim().trim_end_matches(" kB").parse()?))
}

/// A frame of a good product from a station that sends all matrices, split at its names and its
/// time.
fn template() -> Result<[String; 4], Failed> {
    let reading = Station::new(1).read(Scene::GOOD, Fault::None);
    let (Some(tof), Some(spectrum)) = (reading.frame, reading.spectrum) else { return Err("a whole reading".into()) };
    let tof = tof.reading();
    let channels: serde_json::Map<_, _> =
        Channel::ALL.iter().map(|channel| (channel.as_str().to_owned(), spectrum.counts(*channel).into())).collect();
    let frame = json!({
        "type": "sensor_data", "timestamp": "@1", "device_id": "@2", "sample_id": "@3",
        "vl53l8ch": {
            "distance_matrix": tof.distance_mm.rows(),
            "reflectance_matrix": tof.reflectance_percent.as_ref().map(|grid| *grid.rows()),
            "amplitude_matrix": tof.amplitude_kcps.as_ref().map(|grid| *grid.rows()),
            "sigma_matrix": tof.sigma_mm.as_ref().map(|sigma| *sigma.rows()),
            "status_matrix": tof.status.as_ref().map(|status| *status.map(|code| code.0).rows()),
        },
        "as7341": {
            "channels": channels,
            "integration_time": spectrum.integration_time().millis(),
            "gain": spectrum.gain().multiplier(),
        },
        "meta": { "firmware_version": "1.0.0", "temperature_c": 4.0, "humidity_percent": 60.0, "config_profile": "foiegras_standard_barquette" },
    });
    let text = frame.to_string();
    let mut parts: Vec<(usize, &str)> =
        ["@1", "@2", "@3"].iter().filter_map(|mark| Some((text.find(mark)?, *mark))).collect();
    parts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, mark) in parts {
        pieces.push(format!("{}{mark}", &text[from..at]));
        from = at + mark.len();
    }
    pieces.push(text[from..].to_owned());
    pieces.try_into().map_err(|_| "three places".into())
}

fn frame(template: &[String; 4], time: &str, device: &str, sample: u64) -> String {
    let mut text = template.concat();
    for (mark, value) in [("@1", time), ("@2", device), ("@3", &format!("S-{sample}"))] {
        text = text.replacen(mark, value, 1);
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "a program that measures time")]
fn now() -> Instant {
    Instant::now()
}

/// A time of this machine as RFC 3339 in whole milliseconds, which differs for all frames of one
/// station.
fn rfc3339(later: u64) -> String {
    #[expect(clippy::disallowed_methods, reason = "a station stamps its samples with its own clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(0) - 250_000 + later % 500_000;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    // Days since 1970 as a date (Hinnant, chrono-compatible low-level date algorithms).
    let (days, of_day) = (i64::try_from(seconds / 86_400).unwrap_or(0), seconds % 86_400);
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

struct Load {
    template: [String; 4],
    url: String,
    every: Option<Duration>,
    length: Duration,
    acknowledged: AtomicU64,
    refused: AtomicU64,
}

/// Runs one station, and returns the microseconds from each frame to its answer.
async fn station(load: Arc<Load>, number: u64, ready: Arc<Barrier>) -> Result<Vec<u32>, Failed> {
    let (socket, _) = connect_async(&load.url).await?;
    let (mut sink, mut stream) = socket.split();
    ready.wait().await;
    let (begun, device) = (now(), format!("LOAD_{number:05}"));
    let (mut times, mut sent, mut under_way) = (Vec::new(), 0_u64, std::collections::VecDeque::new());
    // Stations start at different times.
    let mut next = begun + load.every.map_or(Duration::ZERO, |every| every.mul_f64(number as f64 * 0.618 % 1.0));
    loop {
        let over = begun.elapsed() >= load.length;
        if over && under_way.is_empty() {
            break;
        }
        let may_send = !over && under_way.len() < WINDOW;
        if may_send && now() >= next {
            let text = frame(&load.template, &rfc3339(sent), &device, sent);
            under_way.push_back(now());
            sink.send(Message::text(text)).await?;
            sent += 1;
            next = load.every.map_or(next, |every| next + every);
            continue;
        }
        tokio::select! {
            answer = stream.next() => {
                let Message::Text(text) = answer.ok_or("closed")?? else { continue };
                let took = under_way.pop_front().ok_or("an answer to nothing")?.elapsed();
                times.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
                let counter = if text.contains("\"persisted\"") { &load.acknowledged } else { &load.refused };
                counter.fetch_add(1, Ordering::Relaxed);
            }
            () = tokio::time::sleep_until(next.into()), if may_send => {}
            () = tokio::time::sleep_until((begun + load.length).into()), if !over => {}
        }
    }
    // Connections stay open until the memory of all of them is measured.
    ready.wait().await;
    let _ = sink.close().await;
    Ok(times)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, process, stations, hertz, seconds] = arguments.as_slice() else {
        return Err("usage: load <url> <process> <stations> <frames a second of each, or 0> <seconds>".into());
    };
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let (process, stations, hertz): (u32, u64, f64) = (process.parse()?, stations.parse()?, hertz.parse()?);
    let load = Arc::new(Load {
        template: template()?,
        url: url.clone(),
        every: (hertz > 0.0).then(|| Duration::from_secs_f64(1.0 / hertz)),
        length: Duration::from_secs(seconds.parse()?),
        acknowledged: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    let (_, idle) = used(process)?;
    let ready = Arc::new(Barrier::new(usize::try_from(stations)? + 1));
    let mut tasks = Vec::new();
    for number in 0..stations {
        tasks.push(tokio::spawn(station(Arc::clone(&load), number, Arc::clone(&ready))));
        // The queue of a listener may have room for a hundred connections only, so they are opened
        // in groups of fifty.
        if number % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    ready.wait().await;
    let (before, begun) = (used(process)?, now());
    ready.wait().await;
    let (after, took) = (used(process)?, begun.elapsed().as_secs_f64());
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    times.sort_unstable();
    let at =
        |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, |micros| f64::from(*micros) / 1000.0);
    let acknowledged = load.acknowledged.load(Ordering::Relaxed) as f64;
    println!(
        "{acknowledged} acknowledged ({} refused) in {took:.1} s: {:.0} a second, {:.0} per second of the process's processor time; \
         p50 {:.1} ms, p99 {:.1} ms; idle {:.1} MiB, {:.1} KiB a connection",
        load.refused.load(Ordering::Relaxed),
        acknowledged / took,
        acknowledged / (after.0 - before.0),
        at(0.5),
        at(0.99),
        idle / 1024.0,
        (after.1 - idle) / stations as f64,
    );
    Ok(())
}
