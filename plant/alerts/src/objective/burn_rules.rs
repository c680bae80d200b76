//! The alert rules of an objective: its budget is used up too fast, or its metrics are not there.
//!
//! `ErrorBudgetBurn` follows *The Site Reliability Workbook* (O'Reilly 2018), chapter 5: the share
//! of bad events must be too high over a long window and over a short one. The workbook's section
//! "Low-Traffic Services and Error Budget Alerting" shows what is wrong with that alone: of three
//! requests a day, one error is a third. So three guards stand beside it, all over the long window:
//!
//! - at least [`Objective::least_events`] events;
//! - at least [`LEAST_BAD`] bad ones: one error, or two, never tell anyone;
//! - the share is above the threshold with certainty, by Wilson's lower bound (see `certainty.rs`).
//!
//! An objective with fewer events in three days than it needs has a rule of its own, with the label
//! `traffic="low"`: three bad events in three days, at least one of them within the last day, and a
//! share that is certainly above the budget.

use std::fmt::Write as _;

use crate::query::{Query, Selector};
use crate::rule::{AlertRule, Hold, Severity};
use crate::words::Words;

use super::certainty::certainly_above;
use super::target::rounded;
use super::{BurnRate, Objective, RateWindow, UnreachableBurnError};

/// The name of the alert on an error budget that is used up too fast. Its page is
/// `docs/runbook/error-budget-burn.md`.
pub const ERROR_BUDGET_BURN: &str = "ErrorBudgetBurn";

/// The name of the alert on an objective whose metrics do not exist. Its page is
/// `docs/runbook/objective-without-data.md`.
pub const OBJECTIVE_WITHOUT_DATA: &str = "ObjectiveWithoutData";

/// The bad events without which an objective tells no one, whatever their share.
const LEAST_BAD: u32 = 3;

/// [`LEAST_BAD`] as the rules ask for it. The count is a share times a number of events, which
/// rounding can leave just below a whole number.
const LEAST_BAD_COUNT: f64 = 2.9;

impl Objective {
    /// Every rule of the objective: its [burn rules](Self::burn_rules), and the rule that tells
    /// that they [have no data](Self::without_data_rule).
    ///
    /// # Errors
    ///
    /// That of [`Objective::burn_rules`].
    pub fn rules(&self) -> Result<Vec<AlertRule>, UnreachableBurnError> {
        let mut rules = self.burn_rules()?;
        rules.push(self.without_data_rule());
        Ok(rules)
    }

    /// The rules [`ERROR_BUDGET_BURN`], one for each burn rate of the objective. If the slowest
    /// burn rate, of 3 days, is among them, a rule for few events is added, unless
    /// [`Objective::ignoring_few_events`] was called.
    ///
    /// # Errors
    ///
    /// [`UnreachableBurnError`] if one of the burn rates needs more bad events than there are
    /// events: the objective must state which burn rates it has.
    pub fn burn_rules(&self) -> Result<Vec<AlertRule>, UnreachableBurnError> {
        let mut rules = Vec::new();
        for &rate in self.burn_rates() {
            let ratio = rate.threshold(self.target());
            if ratio >= 1.0 {
                let objective = self.name().to_owned();
                return Err(UnreachableBurnError { objective, factor: rate.factor(), ratio });
            }
            rules.push(self.burn_rule(rate));
        }
        if self.tells_few_events() && self.burn_rates().iter().any(|rate| rate.long() == RateWindow::D3) {
            rules.push(self.few_events_rule());
        }
        Ok(rules)
    }

    /// The rule [`OBJECTIVE_WITHOUT_DATA`]: a counter without which the objective is blind has not
    /// been scraped for 15 minutes.
    #[must_use]
    pub fn without_data_rule(&self) -> AlertRule {
        let metrics: Vec<&str> = self.indicator.needed().map(Selector::metric).collect();
        let absent = self.indicator.needed().map(|counter| Query::absent(counter.clone()));
        let any = absent.reduce(Query::or);
        let query = any.unwrap_or_else(|| unreachable!("an indicator counts all events"));
        let (name, metrics) = (self.name(), metrics.join(", "));
        let summary = Words::new(&format!("{name}: no data"), &format!("{name} : pas de données"));
        let description = Words::new(
            &format!(
                "The objective cannot be computed, and its alerts cannot fire, because a metric is not scraped: \
                 {metrics}."
            ),
            &format!(
                "L'objectif ne peut pas être calculé, et ses alertes ne peuvent pas se déclencher : une métrique n'est \
                 pas relevée ({metrics})."
            ),
        );
        let runbook = "objective-without-data";
        let rule = AlertRule::new(
            OBJECTIVE_WITHOUT_DATA,
            Severity::Warning,
            query,
            Hold::minutes(15),
            summary,
            description,
            runbook,
        );
        labelled(rule.unwrap_or_else(|_| unreachable!("twenty letters")), &[("objective", name)])
    }

    /// The rule for one burn rate.
    fn burn_rule(&self, rate: BurnRate) -> AlertRule {
        let limit = rate.threshold(self.target());
        let events = self.recorded_events(rate.long());
        let query =
            self.too_bad(rate.long(), rate.short(), limit).and(events.at_least(f64::from(self.least_events().get())));
        let factor = rate.factor();
        let (en, fr) = if factor > 1.0 {
            (format!("{factor} times too fast"), format!("{} fois trop vite", french(factor)))
        } else {
            ("too fast".to_owned(), "trop vite".to_owned())
        };
        let summary =
            self.summary(&format!("the error budget is used up {en}"), &format!("le budget d'erreur se consume {fr}"));
        let (last, days) = (rate.long().last(), rounded_days(30.0 / factor));
        let (share, budget) = (limit, self.target().budget());
        let description = Words::new(
            &format!(
                "{} Share of bad events {}: {{value}}. The objective allows {budget}; above {share}, the \
                 budget of 30 days is gone in {days} days.",
                self.description().en,
                last.en
            ),
            &format!(
                "{} Part d'événements mauvais {} : {{value}}. L'objectif admet {} ; au-delà \
                 de {}, le budget de 30 jours est épuisé en {} jours.",
                self.description().fr,
                last.fr,
                french(budget),
                french(share),
                french(days)
            ),
        );
        let rule = self.rule(rate.severity(), query, summary, description);
        labelled(rule, &[("window", rate.long().as_str())])
    }

    /// The rule for an objective that has fewer events in three days than burn rates need.
    fn few_events_rule(&self) -> AlertRule {
        let (long, short) = (RateWindow::D3, RateWindow::D1);
        let budget = self.target().budget();
        let least = self.least_events();
        let query = self.too_bad(long, short, budget).and(self.recorded_events(long).below(f64::from(least.get())));
        let summary = self.summary("few events, and too many of them are bad", "peu d'événements, et trop de mauvais");
        let description = Words::new(
            &format!(
                "{} Fewer than {least} events in 3 days, at least {LEAST_BAD} of them bad, some within the last day. \
                 Share of bad events: {{value}}; the objective allows {budget}.",
                self.description().en
            ),
            &format!(
                "{} Moins de {least} événements en 3 jours, dont au moins {LEAST_BAD} mauvais, certains depuis un \
                 jour. Part d'événements mauvais : {{value}} ; l'objectif admet {}.",
                self.description().fr,
                french(budget)
            ),
        );
        let rule = self.rule(Severity::Warning, query, summary, description);
        labelled(rule, &[("window", long.as_str()), ("traffic", "low")])
    }

    /// The share of bad events in the long window, where it is certainly above a limit, consists of
    /// [`LEAST_BAD`] events or more, and is above the limit in the short window too.
    fn too_bad(&self, long: RateWindow, short: RateWindow, limit: f64) -> Query {
        let (share, events) = (self.recorded_share(long), self.recorded_events(long));
        certainly_above(share.clone(), events.clone(), limit)
            .and(self.recorded_share(short).above(limit))
            .and(share.times(events).at_least(LEAST_BAD_COUNT))
    }

    fn rule(&self, severity: Severity, query: Query, summary: Words, description: Words) -> AlertRule {
        let runbook = "error-budget-burn";
        let rule = AlertRule::new(ERROR_BUDGET_BURN, severity, query, Hold::default(), summary, description, runbook);
        let rule = rule.unwrap_or_else(|_| unreachable!("fifteen letters"));
        let sloth_severity = match severity {
            Severity::Critical => "page",
            Severity::Warning => "ticket",
        };
        labelled(rule, &[("objective", self.name()), ("sloth_severity", sloth_severity)])
    }

    /// One line that names the objective, the part of it, and what is wrong.
    fn summary(&self, en: &str, fr: &str) -> Words {
        let subject = self.labels_of_split().fold(self.name().to_owned(), |mut subject, label| {
            // Writing to a string cannot fail.
            let _ = write!(subject, " {{{label}}}");
            subject
        });
        Words::new(&format!("{subject}: {en}"), &format!("{subject} : {fr}"))
    }
}

/// A rule with labels whose names are written here.
fn labelled(rule: AlertRule, labels: &[(&str, &str)]) -> AlertRule {
    labels.iter().fold(rule, |rule, (label, value)| {
        rule.labelled(label, value).unwrap_or_else(|_| unreachable!("{label} is a label of letters"))
    })
}

/// A number as it is written in French.
fn french(number: f64) -> String {
    number.to_string().replace('.', ",")
}

/// Days with one digit behind the point.
fn rounded_days(days: f64) -> f64 {
    rounded((days * 10.0).round() / 10.0)
}
