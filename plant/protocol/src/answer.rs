//! [`Answer`]: the answer to one frame: `persisted`, `duplicate` or `rejected`.

use serde::Serialize;
use sqal_core::{Grade, SampleId, SampleKey, Timestamp};

use crate::problem::Problem;
use crate::time::rfc3339;

/// The answer to one frame or row, as JSON on the wire.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Answer {
    r#type: &'static str,
    status: &'static str,
    /// The number of the frame on this connection, or of the row in this batch, from 1.
    sequence: u64,
    sample_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::schema::grade))]
    final_grade: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// The changes that were made to the frame before it was stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    notes: Vec<&'static str>,
    /// The server's clock at the time of the answer, in RFC 3339, for a device without a clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<String>,
}

impl Answer {
    /// The answer to a sample that was stored.
    #[must_use]
    pub fn persisted(sequence: u64, key: &SampleKey, grade: Grade) -> Self {
        Self { status: "persisted", final_grade: Some(grade), ..Self::duplicate(sequence, key) }
    }

    /// The answer to a sample that was stored before. Its grade is the one that was stored first,
    /// which the answer does not know.
    #[must_use]
    pub fn duplicate(sequence: u64, key: &SampleKey) -> Self {
        Self {
            r#type: "ack",
            status: "duplicate",
            sequence,
            sample_id: Some(key.name.to_string()),
            id: Some(SampleId::of(key).to_string()),
            final_grade: None,
            problem: None,
            notes: Vec::new(),
            server_time: None,
        }
    }

    /// The answer to a frame that was refused.
    #[must_use]
    pub const fn refused(sequence: u64, sample_id: Option<String>, problem: Problem) -> Self {
        Self {
            r#type: "ack",
            status: "rejected",
            sequence,
            sample_id,
            id: None,
            final_grade: None,
            problem: Some(problem),
            notes: Vec::new(),
            server_time: None,
        }
    }

    /// Adds a change that was made to the frame before it was stored.
    #[must_use]
    pub fn with_note(mut self, note: &'static str) -> Self {
        self.notes.push(note);
        self
    }

    /// Adds the server's clock to the answer.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { server_time: Some(rfc3339(now)), ..self }
    }

    /// The status: `persisted`, `duplicate` or `rejected`.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        self.status
    }

    /// Why the frame was refused; `None` if its sample is durable.
    #[must_use]
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// The seconds after which the frame is to be sent again; `None` if it is not to be sent again.
    #[must_use]
    pub fn again_after(&self) -> Option<u32> {
        let problem = self.problem.as_ref().filter(|problem| matches!(problem.status, 429 | 503))?;
        Some(problem.retry_after.unwrap_or(1))
    }

    /// Whether the frame was refused for the quota of its device.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.status == 429)
    }

    /// The answer as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        // Checked names and numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqal_core::Name;

    #[test]
    fn an_answer_names_the_sample_and_says_when_to_send_again() {
        let key = SampleKey {
            device_id: Name::new("ESP32_1").unwrap(),
            timestamp: Timestamp::from_micros(0).unwrap(),
            name: Name::new("S-1").unwrap(),
        };
        let id = SampleId::of(&key);
        let stored = Answer::persisted(7, &key, Grade::A).with_note("timestamp cut to microseconds").at(key.timestamp);
        let text = format!(
            r#"{{"type":"ack","status":"persisted","sequence":7,"sample_id":"S-1","id":"{id}","final_grade":"A","notes":["timestamp cut to microseconds"],"server_time":"1970-01-01T00:00:00Z"}}"#
        );
        assert_eq!(stored.text(), text);
        assert_eq!((stored.again_after(), stored.is_throttled()), (None, false));
        let duplicate = format!(r#"{{"type":"ack","status":"duplicate","sequence":8,"sample_id":"S-1","id":"{id}"}}"#);
        assert_eq!(Answer::duplicate(8, &key).text(), duplicate);
        let refused = |problem| Answer::refused(9, None, problem);
        assert_eq!(refused(Problem::too_many_requests(Some(3))).again_after(), Some(3));
        assert!(refused(Problem::too_many_requests(Some(3))).is_throttled());
        assert_eq!(refused(Problem::storage_unavailable("away", 5)).again_after(), Some(5));
        assert_eq!(refused(Problem::name_taken()).again_after(), None, "the device forgets it");
    }
}
