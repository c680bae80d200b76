//! The words of a bug: its severity, its priority, its status and its source.

use std::fmt;
use std::str::FromStr;

/// A text is none of the words that are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct InvalidBugWord {
    /// The words that are expected.
    pub expected: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal, { $($(#[$each:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$each])* $word,)+
        }

        impl $name {
            /// Every value, in its order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$word),+];

            /// The word, as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidBugWord;

            fn from_str(text: &str) -> Result<Self, InvalidBugWord> {
                Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(InvalidBugWord { expected: $expected })
            }
        }
    };
}

words! {
    /// How bad a bug is. The first is the worst.
    BugSeverity, "critical, high, medium or low", {
        /// The line stands, or verdicts are wrong.
        Critical = "critical",
        /// A function is lost.
        High = "high",
        /// A function is worse than it should be.
        Medium = "medium",
        /// A blemish.
        Low = "low",
    }
}

words! {
    /// How soon a bug shall be worked on. The first is the soonest.
    BugPriority, "urgent, high, medium or low", {
        /// Now.
        Urgent = "urgent",
        /// Next.
        High = "high",
        /// In its turn.
        Medium = "medium",
        /// When there is time.
        Low = "low",
    }
}

words! {
    /// How far the work on a bug is.
    BugStatus, "open, in_progress, resolved or closed", {
        /// No person works on it.
        Open = "open",
        /// A person works on it.
        InProgress = "in_progress",
        /// It is said to be mended.
        Resolved = "resolved",
        /// It ended: the mend was confirmed, or there is nothing to mend.
        Closed = "closed",
    }
}

words! {
    /// What reported a bug.
    BugSource, "person, device, page, server or import", {
        /// A person.
        Person = "person",
        /// A device.
        Device = "device",
        /// A page, by an error of its script.
        Page = "page",
        /// A server, of its own.
        Server = "server",
        /// An import of bugs of another tracker.
        Import = "import",
    }
}

impl BugStatus {
    /// Whether there is nothing left to do: resolved or closed.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Resolved | Self::Closed)
    }
}

/// What a change of the status did to the work on a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BugStep {
    /// The work ended: the bug became resolved or closed without having been either.
    Ended,
    /// The work began again after it had ended.
    Reopened,
}

impl BugStep {
    /// The step from a status to another, if it is one; `None` stands for a bug that was not there
    /// before.
    ///
    /// ```
    /// use sqal_storage::bugs::{BugStatus, BugStep};
    ///
    /// let mended = BugStep::between(Some(BugStatus::Open), BugStatus::Resolved);
    /// assert_eq!(mended, Some(BugStep::Ended));
    /// assert_eq!(BugStep::between(Some(BugStatus::Resolved), BugStatus::Closed), None);
    /// ```
    #[must_use]
    pub fn between(before: Option<BugStatus>, after: BugStatus) -> Option<Self> {
        match (before.is_some_and(BugStatus::is_ended), after.is_ended()) {
            (false, true) => Some(Self::Ended),
            (true, false) => Some(Self::Reopened),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_back_and_another_is_refused_with_the_words_that_are_known() {
        for word in BugStatus::ALL {
            assert_eq!(word.as_str().parse(), Ok(word));
        }
        for word in BugSource::ALL {
            assert_eq!(word.as_str().parse(), Ok(word));
        }
        assert_eq!("urgent".parse(), Ok(BugPriority::Urgent));
        let refused = "Critical".parse::<BugSeverity>().expect_err("words have small letters");
        assert_eq!(refused.to_string(), "expected critical, high, medium or low");
    }

    #[test]
    fn the_worst_and_the_soonest_come_first() {
        assert!(BugSeverity::Critical < BugSeverity::Low && BugPriority::Urgent < BugPriority::Low);
    }
}
