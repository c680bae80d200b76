//! [`Dialog`]: what one device connection says, and the answers that it waits for.

use std::sync::Arc;

use futures_util::stream::FuturesOrdered;
use sqal_intake::reception::answer;
use sqal_protocol as protocol;
use sqal_protocol::answer::Answer;
use sqal_protocol::encoding::{Encoding, Message};
use sqal_protocol::frame::sample_id_of;
use sqal_protocol::talk::{Talk, talk};
use tracing::{Instrument, warn};

use super::commands::Line;
use super::conduct::Conduct;
use super::pending::PendingAnswer;
use super::resume::welcome;
use crate::door::budget::Party;
use crate::door::caller::Caller;
use crate::line::frame_span;
use crate::services::Services;

/// The messages of one connection, in their order, with an answer for each.
pub(super) struct Dialog {
    services: Arc<Services>,
    caller: Caller,
    party: Party,
    /// The devices that speak here.
    line: Line,
    /// The encoding of the messages.
    pub(super) encoding: Encoding,
    /// How many messages of each kind there were in this minute.
    pub(super) conduct: Conduct,
    /// Answers in the order of their messages.
    pub(super) pending: FuturesOrdered<PendingAnswer>,
    /// The number of frames so far.
    pub(super) sequence: u64,
}

impl Dialog {
    /// A dialog without messages.
    pub(super) fn new(services: Arc<Services>, caller: Caller, party: Party, line: Line, encoding: Encoding) -> Self {
        let (conduct, pending) = (Conduct::new(), FuturesOrdered::new());
        Self { services, caller, party, line, encoding, conduct, pending, sequence: 0 }
    }

    /// Takes a message of the device. If it has an answer, the answer joins those that are waited
    /// for.
    pub(super) fn hear(&mut self, message: &Message<'_>) {
        match self.encoding.decode(message, self.services.line.intake.limits().bytes) {
            Ok(text) => self.read(&text),
            Err(problem) => {
                self.sequence += 1;
                self.conduct.refused();
                let frame = frame_span::of_message("");
                let _entered = frame.enter();
                self.services.reception().keep_letter(&message.kept(), &problem, self.caller.holder());
                let answer = self.refused(self.sequence, None, problem);
                self.pending.push_back(answer);
            }
        }
    }

    fn read(&mut self, text: &str) {
        match talk(text) {
            Some(Ok(Talk::Hello(hello))) => {
                self.conduct.other();
                let known = self.line.only_device();
                if let Some(device) = hello.device_id.filter(|device| self.caller.speaks_for(device)) {
                    self.line.is_of(device);
                }
                self.pending.push_back(welcome(&self.services, &self.caller, known, hello));
            }
            Some(Ok(Talk::CommandAck(answer))) => {
                self.conduct.other();
                self.line.answered(answer);
            }
            Some(Err(problem)) => {
                self.conduct.refused();
                self.services.reception().keep_letter(text, &problem, self.caller.holder());
                let answer = self.refused(0, sample_id_of(text), problem);
                self.pending.push_back(answer);
            }
            None => {
                self.sequence += 1;
                let answer = self.take(text);
                self.pending.push_back(answer);
            }
        }
    }

    /// Judges a frame at once. The future hands the sample to the writer and gives the answer.
    fn take(&mut self, text: &str) -> PendingAnswer {
        let frame = frame_span::of_message(text);
        let entered = frame.enter();
        let accepted = match self.services.reception().judge(&self.caller.sender(), text) {
            Ok(accepted) => accepted,
            Err(problem) => {
                // If the device is told to send a frame again, the frame does not count as refused,
                // for any number of repetitions.
                if !matches!(problem.status, 429 | 503) {
                    self.conduct.refused();
                }
                return self.refused(self.sequence, sample_id_of(text), problem);
            }
        };
        self.line.is_of(accepted.sample.key.device_id);
        let (services, holder, sequence) = (Arc::clone(&self.services), self.caller.holder(), self.sequence);
        drop(entered);
        let answered = async move {
            let outcome = services.reception().hand_in(&accepted.sample, holder).await;
            let answer = answer(sequence, &accepted, outcome);
            frame_span::answered(&answer);
            answer.at((services.now)()).text()
        };
        Box::pin(answered.instrument(frame))
    }

    fn refused(&self, sequence: u64, sample_id: Option<String>, problem: protocol::Problem) -> PendingAnswer {
        let Self { services, caller, party, .. } = self;
        // A device chose these texts. As texts they are quoted and escaped by every format of the
        // log, so they cannot forge a line or move a cursor. A device also chooses the number of
        // lines: one a minute is logged.
        if problem.status != 429
            && let Some(left_out) = services.door.quiet.may_say(*party, "frame rejected", services.clock.now())
        {
            let (sample_id, detail) = (sample_id.as_deref(), problem.detail.as_str());
            warn!(%caller, sample_id, detail, left_out, "frame rejected");
        }
        metrics::counter!("websocket_errors_total").increment(1);
        let answer = Answer::refused(sequence, sample_id, problem);
        frame_span::answered(&answer);
        Box::pin(std::future::ready(answer.at((services.now)()).text()))
    }
}
