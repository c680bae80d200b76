//! Notices: what each channel gets, what it refuses, and incidents in a storm.

use std::time::Duration;

use sqal_storage::queue::JobState;
use sqal_work::outbox::notify::{Incident, IncidentAction, Notice, NoticeChannel, NoticeWork};
use sqal_work::outbox::{Dispatched, Language, Message, Secret, Severity};

use crate::line::{key, narrow, wide};
use crate::receiver::{Received, client, limits, ok, status};
use crate::storms::People;

/// A notice about an incident.
fn incident(people: &People, action: IncidentAction, name: &str) -> Message {
    let notice = Notice::new(name, "test", Severity::Critical, Language::English, people.line.now()).unwrap();
    let notice = notice.of(Incident::new(action, name).unwrap());
    Message::Notice { channel: "people".parse().unwrap(), notice }
}

async fn tell(people: &People, action: IncidentAction, name: &str) -> Dispatched {
    let key = key(&format!("{action:?} {name}"));
    people.outbox.send(&incident(people, action, name), &key, people.line.now()).await.unwrap()[0].outcome
}

#[tokio::test]
async fn each_channel_gets_its_form_and_its_secret() {
    let mut people = People::new(wide(), [ok()]).await;
    let (url, name) = (people.receiver.url("/hunter2"), || "people".parse().unwrap());
    for (channel, member, authorization) in [
        (NoticeChannel::json(name(), url.clone(), None).unwrap(), "severity", None),
        (NoticeChannel::json(name(), url.clone(), Some(Secret::new("token"))).unwrap(), "id", Some("Bearer token")),
        (NoticeChannel::slack(name(), url.clone()), "text", None),
        (NoticeChannel::pager_duty(name(), url, Secret::new("k".repeat(32))).unwrap(), "dedup_key", None),
    ] {
        people.work = NoticeWork::new(client(), limits(), [channel], people.line.records());
        people.send(&format!("{member} {authorization:?}")).await;
        people.line.drain(&people.work).await;
        let got = people.receiver.received().last().unwrap().clone();
        assert!(!got.json()[member].is_null(), "{member}: {}", got.body);
        assert_eq!(got.head.get("authorization").map(|value| value.to_str().unwrap()), authorization);
    }
}

#[tokio::test]
async fn what_a_channel_refuses_fails_at_once_and_what_may_pass_is_tried_again() {
    for (code, state) in [
        (400, JobState::Failed),
        (410, JobState::Failed),
        (413, JobState::Failed),
        (422, JobState::Failed),
        (401, JobState::Enqueued),
        (403, JobState::Enqueued),
        (404, JobState::Enqueued),
        (407, JobState::Enqueued),
        (302, JobState::Enqueued),
        (408, JobState::Enqueued),
        (429, JobState::Enqueued),
        (500, JobState::Enqueued),
        (202, JobState::Succeeded),
    ] {
        let people = People::new(wide(), [status(code, "")]).await;
        people.send("one").await;
        people.line.work_off(&people.work).await;
        assert_eq!(people.line.jobs().await[0].state, state, "{code}");
    }
}

#[tokio::test]
async fn a_notice_for_a_channel_that_this_server_does_not_know_waits() {
    let people = People::new(wide(), [ok()]).await;
    let Message::Notice { notice, .. } = people.message("one") else { panic!("a notice") };
    let message = Message::Notice { channel: "unknown".parse().unwrap(), notice };
    people.outbox.send(&message, &key("one"), people.line.now()).await.unwrap();
    let done = people.line.work_off(&people.work).await;
    assert!(done[0].why().contains("no notice channel of this name"), "{}", done[0].why());
    assert_eq!(people.line.jobs().await[0].state, JobState::Enqueued);
}

#[tokio::test]
async fn trigger_acknowledge_and_resolve_have_one_dedup_key() {
    let mut people = People::new(wide(), [ok()]).await;
    let url = people.receiver.url("/v2/enqueue");
    let channel = NoticeChannel::pager_duty("people".parse().unwrap(), url, Secret::new("k".repeat(32))).unwrap();
    people.work = NoticeWork::new(client(), limits(), [channel], people.line.records());
    for action in [IncidentAction::Trigger, IncidentAction::Acknowledge, IncidentAction::Resolve] {
        tell(&people, action, "station 3").await;
        people.line.drain(&people.work).await;
    }
    let told: Vec<_> = people.receiver.received().iter().map(Received::json).collect();
    let actions: Vec<_> = told.iter().map(|body| body["event_action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    assert!(told.iter().all(|body| body["dedup_key"] == "station 3"));
}

/// Two incidents are told, 98 are counted. All of them end: the end of the two is told, that of the
/// others counted.
#[tokio::test]
async fn the_end_of_an_incident_is_told_if_its_beginning_was_told() {
    let people = People::new(narrow(), [ok()]).await;
    for k in 0..100 {
        let outcome = tell(&people, IncidentAction::Trigger, &format!("incident {k}")).await;
        assert_eq!(matches!(outcome, Dispatched::Queued(_)), k < 2, "{k}");
    }
    people.line.work_off(&people.work).await;
    for k in 0..100 {
        let outcome = tell(&people, IncidentAction::Resolve, &format!("incident {k}")).await;
        assert_eq!(matches!(outcome, Dispatched::Queued(_)), k < 2, "{k}");
    }
    people.line.drain(&people.work).await;
    let told = crate::storms::Told::by(&people.receiver.received());
    assert_eq!(told.alone, ["incident 0", "incident 1", "incident 0", "incident 1"]);
    assert_eq!(told.digests, [196]);
}

/// A channel is away while an incident begins and ends. Told late, the beginning would open the
/// incident for ever.
#[tokio::test]
async fn an_incident_that_ends_before_it_was_told_is_not_opened_late() {
    let people = People::new(wide(), [status(503, ""), ok()]).await;
    tell(&people, IncidentAction::Trigger, "station 3").await;
    people.line.work_off(&people.work).await;
    tell(&people, IncidentAction::Resolve, "station 3").await;
    people.line.advance(Duration::from_hours(1));
    people.line.drain(&people.work).await;
    let states: Vec<_> = people.line.jobs().await.iter().map(|job| job.state).collect();
    assert_eq!(states, [JobState::Canceled, JobState::Succeeded]);
    let bodies: Vec<_> =
        people.receiver.received().iter().map(|got| got.json()["incident"]["action"].clone()).collect();
    assert_eq!(bodies, ["trigger", "resolve"]);
}

/// A caller repeats a resolution whose answer it has lost, and the incident has begun again since.
#[tokio::test]
async fn a_resolution_that_is_repeated_does_not_cancel_a_newer_incident() {
    let people = People::new(wide(), [ok()]).await;
    let trigger = incident(&people, IncidentAction::Trigger, "station 3");
    let resolve = incident(&people, IncidentAction::Resolve, "station 3");
    let send = async |message: &Message, name: &str| {
        people.outbox.send(message, &key(name), people.line.now()).await.unwrap()[0].outcome
    };
    send(&trigger, "begins").await;
    people.line.drain(&people.work).await;
    send(&resolve, "ends").await;
    people.line.drain(&people.work).await;
    let Dispatched::Queued(again) = send(&trigger, "begins again").await else { panic!("not queued") };
    assert_eq!(send(&resolve, "ends").await, Dispatched::Repeated);
    assert_eq!(people.line.job(again).await.state, JobState::Enqueued);
    // The newer trigger is remembered too: its own resolution cancels it while it waits.
    assert!(matches!(send(&resolve, "ends again").await, Dispatched::Queued(_)));
    assert_eq!(people.line.job(again).await.state, JobState::Canceled);
}

/// Resolutions without a trigger, and acknowledgements under ever new keys, are a storm as well.
#[tokio::test]
async fn only_the_resolution_of_an_incident_that_was_told_passes_the_limits() {
    let people = People::new(narrow(), [ok()]).await;
    for k in 0..100 {
        let outcome = tell(&people, IncidentAction::Resolve, &format!("incident {k}")).await;
        assert_eq!(matches!(outcome, Dispatched::Queued(_)), k < 2, "{k}");
    }
    people.line.drain(&people.work).await;
    people.line.advance(Duration::from_hours(1));
    tell(&people, IncidentAction::Trigger, "station 3").await;
    let acknowledge = incident(&people, IncidentAction::Acknowledge, "station 3");
    for k in 0..100 {
        let sent = people.outbox.send(&acknowledge, &key(&format!("seen {k}")), people.line.now()).await.unwrap();
        assert_eq!(matches!(sent[0].outcome, Dispatched::Queued(_)), k < 1, "{k}");
    }
    let outcome = tell(&people, IncidentAction::Resolve, "station 3").await;
    assert!(matches!(outcome, Dispatched::Queued(_)), "{outcome:?}");
}
