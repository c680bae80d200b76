//! The metrics of stations, within a bounded number of devices.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::gauge;
use sqal_core::{DeviceId, Timestamp};

use super::cause::Cause;
use super::stations::{Shown, Stations};
use crate::times::between;

/// A station that sends nothing for less is not silent, however fast it usually is.
const LEAST_SILENCE: Duration = Duration::from_mins(1);

/// The usual intervals after which a station is silent.
const INTERVALS: f64 = 5.0;

/// A station that was not heard of for longer has left the line.
const LEFT: Duration = Duration::from_hours(12);

impl Stations {
    /// Sets the gauges of the stations whose trays this server receives: `station_fault` by
    /// `device` and `cause`, and `station_silent` by `device`.
    ///
    /// A station is silent while another one sends. If all have stopped, the line has stopped, and
    /// that is no fault of a station.
    pub fn report(&self, now: Timestamp) {
        let shown = self.shown();
        for (device, station) in &shown {
            for cause in Cause::ALL {
                let lasts = station.faults.iter().any(|fault| fault.cause == cause);
                gauge!("station_fault", "device" => device.to_string(), "cause" => cause.as_str())
                    .set(f64::from(u8::from(lasts)));
            }
            let is_silent = is_silent(*device, &shown, now);
            gauge!("station_silent", "device" => device.to_string()).set(f64::from(u8::from(is_silent)));
            let age = between(station.received_at, now).as_secs_f64();
            gauge!("station_age_seconds", "device" => device.to_string()).set(age);
        }
    }
}

/// Whether a station is silent while another one sends.
fn is_silent(device: DeviceId, all: &BTreeMap<DeviceId, Shown>, now: Timestamp) -> bool {
    let stopped = |station: &Shown| {
        let patience = station.interval_seconds.map_or(LEAST_SILENCE, |usual| {
            Duration::try_from_secs_f64(usual * INTERVALS).unwrap_or(LEFT).max(LEAST_SILENCE)
        });
        between(station.received_at, now) > patience
    };
    let is_line_running = all.iter().any(|(other, station)| *other != device && !stopped(station));
    all.get(&device)
        .is_some_and(|station| is_line_running && stopped(station) && between(station.received_at, now) < LEFT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn station(received_at: i64, interval: f64) -> Shown {
        Shown { faults: Vec::new(), received_at: at(received_at), interval_seconds: Some(interval) }
    }

    #[test]
    fn a_station_is_silent_only_while_another_one_sends() {
        let name = |text: &str| Name::new(text).unwrap();
        let mut all = BTreeMap::from([(name("A"), station(1000, 5.0)), (name("B"), station(1200, 5.0))]);
        assert!(is_silent(name("A"), &all, at(1205)) && !is_silent(name("B"), &all, at(1205)));
        assert!(!is_silent(name("A"), &all, at(1300)), "the line has stopped");
        all.insert(name("A"), station(1000, 120.0));
        assert!(!is_silent(name("A"), &all, at(1205)), "a slow station");
        assert!(!is_silent(name("A"), &all, at(1200 + 13 * 3600)));
    }
}
