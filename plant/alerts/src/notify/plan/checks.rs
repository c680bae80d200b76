//! What the parts of a plan must be to each other: names that exist, escalations that reach others,
//! routes that are reached, and hours in which alerts are told.

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use sqal_core::Timestamp;

use super::NotifyPlan;
use super::mistake::PlanMistake;
use super::route::Route;
use super::shift::DAYS;
use super::spans;
use crate::rule::Severity;

/// The mistakes between the parts of a plan.
pub(super) fn mistakes(plan: &NotifyPlan) -> Vec<PlanMistake> {
    let mut found = Vec::new();
    for (at, route) in plan.routes.iter().enumerate() {
        let place = format!("routes[{at}]");
        let names = [(format!("{place}.to"), &route.to)].into_iter();
        let steps = (0..).zip(&route.escalation).map(|(step, of)| (format!("{place}.escalate[{step}].to"), &of.to));
        for (place, to) in names.chain(steps) {
            // Without receivers every name would be unknown, and that mistake is found already.
            let unknown = to.iter().filter(|name| !plan.receivers.contains_key(*name) && !plan.receivers.is_empty());
            found.extend(unknown.map(|name| {
                PlanMistake::new(&place, format!("{name:?}: expected the name of a receiver of this plan"))
            }));
        }
        found.extend(escalation(&place, route));
        if let Some(earlier) = plan.routes.iter().take(at).position(|earlier| earlier.hides(route)) {
            let what = format!("is never used, because routes[{earlier}] takes every alert that it matches");
            found.push(PlanMistake::new(place, what));
        }
    }
    found
}

/// What is wrong with the steps of a route: their order, and receivers that are told already.
fn escalation(place: &str, route: &Route) -> Vec<PlanMistake> {
    let (mut found, mut told, mut before) = (Vec::new(), route.to.clone(), None);
    for (at, step) in route.escalation.iter().enumerate() {
        let place = format!("{place}.escalate[{at}]");
        // A time that could not be read is 0, and that mistake is found already.
        if let Some(before) = before.filter(|before| step.after <= *before && !step.after.is_zero()) {
            let (after, before) = (spans::written(step.after), spans::written(before));
            let what = format!("{after}: expected more than the {before} of the step before");
            found.push(PlanMistake::new(format!("{place}.after"), what));
        }
        for name in step.to.intersection(&told) {
            let what = format!("{name:?} is told before: expected receivers that this route has not told yet");
            found.push(PlanMistake::new(format!("{place}.to"), what));
        }
        told.extend(step.to.iter().cloned());
        before = Some(step.after);
    }
    found
}

/// What is valid and probably not meant.
pub(super) fn warnings<'a>(plan: &NotifyPlan, shifts: impl Iterator<Item = &'a String>) -> Vec<PlanMistake> {
    let steps = |route: &Route| route.escalation.iter().flat_map(|step| step.to.clone()).collect::<Vec<_>>();
    let used: BTreeSet<String> =
        plan.routes.iter().flat_map(|route| route.to.iter().cloned().chain(steps(route))).collect();
    let in_use = |name: &String| plan.routes.iter().filter_map(Route::shift).any(|shift| shift.name() == name);
    let unused = |place: String| PlanMistake::new(place, "is not used by any route");
    let receivers = plan.receivers.keys().filter(|name| !used.contains(*name));
    let mut found: Vec<_> = receivers.map(|name| unused(format!("receivers.{name}"))).collect();
    found.extend(shifts.filter(|name| !in_use(name)).map(|name| unused(format!("shifts.{name}"))));
    found.extend(Severity::ALL.into_iter().filter_map(|severity| gap(plan, severity)));
    found
}

/// The first minute of a week in which an alert of a severity is told to none of the receivers,
/// unless a route matches another label of it. The week has no change of summer time.
fn gap(plan: &NotifyPlan, severity: Severity) -> Option<PlanMistake> {
    // 2026-01-05T00:00:00Z, a Monday.
    const MONDAY: i64 = 1_767_571_200_000_000;
    let takes_all = |route: &&Route| {
        route.matched.iter().all(|(name, values)| name == "severity" && values.contains(severity.as_str()))
    };
    let open: Vec<&Route> = plan.routes.iter().filter(takes_all).collect();
    let is_told =
        |time: Timestamp| open.iter().any(|route| route.shift.as_ref().is_none_or(|shift| shift.contains(time)));
    let mut minutes = (0..7 * 24 * 60).filter_map(|minute| Timestamp::from_micros(MONDAY + minute * 60_000_000).ok());
    let time = minutes.find(|time| !is_told(*time))?;
    let wall = jiff::Timestamp::from_microsecond(time.micros()).ok()?.to_zoned(plan.zone.clone());
    let day = name_of(wall.weekday());
    let what = format!(
        "an alert of severity {} whose other labels match no route is told to none of the receivers, for example on \
         {day} at {:02}:{:02}",
        severity.as_str(),
        wall.hour(),
        wall.minute(),
    );
    Some(PlanMistake::new("routes", what))
}

fn name_of(day: Weekday) -> &'static str {
    DAYS.iter().find(|(_, of)| *of == day).map_or("", |(name, _)| *name)
}
