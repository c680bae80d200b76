//! [`Pulse`]: the light returned to one group of zones, from its histogram.
//!
//! It holds the ambient light, the strongest return, its width, and the number of returns. A frame
//! gives one distance per zone; the histogram shows the returns behind that distance. Two returns
//! mean two surfaces (a film over the product, an edge). A return wider than that of an opaque
//! target means light from below the surface.

use sqal_core::{Flag, Flags, Measured, defect::ZoneSet, findings::PulseStatistics, normal::normal_cdf};

use super::cnh::{CnhHistograms, cnh_bin_centre_mm};
use crate::TofProfile;
use crate::desirability::measured;
use crate::order::median;

/// The grouping of a frame's zones into histograms, as the driver was configured
/// (`cnh_init_config`, `cnh_create_agg_map`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct CnhLayout {
    /// The first of the device's bins.
    pub start_bin: u8,
    /// The number of the device's bins that are summed into one.
    pub sub_sample: u8,
    /// The first column and row of zones that are used.
    pub start: [u8; 2],
    /// The number of columns and of rows of zones in one group; at least 1.
    pub merge: [u8; 2],
    /// The number of columns and of rows of groups.
    pub groups: [u8; 2],
}

impl CnhLayout {
    /// The group of a zone; `None` for a zone that is not used.
    #[must_use]
    pub fn aggregate_of(self, zone: usize) -> Option<usize> {
        let place = |k: usize, axis: usize| {
            let from = k.checked_sub(usize::from(self.start[axis]))?;
            let group = from / usize::from(self.merge[axis].max(1));
            (group < usize::from(self.groups[axis])).then_some(group)
        };
        (zone < 64).then_some(())?;
        Some(place(zone / 8, 1)? * usize::from(self.groups[0]) + place(zone % 8, 0)?)
    }
}

/// The figures of one group's histogram, in the device's unit unless stated.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pulse {
    /// The light without a return: the lower quartile of the bins.
    pub ambient: f64,
    /// The sum of the bins above the ambient light.
    pub total: f64,
    /// The bin with the highest count.
    pub peak_bin: u8,
    /// The count of that bin above the ambient light.
    pub peak: f64,
    /// The centroid of the highest bin and its two neighbours, in mm from the sensor. Its
    /// uncertainty takes counts as Poisson.
    pub centroid_mm: Measured,
    /// The width at half height, by linear interpolation, in mm; `None` if the return is cut off.
    pub width_mm: Option<f64>,
    /// The peak over √(peak + twice the ambient light), the noise of a difference of counts.
    pub snr: f64,
    /// The number of returns, the strongest included.
    pub returns: u8,
    /// Whether a bin is at the end of its range.
    pub saturated: bool,
}

/// The pulse of one group; `None` if the group does not exist or its histogram is empty.
///
/// A further return is a bin that is higher than its neighbours, above the ambient light by at
/// least five times its noise, and separated from the return before it by a valley of less than
/// half of the smaller one.
#[must_use]
pub fn pulse(histograms: &CnhHistograms<'_>, aggregate: usize, layout: CnhLayout) -> Option<Pulse> {
    let mut bins = [0.0_f64; 255];
    let n = histograms.bins();
    for (k, bin) in bins.iter_mut().enumerate().take(n) {
        *bin = histograms.value(aggregate, k)?;
    }
    let bins = &bins[..n];
    let peak_bin = (0..n).max_by(|a, b| bins[*a].total_cmp(&bins[*b]).then(b.cmp(a)))?;
    let mut ordered = [0.0_f64; 255];
    ordered[..n].copy_from_slice(bins);
    ordered[..n].sort_unstable_by(f64::total_cmp);
    let ambient = ordered[(n - 1) / 4];
    let above = |k: usize| bins[k] - ambient;
    let peak = above(peak_bin);
    if peak <= 0.0 {
        return None;
    }
    let centre = |k: usize| cnh_bin_centre_mm(layout.start_bin, layout.sub_sample, u8::try_from(k).unwrap_or(u8::MAX));
    let about = |peak: usize| peak.saturating_sub(1)..(peak + 2).min(n);
    let weight = |peak: usize| about(peak).map(|k| above(k).max(0.0)).sum::<f64>();
    let centroid_of = |peak: usize| about(peak).map(|k| above(k).max(0.0) * centre(k)).sum::<f64>() / weight(peak);
    let centroid = centroid_of(peak_bin);
    let shot = about(peak_bin).map(|k| (centre(k) - centroid) * (centre(k) - centroid) * bins[k].abs()).sum::<f64>();
    let variance = shot / (weight(peak_bin) * weight(peak_bin)) + flipping(bins, ambient, peak_bin, centroid_of);
    let noise = libm::sqrt(ambient.max(1.0));
    Some(Pulse {
        ambient,
        total: (0..n).map(|k| above(k).max(0.0)).sum(),
        peak_bin: u8::try_from(peak_bin).unwrap_or(u8::MAX),
        peak,
        centroid_mm: measured(centroid, libm::sqrt(variance))?,
        width_mm: width(bins, ambient, peak_bin).map(|wide| wide * (centre(1) - centre(0))),
        snr: peak / libm::sqrt(peak + 2.0 * ambient.max(0.0)),
        returns: returns(bins, ambient + 5.0 * noise, peak_bin),
        saturated: bins.iter().any(|bin| *bin >= f64::from(i32::MAX)),
    })
}

/// The variance of the centroid that comes from the choice of the strongest bin, in mm².
///
/// If a neighbouring bin is nearly as strong as the strongest one, it could be the strongest in
/// another frame, and the three bins around it have another centroid. The difference d of the two
/// bins already contains the noise of both, σ, so Φ(−d/σ) would count the noise twice. 2.44 Φ(−3
/// d/σ) has the right mean where both bins are equal, and falls as fast as the probability that
/// they change places.
fn flipping(bins: &[f64], ambient: f64, peak: usize, centroid_of: impl Fn(usize) -> f64) -> f64 {
    let other = |k: usize| {
        let noise = libm::sqrt((bins[peak] + bins[k]).max(1.0));
        let away = centroid_of(k) - centroid_of(peak);
        (2.44 * normal_cdf(3.0 * (bins[k] - bins[peak]) / noise)).min(0.5) * away * away
    };
    (peak.saturating_sub(2)..(peak + 3).min(bins.len())).filter(|k| *k != peak && bins[*k] > ambient).map(other).sum()
}

/// The width at half height in bins, between the points where straight lines through the bins cross
/// that height; `None` if they do not cross it.
fn width(bins: &[f64], ambient: f64, peak: usize) -> Option<f64> {
    let half = f64::midpoint(bins[peak], ambient);
    let index = |k: usize| f64::from(u32::try_from(k).unwrap_or(u32::MAX));
    let right = (peak + 1..bins.len()).find(|k| bins[*k] < half)?;
    let left = (0..peak).rev().find(|k| bins[*k] < half)?;
    let share = |low: usize, high: usize| (half - bins[low]) / (bins[high] - bins[low]);
    Some((index(right) - share(right, right - 1)) - (index(left) + share(left, left + 1)))
}

/// The number of returns above a limit. Each is separated from the one before it by a valley of
/// less than half of the smaller.
fn returns(bins: &[f64], limit: f64, peak: usize) -> u8 {
    let (mut count, mut top, mut valley) = (0_u8, 0.0_f64, f64::INFINITY);
    for (k, bin) in bins.iter().enumerate() {
        valley = valley.min(*bin);
        let local = (k == 0 || bins[k - 1] <= *bin) && (k + 1 == bins.len() || bins[k + 1] < *bin);
        let counts = local && (*bin > limit || k == peak);
        if counts && (count == 0 || valley < 0.5 * bin.min(top)) {
            count = count.saturating_add(1);
            (top, valley) = (*bin, *bin);
        } else if counts && *bin > top {
            // This bin is higher and belongs to the same return: the earlier bins were its
            // shoulder.
            (top, valley) = (*bin, *bin);
        }
    }
    count
}

/// The result of the histograms of a frame.
pub(crate) struct Seen {
    /// The summary.
    pub(crate) statistics: Option<PulseStatistics>,
    /// The zones whose light came from more than one surface.
    pub(crate) doubtful: ZoneSet,
    /// The zones whose histogram is empty.
    pub(crate) dark: ZoneSet,
}

/// Judges all groups.
pub(super) fn judge(
    histograms: &CnhHistograms<'_>,
    layout: CnhLayout,
    profile: &TofProfile,
    flags: &mut Flags,
) -> Seen {
    let (mut widths, mut ratios) = ([0.0; 64], [0.0; 64]);
    let (mut n, mut wide, mut multiple) = (0, 0, 0_u8);
    let (mut several, mut empty) = ([false; 64], [false; 64]);
    for aggregate in 0..histograms.aggregates() {
        let Some(pulse) = pulse(histograms, aggregate, layout) else {
            empty[aggregate] = true;
            continue;
        };
        ratios[n] = pulse.snr;
        n += 1;
        if let Some(width) = pulse.width_mm {
            widths[wide] = width;
            wide += 1;
        }
        several[aggregate] = pulse.returns > 1;
        multiple += u8::from(pulse.returns > 1);
        if pulse.saturated {
            flags.insert(Flag::HistogramSaturated);
        }
    }
    let is = |of: &[bool; 64], zone: usize| {
        layout.aggregate_of(zone).is_some_and(|group| group < histograms.aggregates() && of[group])
    };
    if multiple > 0 {
        flags.insert(Flag::MultiTarget);
    }
    let statistics = median(ratios[..n].iter().copied()).map(|median_snr| {
        let median_width_mm = median(widths[..wide].iter().copied());
        let seen = u8::try_from(n).unwrap_or(u8::MAX);
        PulseStatistics {
            seen,
            multiple: f64::from(multiple) / f64::from(seen),
            median_width_mm,
            broadening: median_width_mm.zip(profile.pulse_width_mm).map(|(width, opaque)| width / opaque),
            median_snr,
        }
    });
    Seen {
        statistics,
        doubtful: ZoneSet::from_fn(|zone| is(&several, zone)),
        dark: ZoneSet::from_fn(|zone| is(&empty, zone)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const LAYOUT: CnhLayout = CnhLayout { start_bin: 0, sub_sample: 2, start: [0, 0], merge: [2, 2], groups: [4, 4] };

    /// A block of one group with these counts and no scaling.
    fn block(counts: &[i32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        let shape = u32::try_from(counts.len()).unwrap() << 16 | 1;
        for word in [0, 0, 0, 0, shape, 0, 0] {
            bytes.extend(word.to_le_bytes());
        }
        for count in counts {
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend(std::iter::repeat_n(0, counts.len().next_multiple_of(4)));
        bytes.extend([0; 8]);
        bytes
    }

    fn pulse_of(counts: &[i32]) -> Option<Pulse> {
        let bytes = block(counts);
        pulse(&CnhHistograms::new(&bytes).unwrap(), 0, LAYOUT)
    }

    #[test]
    fn a_triangle_has_its_centre_and_its_width() {
        // Bins of 75 mm. The peak of 400 is in bin 6, and half of it is crossed midway to the
        // neighbouring bins.
        let found = pulse_of(&[0, 0, 0, 0, 0, 0, 400, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((found.peak_bin, found.returns, found.ambient), (6, 1, 0.0));
        assert!((found.centroid_mm.value() - 37.5348 * 13.0).abs() < 1e-9);
        assert!((found.width_mm.unwrap() - 75.0696).abs() < 1e-9, "{:?}", found.width_mm);
        assert!((found.snr - 20.0).abs() < 1e-12 && (found.total - 400.0).abs() < 1e-12);
    }

    /// The centroids of many frames of one still target scatter by their stated uncertainty,
    /// wherever the target lies between two bins.
    #[test]
    fn the_centroid_scatters_as_it_says() {
        use rand_chacha::ChaCha8Rng;
        use rand_chacha::rand_core::SeedableRng;
        use rand_distr::{Distribution, StandardNormal};
        let mut random = ChaCha8Rng::seed_from_u64(20);
        for tenth in 0..10 {
            let at = 37.5348 * 13.0 + 75.0696 * f64::from(tenth) / 10.0;
            let (mut found, mut stated) = (Vec::new(), Vec::new());
            for _ in 0..400 {
                let counts: Vec<i32> = (0..16_u8)
                    .map(|bin| {
                        let away = (37.5348 * f64::from(2 * bin + 1) - at) / 159.0;
                        let mean = 4000.0 * (-away * away / 2.0).exp() + 20.0;
                        let noise: f64 = StandardNormal.sample(&mut random);
                        #[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
                        let drawn = mean.sqrt().mul_add(noise, mean).round() as i32;
                        drawn
                    })
                    .collect();
                let centroid = pulse_of(&counts).unwrap().centroid_mm;
                stated.push(centroid.u());
                found.push(centroid.value());
            }
            let mean = found.iter().sum::<f64>() / 400.0;
            let scatter = (found.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 399.0).sqrt();
            let together = (stated.iter().map(|u| u * u).sum::<f64>() / 400.0).sqrt();
            stated.sort_by(f64::total_cmp);
            // The uncertainty is never understated, and mostly not overstated. A few frames in
            // which two bins are equal by chance state more.
            assert!(scatter < 1.3 * together, "{tenth} tenths of a bin: scatter {scatter}, stated {together}");
            assert!(stated[200] < 1.6 * scatter, "{tenth} tenths of a bin: scatter {scatter}, median {}", stated[200]);
        }
    }

    #[test]
    fn two_surfaces_are_two_returns_and_a_shoulder_is_none() {
        assert_eq!(pulse_of(&[2, 2, 300, 90, 3, 2, 60, 200, 40, 2, 2, 2]).unwrap().returns, 2);
        assert_eq!(pulse_of(&[2, 2, 300, 250, 260, 120, 40, 2, 2, 2, 2, 2]).unwrap().returns, 1);
        // A bump of a few counts is noise.
        assert_eq!(pulse_of(&[2, 2, 300, 90, 3, 2, 6, 2, 2, 2, 2, 2]).unwrap().returns, 1);
    }

    #[test]
    fn an_empty_or_cut_histogram_is_said_to_be_one() {
        assert_eq!(pulse_of(&[0; 12]), None);
        assert_eq!(pulse_of(&[5; 12]), None);
        assert_eq!(pulse_of(&[400, 300, 100, 0, 0, 0]).unwrap().width_mm, None);
        let full = pulse_of(&[0, 0, i32::MAX, 0, 0, 0]).unwrap();
        assert!(full.saturated);
    }

    #[test]
    fn zones_belong_to_the_groups_that_the_driver_makes() {
        assert_eq!(
            (LAYOUT.aggregate_of(0), LAYOUT.aggregate_of(63), LAYOUT.aggregate_of(64)),
            (Some(0), Some(15), None)
        );
        assert_eq!(LAYOUT.aggregate_of(8 * 3 + 5), Some(4 + 2));
        let inner = CnhLayout { start: [2, 2], merge: [1, 1], ..LAYOUT };
        assert_eq!(
            (inner.aggregate_of(0), inner.aggregate_of(18), inner.aggregate_of(8 * 6 + 6)),
            (None, Some(0), None)
        );
    }
}
