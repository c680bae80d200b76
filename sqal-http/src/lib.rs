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
//! - `openapi`: the description of every route at `/openapi/v1.json`, and `/docs` to read it and
//!   try it.

mod access;
mod ages;
mod agreed;
mod answer;
mod browser_session;
mod budget;
mod caches;
mod caller;
#[cfg(feature = "ws")]
mod commands;
mod conditions;
mod conflicts;
mod counted_stream;
#[cfg(feature = "dashboard")]
mod dashboard;
mod dead_letters;
mod decided;
mod deeds;
mod disagreement;
mod found;
mod given_profiles;
mod guesses;
mod host_callers;
#[cfg(feature = "ws")]
mod ingest;
mod intake;
mod jobs;
mod layers;
mod live;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod peer;
mod presence;
mod problem;
mod quota;
mod recent;
mod repeats;
mod replies;
mod route;
mod routes;
mod seen_decisions;
#[cfg(feature = "serve")]
mod serve;
mod shown_names;
mod slo;
mod state;
mod token_file;
mod token_hash;
mod trial;
mod usual_interval;
mod version;
mod wall_clock;
mod weak_tokens;
mod wire;

// The types of `sqal-core` are in the signatures, so an embedding service needs no dependency of
// its own on the same version.
pub use sqal_core;

pub use access::Access;
pub use browser_session::{RandomnessError, SessionKey};
pub use budget::{Budget, Connection, ExceededError, Resource, Share};
pub use caches::Caches;
pub use caller::{Caller, Credential, Grant, Holder, Role, Who};
pub use counted_stream::CountedStream;
pub use dead_letters::{DeadLetter, DeadLetters};
#[cfg(feature = "ws")]
pub use ingest::{Speech, WebSockets};
pub use intake::{FrameLimits, Intake};
pub use presence::{Agreement, Heard, Presence, Present};
pub use problem::{Problem, Violation};
pub use quota::{Class, ConnectLimit, Quotas};
pub use route::{Calls, Route};
#[cfg(feature = "openapi")]
pub use routes::openapi;
pub use routes::{router, routes, take_up_jobs};
#[cfg(feature = "serve")]
pub use serve::{ConnectionLimits, serve};
pub use slo::Objective;
pub use sqal_grading::{InvalidProfiles, Profile, ProfileFile, Profiles};
pub use state::{MetricsText, Services};
pub use token_file::{InvalidTokenFile, Token, TokenFile};
pub use token_hash::{InvalidTokenHash, TokenHash};
pub use version::{InvalidSunset, Legacy};
pub use wall_clock::WallClock;
pub use wire::{Document, document, timestamp as parse_time};

/// The README's example, compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
