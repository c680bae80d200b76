//! The samples of the line as they are stored: caches, statistics, live pages, health.

pub(crate) mod caches;
pub(crate) mod frame_span;
pub(crate) mod live;
pub(crate) mod own_health;
#[cfg(feature = "alerts")]
pub(crate) mod station_feed;
pub(crate) mod statistics;

pub use caches::Caches;
#[cfg(feature = "alerts")]
pub use station_feed::StationFeed;
