//! [`PlanMistake`]: what is wrong at one place of a plan.

use std::fmt;

/// What is wrong at one place of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanMistake {
    /// The place, such as `routes[1].escalate[0].after`.
    pub place: String,
    /// What is written there and what is expected.
    pub what: String,
}

/// A text that is not a plan. The error holds every mistake, and no mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPlan {
    mistakes: Vec<PlanMistake>,
}

impl PlanMistake {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for PlanMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl InvalidPlan {
    pub(super) const fn new(mistakes: Vec<PlanMistake>) -> Self {
        Self { mistakes }
    }

    /// The mistakes, in the order of the plan's keys; at least one.
    #[must_use]
    pub fn mistakes(&self) -> &[PlanMistake] {
        &self.mistakes
    }
}

/// One line for each mistake.
impl fmt::Display for InvalidPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidPlan {}
