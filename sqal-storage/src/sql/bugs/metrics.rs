//! The sums that summary and days are read from: how a change alters them, and how they are read.

use std::collections::BTreeMap;

use sqal_core::Timestamp;

use super::rows::{json, status_after, status_before};
use super::statements;
use crate::StorageError;
use crate::bugs::{BUG_SLOT_MICROS, Bug, BugDay, BugSeverity, BugStatus, BugStep, BugSummary, bug_slot as slot};
use crate::sql::row::Row;
use crate::sql::store::{Engine, SqlRunner};

/// The sum that holds bugs as they are now; the others hold what happened.
const CURRENT: &str = "current";

/// The key of a sum: its measure, its slot, the status, the severity and the category.
type Key = (&'static str, i64, &'static str, &'static str, String);

/// What is added to sums: to each the number of bugs and the microseconds.
#[derive(Debug, Default)]
pub(super) struct Additions(BTreeMap<Key, (i64, i64)>);

/// The beginning of the slot in which a time is.
pub(super) fn slot_begins(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(slot(time).saturating_mul(BUG_SLOT_MICROS)).unwrap_or(time)
}

/// The measure that counts a step.
const fn measure(step: BugStep) -> &'static str {
    match step {
        BugStep::Ended => "ended",
        BugStep::Reopened => "reopened",
    }
}

impl Additions {
    fn add(&mut self, key: Key, bugs: i64, micros: i64) {
        let sums = self.0.entry(key).or_default();
        *sums = (sums.0.saturating_add(bugs), sums.1.saturating_add(micros));
    }

    /// Adds a bug, which was reported at a time, to the current bugs, or takes it from them: 1 or
    /// -1.
    pub(super) fn bug(&mut self, bug: &Bug, reported_at: Timestamp, times: i64) {
        let content = &bug.content;
        let category = content.category.as_ref().map(|category| category.as_str().to_owned()).unwrap_or_default();
        let to_end = |end: Timestamp| end.micros().saturating_sub(reported_at.micros()).max(0);
        let micros = bug.ended_at.map_or(0, to_end);
        let key = (CURRENT, 0, content.status.as_str(), content.severity.as_str(), category);
        self.add(key, times, micros.saturating_mul(times));
    }

    /// Counts a report, or takes it back.
    pub(super) fn report(&mut self, at: Timestamp, times: i64) {
        self.add(("created", slot(at), "", "", String::new()), times, 0);
    }

    /// Counts a step of a bug, if a change was one, or takes it back.
    pub(super) fn step(&mut self, step: Option<BugStep>, at: Timestamp, times: i64) {
        if let Some(step) = step {
            self.add((measure(step), slot(at), "", "", String::new()), times, 0);
        }
    }

    /// Takes back the change of a row of the history.
    pub(super) fn take_back(&mut self, mut row: Row) -> Result<(), String> {
        let at = row.time("changed_at")?;
        let (before, after) = (status_before(&mut row)?, status_after(&mut row)?);
        self.step(BugStep::between(before, after), at, -1);
        Ok(())
    }

    /// Writes the sums. The keys have one order in all transactions, so that none waits for another
    /// that waits for it.
    pub(super) async fn write(mut self, runner: &mut dyn SqlRunner) -> Result<(), StorageError> {
        self.0.retain(|_, sums| *sums != (0, 0));
        if self.0.is_empty() {
            return Ok(());
        }
        let given = |((measure, slot, status, severity, category), (bugs, micros)): (&Key, &(i64, i64))| {
            (*measure, *slot, *status, *severity, category.clone(), *bugs, *micros)
        };
        let text = json(&self.0.iter().map(given).collect::<Vec<_>>());
        runner.run(statements::ADD_TO_METRICS, &[text.as_str().into()]).await?;
        if self.0.values().any(|(bugs, _)| *bugs < 0) {
            runner.run(statements::REMOVE_ZEROS, &[text.as_str().into()]).await?;
        }
        Ok(())
    }
}

/// The summary of its rows.
pub(super) fn to_summary(engine: Engine, rows: Vec<Row>) -> Result<BugSummary, StorageError> {
    let mut summary = BugSummary::default();
    let add = |mut row: Row| -> Result<(), String> {
        let (what, severity) = (row.text("status")?, row.text("severity")?);
        let (bugs, micros): (u64, u64) = (row.unsigned("bugs")?, row.unsigned("micros")?);
        match what.as_str() {
            "created" => summary.created = bugs,
            "ended" => summary.ended = bugs,
            _ => {
                let status = what.parse::<BugStatus>().map_err(|error| format!("status: {error}"))?;
                let severity = severity.parse::<BugSeverity>().map_err(|error| format!("severity: {error}"))?;
                summary.bugs.insert((status, severity), bugs);
                summary.ended_after_micros = summary.ended_after_micros.saturating_add(micros);
            }
        }
        Ok(())
    };
    engine.each(rows, add)?;
    Ok(summary)
}

/// The days between bounds as the JSON that [`statements::DAYS`] takes: the last has no end.
pub(super) fn given_days(bounds: &[Timestamp]) -> String {
    let ends = bounds.iter().skip(1).map(|bound| Some(slot(*bound))).chain([None]);
    json(&bounds.iter().map(|bound| slot(*bound)).zip(ends).collect::<Vec<_>>())
}

/// The days of their rows. The number of bugs that are open is known for now; what happened after a
/// day is taken back, from the last day to the first.
pub(super) fn to_days(engine: Engine, rows: Vec<Row>, bounds: &[Timestamp]) -> Result<Vec<BugDay>, StorageError> {
    // One more than there are days: what happened after the last.
    let mut days = vec![BugDay::default(); bounds.len()];
    let mut open = 0_i64;
    let add = |mut row: Row| -> Result<(), String> {
        let (what, place) = (row.text("measure")?, row.unsigned::<usize>("place")?);
        let value: u64 = row.unsigned("value")?;
        let day = days.get_mut(place).ok_or_else(|| format!("place is {place}: there is no such day"))?;
        match what.as_str() {
            "open" => open = i64::try_from(value).unwrap_or(i64::MAX),
            "created" => day.created = value,
            "ended" => day.ended = value,
            "reopened" => day.reopened = value,
            "median" => day.median_micros = Some(value),
            "ninetieth" => day.ninetieth_micros = Some(value),
            other => return Err(format!("measure is {other:?}: no such measure was asked for")),
        }
        Ok(())
    };
    engine.each(rows, add)?;
    for day in days.iter_mut().rev() {
        day.open = u64::try_from(open).unwrap_or_default();
        let opened = day.created.saturating_add(day.reopened);
        open = open.saturating_add_unsigned(day.ended).saturating_sub_unsigned(opened);
    }
    days.pop();
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StorageErrorKind;
    use crate::sql::row::Cell;

    fn row(measure: &str, place: i64) -> Row {
        Row::new(vec![Cell::Text(measure.to_owned()), Cell::Int(place), Cell::Int(7)])
    }

    #[test]
    fn a_measure_or_a_day_that_was_not_asked_for_is_damage() {
        let bounds = [0, BUG_SLOT_MICROS].map(|micros| Timestamp::from_micros(micros).unwrap());
        let days = |rows: Vec<Row>| to_days(Engine::Sqlite, rows, &bounds);
        let read = days(vec![row("ninetieth", 0), row("median", 0)]).unwrap();
        assert_eq!(read, [BugDay { median_micros: Some(7), ninetieth_micros: Some(7), ..BugDay::default() }]);
        for (damaged, said) in [(row("nintieth", 0), "measure is \"nintieth\""), (row("median", 2), "place is 2")] {
            let kind = days(vec![damaged]).unwrap_err().kind;
            assert!(matches!(&kind, StorageErrorKind::Corrupt(what) if what.starts_with(said)), "{kind:?}");
        }
    }
}
