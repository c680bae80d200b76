//! [`ARROWS`]: which crate may name which.

/// The arrows of the house: a crate, and the crates that it may name. The map in `ARCHITECTURE.md`
/// is drawn from it.
pub const ARROWS: [(&str, &[&str]); 17] = [
    ("sqal-core", &[]),
    ("sqal-resilience", &[]),
    ("sqal-telemetry", &[]),
    ("sqal-sensors", &["sqal-core"]),
    ("sqal-fusion", &["sqal-core"]),
    ("sqal-storage", &["sqal-core", "sqal-resilience"]),
    ("sqal-alerts", &["sqal-client", "sqal-core", "sqal-fusion", "sqal-resilience", "sqal-storage", "sqal-work"]),
    ("sqal-bugs", &["sqal-core", "sqal-resilience", "sqal-storage", "sqal-work"]),
    ("sqal-client", &["sqal-resilience", "sqal-telemetry"]),
    ("sqal-dashboard", &[]),
    ("sqal-grading", &["sqal-core", "sqal-fusion", "sqal-sensors", "sqal-storage"]),
    ("sqal-protocol", &["sqal-core", "sqal-telemetry"]),
    (
        "sqal-intake",
        &["sqal-core", "sqal-grading", "sqal-protocol", "sqal-resilience", "sqal-storage", "sqal-telemetry"],
    ),
    ("sqal-profiling", &["sqal-core", "sqal-resilience", "sqal-storage", "sqal-work"]),
    ("sqal-work", &["sqal-client", "sqal-core", "sqal-resilience", "sqal-storage", "sqal-telemetry"]),
    (
        "sqal-http",
        &[
            "sqal-alerts",
            "sqal-bugs",
            "sqal-core",
            "sqal-dashboard",
            "sqal-fusion",
            "sqal-grading",
            "sqal-intake",
            "sqal-protocol",
            "sqal-resilience",
            "sqal-sensors",
            "sqal-storage",
            "sqal-telemetry",
            "sqal-work",
        ],
    ),
    ("fixtures", &["sqal-core"]),
];
