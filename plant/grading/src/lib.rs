//! The rules of a product in one profile, and a verdict from it without a server.
//!
//! A [`Profile`] holds the settings of both sensors, how their scores are joined, and how certain
//! each grade must be. A [`ProfileFile`] is the documented file of profiles; [`Profiles`] are
//! checked, hashed and ready to judge.
//!
//! ```
//! use sqal_core::Grade;
//! use sqal_grading::{Profile, Profiles};
//!
//! let name = "terrine".parse()?;
//! let profiles = Profiles::new([(name, Profile::example())])?;
//! let (inspection, by) = profiles.inspect(&name, None, None).expect("a known name");
//! assert_eq!(inspection.verdict.grade, Grade::Reject, "nothing was measured");
//! assert_eq!((by.name, by.version), (name, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod profile;

pub use profile::{InvalidProfiles, Profile, ProfileFile, ProfileInspector, Profiles};
