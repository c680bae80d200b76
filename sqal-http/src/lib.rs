//! The reference adapter of SQAL: translates HTTP and WebSocket to the domain and back.
//!
//! The adapter decides nothing itself. [`router`] takes [`Services`], the pieces that a composition
//! root has chosen, and returns an [`axum::Router`] to serve or to nest. Nest it with
//! [`nest_service`](axum::Router::nest_service), so that the page answers under the prefix with and
//! without a slash at its end. Devices send the documented JSON frame on `/ws/sensors`. Every frame
//! is answered, and a sample is acknowledged after its commit.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use std::sync::Arc;
//! use sqal_http::{Profile, Profiles, Services, router};
//! use sqal_storage::{BatchWriter, MemoryStore, WriterConfig};
//!
//! let store = Arc::new(MemoryStore::new());
//! let (writer, _task) = BatchWriter::start(store.clone(), WriterConfig::usual());
//! let profiles = Profiles::new([("example".parse().unwrap(), Profile::example())]).unwrap();
//! let now = || sqal_core::Timestamp::from_micros(1_729_983_600_000_000).unwrap();
//! let app: axum::Router = router(Services::new(store, writer, profiles, now));
//! # drop(app);
//! # }
//! ```
//!
//! # Features
//!
//! - `serve`: a server for the router that ends within its time limits, even if clients hold
//!   connections open.
//! - `ws`: the device endpoint `/ws/sensors`.
//! - `dashboard`: the live page at `/`.
//! - `alerts`: alerts, silences and the state of the stations, with the trays that were judged
//!   while an instrument was at fault.
//! - `bugs`: the bug tracker, and the intake of faults that programs report as Sentry's clients do.
//! - `openapi`: the description of every route at `/openapi/v1.json`, and `/docs` to read it and
//!   try it; those of the second version at `/openapi/v2.json` and `/docs/v2`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod decisions;
#[cfg(feature = "ws")]
pub mod devices;
pub mod door;
mod jobs;
pub mod line;
mod modules;
#[cfg(feature = "openapi")]
mod openapi;
mod resources;
pub mod route;
pub mod services;
mod table;

// The types of these crates are in the signatures, so an embedding service needs no dependency of
// its own on the same versions.
#[cfg(feature = "alerts")]
pub use sqal_alerts;
#[cfg(feature = "bugs")]
pub use sqal_bugs;
pub use sqal_core;
pub use sqal_grading;
pub use sqal_intake;
pub use sqal_protocol;
pub use sqal_resilience;
pub use sqal_storage;
pub use sqal_telemetry;
pub use sqal_work;

#[cfg(feature = "ws")]
#[doc(inline)]
pub use devices::WebSockets;
pub use door::problem::Problem;
#[cfg(feature = "serve")]
pub use door::serve::{ConnectionLimits, serve};
#[doc(inline)]
pub use door::{Access, Caller, Grant, Quotas, Role, Token, TokenFile, TokenHash};
#[doc(inline)]
pub use line::Caches;
pub use modules::CORE_MODULES_AVAILABLE;
#[doc(inline)]
pub use route::Route;
#[doc(inline)]
pub use services::Services;
#[doc(inline)]
pub use sqal_grading::{Profile, Profiles};
#[doc(inline)]
pub use sqal_intake::{DeadLetters, FrameLimits, Intake, WallClock};
#[doc(inline)]
pub use sqal_protocol::Violation;
#[cfg(feature = "openapi")]
pub use table::openapi;
pub use table::{router, routes, take_up_jobs};

/// The README's example, compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
