//! Messages: what each way to a receiver gets, in which language, and how long it is at most.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;
use sqal_alerts::notify::TellingKind::{Acknowledge, Escalation, Reminder, Resolve, Trigger};
use sqal_alerts::notify::{AlertView, Teller, Telling, TellingKind, read_plan};
use sqal_alerts::{Severity, Words};
use sqal_work::outbox::mail::{MailAddress, MailMessage};
use sqal_work::outbox::notify::{IncidentAction, Notice};
use sqal_work::outbox::webhook::WebhookEvent;
use sqal_work::outbox::{self, Language, Message};

use crate::floor::{Floor, alert, at};

const PLAN: &str = "
base_url: https://sqal.example/
zone: Europe/Paris
receivers:
  quality: {mail: [a@example.com, b@example.com], language: fr}
  team: {notice: [team, pager]}
  erp: {webhook: true}
routes: [{to: [quality, team, erp]}]
";

const KINDS: [TellingKind; 5] = [Trigger, Acknowledge, Resolve, Escalation, Reminder];

fn teller() -> Teller {
    Teller::new(read_plan(PLAN).unwrap())
}

/// What one look of a floor on which a person works on nothing tells after half a minute.
fn telling(stations: usize) -> Telling {
    let mut floor = Floor::new(PLAN);
    for station in 1..=stations {
        floor.fire(&format!("POSTE{station}"));
    }
    floor.run(60).remove(0)
}

/// A telling of another kind, ten minutes later.
fn of_kind(kind: TellingKind, telling: &Telling) -> Telling {
    let change = |alert: &AlertView| AlertView {
        resolved: (kind == Resolve).then(|| at(600)),
        acknowledged_by: (kind == Acknowledge).then(|| "Marie Durand".to_owned()),
        ..alert.clone()
    };
    Telling { kind, at: at(630), alerts: telling.alerts.iter().map(change).collect(), ..telling.clone() }
}

#[derive(Default)]
struct Sorted {
    mails: Vec<MailMessage>,
    notices: BTreeMap<String, Notice>,
    events: Vec<WebhookEvent>,
}

fn sorted(telling: &Telling) -> Sorted {
    let mut sorted = Sorted::default();
    for message in teller().messages(telling) {
        match message {
            Message::Mail(mail) => sorted.mails.push(mail),
            Message::Notice { channel, notice } => drop(sorted.notices.insert(channel.to_string(), notice)),
            Message::Webhook(event) => sorted.events.push(event),
            other => panic!("{other:?}"),
        }
    }
    sorted
}

#[test]
fn each_way_to_a_receiver_gets_one_message_in_its_language() {
    let Sorted { mails, notices, events } = sorted(&telling(1));
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    let to: Vec<_> = mail.to().iter().map(MailAddress::as_str).collect();
    assert_eq!(to, ["a@example.com", "b@example.com"]);
    assert_eq!(mail.letter().subject().as_str(), "[avertissement] POSTE1 est muet");
    assert_eq!(mail.letter().language(), Language::French);
    assert_eq!(
        mail.letter().text(),
        "Alerte du 2024-10-21 08:00 CEST.\n\
         Aucune barquette de POSTE1 n'est jugée.\n\
         \n\
         - POSTE1 est muet (depuis le 2024-10-21 08:00 CEST)\n\
         \n\
         Alertes\u{a0}: https://sqal.example/#alerts\n\
         Procédure\u{a0}: https://sqal.example/runbook/station-silent"
    );
    assert_eq!(notices.keys().collect::<Vec<_>>(), ["pager", "team"]);
    for notice in notices.values() {
        assert_eq!((notice.title(), notice.source()), ("POSTE1 is silent", "POSTE1"));
        assert_eq!((notice.severity(), notice.language()), (outbox::Severity::Warning, Language::English));
        assert_eq!(notice.as_link(), Some("https://sqal.example/#alerts"));
        assert!(notice.as_text().starts_with("Alert of 2024-10-21 08:00 CEST.\nNo tray of POSTE1 is judged.\n"));
    }
    assert_eq!(events.len(), 1);
}

#[test]
fn an_event_says_what_happened_and_names_no_person() {
    let first = telling(2);
    for (kind, name) in [
        (Trigger, "alert.triggered"),
        (Escalation, "alert.triggered"),
        (Reminder, "alert.triggered"),
        (Acknowledge, "alert.acknowledged"),
        (Resolve, "alert.resolved"),
    ] {
        let Sorted { events, .. } = sorted(&of_kind(kind, &first));
        assert_eq!(events[0].kind().as_str(), name);
        let body: Value = serde_json::from_str(events[0].body()).unwrap();
        let data = &body["data"];
        assert_eq!(data["kind"], kind.as_str());
        assert_eq!(data["count"], 2);
        assert_eq!(data["incident"], first.incident_key.as_str());
        assert_eq!(data["opened"], "2024-10-21T06:00:30Z");
        assert_eq!(body["timestamp"], "2024-10-21T06:10:30Z");
        assert_eq!(data["alerts"][0]["summary"]["fr"].as_str().unwrap().split(' ').next_back(), Some("muet"));
        assert_eq!(data["alerts"][0]["acknowledged"], kind == Acknowledge);
        assert_eq!(data["alerts"][0]["resolved"].is_null(), kind != Resolve);
        assert!(!events[0].body().contains("Marie"), "{}", events[0].body());
    }
}

#[test]
fn a_pager_opens_acknowledges_and_closes_one_incident() {
    let first = telling(1);
    let actions = KINDS.map(|kind| {
        let Sorted { notices, .. } = sorted(&of_kind(kind, &first));
        let incident = notices["pager"].incident().unwrap();
        assert_eq!(incident.key(), first.incident_key);
        incident.action()
    });
    let (trigger, acknowledge, resolve) =
        (IncidentAction::Trigger, IncidentAction::Acknowledge, IncidentAction::Resolve);
    assert_eq!(actions, [trigger, acknowledge, resolve, trigger, trigger]);
}

#[test]
fn each_kind_is_said_in_both_languages() {
    let first = telling(1);
    let leads = [
        "Alerte du 2024-10-21 08:10 CEST.\n",
        "Acquittée par Marie Durand. Premier signalement\u{a0}: 2024-10-21 08:00 CEST.\n",
        "Premier signalement\u{a0}: 2024-10-21 08:00 CEST\u{a0}; fin\u{a0}: 2024-10-21 08:10 CEST.\n",
        "Personne ne l'a acquittée depuis 10 minutes.\n",
        "Active depuis le 2024-10-21 08:00 CEST\u{a0}; personne ne l'a acquittée.\n",
    ];
    let expected = [
        ("POSTE1 est muet", "POSTE1 is silent", "Alert of 2024-10-21 08:10 CEST."),
        ("Acquittement\u{a0}: POSTE1 est muet", "Acknowledged: POSTE1 is silent", "Acknowledged by Marie Durand. "),
        ("Fin\u{a0}: POSTE1 est muet", "Over: POSTE1 is silent", "First told at 2024-10-21 08:00 CEST, over at "),
        (
            "Sans acquittement\u{a0}: POSTE1 est muet",
            "Not acknowledged: POSTE1 is silent",
            "No person has acknowledged it for 10 minutes.",
        ),
        (
            "Rappel\u{a0}: POSTE1 est muet",
            "Still firing: POSTE1 is silent",
            "It has fired since 2024-10-21 08:00 CEST, ",
        ),
    ];
    for ((kind, (french, english, lead)), french_lead) in KINDS.into_iter().zip(expected).zip(leads) {
        let Sorted { mails, notices, .. } = sorted(&of_kind(kind, &first));
        assert_eq!(mails[0].letter().subject().as_str(), format!("[avertissement] {french}"));
        assert!(mails[0].letter().text().starts_with(french_lead), "{}", mails[0].letter().text());
        assert_eq!(notices["team"].title(), english);
        assert!(notices["team"].as_text().starts_with(lead), "{}", notices["team"].as_text());
    }
}

#[test]
fn an_alert_without_a_summary_is_told_by_its_name() {
    let mut told = telling(1);
    told.alerts[0].summary = Words::default();
    let Sorted { mails, notices, .. } = sorted(&told);
    assert_eq!(mails[0].letter().subject().as_str(), "[avertissement] alerte StationSilent");
    assert_eq!(notices["team"].title(), "alert StationSilent");
}

#[test]
fn of_three_hundred_alerts_twenty_are_listed_and_the_others_counted() {
    let told = telling(300);
    let Sorted { mails, notices, events } = sorted(&told);
    assert_eq!(notices["team"].title(), "StationSilent: 300 alerts");
    assert_eq!(notices["team"].source(), "sqal");
    let text = notices["team"].as_text();
    assert_eq!(text.lines().filter(|line| line.starts_with("- POSTE")).count(), 20);
    assert!(text.contains("\n- … and 280 more\n"), "{text}");
    assert!(mails[0].letter().text().contains("\n- … et 280 de plus\n"));
    let body: Value = serde_json::from_str(events[0].body()).unwrap();
    assert_eq!(body["data"]["alerts"].as_array().unwrap().len(), 20);
    assert_eq!(body["data"]["count"], 300);
}

#[test]
fn the_most_serious_and_then_the_newest_alerts_are_listed_first() {
    let plan = "
base_url: https://sqal.example
group_by: []
receivers: {all: {webhook: true}}
routes: [{to: [all]}]
";
    let mut floor = Floor::new(plan);
    for (station, severity) in [(1, Severity::Warning), (2, Severity::Critical), (3, Severity::Warning)] {
        floor.fire_as("StationSilent", &format!("POSTE{station}"), severity);
        floor.now += 5;
    }
    let told = floor.run(60).remove(0);
    let devices: Vec<_> = told.alerts.iter().map(|alert| alert.label("device").unwrap()).collect();
    assert_eq!(devices, ["POSTE2", "POSTE3", "POSTE1"]);
    assert_eq!(told.severity(), Severity::Critical);
}

#[test]
fn a_receiver_that_is_no_longer_in_the_plan_gets_nothing() {
    let mut told = telling(1);
    told.to = ["gone", "erp"].map(str::to_owned).into();
    let Sorted { mails, notices, events } = sorted(&told);
    assert_eq!((mails.len(), notices.len(), events.len()), (0, 0, 1));
}

#[test]
fn tellings_of_an_incident_have_keys_of_their_own() {
    let first = telling(1);
    let keys: BTreeSet<_> = KINDS.iter().map(|kind| Teller::dedupe_key(&of_kind(*kind, &first))).collect();
    assert_eq!(keys.len(), 5);
    let later = Telling { at: at(35), ..first.clone() };
    assert_ne!(Teller::dedupe_key(&first), Teller::dedupe_key(&later));
    let altered = Telling { incident_key: "\0".repeat(300), ..first };
    assert!(Teller::dedupe_key(&altered).as_str().starts_with("alert trigger "));
}

/// A text with characters of every kind, also those that end a line or a text.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(|characters| characters.into_iter().collect())
}

prop_compose! {
    /// An alert with arbitrary texts.
    fn strange()(
        texts in prop::collection::vec(text(), 6),
        long in 0..600_usize,
        value in prop::option::of(any::<f64>()),
        severity in prop::sample::select(Severity::ALL.to_vec()),
        acknowledged_by in prop::option::of(text()),
    ) -> AlertView {
        let device = ("device".to_owned(), texts[4].repeat(long / 10));
        AlertView {
            alertname: texts[0].clone(),
            summary: Words::new(&texts[1], &texts[1].repeat(long)),
            description: Words::new(&texts[2].repeat(long), &texts[2]),
            runbook: texts[3].clone(),
            labels: BTreeMap::from([device, (texts[5].clone(), texts[4].clone())]),
            value,
            acknowledged_by,
            ..alert("Any", "any", severity, 0)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the texts of alerts are, no message is lost because it cannot be made.
    #[test]
    fn every_telling_has_all_of_its_messages(
        alerts in prop::collection::vec(strange(), 0..3),
        kind in prop::sample::select(KINDS.to_vec()),
        more in 0..1_000_usize,
    ) {
        let count = alerts.len() + more;
        let told = Telling { alerts, count, kind, ..telling(1) };
        let Sorted { mails, notices, events } = sorted(&told);
        prop_assert_eq!((mails.len(), notices.len(), events.len()), (1, 2, 1));
    }

    /// What is kept of alerts in the store is bounded, whatever their texts are.
    #[test]
    fn a_telling_is_small(mut alerts in prop::collection::vec(strange(), 1..25)) {
        let mut floor = Floor::new(&PLAN.replace("zone", "group_by: []\nzone"));
        for (number, alert) in alerts.iter_mut().enumerate() {
            alert.key = format!("key {number}");
            alert.acknowledged_by = None;
            floor.alerts.insert(alert.key.clone(), alert.clone());
        }
        let told = floor.run(60).remove(0);
        prop_assert_eq!(told.count, alerts.len());
        prop_assert!(told.alerts.len() <= 20 && serde_json::to_string(&told).unwrap().len() < 400_000);
    }
}
