//! How one piece of work is followed through device, server, database and job.
//!
//! Libraries make ordinary spans of `tracing`, and this crate makes traces of them:
//!
//! - A [`TraceContext`] is what a caller sends and its callee continues, as W3C Trace Context
//!   writes it in `traceparent`. [`current()`] gives that of the work of this moment.
//! - [`HeldTraces`](held::HeldTraces) is a layer that holds the spans of a request, a message or a
//!   job until its end. If the trace is sampled or has an error, it goes whole to a
//!   [`TraceSink`](held::TraceSink); otherwise it is dropped.
//!
//! ```
//! use std::hash::{BuildHasher, Hasher, RandomState};
//! use std::sync::Arc;
//! use sqal_telemetry::held::{FinishedTrace, HeadSampling, HeldTraces, TraceSink};
//! use tracing::debug_span;
//! use tracing_subscriber::prelude::*;
//!
//! struct Printer;
//!
//! impl TraceSink for Printer {
//!     fn take(&self, trace: FinishedTrace) {
//!         println!("{}: {} spans", trace.id, trace.spans.len());
//!     }
//! }
//!
//! let random = || RandomState::new().build_hasher().finish();
//! let held = HeldTraces::new(Arc::new(Printer), HeadSampling::Never, &["my_service"], random);
//! let subscriber = tracing_subscriber::registry().with(held.layer());
//! tracing::subscriber::with_default(subscriber, || {
//!     // A request continues the trace of its caller, and is kept if its caller keeps it.
//!     let received = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//!     let request = debug_span!(target: "my_service", "request", otel.kind = "server", traceparent = received);
//!     request.in_scope(|| {
//!         // What a call to another service sends: the trace of the request, and its own span.
//!         let sent = sqal_telemetry::current().expect("the layer follows this span");
//!         assert_eq!(sent.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
//!         assert_ne!(sent.span.to_string(), "00f067aa0ba902b7");
//!         assert!(sent.sampled);
//!     });
//! });
//! ```
//!
//! The crate decides nothing for a program: it installs no subscriber, reads no environment, and
//! the program gives it the sink, the share of sampled traces and the source of random numbers.
//!
//! # Features
//!
//! - `log`: lines of a log with the ids of their traces, and levels that change while the process
//!   runs.
//! - `otlp`: kept traces leave over OTLP, by gRPC or HTTP.
//! - `metrics`: exemplars and OpenMetrics.
//!
//! # Metrics
//!
//! With the feature `metrics`: `traceparents_refused_total`, the texts that W3C Trace Context
//! forbids. They are ignored. With the feature `otlp`: what is exported and dropped.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod current;
#[cfg(feature = "metrics")]
pub mod exemplars;
pub mod held;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod openmetrics;
#[cfg(feature = "otlp")]
pub mod otlp;

pub use context::{InvalidTraceContext, SpanId, TraceContext, TraceId};
pub use current::{context_in, context_of, current};
