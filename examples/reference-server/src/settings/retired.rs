//! [`refuse`]: variables of the system that SQAL takes the place of, which have no effect here.

use sqal_work::documented::documented_schedules;
use sqal_work::schedule::Zone;

use super::values::{Mistake, Source, Values};

/// The interval of a job, in seconds from the start of its process.
const AUTORUN_INTERVAL: &str = "DISPATCH_AUTORUN_INTERVAL_SEC";

/// Adds a mistake for a variable that is set and has no effect, so that an operator does not rely
/// on it.
pub(super) fn refuse(values: &mut Values, variable: impl Fn(&str) -> Option<String>) {
    if variable(AUTORUN_INTERVAL).is_none_or(|text| text.is_empty()) {
        return;
    }
    let [autorun, ..] = documented_schedules(&Zone::utc());
    let (name, cron) = (autorun.name(), autorun.cron().text());
    let what = format!(
        "an interval that begins with a process is not read: the schedule {name}, `{cron}`, takes its place; remove the \
         variable (docs/work.md)"
    );
    values.mistakes.push(Mistake { name: AUTORUN_INTERVAL, source: Source::Environment, what });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, settings};

    #[test]
    fn job_03_the_interval_of_the_autorun_is_refused_and_its_schedule_named() {
        for value in ["300", "0", "x"] {
            let told = mistakes(&[], &[("DISPATCH_AUTORUN_INTERVAL_SEC", value)]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("DISPATCH_AUTORUN_INTERVAL_SEC (environment): "), "{told:?}");
            assert!(told[0].contains("the schedule dispatch-autorun, `*/5 * * * *`, takes its place"), "{told:?}");
        }
        let _ = settings(&[], &[("DISPATCH_AUTORUN_INTERVAL_SEC", "")]);
    }
}
