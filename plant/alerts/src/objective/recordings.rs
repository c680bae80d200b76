//! [`Recording`]: what Prometheus computes and keeps for an objective, under the names that Sloth
//! (<https://sloth.dev>) gives them, so that dashboards for Sloth show our objectives.

use std::collections::BTreeMap;

use crate::query::{Over, Query, Selector};

use super::burn_rate::PERIOD;
use super::indicator::Reading;
use super::{Objective, RateWindow};

/// A recording rule: a name and labels under which the answer to a query is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The name of the recorded metric.
    pub record: String,
    /// The labels that are set on each element of the answer.
    pub labels: BTreeMap<String, String>,
    /// What is recorded.
    pub query: Query,
}

/// The names beyond those of Sloth: events of a window, and events by the second, of which the
/// budget of 30 days is computed.
const EVENTS: &str = "slo:sli_events:increase";
const EVENTS_RATE: &str = "slo:sli_events:rate5m";
const BAD_EVENTS_RATE: &str = "slo:sli_bad_events:rate5m";

const PERIOD_MINUTES: u64 = PERIOD.as_secs() / 60;
const PERIOD_SHARE: &str = "slo:sli_error:ratio_rate30d";
const PERIOD_BURN: &str = "slo:period_burn_rate:ratio";

impl Objective {
    /// The share of bad events in a window, for each value of the labels of the split. Without
    /// events there is no share.
    #[must_use]
    pub fn bad_share(&self, window: RateWindow) -> Query {
        self.indicator.bad_share(window.minutes(), &self.by())
    }

    /// The number of events in a window, for each value of the labels of the split.
    #[must_use]
    pub fn events(&self, window: RateWindow) -> Query {
        self.indicator.events(Reading::Increase, window.minutes(), &self.by())
    }

    /// What Prometheus records of the objective, in an order in which each recording comes after
    /// those that it uses. All have the labels `sloth_id`, `sloth_service` and `sloth_slo`, and
    /// those of the split.
    ///
    /// The share of bad events in 30 days is that of the events: each counts the same. Sloth takes
    /// the mean of the shares of 5 minutes, in which one bad request of a quiet night counts as
    /// much as a thousand of a busy day.
    #[must_use]
    pub fn recordings(&self) -> Vec<Recording> {
        let by = self.by();
        let mut recordings = Vec::new();
        let mut add = |record: &str, query: Query| {
            recordings.push(Recording { record: record.to_owned(), labels: self.recorded_labels(), query });
        };
        for window in RateWindow::ALL {
            add(&share_name(window), self.bad_share(window));
        }
        for window in [RateWindow::H1, RateWindow::H6, RateWindow::D1, RateWindow::D3] {
            add(&events_name(window), self.events(window));
        }
        add(EVENTS_RATE, self.indicator.events(Reading::Rate, 5, &by));
        add(BAD_EVENTS_RATE, self.indicator.bad_events(Reading::Rate, 5, &by));
        add(PERIOD_SHARE, self.period_share());
        let budget = self.target().budget();
        add("slo:objective:ratio", Query::Number(self.target().share()));
        add("slo:error_budget:ratio", Query::Number(budget));
        add("slo:time_period:days", Query::Number(30.0));
        add("slo:current_burn_rate:ratio", self.recorded_share(RateWindow::M5).divided_by(budget));
        let burn = self.recorded(PERIOD_SHARE, self.period_share()).divided_by(budget);
        add(PERIOD_BURN, burn.clone());
        let left = Query::Number(1.0).minus(self.recorded(PERIOD_BURN, burn));
        add("slo:period_error_budget_remaining:ratio", left);
        add("sloth_slo_info", Query::Number(1.0));
        recordings
    }

    /// The share of bad events in a window, as it is recorded.
    pub(super) fn recorded_share(&self, window: RateWindow) -> Query {
        self.recorded(&share_name(window), self.bad_share(window))
    }

    /// The number of events in a window, as it is recorded.
    pub(super) fn recorded_events(&self, window: RateWindow) -> Query {
        self.recorded(&events_name(window), self.events(window))
    }

    /// The share of bad events in 30 days, from the recorded rates: 30 days of the counters
    /// themselves would be read anew at each evaluation.
    fn period_share(&self) -> Query {
        let sum = |metric: &str| {
            let recorded = self
                .recorded_labels()
                .iter()
                .fold(Selector::new(metric), |selector, (label, value)| selector.with(label, value));
            Query::over_time(Over::Sum, recorded, PERIOD_MINUTES)
        };
        sum(BAD_EVENTS_RATE).divided_by(sum(EVENTS_RATE).above(0.0))
    }

    fn recorded(&self, name: &str, query: Query) -> Query {
        query.recorded_with(name, self.recorded_labels())
    }

    fn by(&self) -> Vec<&str> {
        self.labels_of_split().collect()
    }
}

fn share_name(window: RateWindow) -> String {
    format!("slo:sli_error:ratio_rate{}", window.as_str())
}

fn events_name(window: RateWindow) -> String {
    format!("{EVENTS}{}", window.as_str())
}
