//! Brings kept traces to an OpenTelemetry collector, by the OpenTelemetry protocol (OTLP).
//!
//! [`OtlpSettings::read`] understands OpenTelemetry's standard variables, whose values a program
//! looks up. [`export_to`] makes a sink for [`HeldTraces`](crate::held::HeldTraces) and an
//! exporter, which the program starts on its runtime and finishes before it ends.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use sqal_telemetry::held::HeldTraces;
//! use sqal_telemetry::otlp::{OtlpEndpoint, OtlpProtocol, OtlpResource, OtlpSettings, OtlpTrust};
//! use sqal_telemetry::otlp::export_to;
//! use tracing_subscriber::layer::SubscriberExt;
//! use tracing_subscriber::util::SubscriberInitExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = OtlpEndpoint::new("https://collector.example:4317", OtlpProtocol::Grpc)?;
//! let mut settings = OtlpSettings::new(endpoint, OtlpResource::new("line-1", "1.0")?);
//! settings.trust = OtlpTrust::machine()?;
//! let (sink, exporter) = export_to(&settings, || 4 /* a random number */);
//! let traces = HeldTraces::new(Arc::new(sink), settings.sampling, &["line"], || 4);
//! tracing_subscriber::registry().with(traces.layer()).init();
//! let exporting = exporter.start();
//! // The program does its work here.
//! let lost = exporting.finish(Duration::from_secs(5)).await;
//! assert_eq!(lost, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Laws
//!
//! - The sink never blocks. Traces beyond [`OtlpBatches::waiting`] spans are dropped and counted. 4
//!   KiB of texts count as one span more, so the memory is limited, too.
//! - A request lasts at most [`OtlpSettings::attempt`], and a batch with all its tries at most
//!   [`OtlpBatches::patience`]. A batch that was not accepted by then is dropped and counted.
//! - A trouble with the collector is one line of the log when it begins, with host and cause, and
//!   one when it ends, with the numbers of failed tries and dropped traces. It has ended when
//!   nothing failed for a minute.
//! - Of an answer at most 64 KiB are read, and no text of it is repeated. A connection on which a
//!   request was not answered in time is given up.
//! - Header fields are in no line of the log and in no `Debug` output.
//!
//! # Metrics
//!
//! - `traces_exported_total`;
//! - `traces_dropped_total` by `reason`: `queue_full`, `undelivered`, `refused`, `shutdown`, and
//!   `rate` ([limits](crate::held)), which needs the feature `metrics`;
//! - `trace_spans_rejected_total`: spans of exported traces that the collector did not take.

mod batches;
mod collector;
mod endpoint;
mod error;
mod exporter;
mod grpc;
mod headers;
mod message;
mod overflow;
mod pairs;
mod queue;
mod resource;
mod settings;
mod sink;
mod trouble;
mod trust;
mod variable;

pub use batches::{InvalidOtlpBatches, OtlpBatches};
pub use endpoint::{InvalidOtlpEndpoint, InvalidOtlpProtocol, OtlpEndpoint, OtlpProtocol};
pub use exporter::{OtlpExporter, OtlpTask, export_to};
pub use headers::{InvalidOtlpHeaders, OtlpHeaders};
pub use resource::{InvalidOtlpResource, OtlpResource};
pub use settings::{InvalidOtlpSetting, OtlpSettings};
pub use sink::OtlpSink;
pub use trust::{InvalidOtlpTrust, OtlpTrust};
pub use variable::OtlpVariable;
