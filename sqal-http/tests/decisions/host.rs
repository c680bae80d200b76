//! The host application authenticates the callers: decisions name the person, and roles hold.
//!
//! The headers of a request do not authenticate it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use serde_json::{Value, json};
use sqal_http::{Access, Caller, Grant, Role, router};
use sqal_storage::MemoryStore;

use crate::line::{FOIE, Server, ask, profile, server};

/// The sign-in of the host application, by a field that its proxy sets.
async fn signed_in(mut request: Request, next: Next) -> Response {
    let user = request.headers().get("x-user").map(|user| user.to_str().unwrap().to_owned());
    let caller = match user.as_deref() {
        Some("ben") => Some(Caller::person("ben".parse().unwrap(), Role::Viewer)),
        Some("marie") => Some(Caller::person("marie".parse().unwrap(), Role::QualityEngineer)),
        Some("camera") => {
            Some(Caller::Known("camera".parse().unwrap(), Grant::Device("ESP32_1".parse().unwrap()), None))
        }
        Some("anybody") => Some(Caller::Unauthenticated),
        _ => None,
    };
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

fn hosted() -> Router {
    let store = Arc::new(MemoryStore::new());
    let Server { mut services, .. } = server(&store, 1);
    services.door.access = Arc::new(Access::from_host());
    Router::new().nest_service("/quality", router(services)).layer(from_fn(signed_in))
}

#[tokio::test]
async fn a_decision_names_the_person_that_the_host_application_has_signed_in() {
    let (app, foie) = (hosted(), format!("/quality{FOIE}"));
    let put = async |fields: &[(&str, &str)], version: u32| {
        let fields: Vec<_> = fields.iter().copied().chain([("if-match", "*")]).collect();
        ask(&app, "PUT", &foie, &fields, &profile(version, 3.0)).await.status
    };
    assert_eq!(put(&[], 2).await, 401, "no caller");
    assert_eq!(put(&[("x-user", "anybody")], 2).await, 401, "a caller without a name may not do everything");
    assert_eq!(put(&[("authorization", "Bearer marie")], 2).await, 401, "a token is not looked at");
    assert_eq!(put(&[("x-user", "ben")], 2).await, 403, "a viewer decides nothing");
    assert_eq!(put(&[("x-user", "camera")], 2).await, 403, "a device decides nothing");
    assert_eq!(put(&[("x-user", "marie")], 2).await, 200);
    let told = ask(&app, "GET", &format!("{foie}/decisions"), &[("x-user", "ben")], &Value::Null).await;
    assert_eq!(told.body["items"][0]["decided_by"], json!("marie"), "{}", told.body);
}

#[tokio::test]
async fn the_session_is_that_of_the_host_application() {
    let app = hosted();
    let session = async |user: &str| {
        let answer = ask(&app, "GET", "/quality/api/v1/session", &[("x-user", user)], &Value::Null).await;
        (answer.status, answer.body["name"].clone(), answer.body["role"].clone(), answer.body["device_id"].clone())
    };
    assert_eq!(session("ben").await, (200, json!("ben"), json!("viewer"), Value::Null));
    assert_eq!(session("camera").await, (200, json!("camera"), Value::Null, json!("ESP32_1")));
    assert_eq!(session("stranger").await.0, 401);
    let begun = ask(&app, "POST", "/quality/api/v1/session", &[("x-user", "ben")], &Value::Null).await;
    assert_eq!(begun.status, 200);
    assert!(!begun.headers.contains_key("set-cookie"), "the session is the host application's");
    let shown = ask(&app, "GET", "/quality/api/v1/system/capabilities", &[("x-user", "ben")], &Value::Null).await;
    assert_eq!((shown.status, &shown.body["tokens"]), (200, &json!(false)), "{}", shown.body);
}

/// The host application recognizes a browser by a cookie, which the browser also sends with
/// requests from pages of other sites.
#[tokio::test]
async fn a_page_of_another_site_decides_nothing_with_the_cookie_of_the_host_application() {
    let (app, foie) = (hosted(), format!("/quality{FOIE}"));
    let put = async |origin: Option<&str>, version: u32| {
        let mut fields =
            vec![("x-user", "marie"), ("cookie", "bakery=1"), ("host", "bakery.example"), ("if-match", "*")];
        fields.extend(origin.map(|origin| ("origin", origin)));
        ask(&app, "PUT", &foie, &fields, &profile(version, 3.0)).await.status
    };
    assert_eq!(put(Some("https://elsewhere.example"), 2).await, 403);
    assert_eq!(put(Some("null"), 2).await, 403);
    assert_eq!(put(None, 2).await, 403);
    assert_eq!(put(Some("http://bakery.example"), 2).await, 200);
}
