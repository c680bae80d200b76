//! Titles and texts of tellings, in English and in French.

use std::collections::BTreeSet;

use sqal_work::outbox::Language;

use super::moments::{in_words, on_the_wall};
use super::plan::NotifyPlan;
use super::telling::{Telling, TellingKind};
use super::view::AlertView;
use crate::times::between;
use crate::words::unbroken;

/// The longest title, the longest line of a listed alert and the longest text, in characters.
const LONGEST_TITLE: usize = 180;
const LONGEST_LINE: usize = 250;
const LONGEST_TEXT: usize = 10_000;

/// The longest link to a page of the runbook, in characters.
const LONGEST_LINK: usize = 700;

/// The most pages of the runbook that a text names.
const MOST_PAGES: usize = 3;

/// One line that says what has happened, of at most 180 characters.
pub(super) fn title(telling: &Telling, language: Language) -> String {
    let names: BTreeSet<&str> = telling.alerts.iter().map(|alert| alert.alertname.as_str()).collect();
    let count = telling.count;
    let what = match (telling.alerts.as_slice(), names.first(), language) {
        ([alert], ..) if count == 1 => summary(alert, language),
        (_, Some(name), Language::English) if names.len() == 1 => format!("{name}: {count} alerts"),
        (_, Some(name), Language::French) if names.len() == 1 => format!("{name} : {count} alertes"),
        (.., Language::English) => format!("{count} alerts"),
        (.., Language::French) => format!("{count} alertes"),
    };
    let before = match (telling.kind, language) {
        (TellingKind::Trigger, _) => "",
        (TellingKind::Acknowledge, Language::English) => "Acknowledged: ",
        (TellingKind::Acknowledge, Language::French) => "Acquittement : ",
        (TellingKind::Resolve, Language::English) => "Over: ",
        (TellingKind::Resolve, Language::French) => "Fin : ",
        (TellingKind::Escalation, Language::English) => "Not acknowledged: ",
        (TellingKind::Escalation, Language::French) => "Sans acquittement : ",
        (TellingKind::Reminder, Language::English) => "Still firing: ",
        (TellingKind::Reminder, Language::French) => "Rappel : ",
    };
    one_line(&unbroken(&format!("{before}{what}"), language), LONGEST_TITLE)
}

/// What has happened, to which alerts, and where more about it stands; at most 10 000 characters.
pub(super) fn text(telling: &Telling, plan: &NotifyPlan, language: Language) -> String {
    let mut lines = vec![lead(telling, plan, language)];
    if let ([alert], true) = (telling.alerts.as_slice(), telling.kind != TellingKind::Resolve) {
        let description = alert.description.filled(language, &alert.labels, alert.value);
        if !description.trim().is_empty() {
            lines.push(description.replace('\0', "\u{FFFD}"));
        }
    }
    lines.push(String::new());
    lines.extend(telling.alerts.iter().map(|alert| line(alert, plan, language)));
    let more = telling.count.saturating_sub(telling.alerts.len());
    if more > 0 {
        lines.push(match language {
            Language::English => format!("- … and {more} more"),
            Language::French => format!("- … et {more} de plus"),
        });
    }
    lines.push(String::new());
    let (list, runbook) = match language {
        Language::English => ("Alerts: ", "Runbook: "),
        Language::French => ("Alertes : ", "Procédure : "),
    };
    lines.push(format!("{list}{}", plan.alerts_url()));
    let pages: BTreeSet<&str> = telling.alerts.iter().map(|alert| alert.runbook.as_str()).collect();
    let pages = pages.into_iter().filter(|page| !page.is_empty()).take(MOST_PAGES);
    lines.extend(pages.map(|page| format!("{runbook}{}", one_line(&plan.runbook_url(page), LONGEST_LINK))));
    unbroken(&lines.join("\n"), language).chars().take(LONGEST_TEXT).collect()
}

/// The first sentence of a text.
fn lead(telling: &Telling, plan: &NotifyPlan, language: Language) -> String {
    let (opened, at) = (on_the_wall(telling.opened, plan.zone()), on_the_wall(telling.at, plan.zone()));
    let waited = in_words(between(telling.opened, telling.at), language);
    let names: Vec<_> = telling.acknowledged_by().into_iter().take(3).collect();
    let names = one_line(&names.join(", "), LONGEST_LINE);
    match (telling.kind, language) {
        (TellingKind::Trigger, Language::English) => format!("Alert of {at}."),
        (TellingKind::Trigger, Language::French) => format!("Alerte du {at}."),
        (TellingKind::Acknowledge, Language::English) => format!("Acknowledged by {names}. First told at {opened}."),
        (TellingKind::Acknowledge, Language::French) => {
            format!("Acquittée par {names}. Premier signalement : {opened}.")
        }
        (TellingKind::Resolve, Language::English) => format!("First told at {opened}, over at {at}."),
        (TellingKind::Resolve, Language::French) => format!("Premier signalement : {opened} ; fin : {at}."),
        (TellingKind::Escalation, Language::English) => format!("No person has acknowledged it for {waited}."),
        (TellingKind::Escalation, Language::French) => format!("Personne ne l'a acquittée depuis {waited}."),
        (TellingKind::Reminder, Language::English) => {
            format!("It has fired since {opened}, and no person has acknowledged it.")
        }
        (TellingKind::Reminder, Language::French) => {
            format!("Active depuis le {opened} ; personne ne l'a acquittée.")
        }
    }
}

/// The line of a listed alert.
fn line(alert: &AlertView, plan: &NotifyPlan, language: Language) -> String {
    let summary = one_line(&summary(alert, language), LONGEST_LINE);
    let began = on_the_wall(alert.began, plan.zone());
    match (alert.resolved.map(|ended| on_the_wall(ended, plan.zone())), language) {
        (None, Language::English) => format!("- {summary} (since {began})"),
        (None, Language::French) => format!("- {summary} (depuis le {began})"),
        (Some(ended), Language::English) => format!("- {summary} (from {began} to {ended})"),
        (Some(ended), Language::French) => format!("- {summary} (du {began} au {ended})"),
    }
}

/// The summary of an alert; its name if the summary is blank.
fn summary(alert: &AlertView, language: Language) -> String {
    let summary = alert.summary.filled(language, &alert.labels, alert.value);
    match language {
        _ if !summary.trim().is_empty() => summary,
        Language::English => format!("alert {}", alert.alertname),
        Language::French => format!("alerte {}", alert.alertname),
    }
}

/// A text as one line of at most `most` characters; characters that break a line become blanks.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if breaks(c) { ' ' } else { c }).take(most).collect()
}
