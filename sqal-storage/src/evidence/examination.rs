//! [`Evidence`]: the statements of a database about itself in several places, and where these
//! differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sqal_core::{DeviceId, Name};

use super::written::{Log, decision_line, differs};
use super::{Columns, DecisionRow, Expected, HourRow, Moment, PAGE, Place, Stated, StoredSample, same_objects};
use crate::record::Record;
use crate::{StorageError, audit::Head, evidence::Contents, samples::Tally};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A part of a database that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The subject of the finding, for example `sample 0192… of ESP32_001`.
    pub subject: String,
    /// What is wrong with the subject.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.what)
    }
}

/// The first findings, and the number of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first findings, at most [`Findings::LISTED`].
    pub first: Vec<Finding>,
    /// The number of all findings.
    pub count: u64,
}

impl Findings {
    /// The largest number of listed findings.
    pub const LISTED: usize = 100;

    fn add(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        self.count += 1;
        if self.first.len() < Self::LISTED {
            self.first.push(Finding { subject: subject.into(), what: what.into() });
        }
    }
}

/// The samples of one device in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// The number of samples that can be read.
    pub samples: u64,
    /// The sum of the samples' digests, modulo 2^64.
    pub sum: u64,
}

/// The samples and counts of one device in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceEvidence {
    /// The number of samples that the device's hours count, including samples that were purged
    /// since.
    pub counted: u64,
    /// The samples that the database has, by hour since 1970.
    pub hours: BTreeMap<i64, Bucket>,
}

/// The contents of a database, and everything in it that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The samples.
    pub contents: Contents,
    /// The end of the audit log, as far as its chain is intact.
    pub audit: Head,
    /// The number of decisions in the register.
    pub decisions: u64,
    /// The samples and counts by device.
    pub devices: BTreeMap<DeviceId, DeviceEvidence>,
    /// The number of hours with more samples than were stated: their sums cannot be compared,
    /// because samples came late.
    pub grown: u64,
    /// Why the schema was not compared; `None` if it was compared.
    pub schema_unknown: Option<String>,
    /// The findings: everything that does not agree.
    pub findings: Findings,
}

/// The sums over the rows of an hour.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    tally: Option<Tally>,
    bucket: Bucket,
    unreadable: u64,
}

/// Reads the whole database and compares its parts.
pub(super) async fn examine(moment: &mut dyn Moment, expected: &Expected) -> Result<Evidence, StorageError> {
    let mut evidence = Evidence {
        contents: Contents::default(),
        audit: Head::EMPTY,
        decisions: 0,
        devices: BTreeMap::new(),
        grown: 0,
        schema_unknown: None,
        findings: Findings::default(),
    };
    let mut log = evidence.read_log(moment, expected).await?;
    evidence.read_register(moment, &mut log).await?;
    // The number of samples that are counted in hours cut by a purge and are not in the database.
    let mut missing = 0;
    for device in moment.devices().await? {
        missing += evidence.read_device(moment, &device, &log, expected).await?;
    }
    if log.purged.is_some_and(|purged| missing > purged) {
        let purged = log.purged.unwrap_or_default();
        let what = format!("were counted before the last purge and are not there, {purged} were purged");
        evidence.findings.add(format!("{missing} samples"), what);
    }
    let rows = moment.count().await?;
    let visited = evidence.contents.samples + evidence.contents.unreadable;
    if rows != visited {
        evidence.findings.add("sample", format!("has {rows} rows, and {visited} are found by device and time"));
    }
    evidence.compare_with_stated(&log, expected);
    let schema = moment.schema().await?;
    match schema.expected {
        Ok(expected) => {
            for (object, what) in same_objects(&schema.found, &expected) {
                evidence.findings.add(object, what);
            }
        }
        Err(why) => evidence.schema_unknown = Some(why),
    }
    Ok(evidence)
}

impl Evidence {
    /// Reads the audit log: its chain, the heads that were stated, and its lines about the other
    /// tables.
    async fn read_log(&mut self, moment: &mut dyn Moment, expected: &Expected) -> Result<Log, StorageError> {
        let mut log = Log::new();
        let (mut after, mut whole) = (i64::MIN, true);
        loop {
            let rows = moment.lines(after, PAGE).await?;
            for row in &rows {
                after = row.number;
                let entry = match &row.read {
                    Ok(entry) => entry,
                    Err(what) => {
                        whole = false;
                        self.findings.add(format!("line {} of the audit log", row.number), what.as_str());
                        continue;
                    }
                };
                log.read(entry);
                if !whole {
                    continue;
                }
                match entry.follows(&self.audit) {
                    Ok(head) => self.audit = head,
                    Err(broken) => {
                        whole = false;
                        self.findings.add("the audit log:", broken.to_string());
                    }
                }
                if whole && differs(&expected.heads, &self.audit) {
                    let what = "is not the one that was stated: the log was written anew";
                    self.findings.add(format!("line {} of the audit log", self.audit.number), what);
                }
            }
            if rows.len() < usize::from(PAGE) {
                break;
            }
        }
        if let Some((lines, _)) = expected.heads.last_key_value().filter(|(lines, _)| **lines > self.audit.number) {
            let what = format!("ends after {} lines, {lines} were stated: its end was cut off", self.audit.number);
            self.findings.add("the audit log", what);
        }
        Ok(log)
    }

    /// Reads the register: every decision has its line in the audit log, and every such line has
    /// its decision.
    async fn read_register(&mut self, moment: &mut dyn Moment, log: &mut Log) -> Result<(), StorageError> {
        let mut after: Option<DecisionRow> = None;
        // The last version of each name: versions follow each other.
        let mut last: Option<(String, String, i64)> = None;
        loop {
            let rows = moment.decisions(after.as_ref(), PAGE).await?;
            for row in &rows {
                self.decisions += 1;
                let title = format!("{} {} entry {}", row.kind, row.name, row.version);
                let before = last.take().filter(|(kind, name, _)| *kind == row.kind && *name == row.name);
                let follows = before.map_or(1, |(_, _, version)| version.saturating_add(1));
                if row.version != follows {
                    self.findings.add(title.as_str(), format!("comes where entry {follows} should be"));
                }
                last = Some((row.kind.clone(), row.name.clone(), row.version));
                match &row.read {
                    Err(what) => self.findings.add(title, what.as_str()),
                    Ok(entry) => match log.decisions.get_mut(&decision_line(&entry.action())) {
                        Some(count) if *count > 0 => *count -= 1,
                        _ => self.findings.add(title, "is not what the audit log says was decided"),
                    },
                }
            }
            let full = rows.len() >= usize::from(PAGE);
            after = rows.into_iter().next_back();
            if !full {
                break;
            }
        }
        let mut missing: Vec<_> = log.decisions.iter().filter(|(_, count)| **count > 0).collect();
        missing.sort();
        for ((what, actor, _), _) in missing {
            self.findings.add(format!("{what} by {actor}"), "is in the audit log and not in the register");
        }
        Ok(())
    }

    /// Reads the samples and hours of a device; returns the number of missing samples in purged
    /// hours.
    async fn read_device(
        &mut self,
        moment: &mut dyn Moment,
        device: &str,
        log: &Log,
        expected: &Expected,
    ) -> Result<u64, StorageError> {
        let stored = moment.hours(device).await?;
        let mut hours: BTreeMap<i64, Counted> = BTreeMap::new();
        let mut after: Option<Place> = None;
        loop {
            let rows = moment.samples(Some(device), after.as_ref(), PAGE).await?;
            for row in &rows {
                let counted = hours.entry(row.place.micros.div_euclid(MICROS_PER_HOUR)).or_default();
                if let Ok(stored) = &row.read {
                    self.contents.add(stored.digest, stored.sample.key.timestamp);
                    counted.bucket.samples += 1;
                    counted.bucket.sum = counted.bucket.sum.wrapping_add(stored.digest);
                    let one = Tally::of(&stored.sample);
                    counted.tally = Some(counted.tally.map_or(one, |tally| tally.and(&one)));
                    self.compare_sample(&row.place, stored);
                } else {
                    self.contents.unreadable += 1;
                    counted.unreadable += 1;
                }
            }
            let full = rows.len() >= usize::from(PAGE);
            after = rows.into_iter().next_back().map(|row| row.place);
            if !full {
                break;
            }
        }
        let (counted, missing) = self.compare_hours(device, &stored, &hours, log);
        match Name::stored(device) {
            Ok(name) => {
                let hours = hours.into_iter().map(|(hour, counted)| (hour, counted.bucket)).collect();
                let found = DeviceEvidence { counted, hours };
                self.compare_device(name, &found, log, expected);
                self.devices.insert(name, found);
            }
            Err(why) => self.findings.add(format!("device {device:?}"), why.to_string()),
        }
        Ok(missing)
    }

    /// Compares the columns of a sample's row with the sample's own binary forms.
    fn compare_sample(&mut self, place: &Place, stored: &StoredSample) {
        let sample = &stored.sample;
        let id = sample.id();
        let title = || format!("sample {id} of {}", sample.key.device_id);
        if id.as_bytes().as_slice() != place.id.as_slice() {
            self.findings.add(title(), "stands under another id than its device, time and name give");
        }
        match Record::of(sample, id, "evidence") {
            Ok(record) => {
                for column in stored.columns.differences(&Columns::of(&record)) {
                    self.findings.add(title(), format!("has a {column} that is not what was found"));
                }
            }
            Err(error) => self.findings.add(title(), error.to_string()),
        }
    }

    /// Compares the hours of a device with its samples. Returns the number of samples that the
    /// hours count, and how many of those are missing where a purge may have removed them.
    fn compare_hours(
        &mut self,
        device: &str,
        stored: &[Result<HourRow, String>],
        hours: &BTreeMap<i64, Counted>,
        log: &Log,
    ) -> (u64, u64) {
        let (mut all, mut missing) = (0_u64, 0_u64);
        let mut known = BTreeSet::new();
        for row in stored {
            let row = match row {
                Ok(row) => row,
                Err(what) => {
                    self.findings.add(format!("an hour of {device}"), what.as_str());
                    continue;
                }
            };
            known.insert(row.hour);
            let title = || format!("hour {} of {device}", row.hour);
            let tally = &row.tally;
            all = all.saturating_add(tally.samples());
            if !is_possible(row) {
                self.findings.add(title(), "has figures that no samples come to");
                continue;
            }
            let counted = hours.get(&row.hour).copied().unwrap_or_default();
            let may_be_purged =
                log.samples_before.is_some_and(|before| row.hour.saturating_mul(MICROS_PER_HOUR) < before);
            let counted_anew = log.hours_before.is_some_and(|before| row.hour < before);
            if counted.unreadable > 0 || counted_anew {
                continue;
            }
            let there = counted.bucket.samples;
            if may_be_purged && there < tally.samples() {
                missing = missing.saturating_add(tally.samples() - there);
                if counted.tally.is_some_and(|part| !is_part_of(&part, tally)) {
                    self.findings.add(title(), "counts less than its samples come to");
                }
            } else if there != tally.samples() {
                self.findings.add(title(), format!("counts {} samples, and {there} are there", tally.samples()));
            } else if counted.tally.is_some_and(|sum| sum != *tally) {
                self.findings.add(title(), "has other sums than its samples come to");
            }
        }
        for (hour, counted) in hours {
            let counted_anew = log.hours_before.is_some_and(|before| *hour < before);
            if !known.contains(hour) && !counted_anew && counted.unreadable == 0 {
                let what = format!("is not counted, and {} samples of it are there", counted.bucket.samples);
                self.findings.add(format!("hour {hour} of {device}"), what);
            }
        }
        (all, missing)
    }

    /// Compares a device with what was stated about it.
    fn compare_device(&mut self, name: DeviceId, found: &DeviceEvidence, log: &Log, expected: &Expected) {
        let erased = log.erased.get(name.as_str()).copied().unwrap_or(0);
        if let Some((counted, lines)) = expected.devices.get(&name) {
            let purged = log.last_purge > *lines;
            if found.counted < *counted && erased <= *lines && !purged {
                let what = format!("has {} counted samples, {counted} were stated", found.counted);
                self.findings.add(format!("device {name}"), what);
            }
        }
        for (hour, stated) in expected.hours.get(&name).into_iter().flatten() {
            if erased > stated.lines {
                continue;
            }
            let there = found.hours.get(hour).copied().unwrap_or_default();
            self.compare_hour_with_stated(name, *hour, there, *stated, log);
        }
    }

    fn compare_hour_with_stated(&mut self, name: DeviceId, hour: i64, there: Bucket, stated: Stated, log: &Log) {
        let begins = hour.saturating_mul(MICROS_PER_HOUR);
        let purged = log.last_purge > stated.lines && log.samples_before.is_some_and(|before| begins < before);
        let title = || format!("hour {hour} of {name}");
        if there.samples > stated.samples {
            self.grown += 1;
        } else if there.samples < stated.samples {
            if !purged {
                let what = format!("has {} samples, {} were stated", there.samples, stated.samples);
                self.findings.add(title(), what);
            }
        } else if there.sum != stated.sum {
            self.findings.add(title(), "has other samples than were stated");
        }
    }

    /// Compares the statements about the register, and about devices that have no rows any more.
    fn compare_with_stated(&mut self, log: &Log, expected: &Expected) {
        if self.decisions < expected.decisions {
            let what = format!("has {} decisions, {} were stated", self.decisions, expected.decisions);
            self.findings.add("the register", what);
        }
        let stated: BTreeSet<_> = expected.hours.keys().chain(expected.devices.keys()).copied().collect();
        for name in stated {
            if !self.devices.contains_key(&name) {
                self.compare_device(name, &DeviceEvidence::default(), log, expected);
            }
        }
    }
}

/// Whether a set of samples can have the sums of an hour.
fn is_possible(row: &HourRow) -> bool {
    let tally = &row.tally;
    let hour = |time: sqal_core::Timestamp| time.micros().div_euclid(MICROS_PER_HOUR);
    let graded = tally.grades.iter().fold(0_i64, |sum, count| sum.saturating_add(*count));
    tally.samples > 0
        && tally.grades.iter().all(|count| *count >= 0)
        && (0..=tally.samples).contains(&graded)
        && (0..=graded).contains(&tally.scored)
        && (tally.scored > 0) == tally.score_range.is_some()
        && tally.first <= tally.last
        && hour(tally.first) == row.hour
        && hour(tally.last) == row.hour
}

/// Whether samples with the sums `part` can be among samples with the sums `all`.
fn is_part_of(part: &Tally, all: &Tally) -> bool {
    part.samples <= all.samples
        && part.grades.iter().zip(&all.grades).all(|(part, all)| part <= all)
        && part.scored <= all.scored
        && part.score_sum <= all.score_sum
        && part.score_squares <= all.score_squares
        && part.confidence_sum <= all.confidence_sum
        && all.first <= part.first
        && part.last <= all.last
}

impl Expected {
    /// Makes the evidence the expectation from now on.
    pub fn state(&mut self, evidence: &Evidence) {
        let lines = evidence.audit.number;
        if lines > 0 {
            self.heads.insert(lines, evidence.audit.hash);
        }
        self.decisions = evidence.decisions;
        for (device, found) in &evidence.devices {
            self.devices.insert(*device, (found.counted, lines));
            let hours = self.hours.entry(*device).or_default();
            for (hour, bucket) in &found.hours {
                hours.insert(*hour, Stated { samples: bucket.samples, sum: bucket.sum, lines });
            }
        }
    }
}
