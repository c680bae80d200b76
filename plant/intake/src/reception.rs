//! [`Reception`]: takes a frame from its sender, judges it, stores the sample, and answers.

use sqal_core::{DeviceId, Purpose, Sample, Timestamp};
use sqal_protocol::answer::Answer;
use sqal_protocol::document::frame_of;
use sqal_protocol::encoding::read_again;
use sqal_protocol::frame::traceparent_of;
use sqal_protocol::{Problem, time};
use sqal_resilience::Clock;
use sqal_storage::{Inserted, StorageError, StorageErrorKind, WriteError, WriterHandle};
use tracing::{Instrument, debug, trace_span};

use crate::conflicts::NameConflicts;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::disagreement::{Disagreement, Lasting, Refusal};
use crate::intake::{Accepted, Intake};
use crate::judged::count_judged;
use crate::observer::SampleObserver;
use crate::presence::Presence;
use crate::quota::FrameQuota;
use crate::sender::{Holder, Sender};
use crate::traced::Judging;

/// The parts through which a frame becomes a stored sample, borrowed while it does.
///
/// A carrier of frames (a WebSocket, a batch) calls [`judge`](Self::judge) for each frame, in the
/// order in which its device has sent them, then [`hand_in`](Self::hand_in) for each sample, and
/// answers with [`answer`].
///
/// The carrier makes these calls within a span of `tracing` for each frame, with a field
/// `traceparent` that is still empty. `judge` records the trace there that the frame names.
#[derive(Clone, Copy)]
pub struct Reception<'a> {
    /// Judges frames.
    pub intake: &'a Intake,
    /// The devices that have sent.
    pub presence: &'a Presence,
    /// Frames that were refused for good.
    pub dead_letters: &'a DeadLetters,
    /// Readings whose name is taken by another reading.
    pub conflicts: &'a NameConflicts,
    /// Stores samples.
    pub writer: &'a WriterHandle,
    /// How many frames a device may send.
    pub quota: &'a dyn FrameQuota,
    /// Is told of every sample that was stored.
    pub observer: &'a dyn SampleObserver,
    /// Wall time.
    pub now: &'a (dyn Fn() -> Timestamp + Send + Sync),
    /// Monotonic time.
    pub clock: &'a dyn Clock,
}

impl std::fmt::Debug for Reception<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reception").field("intake", &self.intake).finish_non_exhaustive()
    }
}

impl Reception<'_> {
    /// Judges a frame.
    ///
    /// # Errors
    ///
    /// The [`Problem`] of a frame that is not valid, whose sender may not hand in samples of its
    /// device, or whose device has sent too many. A frame that is refused for good is kept as a
    /// dead letter.
    pub fn judge(&self, sender: &Sender, text: &str) -> Result<Accepted, Problem> {
        let judging = Judging::begin();
        let judged = judging.in_scope(|| self.intake.judge(text));
        self.follow(&judging, text, judged.as_ref().map_err(|refusal| &**refusal));
        let accepted = judged.map_err(|refusal| self.refused(sender, text, *refusal))?;
        let device = accepted.sample.key.device_id;
        if !sender.speaks_for(&device) {
            return Err(self.stranger(sender, text, &device));
        }
        let counted = self.quota.take_frames(device, 1, self.clock.now());
        match counted.filter(|answer| !answer.allowed) {
            None => {
                self.intake.remember(&accepted);
                Ok(accepted)
            }
            Some(answer) => Err(Problem::too_many_requests(answer.retry_after_seconds())),
        }
    }

    /// Makes a frame part of the trace that it names, also if the frame is refused.
    fn follow(&self, judging: &Judging, text: &str, judged: Result<&Accepted, &Refusal>) {
        match judged {
            Ok(accepted) => {
                let Sample { key, received_at, .. } = &accepted.sample;
                if let Some(device) = accepted.traceparent {
                    judging.belongs_to(device, Some(key.timestamp), *received_at);
                }
                if accepted.traceparent_ignored {
                    metrics::counter!("traceparents_refused_total").increment(1);
                    debug!(device_id = %key.device_id, "the traceparent of a frame is not valid and is ignored");
                }
            }
            // A refused frame is read once more, if it was not too long to be read at all.
            Err(refusal) if judging.is_followed() && text.len() <= self.intake.limits().bytes => {
                let measured = refusal.disagreement.map(|disagreement| disagreement.measured);
                if let Some(device) = traceparent_of(text) {
                    judging.belongs_to(device, measured, (self.now)());
                }
            }
            Err(_) => {}
        }
    }

    /// The problem with which a refused frame is answered.
    ///
    /// A frame that is wrong is kept as a dead letter. If the frame's device and this server only
    /// disagree, the device keeps the frame, and this server keeps a copy if the disagreement
    /// lasts.
    fn refused(&self, sender: &Sender, text: &str, refusal: Refusal) -> Problem {
        let Refusal { mut problem, disagreement } = refusal;
        let Some(Disagreement { device_id, measured, fault }) = disagreement else {
            self.keep_letter(text, &problem, sender.holder);
            return problem;
        };
        if !sender.speaks_for(&device_id) {
            return self.stranger(sender, text, &device_id);
        }
        let (wall, now) = ((self.now)(), self.clock.now());
        if self.presence.disagrees(device_id, fault, measured, wall, now) {
            problem.retry_after = Some(Lasting::LATER);
            problem.kept = self.dead_letters.keep_copy(text, &problem, sender.holder, wall, now);
        }
        problem
    }

    /// The problem of a sender that may not speak for a device.
    fn stranger(&self, sender: &Sender, text: &str, device: &DeviceId) -> Problem {
        let problem = not_for(device);
        self.keep_letter(text, &problem, sender.holder);
        problem
    }

    /// Keeps a frame that was refused for good. A frame that may be sent again is not kept.
    pub fn keep_letter(&self, text: &str, problem: &Problem, holder: Option<Holder>) {
        self.dead_letters.keep(text, problem, holder, (self.now)(), self.clock.now());
    }

    /// Stores a sample that a holder handed in, and waits until it is durable. If the sample is
    /// refused for good, it is kept as a dead letter.
    ///
    /// # Errors
    ///
    /// [`WriteError`] says why the sample is not durable.
    pub async fn hand_in(&self, sample: &Sample, holder: Option<Holder>) -> Result<Inserted, WriteError> {
        let outcome = self.store(sample).await;
        let problem = match &outcome {
            Err(WriteError::Refused(_)) => Some(Problem::storage_refused()),
            Ok(Inserted::Conflict) => {
                self.conflicts.count(&sample.key, self.clock.now());
                Some(Problem::name_taken())
            }
            _ => None,
        };
        if let Some(problem) = problem {
            // The device forgets the sample. Written as a document, the sample is a frame again.
            let text = serde_json::to_string(&frame_of(sample)).unwrap_or_default();
            self.keep_letter(&text, &problem, holder);
        }
        outcome
    }

    /// Stores a sample, waits until it is durable, and tells the observer. Keeps no dead letter.
    async fn store(&self, sample: &Sample) -> Result<Inserted, WriteError> {
        let (device, name) = (sample.key.device_id.as_str(), sample.key.name.as_str());
        let storing = trace_span!("store", sqal.device_id = device, sqal.sample_id = name);
        let written = async {
            match self.writer.submit(Box::new(sample.clone())).await {
                Ok(receipt) => receipt.outcome().await,
                Err(why) => Err(why),
            }
        };
        let outcome = written.instrument(storing).await;
        if outcome.as_ref().is_ok_and(|inserted| *inserted == Inserted::Stored) {
            let verdict = &sample.inspection.verdict;
            metrics::histogram!("sample_processing_duration_seconds").record(f64::from(sample.processing_micros) / 1e6);
            if let Some(score) = verdict.score.filter(|_| sample.purpose == Purpose::Product) {
                metrics::histogram!("sample_quality_score", "grade" => verdict.grade.as_str()).record(score.value());
            }
            let (wall, now) = ((self.now)(), self.clock.now());
            count_judged(sample, &self.intake.profiles(), wall);
            self.presence.heard(sample.key.device_id, sample.key.timestamp, wall, now);
            self.observer.stored(sample, now);
        }
        outcome
    }

    /// Judges a dead letter by the present rules, and stores its sample. Returns whether the sample
    /// is durable now.
    ///
    /// `may_bring` says whether a holder may speak for a device now: the holder that sent the
    /// letter must be allowed to speak for the device that the letter names.
    pub async fn replay(&self, letter: &DeadLetter, may_bring: &(dyn Fn(&Holder, &DeviceId) -> bool + Sync)) -> bool {
        let frame = read_again(&letter.frame, self.intake.limits().bytes);
        // An age counts from when the frame came, not from the replay.
        let came_at = time::parse(&letter.received_at).unwrap_or_else(|| (self.now)());
        let judged = {
            let judging = Judging::begin();
            let judged = judging.in_scope(|| self.intake.judge_came_at(&frame, came_at));
            // The trace of the device has ended: the replay has its own.
            if let Some(device) = judged.as_ref().ok().and_then(|accepted| accepted.traceparent) {
                judging.links_to(device);
            }
            judged
        };
        let Ok(accepted) = judged else { return false };
        let device = &accepted.sample.key.device_id;
        // A sample whose name is taken by another reading is refused as before. It is a letter
        // already, so no second one is kept.
        if !letter.holder.as_ref().is_none_or(|holder| may_bring(holder, device)) {
            return false;
        }
        self.intake.remember_time(&accepted);
        matches!(self.store(&accepted.sample).await, Ok(Inserted::Stored | Inserted::Duplicate))
    }
}

/// The problem of a sender that may not speak for a device.
#[must_use]
pub fn not_for(device: &DeviceId) -> Problem {
    Problem::not_allowed(format!("this token is not for samples of {device}"))
}

/// The answer to a sample that was handed in. `sequence` is the number of its frame.
#[must_use]
pub fn answer(sequence: u64, accepted: &Accepted, outcome: Result<Inserted, WriteError>) -> Answer {
    let Accepted { sample, time_cut, traceparent_ignored, .. } = accepted;
    let rejected = |problem| Answer::refused(sequence, Some(sample.key.name.to_string()), problem);
    let answer = match outcome {
        Ok(Inserted::Stored) => Answer::persisted(sequence, &sample.key, sample.inspection.verdict.grade),
        Ok(Inserted::Duplicate) => Answer::duplicate(sequence, &sample.key),
        Ok(Inserted::Conflict) => rejected(Problem::name_taken()),
        Err(why) => rejected(not_stored(&why)),
    };
    let notes = [(*time_cut, "timestamp cut to microseconds"), (*traceparent_ignored, TRACEPARENT_IGNORED)];
    notes.into_iter().filter(|(applies, _)| *applies).fold(answer, |answer, (_, note)| answer.with_note(note))
}

/// The note about a `traceparent` that is not valid.
const TRACEPARENT_IGNORED: &str = "traceparent ignored: 00-<32 hex>-<16 hex>-<2 hex> is expected";

/// The number of seconds after which a client tries again what a store did not do: the time that
/// the store names in whole seconds and one more, or 5.
#[must_use]
pub fn seconds_to_retry(error: &StorageError) -> u32 {
    error.retry_after.map_or(USUAL_WAIT, |after| u32::try_from(after.as_secs().saturating_add(1)).unwrap_or(u32::MAX))
}

/// The wait, in seconds, if the store names none.
const USUAL_WAIT: u32 = 5;

/// The problem of a sample that was not stored.
fn not_stored(why: &WriteError) -> Problem {
    const TOO_LATE: &str = "the database did not store it in time";
    match why {
        WriteError::Refused(_) => Problem::storage_refused(),
        WriteError::Stopped => Problem::shutting_down(),
        WriteError::Unavailable(error) => {
            let detail = match error.kind {
                StorageErrorKind::Full => "the database's disk is full",
                StorageErrorKind::FileGone => "the database's file was removed or replaced while it was open",
                _ => TOO_LATE,
            };
            Problem::storage_unavailable(detail, seconds_to_retry(error))
        }
        _ => Problem::storage_unavailable(TOO_LATE, USUAL_WAIT),
    }
}
