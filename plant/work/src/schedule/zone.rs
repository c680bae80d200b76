//! [`Zone`]: a time zone of the IANA database, by its name.

use std::fmt;
use std::str::FromStr;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone of the IANA database, for example `Europe/Paris`.
///
/// The database is part of the program and not read from the machine. So servers that run one
/// version of the program agree about every change of summer time.
///
/// ```
/// use sqal_work::schedule::Zone;
///
/// assert_eq!("europe/paris".parse::<Zone>()?.name(), "Europe/Paris");
/// let told = "Europe/Pariss".parse::<Zone>().unwrap_err().to_string();
/// assert!(told.starts_with("\"Europe/Pariss\" is not a time zone"));
/// # Ok::<(), sqal_work::schedule::InvalidZone>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// A text is not the name of a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time zone: expected a name of the IANA database, for example Europe/Paris or UTC")]
pub struct InvalidZone(pub String);

/// The longest text that is shown in an error, in bytes.
const LONGEST_SHOWN: usize = 64;

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// The name, as the IANA database writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules of the zone.
    pub(super) const fn rules(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    /// Finds a zone by its name, in any case.
    fn from_str(name: &str) -> Result<Self, InvalidZone> {
        let invalid = || InvalidZone(name[..name.floor_char_boundary(LONGEST_SHOWN)].to_owned());
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| invalid())?;
        let name = zone.iana_name().ok_or_else(invalid)?.to_owned();
        Ok(Self { name, zone })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_does_not_exist_is_named() {
        for text in ["", "Europe", "Europe/Pari", "Mars/Olympus", "+01:00", "CET-1CEST", "Etc/Unknown", " UTC", "*"] {
            let told = text.parse::<Zone>().map(|zone| zone.to_string()).unwrap_err().to_string();
            assert!(told.contains(&format!("{text:?} is not a time zone")), "{told}");
        }
        let told = "é".repeat(200).parse::<Zone>().unwrap_err();
        assert_eq!(told.0.chars().count(), LONGEST_SHOWN / 2);
    }

    #[test]
    fn a_zone_is_found_without_a_database_on_the_machine() {
        for name in ["Europe/Paris", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "UTC"] {
            assert_eq!(name.parse::<Zone>().unwrap().name(), name);
        }
        assert_eq!(Zone::utc().name(), "UTC");
    }
}
