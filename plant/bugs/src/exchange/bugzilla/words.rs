//! The words of Bugzilla, as those of a bug here.

use sqal_storage::bugs::{BugPriority, BugSeverity, BugStatus};

/// The severity, and whether the word is known; an unknown word is medium.
pub(super) fn severity(word: &str) -> (BugSeverity, bool) {
    let severity = match word.to_lowercase().as_str() {
        "blocker" | "critical" | "s1" => BugSeverity::Critical,
        "major" | "high" | "s2" => BugSeverity::High,
        "normal" | "medium" | "s3" | "--" | "n/a" | "" => BugSeverity::Medium,
        "minor" | "trivial" | "enhancement" | "low" | "s4" => BugSeverity::Low,
        _ => return (BugSeverity::Medium, false),
    };
    (severity, true)
}

/// The priority; an unknown word is medium.
pub(super) fn priority(word: &str) -> BugPriority {
    match word.to_lowercase().as_str() {
        "highest" | "urgent" | "immediate" | "p1" => BugPriority::Urgent,
        "high" | "p2" => BugPriority::High,
        "low" | "lowest" | "p4" | "p5" => BugPriority::Low,
        _ => BugPriority::Medium,
    }
}

/// The status. An unknown word is a status that an installation has added: with a resolution it is
/// resolved; `None` without one. Without a word, the bug is open.
pub(super) fn status(word: &str, resolution: &str) -> Option<BugStatus> {
    match word.to_uppercase().replace(' ', "_").as_str() {
        "" | "UNCONFIRMED" | "NEW" | "CONFIRMED" | "REOPENED" | "OPEN" => Some(BugStatus::Open),
        "ASSIGNED" | "IN_PROGRESS" => Some(BugStatus::InProgress),
        "RESOLVED" => Some(BugStatus::Resolved),
        "VERIFIED" | "CLOSED" => Some(BugStatus::Closed),
        _ => (!matches!(resolution, "" | "---")).then_some(BugStatus::Resolved),
    }
}
