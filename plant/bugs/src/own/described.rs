//! What the bugs say that a server reports.

use std::time::Duration;

use sqal_core::Name;
use sqal_storage::bugs::{BugPriority, BugSeverity, BugSource};

use super::{ObservedDevice, OwnRule, minutes};
use crate::book::Fault;
use crate::envelope::text::{first_characters, in_a_line, without_controls, without_mail};
use crate::group;
use crate::group::normal::{file, message as normal_message};
use crate::report::{BugFields, LONGEST_TEXT, LONGEST_TITLE, NewBug};

/// What a bug says.
struct Description {
    rule: OwnRule,
    title: String,
    text: String,
    severity: BugSeverity,
    priority: BugPriority,
    category: &'static str,
}

/// A panic. Its group is its file and its message, because lines move with each version.
pub(super) fn caught_panic(place: &str, message: &str, version: Option<Name<32>>) -> Option<Fault> {
    let is_line = |character: char| character.is_ascii_digit() || character == ':';
    let path = place.trim_end_matches(is_line);
    let message = without_mail(message);
    let description = Description {
        rule: OwnRule::CaughtPanic,
        title: format!("Panic at {path}: {message}"),
        text: format!("The server caught a panic at {place}:\n{message}"),
        severity: BugSeverity::Critical,
        priority: BugPriority::High,
        category: "backend",
    };
    fault(&description, &[&file(path), &normal_message(&message)], None, version)
}

/// A breaker that stays open.
pub(super) fn breaker_open(name: &str, lasted: Duration, version: Option<Name<32>>) -> Option<Fault> {
    let description = Description {
        rule: OwnRule::BreakerOpen,
        title: format!("The breaker {name} stays open"),
        text: format!(
            "The circuit breaker {name} is open for {} minutes: what it guards does not answer, and calls to it are \
             refused.",
            minutes(lasted)
        ),
        severity: BugSeverity::High,
        priority: BugPriority::High,
        category: "backend",
    };
    fault(&description, &[name], None, version)
}

/// A burst of dead letters of a device.
pub(super) fn dead_letters(device: ObservedDevice, count: usize, within: Duration) -> Option<Fault> {
    let description = Description {
        rule: OwnRule::DeadLetterBurst,
        title: format!("What {} sends is refused again and again", device.id),
        text: format!(
            "{count} messages of the device {} became dead letters within {} minutes. They are kept, and can be sent \
             again when the cause is mended.",
            device.id,
            minutes(within)
        ),
        severity: BugSeverity::High,
        priority: BugPriority::Medium,
        category: "firmware",
    };
    fault(&description, &[device.id.as_str()], Some(device), device.firmware)
}

/// A device that does not send.
pub(super) fn device_offline(device: ObservedDevice, lasted: Duration) -> Option<Fault> {
    let description = Description {
        rule: OwnRule::DeviceOffline,
        title: format!("{} is offline", device.id),
        text: format!(
            "The device {} sends nothing for {} minutes, and no end of its work was planned.",
            device.id,
            minutes(lasted)
        ),
        severity: BugSeverity::High,
        priority: BugPriority::Medium,
        category: "hardware",
    };
    fault(&description, &[device.id.as_str()], Some(device), device.firmware)
}

/// An instrument of a station that is at fault.
pub(super) fn station_fault(device: ObservedDevice, cause: &str) -> Option<Fault> {
    let description = Description {
        rule: OwnRule::StationFault,
        title: format!("Station {}: {cause}", device.id),
        text: format!(
            "The state of the station {} names the cause {cause}. Trays that were judged meanwhile are doubtful.",
            device.id
        ),
        severity: BugSeverity::High,
        priority: BugPriority::High,
        category: "hardware",
    };
    fault(&description, &[device.id.as_str(), cause], Some(device), device.firmware)
}

/// A fault of a subject. `None` only if the texts cannot be those of a bug, which they can.
fn fault(
    description: &Description,
    subject: &[&str],
    device: Option<ObservedDevice>,
    version: Option<Name<32>>,
) -> Option<Fault> {
    let Description { rule, title, text, severity, priority, category } = description;
    let new = NewBug::of(BugFields {
        title: Some(first_characters(&in_a_line(title), LONGEST_TITLE)),
        description: Some(first_characters(&without_controls(text), LONGEST_TEXT)),
        severity: Some(severity.as_str().to_owned()),
        priority: Some(priority.as_str().to_owned()),
        category: Some((*category).to_owned()),
        tags: Some(vec![rule.as_str().to_owned()]),
        device_id: device.map(|device| device.id.to_string()),
        firmware_version: version.map(|version| version.to_string()),
        ..BugFields::default()
    });
    let key = group::of_parts(["own", rule.as_str()].into_iter().chain(subject.iter().copied()));
    Some(Fault { key, source: BugSource::Server, new: new.ok()?, firmware: version })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_observation_can_be_described(place in "(?s).{0,300}", text in "(?s).{0,300}", id in "[!-~]{1,100}") {
            let device = ObservedDevice { id: Name::new(&id).unwrap(), firmware: Name::new("2.3.1").ok() };
            prop_assert!(caught_panic(&place, &text, device.firmware).is_some());
            prop_assert!(breaker_open(&text, Duration::MAX, None).is_some());
            prop_assert!(dead_letters(device, 20, Duration::ZERO).is_some());
            prop_assert!(device_offline(device, Duration::MAX).is_some());
            prop_assert!(station_fault(device, &text).is_some());
        }
    }

    #[test]
    fn each_rule_makes_groups_of_its_own() {
        let device = ObservedDevice { id: Name::new("d").unwrap(), firmware: None };
        let faults = [
            caught_panic("d", "d", None),
            breaker_open("d", Duration::ZERO, None),
            dead_letters(device, 20, Duration::ZERO),
            device_offline(device, Duration::ZERO),
            station_fault(device, "d"),
        ];
        let keys: std::collections::BTreeSet<_> = faults.into_iter().flatten().map(|fault| fault.key).collect();
        assert_eq!(keys.len(), 5);
    }
}
