//! [`read_plan`]: reads a plan from YAML, and finds every mistake of it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::Value;
use sqal_work::outbox::{Language, TargetUrl};
use sqal_work::schedule::Zone;

use super::checks;
use super::mistake::{InvalidPlan, PlanMistake};
use super::node::{Members, Node};
use super::receiver::Receiver;
use super::route::{EscalationStep, Route};
use super::shift::{DAYS, Shift, time_of_day};
use super::spans;
use super::{NotifyPlan, Waits};
use crate::query::is_label_name;
use crate::rule::Severity;
use crate::yaml_keys::first_key;

/// The largest file, in bytes.
const LARGEST: usize = 256 * 1024;

/// The most receivers, shifts or routes.
const MOST: usize = 200;

/// The most steps of an escalation.
const MOST_STEPS: usize = 10;

/// The most mail addresses of a receiver, which is the most recipients of a message.
const MOST_ADDRESSES: usize = 100;

/// The longest URL in bytes: a page's name behind it still fits into a link.
const LONGEST_URL: usize = 500;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(7 * 24);

const KEYS: [&str; 11] = [
    "base_url",
    "group_by",
    "group_interval",
    "group_wait",
    "language",
    "receivers",
    "repeat_interval",
    "routes",
    "runbooks",
    "shifts",
    "zone",
];

type Mistakes = Vec<PlanMistake>;

/// Reads a plan from YAML.
///
/// Only `base_url`, `receivers` and `routes` are required. Without them a plan has the language
/// `en`, the zone `UTC`, runbooks under `/runbook` of the server, groups by `cluster` and
/// `alertname`, a `group_wait` of 30 s, a `group_interval` of 5 m and a `repeat_interval` of 4 h.
///
/// # Errors
///
/// [`InvalidPlan`] with every mistake and its place: an unknown key, a value of another kind or out
/// of its range, a name that is not there, an escalation that tells a receiver again, a route that
/// an earlier one hides. A text that is not YAML has one mistake, with its line.
pub fn read_plan(text: &str) -> Result<NotifyPlan, InvalidPlan> {
    let refused = |what: String| InvalidPlan::new(vec![PlanMistake::new("the file", what)]);
    if text.len() > LARGEST {
        return Err(refused(format!("{} bytes, expected at most {LARGEST}", text.len())));
    }
    // Without the lines of the file, which may hold mail addresses.
    let on_one_line = |text: &str| text.lines().collect::<Vec<_>>().join(" ");
    let value: Value =
        serde_saphyr::from_str(text).map_err(|error| refused(on_one_line(&error.without_snippet().to_string())))?;
    let mut mistakes = Mistakes::new();
    let file = Node::root(&value).members(&KEYS, &mut mistakes);
    let base_url = required_url(&file, &mut mistakes);
    let language = file.get("language").and_then(|node| language(&node, &mut mistakes));
    let zone = file.get("zone").and_then(|node| zone(&node, &mut mistakes)).unwrap_or(TimeZone::UTC);
    let runbooks = file.get("runbooks").and_then(|node| url(&node, &mut mistakes));
    let group_by = group_by(&file, &mut mistakes);
    let waits = waits(&file, &mut mistakes);
    let receivers = receivers(&file, &mut mistakes);
    let shifts = shifts(&file, &zone, &mut mistakes);
    let routes = routes(&file, &shifts, &mut mistakes);
    let mut plan = NotifyPlan {
        language: language.unwrap_or(Language::English),
        zone,
        runbooks: runbooks.unwrap_or_else(|| format!("{base_url}/runbook")),
        base_url,
        group_by,
        waits,
        receivers,
        routes,
        warnings: Vec::new(),
    };
    mistakes.extend(checks::mistakes(&plan));
    if !mistakes.is_empty() {
        return Err(InvalidPlan::new(mistakes));
    }
    plan.warnings = checks::warnings(&plan, shifts.keys());
    Ok(plan)
}

/// Whether a text is meant as a plan: it has one of the keys `receivers` and `routes`. A text that
/// is not YAML is recognised too: [`read_plan`] says where it fails.
///
/// ```
/// assert!(sqal_alerts::notify::is_plan("receivers: { quality: { mail: [quality@example.com] } }"));
/// assert!(!sqal_alerts::notify::is_plan("objectives: []"));
/// ```
#[must_use]
pub fn is_plan(text: &str) -> bool {
    first_key(text, &["receivers", "routes"]).is_some()
}

fn required_url(file: &Members<'_>, mistakes: &mut Mistakes) -> String {
    let Some(node) = file.get("base_url") else {
        mistakes.push(file.missing("base_url", "the URL of the server, such as https://sqal.example"));
        return String::new();
    };
    url(&node, mistakes).unwrap_or_default()
}

/// A URL that a path can be written behind.
fn url(node: &Node<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let text = node.text(mistakes)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['?', '|', '"']);
    if text.len() > LONGEST_URL || !is_plain {
        let what = "visible ASCII characters without a query and without the signs | and \"";
        mistakes.push(node.expected(&format!("a URL of at most {LONGEST_URL} {what}")));
        return None;
    }
    node.parsed::<TargetUrl>(mistakes)?;
    Some(text.trim_end_matches('/').to_owned())
}

fn language(node: &Node<'_>, mistakes: &mut Mistakes) -> Option<Language> {
    let text = node.text(mistakes)?;
    let found = [Language::English, Language::French].into_iter().find(|language| language.tag() == text);
    if found.is_none() {
        mistakes.push(node.expected("en or fr"));
    }
    found
}

fn zone(node: &Node<'_>, mistakes: &mut Mistakes) -> Option<TimeZone> {
    let text = node.text(mistakes)?;
    let found = text.parse::<Zone>().map_err(|error| error.to_string());
    let found = found.and_then(|zone| TimeZoneDatabase::bundled().get(zone.name()).map_err(|error| error.to_string()));
    found.map_err(|what| mistakes.push(node.mistake(what))).ok()
}

fn group_by(file: &Members<'_>, mistakes: &mut Mistakes) -> BTreeSet<String> {
    let Some(node) = file.get("group_by") else {
        return ["cluster", "alertname"].map(str::to_owned).into();
    };
    let items = node.items(mistakes);
    let label = |item: &Node<'_>| {
        let text = item.text(mistakes)?;
        if !is_label_name(text) {
            mistakes.push(item.expected("the name of a label"));
        }
        Some(text.to_owned())
    };
    items.iter().filter_map(label).collect()
}

fn waits(file: &Members<'_>, mistakes: &mut Mistakes) -> Waits {
    let mut span = |key, usual, range: RangeInclusive<Duration>| {
        file.get(key).and_then(|node| span(&node, &range, mistakes)).unwrap_or(usual)
    };
    let waits = Waits {
        wait: span("group_wait", Duration::from_secs(30), Duration::ZERO..=Duration::from_hours(1)),
        interval: span("group_interval", Duration::from_mins(5), Duration::from_secs(10)..=DAY),
        repeat: span("repeat_interval", Duration::from_hours(4), MINUTE..=WEEK),
    };
    if waits.repeat < waits.interval {
        let what = format!(
            "{}: expected at least group_interval, {}",
            spans::written(waits.repeat),
            spans::written(waits.interval)
        );
        mistakes.push(PlanMistake::new("repeat_interval", what));
    }
    waits
}

fn span(node: &Node<'_>, range: &RangeInclusive<Duration>, mistakes: &mut Mistakes) -> Option<Duration> {
    let text = node.text(mistakes)?;
    let found = spans::read(text).filter(|span| range.contains(span));
    if found.is_none() {
        let [least, most] = [range.start(), range.end()].map(|span| spans::written(*span));
        mistakes.push(node.expected(&format!("{least} to {most}, such as 15m or 1h30m")));
    }
    found
}

/// The entries of a mapping of names: 1 to 200, each under 1 to 64 lower-case letters, digits, `-`
/// and `_`.
fn named<'a>(node: &Node<'a>, mistakes: &mut Mistakes) -> Vec<(&'a str, Node<'a>)> {
    let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let before = mistakes.len();
    let entries = node.entries(mistakes);
    if !(1..=MOST).contains(&entries.len()) && mistakes.len() == before {
        mistakes.push(node.mistake(format!("{} entries, expected 1 to {MOST}", entries.len())));
    }
    for (name, entry) in &entries {
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_sign) {
            mistakes.push(entry.mistake("the name is not 1 to 64 lower-case letters, digits, - and _"));
        }
    }
    entries
}

fn receivers(file: &Members<'_>, mistakes: &mut Mistakes) -> BTreeMap<String, Receiver> {
    let mut receivers = BTreeMap::new();
    let Some(node) = file.get("receivers") else {
        mistakes.push(file.missing("receivers", "at least one receiver"));
        return receivers;
    };
    for (name, entry) in named(&node, mistakes) {
        let receiver = receiver(&entry, mistakes);
        receivers.insert(name.to_owned(), receiver);
    }
    receivers
}

fn receiver(entry: &Node<'_>, mistakes: &mut Mistakes) -> Receiver {
    let before = mistakes.len();
    let members = entry.members(&["language", "mail", "notice", "webhook"], mistakes);
    let items = |key, mistakes: &mut Mistakes| members.get(key).map_or_else(Vec::new, |node| node.items(mistakes));
    let addresses = items("mail", mistakes);
    if addresses.len() > MOST_ADDRESSES {
        let what = format!("{} mail addresses, expected at most {MOST_ADDRESSES}", addresses.len());
        mistakes.push(entry.mistake(what));
    }
    let channels = items("notice", mistakes);
    let receiver = Receiver {
        mail: addresses.iter().filter_map(|item| item.parsed(mistakes)).collect(),
        notice: channels.iter().filter_map(|item| item.parsed(mistakes)).collect(),
        webhook: members.get("webhook").and_then(|node| node.flag(mistakes)).unwrap_or(false),
        language: members.get("language").and_then(|node| language(&node, mistakes)),
    };
    if receiver.is_unreachable() && mistakes.len() == before {
        mistakes
            .push(entry.mistake("nothing is sent to it, expected a mail address, a notice channel or webhook: true"));
    }
    receiver
}

/// The shifts by their names; a shift with a mistake is `None`.
fn shifts(file: &Members<'_>, usual: &TimeZone, mistakes: &mut Mistakes) -> BTreeMap<String, Option<Shift>> {
    let entries = file.get("shifts").map_or_else(Vec::new, |node| named(&node, mistakes));
    let shift = |(name, entry): (&str, Node<'_>)| (name.to_owned(), shift(name, &entry, usual, mistakes));
    entries.into_iter().map(shift).collect()
}

fn shift(name: &str, entry: &Node<'_>, usual: &TimeZone, mistakes: &mut Mistakes) -> Option<Shift> {
    let before = mistakes.len();
    let members = entry.members(&["days", "from", "until", "zone"], mistakes);
    let mut time = |key| members.get(key).and_then(|node| wall_time(&node, mistakes)).unwrap_or(Time::midnight());
    let (from, until) = (time("from"), time("until"));
    let zone = members.get("zone").and_then(|node| zone(&node, mistakes));
    let days: Vec<_> = match members.get("days") {
        None => DAYS.iter().map(|(_, day)| *day).collect(),
        Some(node) => {
            let items = node.items(mistakes);
            if items.is_empty() && mistakes.len() == before {
                mistakes.push(node.expected("at least one day"));
            }
            items
                .iter()
                .filter_map(|item| {
                    let text = item.text(mistakes)?;
                    let found = DAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day);
                    if found.is_none() {
                        mistakes.push(item.expected("mon, tue, wed, thu, fri, sat or sun"));
                    }
                    found
                })
                .collect()
        }
    };
    let zone = zone.unwrap_or_else(|| usual.clone());
    (mistakes.len() == before).then(|| Shift { name: name.to_owned(), zone, days, from, until })
}

fn wall_time(node: &Node<'_>, mistakes: &mut Mistakes) -> Option<Time> {
    let found = time_of_day(node.text(mistakes)?);
    if found.is_none() {
        mistakes.push(node.expected("a time of the day from 00:00 to 24:00, such as 06:30"));
    }
    found
}

fn routes(file: &Members<'_>, shifts: &BTreeMap<String, Option<Shift>>, mistakes: &mut Mistakes) -> Vec<Route> {
    let Some(node) = file.get("routes") else {
        mistakes.push(file.missing("routes", "at least one route"));
        return Vec::new();
    };
    let before = mistakes.len();
    let items = node.items(mistakes);
    if !(1..=MOST).contains(&items.len()) && mistakes.len() == before {
        mistakes.push(node.mistake(format!("{} routes, expected 1 to {MOST}", items.len())));
    }
    items.iter().map(|item| route(item, shifts, mistakes)).collect()
}

fn route(item: &Node<'_>, shifts: &BTreeMap<String, Option<Shift>>, mistakes: &mut Mistakes) -> Route {
    let members = item.members(&["escalate", "match", "shift", "to"], mistakes);
    let shift = members.get("shift").map(|node| {
        let found = node.text(mistakes).map(|name| shifts.get(name));
        if found == Some(None) {
            mistakes.push(node.expected("the name of a shift of this plan"));
        }
        found.flatten().cloned().flatten().unwrap_or_else(Shift::never)
    });
    let steps = members.get("escalate").map_or_else(Vec::new, |node| node.items(mistakes));
    if steps.len() > MOST_STEPS {
        mistakes.push(item.mistake(format!("{} steps of escalation, expected at most {MOST_STEPS}", steps.len())));
    }
    Route {
        matched: members.get("match").map_or_else(BTreeMap::new, |node| matched(&node, mistakes)),
        shift,
        to: receiver_names(&members, mistakes),
        escalation: steps.iter().map(|step| escalation_step(step, mistakes)).collect(),
    }
}

fn escalation_step(item: &Node<'_>, mistakes: &mut Mistakes) -> EscalationStep {
    let members = item.members(&["after", "to"], mistakes);
    let after = if let Some(node) = members.get("after") {
        span(&node, &(MINUTE..=WEEK), mistakes)
    } else {
        mistakes.push(members.missing("after", "a time such as 15m"));
        None
    };
    EscalationStep { after: after.unwrap_or_default(), to: receiver_names(&members, mistakes) }
}

fn receiver_names(members: &Members<'_>, mistakes: &mut Mistakes) -> BTreeSet<String> {
    let Some(node) = members.get("to") else {
        mistakes.push(members.missing("to", "the names of receivers"));
        return BTreeSet::new();
    };
    let before = mistakes.len();
    let items = node.items(mistakes);
    if items.is_empty() && mistakes.len() == before {
        mistakes.push(node.expected("the name of at least one receiver"));
    }
    items.iter().filter_map(|item| item.text(mistakes)).map(str::to_owned).collect()
}

/// The labels of a match, each with a text or a list of texts.
fn matched(node: &Node<'_>, mistakes: &mut Mistakes) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels = BTreeMap::new();
    for (name, entry) in node.entries(mistakes) {
        if !is_label_name(name) {
            mistakes.push(entry.mistake("not the name of a label"));
        }
        let items = if entry.is_list() { entry.items(mistakes) } else { vec![entry.clone()] };
        if items.is_empty() {
            mistakes.push(entry.expected("at least one value"));
        }
        let mut values = BTreeSet::new();
        for item in items {
            let Some(value) = item.text(mistakes) else { continue };
            if name == "severity" && Severity::ALL.iter().all(|severity| severity.as_str() != value) {
                mistakes.push(item.expected("warning or critical"));
            }
            values.insert(value.to_owned());
        }
        labels.insert(name.to_owned(), values);
    }
    labels
}
