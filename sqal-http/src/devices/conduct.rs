//! [`Conduct`]: counts the messages of one connection in a minute by kind, and applies the limits.

use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// The limit of refused frames of one connection in a minute: more than any device measures.
const MOST_REFUSALS: u32 = 1000;

/// The limit of pings and pongs of one connection in a minute: ten a second, where libraries send
/// one in ten seconds.
const MOST_CONTROLS: u32 = 600;

/// The limit of messages of one connection in a minute that are not frames (`hello`,
/// `command_ack`). A gateway of the largest line says hello for each of 2000 devices when it
/// reconnects.
const MOST_OTHERS: u32 = 3000;

/// The messages of one connection in the current minute.
#[derive(Debug)]
pub(super) struct Conduct {
    minute: Instant,
    refusals: u32,
    controls: u32,
    others: u32,
}

impl Conduct {
    pub(super) fn new() -> Self {
        Self { minute: Instant::now(), refusals: 0, controls: 0, others: 0 }
    }

    /// Counts a frame that was refused.
    pub(super) fn refused(&mut self) {
        self.refusals += 1;
    }

    /// Counts a ping or a pong.
    pub(super) fn control(&mut self) {
        self.controls += 1;
    }

    /// Counts a message that is neither a frame nor a control frame.
    pub(super) fn other(&mut self) {
        self.others += 1;
    }

    /// The reason to end the connection, if it has sent more messages of one kind than a minute
    /// allows. When a minute is over, new counts start.
    pub(super) fn too_much(&mut self) -> Option<&'static str> {
        if self.minute.elapsed() >= MINUTE {
            *self = Self::new();
        }
        if self.refusals > MOST_REFUSALS {
            Some("too many wrong frames")
        } else if self.controls > MOST_CONTROLS {
            Some("too many control frames")
        } else if self.others > MOST_OTHERS {
            Some("too many messages that are no frames")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_message_has_its_limit_and_a_new_minute_starts_new_counts() {
        type Kind = (fn(&mut Conduct), u32, &'static str);
        let kinds: [Kind; 3] = [
            (Conduct::refused, MOST_REFUSALS, "too many wrong frames"),
            (Conduct::control, MOST_CONTROLS, "too many control frames"),
            (Conduct::other, MOST_OTHERS, "too many messages that are no frames"),
        ];
        for (count, most, reason) in kinds {
            let mut conduct = Conduct::new();
            for _ in 0..most {
                count(&mut conduct);
                assert_eq!(conduct.too_much(), None);
            }
            count(&mut conduct);
            assert_eq!(conduct.too_much(), Some(reason));
            tokio::time::advance(MINUTE).await;
            assert_eq!(conduct.too_much(), None, "{reason}: a minute later");
        }
    }
}
