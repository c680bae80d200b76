//! The metrics of stations, within a bounded number of devices.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::gauge;
use sqal_core::{DeviceId, Timestamp};

use super::cause::Cause;
use super::station_records::StoredStation;
use super::stations::{Held, Stations};
use crate::times::between;

/// A station that sends nothing for less is not silent, however fast it usually is.
const LEAST_SILENCE: Duration = Duration::from_mins(1);

/// The usual pauses after which a station is silent.
const PAUSES: u32 = 5;

/// A station that was not heard of for longer has left the line.
const LEFT: Duration = Duration::from_hours(12);

impl Stations {
    /// Sets the gauges of the stations whose trays this server receives: `station_fault` by
    /// `device` and `cause`, `station_silent` and `station_age_seconds`, the time since its newest
    /// tray, by `device`. Those of a station that another server watches now become 0 once.
    ///
    /// A station is silent while another one sends. If all have stopped, the line has stopped, and
    /// that is no fault of a station.
    pub fn report(&self, now: Timestamp) {
        let mut known = self.known();
        for device in std::mem::take(&mut known.left) {
            show(device, |_| false, false, Duration::ZERO);
        }
        for (device, Held { station, .. }) in &known.held {
            let lasts = |cause| station.watch.faults().iter().any(|fault| fault.cause == cause);
            let is_silent = is_silent(*device, &known.held, now);
            show(*device, lasts, is_silent, between(station.received_at, now));
        }
    }
}

fn show(device: DeviceId, lasts: impl Fn(Cause) -> bool, is_silent: bool, age: Duration) {
    let number = |holds: bool| f64::from(u8::from(holds));
    for cause in Cause::ALL {
        gauge!("station_fault", "device" => device.to_string(), "cause" => cause.as_str()).set(number(lasts(cause)));
    }
    gauge!("station_silent", "device" => device.to_string()).set(number(is_silent));
    gauge!("station_age_seconds", "device" => device.to_string()).set(age.as_secs_f64());
}

/// Whether a station is silent while another one sends.
fn is_silent(device: DeviceId, all: &BTreeMap<DeviceId, Held>, now: Timestamp) -> bool {
    let is_line_running = all.iter().any(|(other, held)| *other != device && !has_stopped(&held.station, now));
    all.get(&device).is_some_and(|held| {
        is_line_running && has_stopped(&held.station, now) && between(held.station.received_at, now) < LEFT
    })
}

/// Whether a station has sent nothing for much longer than usual.
fn has_stopped(station: &StoredStation, now: Timestamp) -> bool {
    let patience = station.usual_pause().map_or(LEAST_SILENCE, |usual| usual.saturating_mul(PAUSES).max(LEAST_SILENCE));
    between(station.received_at, now) > patience
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    /// A station whose trays came with this pause, the last one at this second.
    fn station(last: i64, pause: i64) -> Held {
        let mut station = StoredStation::new(at(last - 20 * pause));
        for tray in (0..20).rev() {
            // Three trays in each delivery.
            for _ in 0..3 {
                station.received(at(last - tray * pause));
            }
        }
        Held::of(station)
    }

    #[test]
    fn a_station_is_silent_only_while_another_one_sends() {
        let name = |text: &str| Name::new(text).unwrap();
        let mut all = BTreeMap::from([(name("A"), station(1000, 5)), (name("B"), station(1200, 5))]);
        assert!(is_silent(name("A"), &all, at(1205)) && !is_silent(name("B"), &all, at(1205)));
        assert!(!is_silent(name("A"), &all, at(1300)), "the line has stopped");
        assert!(!is_silent(name("A"), &all, at(1200 + 13 * 3600)));
        all.insert(name("A"), station(1000, 120));
        assert!(!is_silent(name("A"), &all, at(1205)), "a slow station, or one behind a gateway");
    }
}
