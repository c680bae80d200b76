//! The moments against the certified values of NIST's Statistical Reference Datasets.
//!
//! The datasets are those of `StRD` for univariate summary statistics, in the public domain.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sqal_sensors::moments::Moments;

/// Mavro: filter transmittance, in units of 1e-5.
const MAVRO: [u32; 50] = [
    200_180, 200_170, 200_180, 200_190, 200_180, 200_170, 200_150, 200_140, 200_150, 200_150, 200_170, 200_180,
    200_180, 200_190, 200_190, 200_210, 200_200, 200_160, 200_140, 200_130, 200_130, 200_150, 200_150, 200_160,
    200_150, 200_140, 200_130, 200_140, 200_150, 200_140, 200_150, 200_160, 200_150, 200_160, 200_190, 200_200,
    200_200, 200_210, 200_220, 200_230, 200_240, 200_250, 200_270, 200_260, 200_260, 200_260, 200_270, 200_260,
    200_250, 200_240,
];

/// Michelso: the speed of light in millions of metres per second, in units of 0.01 (Dorsey 1944).
const MICHELSO: [u32; 100] = [
    29985, 29974, 29990, 30007, 29993, 29985, 29995, 29998, 29998, 29988, 30000, 29998, 29993, 29965, 29976, 29981,
    30000, 30000, 29996, 29996, 29996, 29994, 29996, 29994, 29988, 29980, 29985, 29988, 29990, 29984, 29983, 29979,
    29981, 29988, 29988, 29983, 29980, 29979, 29976, 29980, 29988, 29988, 29988, 29986, 29972, 29972, 29962, 29986,
    29997, 29995, 29988, 29991, 29985, 29987, 29984, 29984, 29985, 29984, 29984, 29984, 29989, 29981, 29981, 29982,
    29980, 29977, 29976, 29974, 29975, 29976, 29991, 29992, 29989, 29986, 29988, 29972, 29984, 29985, 29985, 29978,
    29989, 29984, 29978, 29981, 29976, 29981, 29979, 29981, 29982, 29985, 29987, 29987, 29981, 29974, 29981, 29994,
    29995, 29980, 29981, 29987,
];

/// Lew: deflections of a steel-concrete beam.
const LEW: [i32; 200] = [
    -213, -564, -35, -15, 141, 115, -420, -360, 203, -338, -431, 194, -220, -513, 154, -125, -559, 92, -21, -579, -52,
    99, -543, -175, 162, -457, -346, 204, -300, -474, 164, -107, -572, -8, 83, -541, -224, 180, -420, -374, 201, -236,
    -531, 83, 27, -564, -112, 131, -507, -254, 199, -311, -495, 143, -46, -579, -90, 136, -472, -338, 202, -287, -477,
    169, -124, -568, 17, 48, -568, -135, 162, -430, -422, 172, -74, -577, -13, 92, -534, -243, 194, -355, -465, 156,
    -81, -578, -64, 139, -449, -384, 193, -198, -538, 110, -44, -577, -6, 66, -552, -164, 161, -460, -344, 205, -281,
    -504, 134, -28, -576, -118, 156, -437, -381, 200, -220, -540, 83, 11, -568, -160, 172, -414, -408, 188, -125, -572,
    -32, 139, -492, -321, 205, -262, -504, 142, -83, -574, 0, 48, -571, -106, 137, -501, -266, 190, -391, -406, 194,
    -186, -553, 83, -13, -577, -49, 103, -515, -280, 201, 300, -506, 131, -45, -578, -80, 138, -462, -361, 201, -211,
    -554, 32, 74, -533, -235, 187, -372, -442, 182, -147, -566, 25, 68, -535, -244, 194, -351, -463, 174, -125, -570,
    15, 72, -550, -190, 172, -424, -385, 198, -218, -536, 96,
];

/// Lottery: numbers of the Maryland lottery.
const LOTTERY: [u32; 218] = [
    162, 671, 933, 414, 788, 730, 817, 33, 536, 875, 670, 236, 473, 167, 877, 980, 316, 950, 456, 92, 517, 557, 956,
    954, 104, 178, 794, 278, 147, 773, 437, 435, 502, 610, 582, 780, 689, 562, 964, 791, 28, 97, 848, 281, 858, 538,
    660, 972, 671, 613, 867, 448, 738, 966, 139, 636, 847, 659, 754, 243, 122, 455, 195, 968, 793, 59, 730, 361, 574,
    522, 97, 762, 431, 158, 429, 414, 22, 629, 788, 999, 187, 215, 810, 782, 47, 34, 108, 986, 25, 644, 829, 630, 315,
    567, 919, 331, 207, 412, 242, 607, 668, 944, 749, 168, 864, 442, 533, 805, 372, 63, 458, 777, 416, 340, 436, 140,
    919, 350, 510, 572, 905, 900, 85, 389, 473, 758, 444, 169, 625, 692, 140, 897, 672, 288, 312, 860, 724, 226, 884,
    508, 976, 741, 476, 417, 831, 15, 318, 432, 241, 114, 799, 955, 833, 358, 935, 146, 630, 830, 440, 642, 356, 373,
    271, 715, 367, 393, 190, 669, 8, 861, 108, 795, 269, 590, 326, 866, 64, 523, 862, 840, 219, 382, 998, 4, 628, 305,
    747, 247, 34, 747, 729, 645, 856, 974, 24, 568, 24, 694, 608, 480, 410, 729, 947, 293, 53, 930, 223, 203, 677, 227,
    62, 455, 387, 318, 562, 242, 428, 968,
];

/// The first decimal digits of π by the spigot of Rabinowitz and Wagon (1995).
fn digits_of_pi(n: usize) -> Vec<f64> {
    let mut carry = vec![2_u32; n * 10 / 3 + 2];
    let (mut digits, mut held, mut nines) = (Vec::new(), None, 0);
    while digits.len() <= n {
        let mut over = 0;
        for k in (0..carry.len()).rev() {
            let (place, odd) = (u32::try_from(k).unwrap(), u32::try_from(2 * k + 1).unwrap());
            let sum = carry[k] * 10 + over;
            let divisor = if k == 0 { 10 } else { odd };
            carry[k] = sum % divisor;
            over = if k == 0 { sum / 10 } else { sum / odd * place };
        }
        match over {
            9 => nines += 1,
            10 => {
                digits.extend(held.map(|digit: u32| digit + 1));
                digits.extend(std::iter::repeat_n(0, nines));
                (held, nines) = (Some(0), 0);
            }
            digit => {
                digits.extend(held);
                digits.extend(std::iter::repeat_n(9, nines));
                (held, nines) = (Some(digit), 0);
            }
        }
    }
    digits.into_iter().take(n).map(f64::from).collect()
}

/// The data set as NIST certifies it: its 957th digit is five less than that of π.
fn pi_digits() -> Vec<f64> {
    let mut digits = digits_of_pi(5000);
    digits[956] -= 5.0;
    digits
}

/// The number of digits that agree: −log₁₀ of the relative error, at most 15.
fn digits(found: f64, certified: f64) -> f64 {
    let error = ((found - certified) / certified).abs();
    if error == 0.0 { 15.0 } else { (-error.log10()).min(15.0) }
}

fn alternating(first: f64, low: f64, high: f64) -> Vec<f64> {
    std::iter::once(first).chain((0..1000).map(|k| if k % 2 == 0 { low } else { high })).collect()
}

#[test]
fn the_digits_that_doubles_hold_agree_on_all_nine_sets() {
    let whole = |values: &[u32], unit: f64| values.iter().map(|x| f64::from(*x) / unit).collect::<Vec<_>>();
    // The decimals of NumAcc3 and NumAcc4 are not exact in doubles: an exact calculation on the
    // nearest doubles agrees to 9.5 and 8.3 digits. The columns are name, data, certified mean and
    // standard deviation, and the digits required of the latter.
    let sets = [
        ("PiDigits", pi_digits(), 4.5348, 2.867_339_060_288_71, 13.0),
        ("Lottery", whole(&LOTTERY, 1.0), 518.958_715_596_330, 291.699_727_470_969, 13.0),
        ("Lew", LEW.map(f64::from).to_vec(), -177.435, 277.332_168_044_316, 13.0),
        ("Mavro", whole(&MAVRO, 100_000.0), 2.001_856, 0.000_429_123_454_003_053, 13.0),
        ("Michelso", whole(&MICHELSO, 100.0), 299.8524, 0.079_010_547_819_051_8, 13.0),
        ("NumAcc1", vec![10_000_001.0, 10_000_003.0, 10_000_002.0], 10_000_002.0, 1.0, 13.0),
        ("NumAcc2", alternating(1.2, 1.1, 1.3), 1.2, 0.1, 13.0),
        ("NumAcc3", alternating(1_000_000.2, 1_000_000.1, 1_000_000.3), 1_000_000.2, 0.1, 9.0),
        ("NumAcc4", alternating(10_000_000.2, 10_000_000.1, 10_000_000.3), 10_000_000.2, 0.1, 8.0),
    ];
    for (name, data, mean, sd, asked) in sets {
        let moments = Moments::of(data.iter().copied()).unwrap();
        let (of_mean, of_sd) = (digits(moments.mean, mean), digits(moments.sample_sd(), sd));
        println!("{name:<9} mean {of_mean:.1} digits, standard deviation {of_sd:.1} digits");
        assert!(of_mean >= 13.0 && of_sd >= asked, "{name}: {of_mean} {of_sd}");
    }
}
