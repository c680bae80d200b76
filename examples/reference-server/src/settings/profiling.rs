//! [`ProfilingSettings`]: where administrators take profiles of the process, and how long the
//! weekly one lasts.

use std::net::SocketAddr;

use sqal_profiling::ProfilePlan;

use super::access::TOKENS_FILE;
use super::listen::ADDRESS;
use super::row::Setting;
use super::values::Values;

pub(super) const ADMIN_LISTEN: Setting = Setting::plain(
    "SQAL_ADMIN_LISTEN",
    None,
    "an address and a port, for example 127.0.0.1:8001",
    "Where administrators take profiles of the process; without it nowhere",
);

pub(super) const DURATION: Setting = Setting::plain(
    "PROFILING_DURATION_SECONDS",
    Some("30"),
    "a whole number from 0 to 300; 0 takes no weekly profile",
    "How long the weekly CPU profile of the process lasts",
);

/// Where administrators take profiles of the process, and how long the weekly one lasts.
#[derive(Clone, Copy, Debug)]
pub struct ProfilingSettings {
    /// The address on which administrators take profiles; `None` if they take none.
    pub admin_listen: Option<SocketAddr>,
    /// The weekly profile; `None` if there is none.
    pub weekly: Option<ProfilePlan>,
}

impl ProfilingSettings {
    /// Reads the settings. A server without tokens authenticates no caller, so it shows its
    /// profiles on loopback only.
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let admin_listen: Option<SocketAddr> = values.parsed(&ADMIN_LISTEN);
        if let Some(address) = admin_listen {
            if !address.ip().is_loopback() && values.text(&TOKENS_FILE).is_none() {
                let what = format!(
                    "{address} can be reached from other machines, and the server has no authentication: set \
                     SQAL_TOKENS_FILE (`sqal token` makes tokens), or listen on 127.0.0.1"
                );
                values.wrong(&ADMIN_LISTEN, what);
            }
            let is_own = |text: &str| text.parse::<SocketAddr>().is_ok_and(|own| own == address && own.port() > 0);
            if values.text(&ADDRESS).is_some_and(is_own) {
                values.wrong(
                    &ADMIN_LISTEN,
                    format!("{address} is the address of the server itself: choose another port"),
                );
            }
        }
        let frequency = ProfilePlan::default().frequency();
        let weekly = values.read(&DURATION, |text| match text.parse().ok()? {
            0 => Some(None),
            seconds => ProfilePlan::new(seconds, frequency).ok().map(Some),
        });
        Some(Self { admin_listen, weekly: weekly? })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{mistakes, settings, tokens_of};

    #[test]
    fn profiles_are_shown_nowhere_unless_an_address_is_given() {
        let usual = settings(&[], &[]).profiling;
        assert_eq!(usual.admin_listen, None);
        assert_eq!(usual.weekly.map(|plan| (plan.duration(), plan.frequency())), Some((Duration::from_secs(30), 100)));
        let given = settings(&["--admin-listen", "[::1]:8001"], &[("PROFILING_DURATION_SECONDS", "300")]).profiling;
        assert_eq!(given.admin_listen, Some("[::1]:8001".parse().unwrap()));
        assert_eq!(given.weekly.map(|plan| plan.duration().as_secs()), Some(300));
        assert_eq!(settings(&["--profiling-duration-seconds", "0"], &[]).profiling.weekly, None);
    }

    #[test]
    fn profiles_of_a_server_without_tokens_are_not_shown_to_other_machines() {
        let elsewhere = &["--admin-listen", "0.0.0.0:8001"];
        let told = mistakes(elsewhere, &[]);
        let right = "SQAL_ADMIN_LISTEN (--admin-listen): 0.0.0.0:8001 can be reached from other machines";
        assert!(told.len() == 1 && told[0].starts_with(right), "{told:?}");
        let folder = tempfile::tempdir().unwrap();
        let tokens = tokens_of(folder.path(), &["{ role: administrator }"]);
        assert!(settings(elsewhere, &[("SQAL_TOKENS_FILE", tokens.as_str())]).profiling.admin_listen.is_some());
    }

    #[test]
    fn a_value_out_of_its_range_is_told() {
        for (name, value) in [
            ("SQAL_ADMIN_LISTEN", "8001"),
            ("SQAL_ADMIN_LISTEN", "127.0.0.1:8000"),
            ("PROFILING_DURATION_SECONDS", "301"),
            ("PROFILING_DURATION_SECONDS", "-1"),
            ("PROFILING_DURATION_SECONDS", "65536"),
            ("PROFILING_DURATION_SECONDS", "30s"),
        ] {
            let told = mistakes(&[], &[(name, value)]);
            assert!(told.len() == 1 && told[0].starts_with(name), "{value}: {told:?}");
        }
    }
}
