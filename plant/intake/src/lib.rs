//! From a device's frame to a judged, stored and acknowledged sample, whatever has brought it.
//!
//! An [`Intake`] checks a frame and judges it by its profile. A [`Reception`] adds what stands
//! around it on a server: who may speak for a device, how much a device may send, the frames that
//! are refused for good ([`DeadLetters`]), the devices that are heard from ([`Presence`]), and the
//! store, whose commit is waited for before a sample is acknowledged.
//!
//! ```
//! use std::sync::Arc;
//! use sqal_core::Timestamp;
//! use sqal_grading::{Profile, Profiles};
//! use sqal_intake::{FrameLimits, Intake};
//! use sqal_resilience::SystemClock;
//!
//! let profiles = Profiles::new([("terrine".parse()?, Profile::example())])?;
//! let now = || Timestamp::from_micros(1_729_983_600_000_000).unwrap();
//! let intake = Intake::new(profiles, FrameLimits::default(), Arc::new(now), Arc::new(SystemClock));
//! let frame = r#"{"type":"sensor_data","timestamp":"2024-10-26T23:00:00Z","device_id":"D","sample_id":"S",
//!     "as7341":{"gain":4,"integration_time":100,"channels":{"F1_415nm":900,"F2_445nm":950,"F3_480nm":1000,
//!     "F4_515nm":1100,"F5_555nm":1200,"F6_590nm":1300,"F7_630nm":1400,"F8_680nm":1500,"Clear":9000,"NIR":800}},
//!     "meta":{"config_profile":"terrine"}}"#;
//! let sample = intake.accept(frame).unwrap();
//! assert_eq!((sample.profile.version, sample.tof), (1, None));
//! let refused = intake.accept(&frame.replace("2024", "1970")).unwrap_err();
//! assert_eq!(refused.violations[0].limit, "not before 2020-01-01T00:00:00Z: set the device's clock");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `openapi`: the types that clients read have a schema (`utoipa::ToSchema`).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ages;
pub mod conflicts;
pub mod dead_letters;
mod disagreement;
pub mod intake;
mod judged;
pub mod observer;
pub mod presence;
pub mod quota;
pub mod recent;
pub mod reception;
mod repeats;
pub mod sender;
pub mod shown_names;
mod traced;
mod usual_interval;
pub mod wall_clock;

#[doc(inline)]
pub use dead_letters::DeadLetters;
#[doc(inline)]
pub use intake::{FrameLimits, Intake};
#[doc(inline)]
pub use presence::Presence;
#[doc(inline)]
pub use reception::Reception;
#[doc(inline)]
pub use sender::{Holder, Sender};
#[doc(inline)]
pub use wall_clock::WallClock;
