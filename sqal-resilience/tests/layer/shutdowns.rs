//! Calls at the end of a process.

use std::future::ready;
use std::sync::{Arc, Mutex};

use sqal_resilience::layer::{CallErrors, ShutdownLayer};
use sqal_resilience::rejected::Reason;
use sqal_resilience::{CallError, Rejected, Shutdown};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::test]
async fn sd_06_once_the_end_has_begun_calls_are_refused_and_those_under_way_finish() {
    let shutdown = Shutdown::default();
    let (answer, wait) = tokio::sync::oneshot::channel::<u32>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let mut service = ServiceBuilder::new().layer(ShutdownLayer::new(shutdown.clone())).layer(CallErrors).service(
        service_fn(move |(): ()| {
            let wait = wait.lock().unwrap().take();
            async move { wait.ok_or("called again")?.await.map_err(|_| "gone") }
        }),
    );
    let under_way = service.ready().await.unwrap().call(());
    assert_eq!(shutdown.active_requests(), 1);
    shutdown.begin("SIGTERM");
    let refused = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!(
        (refused.http_status(), refused),
        (Some(503), CallError::Rejected(Rejected::because(Reason::ShuttingDown)))
    );
    let ending = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.run().await }
    });
    answer.send(42).unwrap();
    assert_eq!(under_way.await, Ok(42));
    assert_eq!(ending.await.unwrap().exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_goes_on_is_waited_for_if_the_call_is_handed_over() {
    let shutdown = Shutdown::default();
    let layer = ShutdownLayer::new(shutdown.clone()).handing_over(|body: u32, active| (body, active));
    let (body, active) =
        layer.layer(CallErrors.layer(service_fn(|k: u32| ready(Ok::<_, &str>(k))))).oneshot(7).await.unwrap();
    assert_eq!((body, shutdown.active_requests()), (7, 1));
    drop(active);
    assert_eq!(shutdown.active_requests(), 0);
}
