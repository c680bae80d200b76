//! The variables plans of MIL-STD-414 (1957): one limit, standard deviation unknown, k method.
//!
//! ISO 3951 has equal plans. The source is table B-1. The plans are valid for normally distributed
//! values only: test that first. Tightened inspection is normal inspection at the next stricter
//! quality level.

use super::acceptance::VariablesPlan;
use super::military_standard::Severity;

/// The acceptable quality levels of the table, in nonconforming items per 100.
pub const AQL: [f64; 14] = [0.04, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0, 15.0];

/// Code letter, sample size, and k at each quality level. Where the standard has an arrow, it is
/// the k of the row that the arrow points to.
const TABLE: [(char, u32, [f64; 14]); 16] = [
    ('B', 3, [2.64, 2.53, 2.42, 2.24, 2.0, 1.88, 1.65, 1.45, 1.34, 1.12, 0.958, 0.765, 0.566, 0.341]),
    ('C', 4, [2.64, 2.53, 2.42, 2.24, 2.0, 1.88, 1.65, 1.45, 1.34, 1.17, 1.01, 0.814, 0.617, 0.393]),
    ('D', 5, [2.64, 2.53, 2.42, 2.24, 2.0, 1.88, 1.65, 1.53, 1.4, 1.24, 1.07, 0.874, 0.675, 0.455]),
    ('E', 7, [2.64, 2.53, 2.42, 2.24, 2.0, 1.88, 1.75, 1.62, 1.5, 1.33, 1.15, 0.955, 0.755, 0.536]),
    ('F', 10, [2.64, 2.53, 2.42, 2.24, 2.11, 1.98, 1.84, 1.72, 1.58, 1.41, 1.23, 1.03, 0.828, 0.611]),
    ('G', 15, [2.64, 2.53, 2.42, 2.32, 2.2, 2.06, 1.91, 1.79, 1.65, 1.47, 1.3, 1.09, 0.886, 0.664]),
    ('H', 20, [2.69, 2.58, 2.47, 2.36, 2.24, 2.11, 1.96, 1.82, 1.69, 1.51, 1.33, 1.12, 0.917, 0.695]),
    ('I', 25, [2.72, 2.61, 2.5, 2.4, 2.26, 2.14, 1.98, 1.85, 1.72, 1.53, 1.35, 1.14, 0.936, 0.712]),
    ('J', 30, [2.73, 2.61, 2.51, 2.41, 2.28, 2.15, 2.0, 1.86, 1.73, 1.55, 1.36, 1.15, 0.946, 0.723]),
    ('K', 35, [2.77, 2.65, 2.54, 2.45, 2.31, 2.18, 2.03, 1.89, 1.76, 1.57, 1.39, 1.18, 0.969, 0.745]),
    ('L', 40, [2.77, 2.66, 2.55, 2.44, 2.31, 2.18, 2.03, 1.89, 1.76, 1.58, 1.39, 1.18, 0.971, 0.746]),
    ('M', 50, [2.83, 2.71, 2.6, 2.5, 2.35, 2.22, 2.08, 1.93, 1.8, 1.61, 1.42, 1.21, 1.0, 0.774]),
    ('N', 75, [2.9, 2.77, 2.66, 2.55, 2.41, 2.27, 2.12, 1.98, 1.84, 1.65, 1.46, 1.24, 1.03, 0.804]),
    ('O', 100, [2.92, 2.8, 2.69, 2.58, 2.43, 2.29, 2.14, 2.0, 1.86, 1.67, 1.48, 1.26, 1.05, 0.819]),
    ('P', 150, [2.96, 2.84, 2.73, 2.61, 2.47, 2.33, 2.18, 2.03, 1.89, 1.7, 1.51, 1.29, 1.07, 0.841]),
    ('Q', 200, [2.97, 2.85, 2.73, 2.62, 2.47, 2.33, 2.18, 2.04, 1.89, 1.7, 1.51, 1.29, 1.07, 0.845]),
];

/// A letter, quality level or severity for which the standard has no variables plan.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VariablesStandardError {
    /// A letter that is not one of the code letters B to Q.
    #[error("{0:?} is not a code letter: expected B to Q")]
    Letter(char),
    /// A quality level that is not one of [`AQL`].
    #[error("AQL {0} is not one of the 14 of the standard, 0.04 to 15 (tightened: from 0.065)")]
    Aql(f64),
    /// Reduced inspection, which has a separate table that is not included here.
    #[error("reduced inspection: there are plans for normal and tightened inspection only")]
    Reduced,
}

/// The plan for a code letter of MIL-STD-414 and a quality level.
///
/// Where the table has an arrow, the plan is the first one below it, **with its sample size**. A k
/// for twenty items is not valid for a sample of three.
///
/// ```
/// use sqal_fusion::process::military_standard::Severity;
/// use sqal_fusion::process::variables_standard::plan;
///
/// let normal = plan('F', 1.0, Severity::Normal)?;
/// assert_eq!((normal.sample, normal.k), (10, 1.72));
/// assert_eq!(plan('F', 1.0, Severity::Tightened)?.k, 1.84);
/// # Ok::<(), sqal_fusion::process::variables_standard::VariablesStandardError>(())
/// ```
///
/// # Errors
///
/// [`VariablesStandardError`] if the table does not have the letter, the quality level or the
/// severity.
pub fn plan(letter: char, aql: f64, severity: Severity) -> Result<VariablesPlan, VariablesStandardError> {
    let row = TABLE.iter().position(|(one, ..)| *one == letter).ok_or(VariablesStandardError::Letter(letter))?;
    let same = |one: &f64| libm::fabs(one - aql) <= 1e-9 * one;
    let column = AQL.iter().position(same).ok_or(VariablesStandardError::Aql(aql))?;
    let column = match severity {
        Severity::Normal => column,
        Severity::Tightened => column.checked_sub(1).ok_or(VariablesStandardError::Aql(aql))?,
        Severity::Reduced => return Err(VariablesStandardError::Reduced),
    };
    let k = TABLE[row].2[column];
    // Down a column, k grows where there is no arrow. Rows of equal k share the plan of the last of
    // them, if the first of them is the top row.
    let arrow_ends =
        TABLE.iter().rposition(|(.., ks)| same_k(ks[column], TABLE[0].2[column])).filter(|end| row <= *end);
    Ok(VariablesPlan { sample: TABLE[arrow_ends.unwrap_or(row)].1, k, sigma_known: false })
}

/// Whether two values of k are equal in the table.
fn same_k(a: f64, b: f64) -> bool {
    libm::fabs(a - b) < 1e-9
}
