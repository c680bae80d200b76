//! Which requests the client retries, how often, and which it never retries (RTY-01 to RTY-05).

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use sqal_client::{Limit, SendError};
use sqal_resilience::{Deadline, ManualClock, breaker::State, idempotency::Sent, rejected::Reason};
use tokio::net::TcpListener;

use crate::names::Script;
use crate::server::{Server, Step, ok, status};
use crate::{at, client_with, destination, post, request, waiting};

#[tokio::test]
async fn rt_07_three_retries_are_four_requests_and_the_last_answer() {
    let server = Server::new([status(503, ""), status(502, ""), status(504, ""), status(503, "x-last: yes\r\n")]).await;
    let answer = destination(at(server.address)).get("/").await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["x-last"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"yes".parse().unwrap())
    );
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn rt_09_a_wait_that_would_pass_the_total_is_not_begun() {
    let server = Server::new([status(503, ""), ok()]).await;
    let answer = destination(waiting(server.address, Duration::from_secs(3600))).get("/").await.unwrap();
    assert_eq!((answer.status().as_u16(), server.requests().len()), (503, 1));
}

#[tokio::test]
async fn rt_10_an_attempt_under_way_is_cut_at_the_end_of_all() {
    let mut server = Server::new([Step::Silence]).await;
    let mut config = at(server.address);
    (config.connect, config.attempt, config.total) =
        (Duration::from_millis(400), Duration::from_millis(400), Duration::from_millis(600));
    let failed = destination(config).get("/").await.unwrap_err();
    let SendError::TimedOut { limit: Limit::Total, after } = failed else { panic!("{failed}") };
    assert_eq!((after, failed.sent(), failed.is_transient()), (Duration::from_millis(600), Sent::Perhaps, true));
    server.closed(2).await;
}

#[tokio::test]
async fn a_callers_deadline_that_is_over_is_no_request() {
    let server = Server::new([ok()]).await;
    let destination = destination(at(server.address));
    let failed = Deadline::after(Duration::ZERO).within(destination.get("/")).await.unwrap().unwrap_err();
    assert!(matches!(failed, SendError::TimedOut { limit: Limit::Total, after: Duration::ZERO }), "{failed}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_callers_deadline_shortens_the_waits_too() {
    let server = Server::new([status(503, ""), ok()]).await;
    let destination = destination(waiting(server.address, Duration::from_secs(100)));
    let answer = Deadline::after(Duration::from_secs(50)).within(destination.get("/")).await.unwrap().unwrap();
    assert_eq!((answer.status().as_u16(), server.requests().len()), (503, 1));
}

#[tokio::test]
async fn rt_11_patience_has_an_end() {
    for (asked, patience) in [("3600", 20), ("99999999999999999999", 20), ("2", 1), ("1", 0)] {
        let server = Server::new([status(503, &format!("retry-after: {asked}\r\n")), ok()]).await;
        let mut config = at(server.address);
        config.retries.max_retry_after = Duration::from_secs(patience);
        let answer = destination(config).get("/").await.unwrap();
        assert_eq!((answer.status().as_u16(), server.requests().len()), (503, 1), "{asked}");
    }
}

/// If the client obeys `Retry-After`, the next attempt would begin after the total time, so there
/// is none. If it did not obey, the next attempt would begin in a millisecond.
#[tokio::test]
async fn rt_11_a_target_that_asks_for_time_is_given_it() {
    for code in [429, 503] {
        for head in [
            "retry-after: 19\r\n",
            "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:56 GMT\r\n",
        ] {
            let server = Server::new([status(code, head), ok()]).await;
            let mut config = at(server.address);
            (config.attempt, config.total) = (Duration::from_secs(18), Duration::from_secs(18));
            let answer = destination(config).get("/").await.unwrap();
            assert_eq!((answer.status().as_u16(), server.requests().len()), (code, 1), "{head}");
        }
    }
}

#[tokio::test]
async fn rt_12_what_cannot_be_read_or_is_past_is_no_wait() {
    for head in [
        "retry-after: 0\r\n",
        "retry-after: soon\r\n",
        "retry-after: -3600\r\n",
        "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1993 08:49:37 GMT\r\n",
        // Without the answer's own date, the wait until this date is unknown.
        "retry-after: Fri, 06 Nov 2999 08:49:37 GMT\r\n",
    ] {
        let server = Server::new([status(429, head), ok()]).await;
        let answer = destination(at(server.address)).get("/").await.unwrap();
        assert_eq!((answer.status().as_u16(), server.requests().len()), (200, 2), "{head}");
    }
}

#[tokio::test]
async fn only_429_and_503_ask_for_time() {
    let server = Server::new([status(502, "retry-after: 3600\r\n"), ok()]).await;
    assert_eq!(destination(at(server.address)).get("/").await.unwrap().status(), 200);
}

#[tokio::test]
async fn rt_13_a_post_without_a_key_that_was_sent_is_not_sent_again() {
    for step in [
        Step::Reset,
        Step::Last(String::new()),
        Step::Last("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".into()),
        Step::Last("no http\r\n\r\n".into()),
    ] {
        let server = Server::new([step.clone(), ok()]).await;
        let failed = destination(at(server.address)).send(post(None)).await.unwrap_err();
        assert!(matches!(failed, SendError::Broken { .. }), "{step:?}: {failed:?}");
        assert_eq!((failed.sent(), server.requests().len()), (Sent::Perhaps, 1), "{step:?}");
    }
}

#[tokio::test]
async fn rt_13_a_post_without_a_key_is_answered_once_whatever_the_answer() {
    for code in [429, 502, 503, 504] {
        let server = Server::new([status(code, ""), ok()]).await;
        for (k, request) in
            [post(None), post(Some("")), post(Some(" ")), request(Method::PATCH, None, "")].into_iter().enumerate()
        {
            let server = if k == 0 { &server } else { &Server::new([status(code, ""), ok()]).await };
            let answer = destination(at(server.address)).send(request).await.unwrap();
            assert_eq!((answer.status().as_u16(), server.requests().len()), (code, 1), "{k}");
        }
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_after_a_reset_and_half_an_answer() {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let half = Step::Last("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n".into());
        let head = Step::Last("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n".into());
        let last = if method == Method::HEAD { head } else { ok() };
        let server = Server::new([Step::Reset, half, last]).await;
        let answer = destination(at(server.address)).send(request(method.clone(), None, "")).await.unwrap();
        assert_eq!((answer.status().as_u16(), server.requests().len()), (200, 3), "{method}");
    }
}

#[tokio::test]
async fn rt_14_a_post_that_was_never_sent_is_tried_again() {
    let server = Server::new([ok()]).await;
    // First the name has no address, then the name server is away, and then the name is resolved.
    let names = Arc::new(Script::new(&["-", "!", "127.0.0.1"]));
    let client = client_with(|config| config.resolver = names.clone());
    let mut there = at(server.address);
    there.origin = format!("http://other.test:{}", server.address.port()).parse().unwrap();
    let answer = client.destination("other", there).unwrap().send(post(None)).await.unwrap();
    assert_eq!((answer.status().as_u16(), server.requests().len(), names.asked()), (200, 1, 3));
}

#[tokio::test]
async fn rt_14_a_refused_connection_is_tried_as_often_as_the_policy_says() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let names = Arc::new(Script::new(&["127.0.0.1"]));
    let client = client_with(|config| config.resolver = names.clone());
    let mut there = at(closed);
    there.origin = format!("http://other.test:{}", closed.port()).parse().unwrap();
    let failed = client.destination("other", there).unwrap().send(post(None)).await.unwrap_err();
    assert!(matches!(&failed, SendError::NotSent { host, .. } if host == "other.test"), "{failed}");
    assert_eq!((failed.sent(), failed.is_transient(), names.asked()), (Sent::No, true, 4));
}

#[tokio::test]
async fn rt_15_16_a_request_with_a_key_is_sent_again_byte_for_byte() {
    let server = Server::new([Step::Reset, status(503, ""), Step::Last(String::new()), ok()]).await;
    let answer = destination(at(server.address)).send(post(Some("4f2a"))).await.unwrap();
    assert_eq!(answer.status(), 200);
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests[0].contains("idempotency-key: 4f2a\r\n") && requests[0].ends_with("\r\n\r\na body"));
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:?}");
}

/// The answer comes while the body is still being sent. The rest of the body is never read.
#[tokio::test]
async fn rt_18_an_answer_before_the_end_of_the_body_is_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let destination = destination(at(listener.local_addr().unwrap()));
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream
    });
    let request = http::Request::post("/").body(vec![0; 32 << 20].into()).unwrap();
    assert_eq!(destination.send(request).await.unwrap().status(), 413);
    drop(server.await.unwrap());
}

#[tokio::test]
async fn rt_20_nothing_is_sent_through_an_open_breaker() {
    let server = Server::new([status(500, "")]).await;
    let clock = ManualClock::new();
    let client = client_with(|config| config.clock = Arc::new(clock.clone()));
    let destination = client.destination("other", at(server.address)).unwrap();
    for _ in 0..5 {
        // A 500 is a failure, and is not transient.
        assert_eq!(destination.get("/").await.unwrap().status(), 500);
    }
    let refused = destination.get("/").await.unwrap_err();
    let SendError::Rejected(why) = &refused else { panic!("{refused}") };
    assert_eq!((why.reason, refused.retry_after()), (Reason::CircuitOpen, Some(Duration::from_secs(60))));
    assert_eq!((refused.sent(), refused.is_transient(), server.requests().len()), (Sent::No, true, 5));

    clock.advance(Duration::from_secs(60));
    assert_eq!(destination.get("/").await.unwrap().status(), 500);
    assert_eq!((server.requests().len(), destination.breaker().state()), (6, State::Open));
}

#[tokio::test]
async fn rt_20_an_attempt_that_opens_the_breaker_is_the_last() {
    let server = Server::new([status(503, "")]).await;
    let mut config = at(server.address);
    config.breaker.failure_threshold = Some(2.try_into().unwrap());
    let answer = destination(config).get("/").await.unwrap();
    assert_eq!((answer.status().as_u16(), server.requests().len()), (503, 2));
}

#[tokio::test]
async fn answers_are_no_failures_of_the_destination() {
    for code in [200, 204, 302, 400, 401, 404, 409, 429] {
        let server = Server::new([status(code, "retry-after: 3600\r\n")]).await;
        let destination = destination(at(server.address));
        for _ in 0..20 {
            let method = if code == 204 { Method::HEAD } else { Method::GET };
            assert_eq!(
                destination.send(request(method, None, "")).await.map_or(0, |answer| answer.status().as_u16()),
                code
            );
        }
        assert_eq!(destination.breaker().snapshot().failures_in_a_row, 0, "{code}");
    }
}

#[tokio::test]
async fn what_fails_is_a_failure_of_the_destination() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut addresses = vec![closed];
    for step in [status(500, ""), status(503, ""), Step::Reset, Step::Last("half".into())] {
        addresses.push(Server::new([step]).await.address);
    }
    for address in addresses {
        let mut config = at(address);
        config.retries.max_retries = 0;
        let destination = destination(config);
        let _ = destination.get("/").await;
        assert_eq!(destination.breaker().snapshot().failures_in_a_row, 1);
    }
}

/// If one attempt may take all the time, its end and the end of the total time are one instant. It
/// must still count that the destination hangs.
#[tokio::test]
async fn an_attempt_that_hangs_for_all_the_time_is_a_failure_too() {
    let server = Server::new([Step::Silence]).await;
    let mut config = at(server.address);
    (config.connect, config.attempt, config.total) =
        (Duration::from_millis(40), Duration::from_millis(40), Duration::from_millis(40));
    config.breaker.failure_threshold = Some(3.try_into().unwrap());
    let destination = destination(config);
    for k in 1..=3 {
        let failed = destination.get("/").await.unwrap_err();
        assert!(matches!(failed, SendError::TimedOut { limit: Limit::Attempt, .. }), "{k}: {failed}");
    }
    assert_eq!(destination.breaker().state(), State::Open);
}

#[tokio::test]
async fn an_attempt_cut_short_by_the_caller_says_nothing_of_the_destination() {
    let server = Server::new([Step::Silence]).await;
    let destination = destination(at(server.address));
    let _ = Deadline::after(Duration::from_millis(40)).within(destination.get("/")).await;
    assert_eq!(destination.breaker().snapshot().failures_in_a_row, 0);
}

#[tokio::test]
async fn rt_23_without_budget_the_first_answer_is_the_answer() {
    let server = Server::new([status(503, "")]).await;
    let mut config = at(server.address);
    config.budget.per_second = 1.try_into().unwrap();
    config.breaker.failure_threshold = Some(1000.try_into().unwrap());
    let destination = destination(config);
    // The reserve pays for one retry. Each request adds a tenth of a retry, so the second retry
    // comes with the tenth request.
    for (k, requests) in [2, 3, 4, 5, 6, 7, 8, 9, 10, 12].into_iter().enumerate() {
        assert_eq!(destination.get("/").await.unwrap().status(), 503);
        assert_eq!(server.requests().len(), requests, "{k}");
    }
}

#[tokio::test]
async fn rt_25_a_request_that_is_dropped_while_it_waits_is_not_sent_again() {
    let server = Server::new([status(503, ""), ok()]).await;
    let mut config = waiting(server.address, Duration::from_millis(20));
    config.retries.max_retries = 1;
    let destination = destination(config);
    let mut sending = Box::pin(destination.get("/"));
    while destination.breaker().snapshot().failures_in_a_row == 0 {
        tokio::select! { biased; _ = &mut sending => panic!("it waits"), () = tokio::task::yield_now() => {} }
    }
    drop(sending);
    // A retry would be sent in this time, and before the next request is answered.
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(60)).await;
    tokio::time::resume();
    assert_eq!(destination.get("/").await.unwrap().status(), 200);
    assert_eq!(server.requests().len(), 2, "the first, and the next one");
}
