//! [`ScheduleSettings`]: the time zone by which scheduled work is due.

use sqal_work::Zone;

use super::row::Setting;
use super::values::Values;

pub(super) const TIME_ZONE: Setting = Setting::plain(
    "SQAL_TIME_ZONE",
    Some("UTC"),
    "a name of the IANA database, for example Europe/Paris",
    "The time zone of the plant, in which scheduled work is due; equal on all servers of one database",
);

/// The time zone by which scheduled work is due.
#[derive(Clone, Debug)]
pub struct ScheduleSettings {
    /// The time zone of the plant.
    pub zone: Zone,
}

impl ScheduleSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        match values.text(&TIME_ZONE)?.parse::<Zone>() {
            Ok(zone) => Some(Self { zone }),
            Err(why) => {
                values.wrong(&TIME_ZONE, why.to_string());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};

    #[test]
    fn the_zone_is_that_of_the_plant_and_utc_by_default() {
        assert_eq!(settings(&[], &[]).schedules.zone.name(), "UTC");
        let french = settings(&[], &[("SQAL_TIME_ZONE", "europe/paris")]);
        assert_eq!(french.schedules.zone.name(), "Europe/Paris");
        for text in ["Paris", "+01:00", "CET-1CEST", " UTC"] {
            let told = mistakes(&["--time-zone", text], &[]);
            let right = format!("SQAL_TIME_ZONE (--time-zone): {text:?} is not a time zone: expected a name");
            assert!(told.len() == 1 && told[0].starts_with(&right), "{told:?}");
        }
    }
}
