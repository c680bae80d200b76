//! The single sampling plans of MIL-STD-105E (1989), by a rule instead of tables.
//!
//! ISO 2859-1 and ANSI Z1.4 have equal tables. In the master tables, a plan depends almost
//! everywhere only on the sum of its row (code letter) and its column (AQL). The arrows lead to the
//! nearest row that has a plan. Tests compare all 1248 plans and all code letters with the
//! published tables.

use super::acceptance::AttributePlan;

/// The inspection level. The general levels are I, II and III, and II is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Level {
    /// Special level S-1.
    S1,
    /// Special level S-2.
    S2,
    /// Special level S-3.
    S3,
    /// Special level S-4.
    S4,
    /// General level I.
    I,
    /// General level II.
    II,
    /// General level III.
    III,
}

/// The severity of inspection, which follows from the results of the last lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Severity {
    /// The severity at the start.
    Normal,
    /// Used after two of five lots were rejected.
    Tightened,
    /// Used after ten lots were accepted, and further conditions of the standard hold.
    Reduced,
}

/// The acceptable quality levels, in nonconforming items (or nonconformities) per 100.
pub const AQL: [f64; 26] = [
    0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0, 15.0, 25.0, 40.0,
    65.0, 100.0, 150.0, 250.0, 400.0, 650.0, 1000.0,
];

/// The code letters. S occurs only as the target of an arrow under tightened inspection.
const LETTERS: &[u8; 17] = b"ABCDEFGHJKLMNPQRS";

/// Sample sizes under normal and tightened inspection.
const SIZES: [u32; 17] = [2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150];

/// The largest lot size of each row of the table of code letters.
const LOTS: [u32; 14] = [8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10_000, 35_000, 150_000, 500_000];

/// The rows of the table of code letters: letters for S-1 to S-4, I, II, III.
const CODES: [&[u8; 7]; 15] = [
    b"AAAAAAB", b"AAAAABC", b"AABBBCD", b"ABBCCDE", b"BBCCCEF", b"BBCDDFG", b"BCDEEGH", b"BCDEFHJ", b"CCEFGJK",
    b"CDEGHKL", b"CDFGJLM", b"CDFHKMN", b"DEGJLNP", b"DEGJMPQ", b"DEHKNQR",
];

/// Acceptance numbers along a row, from the first one above 0.
const NORMAL: [u32; 10] = [1, 2, 3, 5, 7, 10, 14, 21, 30, 44];
const TIGHTENED: [u32; 9] = [1, 2, 3, 5, 8, 12, 18, 27, 41];
/// Acceptance and rejection numbers under reduced inspection. A lot is accepted up to the first
/// number and rejected from the second. Between them it is accepted, and inspection returns to
/// normal.
const REDUCED: [(u32, u32); 10] =
    [(0, 2), (1, 3), (1, 4), (2, 5), (3, 6), (5, 8), (7, 10), (10, 13), (14, 17), (21, 24)];
const REDUCED_A: [(u32, u32); 9] = [(1, 2), (2, 3), (3, 4), (5, 6), (7, 8), (10, 11), (14, 15), (21, 22), (30, 31)];
const REDUCED_B: [(u32, u32); 10] =
    [(0, 2), (1, 3), (2, 4), (3, 5), (5, 6), (7, 8), (10, 11), (14, 15), (21, 22), (30, 31)];

/// A plan of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StandardPlan {
    /// Sample size and acceptance number.
    pub plan: AttributePlan,
    /// The fewest nonconforming items with which the lot is rejected.
    pub reject: u32,
}

/// A lot, letter or quality level for which the standard has no plan.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MilitaryStandardError {
    /// A lot of fewer than two items.
    #[error("a lot of {0}: the standard begins at 2")]
    Lot(u32),
    /// A letter that is not one of the code letters A to R.
    #[error("{0:?} is not a code letter: expected A to R without I and O")]
    Letter(char),
    /// A quality level that is not one of [`AQL`].
    #[error("AQL {0} is not one of the 26 of the standard, 0.010 to 1000")]
    Aql(f64),
}

/// The code letter for a lot.
///
/// # Errors
///
/// [`MilitaryStandardError::Lot`] if the lot has fewer than two items.
pub fn code_letter(lot: u32, level: Level) -> Result<char, MilitaryStandardError> {
    if lot < 2 {
        return Err(MilitaryStandardError::Lot(lot));
    }
    let row = LOTS.partition_point(|most| *most < lot);
    Ok(char::from(CODES[row][level as usize]))
}

/// The single sampling plan for a code letter and a quality level.
///
/// ```
/// use sqal_fusion::process::military_standard::{Level, Severity, code_letter, plan};
///
/// let letter = code_letter(2000, Level::II)?;
/// let normal = plan(letter, 1.0, Severity::Normal)?;
/// assert_eq!((letter, normal.plan.sample, normal.plan.accept, normal.reject), ('K', 125, 3, 4));
/// # Ok::<(), sqal_fusion::process::military_standard::MilitaryStandardError>(())
/// ```
///
/// # Errors
///
/// [`MilitaryStandardError`] if the tables do not have the letter or the quality level.
pub fn plan(letter: char, aql: f64, severity: Severity) -> Result<StandardPlan, MilitaryStandardError> {
    let row =
        LETTERS[..16].iter().position(|one| char::from(*one) == letter).ok_or(MilitaryStandardError::Letter(letter))?;
    let same = |one: &f64| libm::fabs(one - aql) <= 1e-9 * one;
    let column = AQL.iter().position(same).ok_or(MilitaryStandardError::Aql(aql))?;
    let table = Table(severity);
    // Arrows lead down to the nearest row that has a plan if the sum is still too small for one,
    // otherwise up.
    let below = (row..17).find_map(|row| table.cell(row, column).map(|cell| (row, cell)));
    let above = (0..=row).rev().find_map(|row| table.cell(row, column).map(|cell| (row, cell)));
    let (found, (accept, reject)) = if table.points_down(row, column) { below.or(above) } else { above.or(below) }
        .ok_or(MilitaryStandardError::Aql(aql))?;
    Ok(StandardPlan { plan: AttributePlan { sample: table.size(found), accept }, reject })
}

/// A master table.
struct Table(Severity);

impl Table {
    /// The sum of row and column at which the acceptance number is 0.
    const fn zero(&self) -> usize {
        match self.0 {
            Severity::Normal | Severity::Reduced => 14,
            Severity::Tightened => 15,
        }
    }

    /// The acceptance and the rejection number; `None` where the table has an arrow.
    fn cell(&self, row: usize, column: usize) -> Option<(u32, u32)> {
        let (sum, zero) = (row + column, self.zero());
        // Under tightened inspection, letter A begins one quality level later. Letter S has one
        // plan only.
        let (is_a, is_s) = (row == 0, row == 16);
        if sum == zero && !is_s {
            return (self.0 != Severity::Tightened || !is_a).then_some((0, 1));
        }
        let k = sum.checked_sub(zero + 3)?;
        if is_s {
            return (self.0 == Severity::Tightened && k == 0).then_some((1, 2));
        }
        // The last two acceptance numbers exist for the five smallest samples only.
        let last = match self.0 {
            Severity::Normal => NORMAL.len(),
            Severity::Tightened => TIGHTENED.len(),
            Severity::Reduced => REDUCED.len(),
        };
        if k + 2 >= last && row > 4 {
            return None;
        }
        let plain = |numbers: &[u32]| numbers.get(k).map(|accept| (*accept, accept + 1));
        match (self.0, row) {
            (Severity::Normal, _) => plain(&NORMAL),
            (Severity::Tightened, _) => plain(&TIGHTENED),
            (Severity::Reduced, 0) => REDUCED_A.get(k).copied(),
            (Severity::Reduced, 1) => REDUCED_B.get(k).copied(),
            (Severity::Reduced, _) => REDUCED.get(k).copied(),
        }
    }

    fn points_down(&self, row: usize, column: usize) -> bool {
        let (sum, zero) = (row + column, self.zero());
        match self.0 {
            // One step after the plan with acceptance number 0, the nearest plan is one row up. Two
            // steps after it, the nearest one is one row down.
            Severity::Normal | Severity::Reduced => sum < zero || sum == zero + 2 || (sum == zero + 1 && row == 0),
            Severity::Tightened => sum < zero + 3,
        }
    }

    fn size(&self, row: usize) -> u32 {
        match self.0 {
            Severity::Normal | Severity::Tightened => SIZES[row],
            Severity::Reduced => SIZES[row.saturating_sub(2)],
        }
    }
}
