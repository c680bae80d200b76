//! The state of a station: whether its instruments can be believed, apart from the grade of a tray.
//!
//! A [`StationWatch`] takes an [`Observation`] of each tray. It learns what is usual while all is
//! well, watches the reference quantities on control charts, and names the [`Cause`] of a lasting
//! change. The product is named only if no instrument is the better explanation. The trays that
//! were judged since the change began are doubtful.
//!
//! ```
//! use sqal_alerts::station::{Cause, StationWatch};
//!
//! let watch = StationWatch::new();
//! assert!(watch.faults().is_empty());
//! assert_eq!(Cause::WindowFilmed.as_str(), "window_filmed");
//! ```

mod absence;
mod cause;
mod chart;
mod charts;
mod clock;
mod fault;
mod gauges;
mod level;
mod observation;
mod reference;
mod spectrum;
mod station_records;
mod stations;
mod watch;
mod window;

pub use cause::Cause;
pub use chart::SteadyChart;
pub use fault::{Evidence, Quantity, StationFault};
pub use level::Level;
pub use observation::Observation;
pub use reference::{LEARNED_TRAYS, Reference};
pub use stations::{LearnedSpan, StationPage, StationView, Stations};
pub use watch::{Change, StationWatch};
