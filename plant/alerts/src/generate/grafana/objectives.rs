//! The dashboard "SLO" (DSH-09): how much of its error budget each objective has left, and how fast
//! it is used up.
//!
//! The series are those of Sloth, as the recording rules write them, so a dashboard that was made
//! for Sloth shows these objectives too. An objective that is split has a series for each route.

use super::column::Column;
use super::dashboard::Dashboard;
use super::look::PanelLook::{Figure, Lines, Ranking, Rows};
use super::panel::Panel;
use super::scale::{PanelScale, PanelUnit};
use super::source::DataSource;
use super::variable::DashboardVariable;
use crate::objective::{ERROR_BUDGET_BURN, OBJECTIVE_WITHOUT_DATA};

/// The rates of burning at which the budget of 30 days lasts for 30 days, and for about two.
const BURN: PanelScale = PanelScale::Rising { warning: 1.0, critical: 14.4 };

/// The shares of the budget that are left.
const LEFT: PanelScale = PanelScale::Falling { critical: 0.0, warning: 0.25 };

/// The services with objectives.
const SERVICE: DashboardVariable = DashboardVariable::Choice {
    name: "service",
    label: "Service",
    of: ("slo:objective:ratio", "sloth_service"),
    several: true,
};

/// The objectives of the services.
const SLO: DashboardVariable = DashboardVariable::Choice {
    name: "slo",
    label: "Objective",
    of: ("slo:objective:ratio{sloth_service=~\"$service\"}", "sloth_slo"),
    several: true,
};

/// A series of the chosen objectives.
fn of(series: &str) -> String {
    format!("{series}{{sloth_service=~\"$service\",sloth_slo=~\"$slo\"}}")
}

/// The alerts about objectives that fire.
fn firing() -> String {
    format!("ALERTS{{alertname=~\"{ERROR_BUDGET_BURN}|{OBJECTIVE_WITHOUT_DATA}\",alertstate=\"firing\"}}")
}

/// The name of a series: the objective, and the route if the objective is split by routes.
const NAME: &str = "{{sloth_slo}} {{endpoint}}";

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard::new(
        "sqal-slo",
        "SLO",
        "The service level objectives: what is left of their error budgets, and how fast these are used up.",
    )
    .showing("now-7d", "1m")
    .variables(&[DashboardVariable::Source(DataSource::Prometheus), SERVICE, SLO])
    .panels(overview())
    .section("Error budgets", budgets())
    .section("Errors", errors())
}

fn overview() -> Vec<Panel> {
    vec![
        Panel::new(
            Figure,
            "Objectives",
            "Series with an error budget: an objective that is split counts once a route.",
        )
        .promql("", &format!("count({}) or vector(0)", of("slo:period_error_budget_remaining:ratio"))),
        Panel::new(Figure, "Lowest budget", "What the objective with the least budget has left of its 30 days.")
            .promql("", &format!("min({})", of("slo:period_error_budget_remaining:ratio")))
            .unit(PanelUnit::Share)
            .scale(LEFT)
            .may_be_negative(),
        Panel::new(
            Figure,
            "Fastest burn",
            "The highest rate at which a budget is used up now. At 1 it lasts for exactly its 30 days.",
        )
        .promql("", &format!("max({})", of("slo:current_burn_rate:ratio")))
        .unit(PanelUnit::Plain)
        .scale(BURN),
        Panel::new(Figure, "Alerts that fire", "Alerts about objectives that fire now.")
            .promql("", &format!("count({}) or vector(0)", firing()))
            .scale(PanelScale::below(1.0)),
    ]
}

fn budgets() -> Vec<Panel> {
    vec![
        Panel::new(
            Ranking,
            "Budgets with the least left",
            "The 20 series that have the least left of their budget of 30 days. Below 0 the objective is missed.",
        )
        .promql(NAME, &format!("bottomk(20, {})", of("slo:period_error_budget_remaining:ratio")))
        .unit(PanelUnit::Share)
        .scale(LEFT)
        .may_be_negative()
        .size(12, 12),
        Panel::new(Rows, "Alerts now", "The alerts about objectives that fire, with the window in which they burn.")
            .promql("", &firing())
            .columns(
                &[
                    Column::new("alertname", "Alert"),
                    Column::new("objective", "Objective"),
                    Column::new("endpoint", "Route"),
                    Column::new("window", "Window"),
                    Column::new("severity", "Severity"),
                ],
                &["__name__", "alertstate", "Value"],
            )
            .size(12, 12),
        Panel::new(Lines, "What is left of the budgets", "Share of the budget of the last 30 days that is left.")
            .promql(NAME, &of("slo:period_error_budget_remaining:ratio"))
            .unit(PanelUnit::Share)
            .scale(LEFT)
            .may_be_negative(),
        Panel::new(
            Lines,
            "Rate of burning",
            "How fast a budget is used up: 1 lasts for 30 days, 14.4 uses 2 % of it in an hour and calls a person.",
        )
        .promql(NAME, &of("slo:current_burn_rate:ratio"))
        .unit(PanelUnit::Plain)
        .scale(BURN),
    ]
}

fn errors() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Error ratio, 5 minutes", "Share of bad events in the five minutes before each point.")
            .promql(NAME, &of("slo:sli_error:ratio_rate5m"))
            .unit(PanelUnit::Share),
        Panel::new(Lines, "Error ratio, 1 hour", "Share of bad events in the hour before each point.")
            .promql(NAME, &of("slo:sli_error:ratio_rate1h"))
            .unit(PanelUnit::Share),
        Panel::new(
            Lines,
            "Events, 1 hour",
            "Events in the hour before each point. A share of a few events is not certain, and calls no person.",
        )
        .promql(NAME, &of("slo:sli_events:increase1h")),
        Panel::new(
            Lines,
            "Burning of the period",
            "Bad events of the last 30 days, in budgets: at 1 the whole budget is used up.",
        )
        .promql(NAME, &of("slo:period_burn_rate:ratio"))
        .unit(PanelUnit::Plain)
        .scale(PanelScale::below(1.0)),
    ]
}
