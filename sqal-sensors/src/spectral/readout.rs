//! Read-out faults of a device that show in the counts: swapped bytes, and repeated registers.
//!
//! A repeated register is one that was read for several bands.

use sqal_core::{Channel, Spectrum};

use super::correction::{FULL, LEAST_COUNTS};

/// The ratio of the broad channel to the sum of F1 to F8: 0.41 to 0.79 on recordings under lamps,
/// daylight and coloured diodes.
const CLEAR_TO_BANDS: core::ops::RangeInclusive<f64> = 0.3..=1.0;

/// Outside of this range, the broad channel and the bands cannot come from the same light.
const POSSIBLE: core::ops::RangeInclusive<f64> = 0.25..=1.25;

/// Whether the counts are impossible as they are, and plausible with the two bytes of each
/// exchanged.
///
/// There are two cases. In the first, every band is a multiple of 256 (counts that a driver
/// multiplied by 256 are included, and are as wrong). In the second, the broad channel and the
/// bands cannot come from the same light, but with exchanged bytes they can, and then the spectrum
/// is also smoother.
///
/// False alarms: none of 36 recorded spectra, none of 20 000 with their shapes at other levels of
/// light, none of 20 000 simulated products, one of 20 000 under narrow lamps, and 0.8 % of random
/// counts. Detected with exchanged bytes: 72 %, 78 %, 87 % and 73 %.
///
/// Averages with fractions are not judged, because their bytes were exchanged before the average.
pub(super) fn has_swapped_bytes(spectrum: &Spectrum) -> bool {
    let counts = spectrum.all_counts();
    // The usual case ends here, before the other counts are converted.
    let is_possible = clear_to_bands(counts).is_none_or(|ratio| POSSIBLE.contains(&ratio));
    if is_possible && register(counts[0]).trailing_zeros() < 8 {
        return false;
    }
    let Some(words) = whole(counts) else { return false };
    let bands = &words[..8];
    if bands.iter().all(|word| word.trailing_zeros() >= 8) {
        return bands.iter().filter(|word| **word > 0).count() >= 3;
    }
    if is_possible {
        return false;
    }
    let largest = spectrum.integration_time().largest_count();
    let full = FULL * f64::from(spectrum.integration_time().full_scale());
    let swapped = words.map(u16::swap_bytes);
    let clear = Channel::Clear.index();
    // If only the broad channel is saturated, it is too small relative to the bands, which shows no
    // other fault.
    if f64::from(words[clear]) >= full || swapped.iter().any(|word| *word > largest) {
        return false;
    }
    let Some(exchanged) = clear_to_bands(&swapped.map(f32::from)) else { return false };
    CLEAR_TO_BANDS.contains(&exchanged)
        && swapped[..8].iter().all(|band| *band / 2 <= swapped[clear])
        && roughness(&swapped) < roughness(&words)
}

/// Whether three or more of F1 to F8 have exactly equal counts, with enough light to differ and
/// below the full scale.
///
/// The filters differ, so light gives different counts: no recorded spectrum of 36 and none of 20
/// 000 simulated products has three equal ones. Under a narrow lamp, which leaves several bands
/// nearly dark, up to 2 % of the readings have three equal counts by chance. Therefore the result
/// is a remark, not a refusal.
pub(super) fn has_repeated_bands(spectrum: &Spectrum) -> bool {
    let counts = spectrum.all_counts();
    let bits: [u32; 8] = core::array::from_fn(|k| counts[k].to_bits());
    // Three equal bands are three equal pairs or more. The usual case ends here.
    let around: [u32; 12] = core::array::from_fn(|k| bits[k % 8]);
    let pairs: u32 = (1..=4).map(|apart| (0..8).map(|k| u32::from(around[k] == around[k + apart])).sum::<u32>()).sum();
    if pairs < 3 {
        return false;
    }
    // Of three equal bands, the first is one of the first six.
    (0..6).any(|k| {
        let equal: u32 = bits.iter().map(|other| u32::from(*other == bits[k])).sum();
        let full = || FULL * f64::from(spectrum.integration_time().full_scale());
        equal >= 3 && (LEAST_COUNTS..full()).contains(&f64::from(counts[k]))
    })
}

/// The counts as whole register values; `None` if a count has a fraction.
fn whole(counts: &[f32; 10]) -> Option<[u16; 10]> {
    let mut words = [0; 10];
    for (word, count) in words.iter_mut().zip(counts) {
        *word = register(*count);
        if f32::from(*word).to_bits() != count.to_bits() {
            return None;
        }
    }
    Some(words)
}

/// The whole part of a count, as a register has it.
const fn register(count: f32) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked count, 0 to 65 535")]
    let register = count as u16;
    register
}

/// The broad channel over the sum of the bands; `None` if there is too little light.
fn clear_to_bands(counts: &[f32; 10]) -> Option<f64> {
    let bands: f64 = counts[..8].iter().map(|count| f64::from(*count)).sum();
    (bands >= 8.0 * LEAST_COUNTS).then(|| f64::from(counts[Channel::Clear.index()]) / bands)
}

/// The curvature of the logarithms of neighbouring bands: the sum of the absolute second
/// differences over F1 to F8.
fn roughness(words: &[u16; 10]) -> f64 {
    let logs: [f64; 8] = core::array::from_fn(|k| libm::log1p(f64::from(words[k])));
    logs.windows(3).map(|at| libm::fabs(at[0] - 2.0 * at[1] + at[2])).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::scene::{Fault, Scene, Station};
    use sqal_core::{Analyzer, Flag, Gain, IntegrationTime, Score, spectrum::AdcStatus};
    use std::vec::Vec;

    use crate::{SpectralAnalyzer, SpectralProfile};

    /// A reading with the full scale of the register, so that every swapped count is in range.
    fn spectrum(counts: [f32; 10]) -> Spectrum {
        let time = IntegrationTime::from_millis(200.0).unwrap();
        Spectrum::new(counts, Gain::from_multiplier(4.0).unwrap(), time, AdcStatus::Unreported).unwrap()
    }

    fn swapped(counts: &[f32; 10]) -> [f32; 10] {
        whole(counts).unwrap().map(|word| f32::from(word.swap_bytes()))
    }

    /// The recorded readings in whole counts, at their own level of light and at three others.
    fn recorded() -> Vec<[f32; 10]> {
        let readings = fixtures::capture::as7341_readings().unwrap();
        let levels = [1.0_f32, 0.5, 2.0, 3.7];
        let scaled = readings.iter().flat_map(|reading| {
            levels.map(|level| reading.spectrum.all_counts().map(|count| (level * count).round().min(60_000.0)))
        });
        scaled.collect()
    }

    fn simulated() -> Vec<[f32; 10]> {
        let mut station = Station::new(77);
        let scenes = (0..400_u16).map(|k| {
            let spread = |step: u16, by: f64| by * f64::from(k * step % 41) / 40.0;
            let scene =
                Scene { heme: spread(7, 0.8), met: spread(11, 1.0), carotenoid: spread(13, 0.4), ..Scene::GOOD };
            *station.read(scene, Fault::None).spectrum.unwrap().all_counts()
        });
        scenes.collect()
    }

    #[test]
    fn swapped_bytes_are_found_and_right_ones_are_not_called_swapped() {
        for (name, readings, share) in [("recorded", recorded(), 0.5), ("simulated", simulated(), 0.6)] {
            let rate = |of: &dyn Fn(&[f32; 10]) -> bool| {
                let found = readings.iter().filter(|counts| of(counts)).count();
                f64::from(u32::try_from(found).unwrap()) / f64::from(u32::try_from(readings.len()).unwrap())
            };
            let wrong = rate(&|counts| has_swapped_bytes(&spectrum(*counts)));
            let found = rate(&|counts| has_swapped_bytes(&spectrum(swapped(counts))));
            std::println!("{name}: {} readings, {wrong:.4} called swapped, {found:.3} of the swapped", readings.len());
            assert!(wrong == 0.0 && found > share, "{name}: {wrong} {found}");
        }
    }

    #[test]
    fn counts_below_256_with_their_bytes_swapped_are_multiples_of_256() {
        let dim = [54.0, 153.0, 231.0, 200.0, 180.0, 150.0, 120.0, 90.0, 600.0, 110.0];
        assert!(has_swapped_bytes(&spectrum(swapped(&dim))) && !has_swapped_bytes(&spectrum(dim)));
        // Darkness does not count as swapped, nor does a single band.
        assert!(!has_swapped_bytes(&spectrum([0.0; 10])));
        let mut one = [0.0; 10];
        one[4] = 512.0;
        assert!(!has_swapped_bytes(&spectrum(one)));
    }

    #[test]
    fn of_swapped_counts_nothing_is_derived() {
        let analyzer = SpectralAnalyzer::new(SpectralProfile::example()).unwrap();
        let right = *Station::new(5).read(Scene::GOOD, Fault::None).spectrum.unwrap().all_counts();
        let found = analyzer.analyze(&spectrum(right)).unwrap();
        assert!(!found.flags.contains(Flag::BytesSwapped) && found.reliability > Score::ZERO);
        let dim = right.map(|count| (count / 300.0).round() + 60.0);
        let found = analyzer.analyze(&spectrum(swapped(&dim))).unwrap();
        assert!(found.flags.contains(Flag::BytesSwapped), "{found:?}");
        assert_eq!((found.reliability, found.score, found.unseen.channels), (Score::ZERO, None, Score::ONE));
        assert!(found.findings.reflectance.iter().all(Option::is_none));
    }

    #[test]
    fn three_equal_bands_are_repeated_and_two_or_dark_or_full_ones_are_not() {
        let plain = [540.0, 1530.0, 2310.0, 2680.0, 3230.0, 3380.0, 3860.0, 3050.0, 9325.0, 1100.0];
        let with = |value: f32, bands: &[usize]| {
            let mut counts = plain;
            for band in bands {
                counts[*band] = value;
            }
            has_repeated_bands(&spectrum(counts))
        };
        assert!(!with(2310.0, &[2]) && !with(2310.0, &[2, 3]));
        assert!(with(2310.0, &[2, 3, 7]) && with(50.0, &[0, 1, 2, 3]));
        assert!(!with(49.0, &[0, 1, 2]) && !with(65_535.0, &[0, 1, 2]));
        // The broad channel and the near infrared do not count as bands.
        assert!(!with(3230.0, &[4, 8, 9]));
        let none =
            recorded().iter().chain(&simulated()).filter(|counts| has_repeated_bands(&spectrum(**counts))).count();
        assert!(none <= 5, "{none} of 544 readings");
    }
}
