//! Webhooks against receivers that fail, hang, redirect, ask for time, or are gone.

use std::collections::BTreeSet;
use std::time::Duration;

use sqal_client::{HttpClient, HttpClientConfig, Trust};
use sqal_core::Name;
use sqal_storage::Queue;
use sqal_storage::queue::{JobEnd, JobState, NewJob};
use sqal_work::outbox::webhook::{
    DISABLED_AFTER, Deliveries, DeliveryState, Disabled, Endpoints, EventFilter, ReplayError, WebhookEndpoint,
    WebhookEvent, WebhookSecret, WebhookWork,
};
use sqal_work::outbox::{ATTEMPTS, Channel, Dispatch, Dispatched, Outbox, RETRY_WAITS};
use sqal_work::{Work, WorkError};
use tokio::net::TcpListener;

use crate::line::{Line, key, narrow, wide};
use crate::receiver::{Receiver, Step, client, limits, ok, status, within};

pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// An endpoint `erp` at a receiver, and everything that delivers to it.
pub(crate) struct Hook {
    pub(crate) line: Line,
    pub(crate) receiver: Receiver,
    pub(crate) outbox: Outbox,
    pub(crate) endpoints: Endpoints,
    pub(crate) deliveries: Deliveries,
    pub(crate) work: WebhookWork,
}

impl Hook {
    pub(crate) async fn on(line: Line, script: impl IntoIterator<Item = Step>) -> Self {
        let receiver = Receiver::new(script).await;
        let hook = Self {
            outbox: line.outbox(wide()),
            endpoints: line.endpoints(),
            deliveries: Deliveries::new(line.records(), line.queue()),
            work: WebhookWork::new(client(), limits(), line.endpoints(), line.queue(), line.records()),
            receiver,
            line,
        };
        hook.add("erp", hook.receiver.url("/hunter2?key=hunter2")).await;
        hook
    }

    pub(crate) async fn add(&self, id: &str, url: sqal_work::outbox::TargetUrl) {
        let endpoint = WebhookEndpoint::new(id.parse().unwrap(), url, self.line.now());
        assert!(self.endpoints.add(&endpoint, &SECRET.parse().unwrap(), self.line.now()).await.unwrap());
    }

    /// The work of another process.
    pub(crate) fn another_work(&self) -> WebhookWork {
        let (queue, records) = (self.line.queue(), self.line.records());
        WebhookWork::new(client(), limits(), self.line.endpoints(), queue, records)
    }

    pub(crate) async fn send(&self, name: &str) -> Vec<Dispatch> {
        let data = [("grade", "REJECT")];
        let event = WebhookEvent::new("sample.rejected".parse().unwrap(), self.line.now(), &data).unwrap();
        self.outbox.send(&event.into(), &key(name), self.line.now()).await.unwrap()
    }

    async fn endpoint(&self) -> WebhookEndpoint {
        self.endpoints.find(&"erp".parse().unwrap(), self.line.now()).await.unwrap().unwrap()
    }
}

async fn hook(script: impl IntoIterator<Item = Step>) -> Hook {
    Hook::on(Line::new(), script).await
}

#[tokio::test]
async fn an_event_is_posted_once_with_its_id_its_time_and_its_signature() {
    let hook = hook([ok()]).await;
    let sent = hook.send("one").await;
    assert!(matches!(sent[..], [Dispatch { outcome: Dispatched::Queued(_), .. }]), "{sent:?}");
    assert_eq!(hook.send("one").await[0].outcome, Dispatched::Repeated);
    let done = hook.line.drain(&hook.work).await;
    assert_eq!(done[0].result, Ok("127.0.0.1 answered 204".to_owned()));
    let [request] = &hook.receiver.received()[..] else { panic!("one delivery") };
    assert_eq!(request.path, "/hunter2?key=hunter2");
    assert_eq!(request.field("content-type"), "application/json");
    assert_eq!(request.field("webhook-timestamp"), "1729983600");
    assert!(request.field("webhook-id").starts_with("msg_") && request.field("webhook-signature").starts_with("v1,"));
    assert_eq!(request.json()["type"], "sample.rejected");
    assert_eq!(request.json()["timestamp"], "2024-10-26T23:00:00Z");
}

/// The issue's own case: a day, and two more, of 500.
#[tokio::test]
async fn a_webhook_that_answers_500_is_tried_at_the_documented_times_and_then_disabled() {
    let hook = hook([status(500, "")]).await;
    hook.send("one").await;
    let mut times = Vec::new();
    while let Some(done) = hook.line.next(&hook.work).await {
        assert_eq!(done.len(), 1);
        assert_eq!(done[0].why(), "127.0.0.1: answered 500");
        times.push(hook.line.now().micros());
    }
    assert_eq!(times.len(), usize::from(ATTEMPTS.get()));
    for (k, pair) in times.windows(2).enumerate() {
        let gap = Duration::from_micros(u64::try_from(pair[1] - pair[0]).unwrap());
        let documented = RETRY_WAITS[k + 1];
        assert!(gap >= documented && gap <= documented * 11 / 10, "before attempt {}: {gap:?}", k + 2);
    }
    assert_eq!(hook.receiver.received().len(), times.len());
    let ids: BTreeSet<_> = hook.receiver.received().iter().map(|got| got.field("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(hook.line.jobs().await[0].state, JobState::Failed);
    let endpoint = hook.endpoint().await;
    let why = &endpoint.disabled().unwrap().why;
    assert_eq!(why, "no delivery has succeeded since 2024-10-26T23:00:00Z: 127.0.0.1: answered 500");
    assert!(hook.send("two").await.is_empty(), "a disabled endpoint is no destination");
    // An operator enables it again.
    let id = "erp".parse().unwrap();
    hook.endpoints.change(&id, hook.line.now(), |endpoint| endpoint.with_disabled(None)).await.unwrap().unwrap();
    assert_eq!(hook.send("three").await.len(), 1);
}

/// Many messages share the attempts after each rest, so none of them comes to its last attempt.
#[tokio::test]
async fn an_endpoint_that_fails_for_three_days_is_disabled_before_a_message_has_had_its_last_attempt() {
    let hook = hook([status(500, "")]).await;
    hook.send("one").await;
    hook.line.work_off(&hook.work).await;
    hook.line.advance(DISABLED_AFTER);
    // A process that begins then gives the endpoint an hour: its own network may not be there yet.
    hook.line.work_off(&hook.another_work()).await;
    assert_eq!(hook.endpoint().await.disabled(), None);
    hook.send("two").await;
    hook.line.advance(Duration::from_mins(10));
    hook.line.work_off(&hook.work).await;
    let why = hook.endpoint().await.disabled().unwrap().why.clone();
    assert_eq!(why, "no delivery has succeeded since 2024-10-26T23:00:00Z: 127.0.0.1: answered 500");
    let jobs = hook.line.jobs().await;
    assert!(jobs.iter().all(|job| job.attempts < ATTEMPTS.get()), "{jobs:?}");
}

/// The endpoint fails for the first message, but succeeds for another one two days later.
#[tokio::test]
async fn an_endpoint_that_has_succeeded_within_three_days_stays_enabled() {
    let mut script = vec![status(500, ""); 9];
    script.extend([ok(), status(500, "")]);
    let hook = hook(script).await;
    hook.send("one").await;
    for _ in 0..9 {
        hook.line.next(&hook.work).await.unwrap();
    }
    hook.send("two").await;
    hook.line.advance(Duration::from_mins(5));
    hook.line.drain(&hook.work).await;
    let states: Vec<_> = hook.line.jobs().await.iter().map(|job| job.state).collect();
    assert_eq!(states, [JobState::Failed, JobState::Succeeded]);
    assert_eq!(hook.endpoint().await.disabled(), None);
    assert!(DISABLED_AFTER > Duration::from_hours(48));
}

#[tokio::test]
async fn gone_disables_at_once_and_nothing_more_is_posted() {
    let hook = hook([status(410, ""), ok()]).await;
    for name in ["one", "two", "three"] {
        hook.send(name).await;
    }
    let done = hook.line.drain(&hook.work).await;
    let why: Vec<_> = done.iter().map(crate::line::Done::why).collect();
    assert_eq!(why[0], "127.0.0.1: answered 410");
    assert!(why[1..].iter().all(|why| *why == "the endpoint erp is disabled: it answered 410 Gone"), "{why:?}");
    assert_eq!((done.len(), hook.receiver.received().len()), (3, 1));
    assert!(hook.line.jobs().await.iter().all(|job| job.state == JobState::Failed));
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_gets_it_for_all_of_its_messages() {
    for head in [
        "retry-after: 3600\r\n",
        "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 09:49:37 GMT\r\n",
    ] {
        for code in [429, 503] {
            let hook = hook([status(code, head), ok()]).await;
            let began = hook.line.now().micros();
            hook.send("one").await;
            hook.send("two").await;
            let done = hook.line.work_off(&hook.work).await;
            assert_eq!((done.len(), done[1].is_postponed()), (2, true), "{done:?}");
            let jobs = hook.line.jobs().await;
            assert!(jobs.iter().all(|job| job.due.micros() - began >= 3_600_000_000), "{code} {head}");
            assert_eq!(jobs.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1, 0]);
            hook.line.drain(&hook.work).await;
            assert_eq!(hook.receiver.received().len(), 3);
        }
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    for code in [301, 302, 303, 307, 308] {
        let hook = hook([status(code, "location: /elsewhere\r\n")]).await;
        hook.send("one").await;
        let done = hook.line.work_off(&hook.work).await;
        let told = format!("127.0.0.1: answered {code}, and redirects are not followed: correct the URL");
        assert_eq!(done[0].why(), told);
        assert_eq!(hook.receiver.received().len(), 1);
    }
}

/// Each failure has its words, which name the host and neither the path nor a secret.
#[tokio::test]
async fn a_receiver_that_is_away_slow_or_broken_is_told_in_clear_words() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (step, words) in [
        (None, "no connection to 127.0.0.1"),
        (Some(Step::Silence), "no answer in 50ms"),
        (Some(Step::Reset), "the connection to 127.0.0.1 broke"),
        (Some(Step::Say("no http\r\n\r\n".to_owned())), "the connection to 127.0.0.1 broke"),
        (Some(Step::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_owned())), "a short body"),
    ] {
        let mut hook = hook([step.clone().unwrap_or(Step::Silence)]).await;
        let within = within(Duration::from_millis(50));
        let (queue, records) = (hook.line.queue(), hook.line.records());
        hook.work = WebhookWork::new(client(), within, hook.line.endpoints(), queue, records);
        if step.is_none() {
            let url = format!("http://{closed}/hunter2").parse::<sqal_work::outbox::TargetUrl>().unwrap();
            let id = "erp".parse().unwrap();
            hook.endpoints.change(&id, hook.line.now(), |endpoint| endpoint.at(url.clone())).await.unwrap();
        }
        hook.send("one").await;
        let done = hook.line.work_off(&hook.work).await;
        assert!(done[0].why().contains(words), "{words}: {}", done[0].why());
        assert!(!format!("{done:?}").contains("hunter2"), "{done:?}");
        assert_eq!(hook.line.jobs().await[0].state, JobState::Enqueued);
    }
}

#[tokio::test]
async fn an_address_that_is_not_of_the_internet_is_refused_unless_it_is_allowed() {
    let mut hook = hook([ok()]).await;
    let strict = HttpClient::new(HttpClientConfig::usual(Trust::none()));
    let (queue, records) = (hook.line.queue(), hook.line.records());
    hook.work = WebhookWork::new(strict, limits(), hook.line.endpoints(), queue, records);
    hook.send("one").await;
    let done = hook.line.work_off(&hook.work).await;
    assert!(done[0].why().contains("which is not of the Internet"), "{}", done[0].why());
    assert!(hook.receiver.received().is_empty());
}

/// Four messages wait for an endpoint that fails; one of them is posted, and the other endpoint
/// gets all of its messages at once.
#[tokio::test]
async fn an_endpoint_that_fails_does_not_hold_up_another() {
    let hook = hook([status(500, ""), status(500, ""), ok()]).await;
    let other = Receiver::new([ok()]).await;
    hook.add("other", other.url("/")).await;
    for name in ["one", "two", "three", "four"] {
        assert_eq!(hook.send(name).await.len(), 2);
    }
    hook.line.work_off(&hook.work).await;
    assert_eq!((hook.receiver.received().len(), other.received().len()), (1, 4));
    // After the rest of 5 seconds one of the others is posted, and fails: now the rest is 10.
    hook.line.advance(Duration::from_secs(5));
    hook.line.work_off(&hook.work).await;
    assert_eq!(hook.receiver.received().len(), 2);
    hook.line.drain(&hook.work).await;
    assert!(hook.line.jobs().await.iter().all(|job| job.state == JobState::Succeeded));
    assert_eq!((hook.receiver.received().len(), other.received().len()), (6, 4));
}

#[tokio::test]
async fn an_endpoint_gets_the_events_of_its_filter_and_none_after_it_was_removed() {
    let hook = hook([ok()]).await;
    let id = "erp".parse().unwrap();
    let filter = EventFilter::only(["model.*"]).unwrap();
    hook.endpoints.change(&id, hook.line.now(), |endpoint| endpoint.of(filter.clone())).await.unwrap();
    assert!(hook.send("one").await.is_empty());
    hook.endpoints.change(&id, hook.line.now(), |endpoint| endpoint.of(EventFilter::All)).await.unwrap();
    assert_eq!(hook.send("two").await.len(), 1);
    assert!(hook.endpoints.remove(&id, hook.line.now()).await.unwrap());
    assert!(hook.send("three").await.is_empty());
    assert_eq!(hook.line.drain(&hook.work).await[0].why(), "the endpoint erp was removed");
    assert!(hook.endpoints.secrets(&id, hook.line.now()).await.unwrap().is_empty());
    assert!(hook.endpoints.all(hook.line.now()).await.unwrap().is_empty() && hook.receiver.received().is_empty());
}

#[tokio::test]
async fn an_id_is_given_once_and_a_second_endpoint_changes_nothing() {
    let hook = hook([ok()]).await;
    let again = WebhookEndpoint::new("erp".parse().unwrap(), "https://other.example".parse().unwrap(), hook.line.now());
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
    assert!(!hook.endpoints.add(&again, &other, hook.line.now()).await.unwrap());
    assert_eq!(hook.endpoint().await.url().origin().host(), "127.0.0.1");
    let held = hook.endpoints.secrets(again.id(), hook.line.now()).await.unwrap();
    assert_eq!(held, [SECRET.parse::<WebhookSecret>().unwrap()]);
}

#[tokio::test]
async fn the_log_shows_every_attempt_and_a_replay_sends_the_message_again_once() {
    let hook = hook([status(500, ""), ok()]).await;
    let id = "erp".parse().unwrap();
    hook.send("one").await;
    hook.line.drain(&hook.work).await;
    hook.send("two").await;
    hook.line.drain(&hook.work).await;
    let [two, one] = &hook.deliveries.newest(&id, None, 10, hook.line.now()).await.unwrap()[..] else { panic!("two") };
    let statuses: Vec<_> = one.attempts.iter().map(|attempt| (attempt.status, attempt.error.clone())).collect();
    assert_eq!(statuses, [(Some(500), Some("answered 500".to_owned())), (Some(204), None)]);
    assert_eq!((one.state, one.why.clone()), (DeliveryState::Delivered, None));
    assert_eq!(
        hook.deliveries.newest(&id, Some(two.job), 10, hook.line.now()).await.unwrap(),
        std::slice::from_ref(one)
    );

    let replayed = hook.deliveries.replay(&id, one.job, &key("click"), hook.line.now()).await.unwrap();
    assert_eq!(hook.deliveries.replay(&id, one.job, &key("click"), hook.line.now()).await.unwrap(), replayed);
    hook.line.drain(&hook.work).await;
    let received = hook.receiver.received();
    assert_eq!(received.len(), 4);
    assert_eq!(received[3].field("webhook-id"), one.message);
    assert_eq!(received[3].body, received[0].body);
    for (endpoint, job) in [("other", one.job), ("erp", sqal_storage::queue::JobId::from_number(99))] {
        let unknown = hook.deliveries.replay(&endpoint.parse().unwrap(), job, &key("x"), hook.line.now()).await;
        assert!(matches!(unknown, Err(ReplayError::Unknown(_))), "{unknown:?}");
    }
}

/// A worker posts a message, writes the log, and dies before it can end the job.
#[tokio::test]
async fn a_message_whose_worker_died_after_it_was_accepted_is_not_posted_again() {
    let hook = hook([ok()]).await;
    hook.send("one").await;
    let (kind, name) = (Channel::Webhook.kind(), Name::new("test").unwrap());
    for attempt in 1..=2 {
        let now = hook.line.now();
        let until = crate::line::after(now, Duration::from_secs(30));
        let leased = hook.line.store.lease(&kind, &name, now, until, 1.try_into().unwrap()).await.unwrap();
        assert_eq!(leased[0].job.attempts, attempt);
        hook.work.run(&leased[0].job, &hook.line.running()).await.unwrap();
        hook.line.advance(Duration::from_secs(30));
    }
    assert_eq!(hook.receiver.received().len(), 1);
}

/// The process drains after the message was accepted and before its run has ended, so the job goes
/// back without a lost attempt.
#[tokio::test]
async fn a_message_that_was_accepted_before_its_job_went_back_is_not_posted_again() {
    let hook = hook([ok()]).await;
    hook.send("one").await;
    let (kind, name, now) = (Channel::Webhook.kind(), Name::new("test").unwrap(), hook.line.now());
    let until = crate::line::after(now, Duration::from_secs(30));
    for _ in 0..2 {
        let leased = hook.line.store.lease(&kind, &name, now, until, 1.try_into().unwrap()).await.unwrap();
        assert_eq!(leased[0].job.attempts, 1);
        hook.work.run(&leased[0].job, &hook.line.running()).await.unwrap();
        assert!(hook.line.store.end(&leased[0].lease, now, &JobEnd::Returned).await.unwrap());
    }
    assert_eq!(hook.receiver.received().len(), 1);
}

#[tokio::test]
async fn a_body_of_a_newer_program_goes_back_and_a_damaged_one_fails() {
    let hook = hook([ok()]).await;
    let now = hook.line.now();
    for body in [r#"{"v":99}"#, "damaged", r#"{"v":1,"id":"a","to":"NO ID","content":{"digest":{"batch":1}}}"#] {
        let new = NewJob::new(Channel::Webhook.kind(), body.to_owned(), now);
        hook.line.store.enqueue(&new).await.unwrap();
    }
    let jobs = hook.line.jobs().await;
    let newer = hook.work.run(&jobs[0], &hook.line.running()).await;
    assert_eq!(newer, Err(WorkError::Newer { found: 99, known: 1 }));
    for job in &jobs[1..] {
        assert!(matches!(hook.work.run(job, &hook.line.running()).await, Err(WorkError::Permanent { .. })));
    }
}

#[tokio::test]
async fn a_digest_is_an_event_that_says_how_many_and_can_be_replayed() {
    let mut hook = hook([ok()]).await;
    hook.outbox = hook.line.outbox(narrow());
    for k in 0..7 {
        hook.send(&format!("event {k}")).await;
    }
    hook.line.drain(&hook.work).await;
    let received = hook.receiver.received();
    let digest = received[2].json();
    assert_eq!(received.len(), 3);
    assert_eq!((digest["type"].as_str(), digest["data"]["count"].as_u64()), (Some("outbox.digest"), Some(5)));
    assert_eq!(digest["data"]["titles"].as_array().unwrap().len(), 5);
    let id = "erp".parse().unwrap();
    let newest = hook.deliveries.newest(&id, None, 1, hook.line.now()).await.unwrap();
    hook.deliveries.replay(&id, newest[0].job, &key("click"), hook.line.now()).await.unwrap();
    hook.line.drain(&hook.work).await;
    assert_eq!(hook.receiver.received()[3].body, received[2].body);
}

#[tokio::test]
async fn a_disabled_endpoint_says_why_in_the_log() {
    let hook = hook([ok()]).await;
    hook.send("one").await;
    let id = "erp".parse().unwrap();
    let disabled = Disabled { at: hook.line.now(), why: "by an operator".to_owned() };
    hook.endpoints
        .change(&id, hook.line.now(), |endpoint| endpoint.with_disabled(Some(disabled.clone())))
        .await
        .unwrap();
    hook.line.drain(&hook.work).await;
    let logged = hook.deliveries.newest(&id, None, 1, hook.line.now()).await.unwrap();
    assert_eq!(logged[0].state, DeliveryState::Failed);
    assert_eq!(logged[0].why.as_deref(), Some("the endpoint erp is disabled: by an operator"));
    assert!(logged[0].attempts.is_empty() && hook.receiver.received().is_empty());
    assert!(!format!("{:?} {:?}", hook.endpoints, hook.work).contains("C2FVsBQI"));
}
