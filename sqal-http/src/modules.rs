//! [`CORE_MODULES_AVAILABLE`]: which optional parts of this crate were compiled in (ARC-13).

use tracing::warn;

/// The optional parts, and whether each was compiled in.
const MODULES: [(&str, bool); 3] =
    [("dashboard", cfg!(feature = "dashboard")), ("openapi", cfg!(feature = "openapi")), ("ws", cfg!(feature = "ws"))];

/// Whether every optional part was compiled in: the live page, the description of the interface,
/// and the device endpoint. Without one of them everything else works, and
/// [`router`](crate::router) logs `Running without core modules`.
pub const CORE_MODULES_AVAILABLE: bool = MODULES[0].1 && MODULES[1].1 && MODULES[2].1;

/// The parts that were compiled in.
pub(crate) fn available() -> impl Iterator<Item = &'static str> {
    MODULES.into_iter().filter_map(|(name, is_there)| is_there.then_some(name))
}

/// Logs which parts were left out, if any was.
pub(crate) fn tell_missing() {
    tell(&MODULES);
}

fn tell(modules: &[(&str, bool)]) {
    let missing: Vec<_> = modules.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        warn!(missing = missing.join(", "), "Running without core modules");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::logged::LoggedLines;
    use tracing_subscriber::util::SubscriberInitExt;

    fn logged(tell: impl FnOnce()) -> String {
        let lines = LoggedLines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _logging = subscriber.set_default();
        tell();
        lines.text()
    }

    #[test]
    fn arc_13_a_part_that_was_left_out_is_told_in_one_line() {
        assert_eq!(logged(|| tell(&[("dashboard", true), ("ws", true)])), "");
        let told = logged(|| tell(&[("dashboard", false), ("openapi", true), ("ws", false)]));
        assert!(told.contains("WARN") && told.contains("Running without core modules"), "{told}");
        assert!(told.contains("missing=\"dashboard, ws\"") && told.lines().count() == 1, "{told}");
    }

    #[test]
    fn arc_13_this_build_tells_what_it_lacks() {
        let told = logged(tell_missing);
        assert_eq!(told.contains("Running without core modules"), !CORE_MODULES_AVAILABLE, "{told}");
        assert_eq!(available().count() == MODULES.len(), CORE_MODULES_AVAILABLE);
    }
}
