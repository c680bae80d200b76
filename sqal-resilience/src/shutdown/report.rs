//! [`Report`]: how a shutdown ended, for the exit code and in words for the log.

use std::fmt;
use std::time::Duration;

use super::closers::{Closed, HowClosed};

/// How a shutdown ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How long the shutdown took.
    pub took: Duration,
    /// The number of requests that were still under way when the time was over.
    pub abandoned_requests: u32,
    /// The number of tasks that were still under way when the time was over.
    pub abandoned_tasks: u32,
    /// The names of the abandoned requests and tasks that have a name.
    pub abandoned: Vec<String>,
    /// What panicked while it was tracked, before and during the shutdown.
    pub panicked: Vec<String>,
    /// What was closed, in order, with the result of each.
    pub closed: Vec<Closed>,
    /// Whether the shutdown was forced.
    pub forced: bool,
}

impl Report {
    /// The exit code of a process that ends with this report: 0 if the shutdown was not forced, no
    /// work was abandoned and everything was closed without an error; otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let left = self.abandoned_requests > 0 || self.abandoned_tasks > 0;
        u8::from(self.forced || left || self.closed.iter().any(|closed| closed.how != HowClosed::Well))
    }
}

/// The faults in words: `1 request and 0 tasks were abandoned (POST /api/v1/samples); writer: took
/// too long`; `no fault` if there is none.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults = Vec::new();
        let (requests, tasks) = (self.abandoned_requests, self.abandoned_tasks);
        if requests > 0 || tasks > 0 {
            let plural = |count| if count == 1 { "" } else { "s" };
            let names =
                if self.abandoned.is_empty() { String::new() } else { format!(" ({})", self.abandoned.join(", ")) };
            faults.push(format!(
                "{requests} request{} and {tasks} task{} were abandoned{names}",
                plural(requests),
                plural(tasks)
            ));
        }
        faults.extend(self.panicked.iter().map(|name| format!("{name}: panicked")));
        let unclosed = self.closed.iter().filter(|closed| closed.how != HowClosed::Well);
        faults.extend(unclosed.map(|Closed { name, how }| format!("{name}: {how}")));
        if self.forced {
            faults.push("the shutdown was forced".to_owned());
        }
        f.write_str(if faults.is_empty() { "no fault" } else { "" })?;
        f.write_str(&faults.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_in_words() {
        let closed = |name: &str, how| Closed { name: name.to_owned(), how };
        let report = Report {
            took: Duration::from_secs(30),
            abandoned_requests: 1,
            abandoned_tasks: 2,
            abandoned: vec!["POST /api/v1/samples".to_owned(), "exporter".to_owned()],
            panicked: vec!["a worker".to_owned()],
            closed: vec![
                closed("pool", HowClosed::Well),
                closed("writer", HowClosed::TimedOut),
                closed("cache", HowClosed::Failed("no answer".to_owned())),
                closed("file", HowClosed::Forced),
            ],
            forced: true,
        };
        assert_eq!(
            report.to_string(),
            "1 request and 2 tasks were abandoned (POST /api/v1/samples, exporter); a worker: panicked; writer: took \
             too long; cache: no answer; file: was not closed; the shutdown was forced"
        );
        assert_eq!(Report::default().to_string(), "no fault");
    }
}
