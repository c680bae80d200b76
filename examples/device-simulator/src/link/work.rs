//! [`Work`]: the frames that a station still has to send, and the counts of the others.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::time::Duration;

use sqal_core::Timestamp;
use sqal_resilience::outage::Outage;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tracing::{debug, info, warn};

use super::Summary;
use super::messages::Said;
use crate::set_aside::SetAside;
use crate::{Config, Shot, Station};

/// The most frames that are sent and not acknowledged; equal to the server's own credit.
pub(super) const WINDOW: usize = 32;

/// The most frames that are kept while the server is unavailable. At this limit, the station stops
/// measuring.
const MOST_KEPT: usize = 1000;

/// A running station: the frames that it still has to send, and the counts of the others.
pub(super) struct Work {
    pub(super) station: Station,
    pub(super) interval: Duration,
    count: Option<u64>,
    truth: Option<File>,
    truth_outage: Outage,
    /// Frames that are measured and not acknowledged, oldest first. The first `under_way` of them
    /// are sent on this connection.
    pub(super) kept: VecDeque<Shot>,
    pub(super) under_way: usize,
    /// Frames that were refused for a disagreement and will be sent again.
    pub(super) aside: SetAside,
    /// Whether the recordings have ended.
    dry: bool,
    /// Whether measuring is paused by a command.
    pub(super) paused: bool,
    pub(super) summary: Summary,
    /// The connections in a row that failed before a sample was acknowledged.
    pub(super) failures: u64,
    now: fn() -> Timestamp,
}

impl Work {
    /// The work of a station that has not measured yet.
    pub(super) fn of(station: Station, config: &Config, truth: Option<File>, now: fn() -> Timestamp) -> Self {
        Self {
            station,
            interval: config.interval,
            count: config.count,
            truth,
            truth_outage: Outage::default(),
            kept: VecDeque::new(),
            under_way: 0,
            aside: SetAside::default(),
            dry: false,
            paused: false,
            summary: Summary::default(),
            failures: 0,
            now,
        }
    }

    /// Whether nothing is left to measure or to send.
    pub(super) fn is_done(&self) -> bool {
        let enough = self.count.is_some_and(|count| self.summary.persisted + self.summary.duplicate >= count);
        // Refused frames count too: a station is done if all its frames are measured and none is
        // left to send.
        let all_measured = self.dry || self.count.is_some_and(|count| self.summary.measured >= count);
        enough || (all_measured && self.kept.is_empty() && self.aside.is_empty())
    }

    /// Notes that a connection failed. While the server is away, the first failure is logged as a
    /// warning, and the others at level debug.
    pub(super) fn failed(&mut self, url: &str, why: &str) {
        self.failures += 1;
        if self.failures == 1 {
            warn!(url, "connection: {why}");
        } else {
            debug!(url, failures = self.failures, "connection: {why}");
        }
    }

    /// Logs the wait before the next connection (RTY-05).
    pub(super) fn retries(&self, delay: Duration) {
        if self.failures <= 1 {
            info!("Retrying connection in {:.1} seconds", delay.as_secs_f64());
        } else {
            debug!("Retrying connection in {:.1} seconds", delay.as_secs_f64());
        }
    }

    /// Logs a connection. After a failure, whether the server works shows with the next
    /// acknowledgement.
    pub(super) fn connected(&self, url: &str) {
        let waiting = self.kept.len();
        if self.failures == 0 {
            info!(url, waiting, "connected");
        } else {
            debug!(url, waiting, "connected");
        }
    }

    /// Whether another product should be measured.
    pub(super) fn wants_more(&self) -> bool {
        let room = if self.interval.is_zero() { WINDOW } else { MOST_KEPT };
        !self.dry
            && !self.paused
            && self.kept.len() + self.aside.needed() < room
            && self.count.is_none_or(|count| self.summary.measured < count)
    }

    /// Measures the next product. At the end of the recordings, the station has nothing to measure.
    pub(super) fn measure(&mut self) {
        if self.kept.len() + self.aside.len() >= MOST_KEPT && self.aside.forget_one() {
            self.summary.left_with_server += 1;
        }
        match self.station.shoot((self.now)()) {
            Some(shot) => {
                self.summary.measured += 1;
                if let Some(truth) = &shot.truth {
                    self.note_truth(truth);
                }
                self.kept.push_back(shot);
            }
            None => self.dry = true,
        }
    }

    /// Appends the truth of a product to its file, if there is one.
    fn note_truth(&mut self, truth: &str) {
        let Some(file) = &mut self.truth else { return };
        let now = Instant::now().into_std();
        match writeln!(file, "{truth}") {
            Ok(()) => {
                if let Some(recovery) = self.truth_outage.succeeded(now) {
                    info!(missing = recovery.failures, "the truth is written again");
                }
            }
            Err(error) => {
                if self.truth_outage.failed(now) {
                    warn!(%error, "the truth cannot be written to its file");
                }
            }
        }
    }

    /// Handles one message of the server, and returns the reply to it. Answers arrive in the order
    /// of the frames, commands at any time.
    pub(super) fn take(&mut self, message: &Message) -> Result<Option<String>, String> {
        let text = match message {
            Message::Text(text) => text.as_str(),
            Message::Close(frame) => {
                return Err(frame.as_ref().map_or_else(|| "closed".to_owned(), ToString::to_string));
            }
            _ => return Ok(None),
        };
        let said = serde_json::from_str(text).map_err(|error| format!("answer not understood: {error}"))?;
        let answer = match said {
            Said::Ack(answer) => answer,
            Said::Command(command) => return Ok(Some(self.obey(&command))),
            Said::Welcome(_) => return Ok(None),
        };
        let Some(shot) = self.kept.front() else { return Err("an answer to nothing".to_owned()) };
        let grade = answer.final_grade.as_deref().unwrap_or("-");
        match (answer.status.as_str(), &answer.problem) {
            ("persisted", _) => {
                self.summary.persisted += 1;
                self.aside.taken();
                shot.answered(None);
            }
            ("duplicate", _) => {
                self.summary.duplicate += 1;
                self.aside.taken();
                shot.answered(None);
            }
            (_, Some(problem)) if problem.is_disagreement() => {
                warn!("Échantillon {} set aside: {}", shot.sample_id, problem.detail);
                let after = Duration::from_secs(problem.retry_after.unwrap_or(5));
                if let Some(shot) = self.kept.pop_front() {
                    self.aside.put(shot, problem.kept, Instant::now() + after);
                    self.under_way -= 1;
                }
                return Ok(None);
            }
            // The server cannot store now, or this station's token is not valid for it yet. The
            // frame is kept for a later try.
            (_, Some(problem)) if matches!(problem.status, 403 | 429 | 503) => return Err(problem.detail.clone()),
            (_, problem) => {
                self.summary.rejected += 1;
                shot.answered(Some(problem.as_ref().map_or("no reason given", |p| &p.r#type)));
                warn!(
                    "Échantillon {} rejected: {}",
                    shot.sample_id,
                    problem.as_ref().map_or("no reason given", |p| &p.detail)
                );
            }
        }
        if let Some(id) = answer.id {
            if self.failures > 0 {
                info!(failures = self.failures, "connected again: the server acknowledges samples");
                self.failures = 0;
            }
            info!("Échantillon {} {}: {grade}; device: {}", shot.sample_id, answer.status, shot.conclusion);
            self.summary.ids.push(id);
        }
        self.kept.pop_front();
        self.under_way -= 1;
        Ok(None)
    }
}
