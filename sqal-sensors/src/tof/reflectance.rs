//! Reflectance at 940 nm over the valid zones of the tray: mean, spread and order statistics.

use sqal_core::{ReflectanceStatistics, TofFrame, ZoneSet};

use super::validity::Zones;
use crate::Moments;
use crate::desirability::measured;

/// The statistics in percent; `None` with fewer than two valid zones in the tray.
pub(super) fn statistics(frame: &TofFrame, zones: &Zones, tray: ZoneSet) -> Option<ReflectanceStatistics> {
    let mut values = [0.0; 64];
    let mut n = 0;
    for zone in tray.iter().filter(|zone| zones.valid.contains(*zone)) {
        values[n] = f64::from(frame.reading().reflectance_percent[zone]);
        n += 1;
    }
    // One value has no spread, and so no uncertainty that could be stated.
    if n < 2 {
        return None;
    }
    let values = &mut values[..n];
    let moments = Moments::of(values.iter().copied())?;
    values.sort_unstable_by(f64::total_cmp);
    // The median of an even count is the mean of the middle two (type 7 of Hyndman & Fan 1996).
    let median = f64::midpoint(values[(n - 1) / 2], values[n / 2]);
    let sd = moments.sample_sd();
    Some(ReflectanceStatistics {
        mean: measured(moments.mean, sd / libm::sqrt(moments.n)),
        sd,
        cv: (moments.mean > 0.0).then(|| sd / moments.mean),
        min: values[0],
        median,
        max: values[n - 1],
    })
}
