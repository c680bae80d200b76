//! [`Bands`]: tells a lamp that gives less light from a product that has another colour.

use serde::{Deserialize, Serialize};

use super::level::{Level, median};
use super::observation::{LEAST_BANDS, Observation};

/// The smallest change of a band, of its logarithm, that matters.
const LEAST: f64 = 0.02;

/// The usual light in each band of the spectral sensor, as natural logarithms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bands(Vec<Option<Level>>);

/// What a spectrum shows beside the usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shade {
    /// The change that all bands share: that of the lamp, or of a product that is darker in all.
    pub(super) light: f64,
    /// The root mean square of what is left in the bands: that of a product of another colour.
    pub(super) ratio: f64,
}

impl Bands {
    pub(super) fn of(trays: &[Observation]) -> Self {
        let level = |band: usize| Level::of(trays.iter().filter_map(|tray| tray.bands.get(band).copied()?), LEAST);
        Self((0..10).map(level).collect())
    }

    /// The shade of a tray; `None` with fewer than four bands.
    pub(super) fn shade(&self, bands: &[Option<f64>; 10]) -> Option<Shade> {
        let away: Vec<f64> =
            bands.iter().zip(&self.0).filter_map(|(band, level)| Some((*band)? - level.as_ref()?.center)).collect();
        if away.len() < LEAST_BANDS {
            return None;
        }
        let light = median(&mut away.clone())?;
        #[expect(clippy::cast_precision_loss, reason = "at most ten bands")]
        let n = away.len() as f64;
        let squares: f64 = away.iter().map(|one| (one - light) * (one - light)).sum();
        Some(Shade { light, ratio: (squares / n).sqrt() })
    }
}
