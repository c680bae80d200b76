//! The messages of the server to a device: answers, the welcome after a reconnect, and commands.

use serde::Deserialize;
use serde_json::Value;

/// A message of the server.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    Ack(Answer),
    Welcome(Welcome),
    Command(Command),
}

/// The unanswered frames that the server has stored durably.
#[derive(Deserialize)]
pub(super) struct Welcome {
    pub(super) persisted: Vec<Known>,
}

#[derive(Deserialize)]
pub(super) struct Known {
    pub(super) sample_id: String,
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Value,
}

#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) id: Option<String>,
    pub(super) final_grade: Option<String>,
    pub(super) problem: Option<Problem>,
}

#[derive(Deserialize)]
pub(super) struct Problem {
    pub(super) r#type: String,
    pub(super) status: u16,
    pub(super) detail: String,
    pub(super) retry_after: Option<u64>,
    #[serde(default)]
    pub(super) kept: bool,
}

impl Problem {
    /// Whether the refusal is a disagreement about clock or profile. Then the frame is kept and
    /// sent again, while the line continues.
    pub(super) fn is_disagreement(&self) -> bool {
        matches!(self.r#type.as_str(), "/problems/clock-disagrees" | "/problems/profile-unknown-here")
    }
}
