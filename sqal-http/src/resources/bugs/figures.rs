//! `…/bugs/metrics/…`: how many bugs there are, and how it went day by day.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqal_protocol::Violation;
use sqal_storage::bugs::{BugDay, BugSeverity, BugStatus, BugSummary, MOST_BUG_DAYS};

use super::super::parameters::unreadable;
use super::days::Days;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_bugs::DAYS;
use crate::route::spelling::{Camel, Snake, Spelling, spelled};
use crate::route::{Endpoint, VIEWER, get};
use crate::services::Services;

/// The routes of figures.
pub(super) fn routes() -> Vec<Endpoint> {
    vec![
        summary_route::<Camel>("/api/bugs/metrics/summary", "summarizeBugsAsDocumented"),
        summary_route::<Snake>("/api/v1/bugs/metrics/summary", "summarizeBugs"),
        trends_route::<Camel>("/api/bugs/metrics/trends", "trendOfBugsAsDocumented", "/api/bugs/metrics/trends?days=0"),
        trends_route::<Snake>("/api/v1/bugs/metrics/trends", "trendOfBugs", "/api/v1/bugs/metrics/trends?days=0"),
    ]
}

fn summary_route<S: Spelling>(path: &'static str, id: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Summary, summary::<S>)
        .objective(Objective::MANY)
        .described(id, "Bugs", "How many bugs there are, by status and severity")
        .gives_spelled::<BugFigures, S>()
        .problems(&[404])
        .line(
            "the number of bugs by status and by severity (each bug once in both), of those reported today and ended \
             today, and the mean time from the report to the end; null as long as no bug has ended",
            "0",
        )
}

fn trends_route<S: Spelling>(path: &'static str, id: &'static str, wrong: &'static str) -> Endpoint {
    get(path, VIEWER, Class::Summary, trends::<S>)
        .objective(Objective::MANY)
        .described(id, "Bugs", "How many bugs were reported and ended, day by day")
        .parameters(&[DAYS])
        .gives_spelled::<BugTrends, S>()
        .problems(&[400, 404])
        .line(
            "for each of the last days, today last: bugs reported, bugs that became resolved or closed, bugs open at \
             its end, and the median and the 90th percentile of the hours to the end. Days begin at midnight of the \
             plant's time zone; `days` is 1 to 366, by default 30",
            "0",
        )
        .bad_call("GET", wrong, 400)
}

/// How many bugs there are.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugFigures {
    total_bugs: u64,
    open_bugs: u64,
    in_progress_bugs: u64,
    resolved_bugs: u64,
    closed_bugs: u64,
    critical_bugs: u64,
    high_severity_bugs: u64,
    medium_severity_bugs: u64,
    low_severity_bugs: u64,
    /// Bugs that were reported today.
    new_today: u64,
    /// Bugs that became resolved or closed today.
    resolved_today: u64,
    /// The mean time from the report to the end, over bugs that are resolved or closed.
    avg_resolution_time_hours: Option<f64>,
}

/// How it went day by day.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BugTrends {
    /// The oldest day first; the last is today.
    days: Vec<BugTrendDay>,
    /// The time zone in which days begin, by its name in the IANA database.
    time_zone: String,
}

/// A day.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct BugTrendDay {
    #[cfg_attr(feature = "openapi", schema(format = "date"))]
    date: String,
    opened: u64,
    resolved: u64,
    open_at_end: u64,
    median_resolution_hours: Option<f64>,
    p90_resolution_hours: Option<f64>,
}

/// Microseconds in hours, rounded to a tenth.
fn hours(micros: u64, count: u64) -> Option<f64> {
    const HOUR: u128 = 3_600_000_000;
    let whole = HOUR * u128::from(count);
    let tenths = (u128::from(micros) * 10 + whole / 2).checked_div(whole)?;
    Some(f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0)
}

impl BugFigures {
    fn of(summary: &BugSummary) -> Self {
        let (status, severity) = (|status| summary.with_status(status), |severity| summary.with_severity(severity));
        Self {
            total_bugs: summary.total(),
            open_bugs: status(BugStatus::Open),
            in_progress_bugs: status(BugStatus::InProgress),
            resolved_bugs: status(BugStatus::Resolved),
            closed_bugs: status(BugStatus::Closed),
            critical_bugs: severity(BugSeverity::Critical),
            high_severity_bugs: severity(BugSeverity::High),
            medium_severity_bugs: severity(BugSeverity::Medium),
            low_severity_bugs: severity(BugSeverity::Low),
            new_today: summary.created,
            resolved_today: summary.ended,
            avg_resolution_time_hours: hours(summary.ended_after_micros, summary.total_ended()),
        }
    }
}

impl BugTrendDay {
    fn of(date: String, day: &BugDay) -> Self {
        Self {
            date,
            opened: day.created,
            resolved: day.ended,
            open_at_end: day.open,
            median_resolution_hours: day.median_micros.and_then(|micros| hours(micros, 1)),
            p90_resolution_hours: day.ninetieth_micros.and_then(|micros| hours(micros, 1)),
        }
    }
}

/// `GET …/bugs/metrics/summary`.
pub(crate) async fn summary<S: Spelling>(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let parts = services.bugs()?;
    let today = Days::until(&parts.zone, (services.now)(), 1)?;
    let summary = parts.book.summary(today.span()).await?;
    Ok(spelled::<S>(StatusCode::OK, &BugFigures::of(&summary)))
}

/// The parameter of the trend.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HowManyDays {
    days: Option<String>,
}

/// `GET …/bugs/metrics/trends[?days=]`.
pub(crate) async fn trends<S: Spelling>(
    State(services): State<Arc<Services>>,
    query: Result<Query<HowManyDays>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(HowManyDays { days }) = query.map_err(|refused| unreadable(&refused, "days"))?;
    let count = match days.as_deref().map_or(Ok(30), str::parse::<u16>) {
        Ok(count) if (1..=MOST_BUG_DAYS).contains(&usize::from(count)) => count,
        _ => {
            let limit = format!("a whole number from 1 to {MOST_BUG_DAYS}");
            let french = format!("un entier de 1 à {MOST_BUG_DAYS}");
            let found = days.unwrap_or_default();
            return Err(Problem::invalid_query(vec![Violation::new("?days", found, limit, french)]));
        }
    };
    let parts = services.bugs()?;
    let asked = Days::until(&parts.zone, (services.now)(), count)?;
    let found = parts.book.days(asked.bounds()).await?;
    let days = asked.dates().zip(&found).map(|(date, day)| BugTrendDay::of(date, day)).collect();
    let trends = BugTrends { days, time_zone: parts.zone.name().to_owned() };
    Ok(spelled::<S>(StatusCode::OK, &trends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_rounded_to_a_tenth_of_an_hour_and_absent_without_a_bug() {
        let hour = 3_600_000_000;
        for (micros, count, mean) in [
            (0, 0, None),
            (0, 1, Some(0.0)),
            (97 * hour, 2, Some(48.5)),
            (hour / 20, 1, Some(0.1)),
            (hour / 20 - 1, 1, Some(0.0)),
            (u64::MAX, 1, Some(429_496_729.5)),
        ] {
            assert_eq!(hours(micros, count), mean, "{micros} {count}");
        }
    }
}
