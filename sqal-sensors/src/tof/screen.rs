//! A fast screen for frames without any remarkable zone: one fit over all zones, one comparison.
//!
//! The fit is that of `outliers.rs`, by modified Gram-Schmidt over whole columns of zones (Björck
//! 1967), which a processor computes for several zones at once. It gives every zone's leverage at
//! no extra cost. The largest residual is compared with a table, so no probability is computed.

use sqal_core::Grid;

use super::geometry::second_order;
use super::outliers;
use super::reference::Surface;

/// The unknowns of a second-order surface.
const TERMS: usize = 6;

/// The square of the externally studentised residual that one frame of pure noise in a hundred
/// reaches, for 12 to 64 zones.
///
/// It is Student's t with n − 7 degrees of freedom at the probability 1 − 0.99^(1/n), two-sided. A
/// test computes the table again.
const CRITICAL_SQUARE: [f64; 53] = [
    50.969_111_040_531,
    39.156_474_088_357,
    32.760_032_452_819,
    28.834_282_300_288,
    26.214_760_524_242,
    24.360_060_754_257,
    22.987_850_819_720,
    21.937_773_883_735,
    21.112_542_047_892,
    20.449_955_027_467,
    19.908_514_543_656,
    19.459_539_704_076,
    19.082_611_001_278,
    18.762_818_244_930,
    18.489_034_147_459,
    18.252_795_475_967,
    18.047_557_109_497,
    17.868_182_181_747,
    17.710_585_828_751,
    17.571_481_330_742,
    17.448_196_006_397,
    17.338_535_558_373,
    17.240_682_671_943,
    17.153_120_219_518,
    17.074_572_400_653,
    17.003_959_131_145,
    16.940_360_340_252,
    16.882_987_761_850,
    16.831_162_453_226,
    16.784_296_734_268,
    16.741_879_569_071,
    16.703_464_651_070,
    16.668_660_628_151,
    16.637_123_034_211,
    16.608_547_590_912,
    16.582_664_616_799,
    16.559_234_336_891,
    16.538_042_928_728,
    16.518_899_174_056,
    16.501_631_611_136,
    16.486_086_102_915,
    16.472_123_752_251,
    16.459_619_108_061,
    16.448_458_616_362,
    16.438_539_278_297,
    16.429_767_483_747,
    16.422_057_994_488,
    16.415_333_055_101,
    16.409_521_613_434,
    16.404_558_635_276,
    16.400_384_500_315,
    16.396_944_468_424,
    16.394_188_206_983,
];

/// Whether the largest residual of the heights, and of the reflectances, may be beyond chance. It
/// is false only if `outliers::find` finds nothing.
///
/// All results are false for a product of fewer than 12 zones, in which no defect is searched, and
/// for one whose zones lie on a line. The two fits differ by rounding, so the screen lets through
/// residuals within a millionth of the limit.
///
/// Both are screened in one call, so that the directions, which they share, stay where they are
/// built: 4 KiB are not copied from call to call.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
pub(super) fn may_be_remarkable<const N: usize>(surface: &Surface, values: [&Grid<f64>; N]) -> [bool; N] {
    let zones = surface.whole;
    let n = zones.iter().len();
    if zones.len() < outliers::LEAST_ZONES {
        return [false; N];
    }
    let Some(limit) = n.checked_sub(12).and_then(|k| CRITICAL_SQUARE.get(k)) else { return [true; N] };
    let used = n.next_multiple_of(8);
    let mut directions = [[0.0_f64; 64]; TERMS];
    // Values are in units of each zone's own noise; the zeros beyond the last zone add nothing to
    // any sum.
    let mut residuals = [[0.0_f64; 64]; N];
    for (k, zone) in zones.iter().enumerate() {
        let scale = 1.0 / surface.sigma_mm[zone];
        for (column, term) in directions.iter_mut().zip(second_order(surface.place_mm(zone))) {
            column[k] = term * scale;
        }
        for (residual, values) in residuals.iter_mut().zip(values) {
            residual[k] = values[zone] * scale;
        }
    }
    let mut leverage = [0.0_f64; 64];
    for k in 0..TERMS {
        let (before, from) = directions.split_at_mut(k);
        let column = &mut from[0][..used];
        for earlier in before.iter() {
            take_out(&earlier[..used], column);
        }
        let length = libm::sqrt(dot(column, column));
        if length < 1e-9 {
            return [false; N];
        }
        let per = 1.0 / length;
        for (sum, a) in leverage.iter_mut().zip(column.iter_mut()) {
            *a *= per;
            *sum += *a * *a;
        }
    }
    let degrees = f64::from(zones.len()) - 7.0;
    residuals.map(|mut residual| {
        for direction in &directions {
            take_out(&direction[..used], &mut residual[..used]);
        }
        let squares = dot(&residual[..used], &residual[..used]);
        // t² = r²ν/(rss (1 − h) − r²), compared without a division.
        residual[..n].iter().zip(leverage).any(|(r, leverage)| {
            let (square, share) = (r * r, (1.0 - leverage).max(1e-9));
            square * degrees >= limit * (1.0 - 1e-6) * (squares * share - square)
        })
    })
}

/// Subtracts from a column its projection onto another column of length one.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
fn take_out(along: &[f64], column: &mut [f64]) {
    let share = dot(along, column);
    for (a, q) in column.iter_mut().zip(along) {
        *a -= share * q;
    }
}

/// The scalar product in eight running sums, which have one order on every machine and do not wait
/// for each other.
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that a batch compiles it with its own instructions")]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let four: [f64; 4] = core::array::from_fn(|k| sums[k] + sums[k + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::student::two_sided;

    #[test]
    fn the_table_is_student_s_distribution() {
        for (n, square) in (12_u32..).zip(CRITICAL_SQUARE) {
            let (n, t) = (f64::from(n), square.sqrt());
            let family = 1.0 - libm::pow(1.0 - two_sided(t, n - 7.0), n);
            assert!((family - 0.01).abs() < 1e-9, "{n}: {family}");
        }
    }
}
