//! [`decide_all`]: grades thousands of trays at once, with the same bits as one at a time.
//!
//! It uses the widest vector instructions that the processor has.

use arrayvec::ArrayVec;
use sqal_core::normal::normal_cdfs;

use crate::{DecisionRule, Evidence, FusionError, FusionRule, GradeDecision, PowerMeanRule};

/// Fuses and decides each tray's evidence; appends the results to `out`.
///
/// Meant for history, such as a new profile on a month of stored scores. If the capacity of `out`
/// suffices, nothing is allocated.
///
/// ```
/// use sqal_core::{Grade, Measured, Score};
/// use sqal_fusion::{DecisionRule, Evidence, PowerMeanRule, decide_all};
///
/// let evidence = |score| Evidence::new(Measured::new(score, 0.02).unwrap(), 1.0, Score::ONE).unwrap();
/// let trays: Vec<_> = [0.99, 0.90, 0.10].into_iter().map(|score| [evidence(score), evidence(score)]).collect();
/// let mut decided = Vec::new();
/// decide_all(&PowerMeanRule::default(), &DecisionRule::default(), &trays, &mut decided);
/// let grades: Vec<_> = decided.iter().map(|decided| decided.as_ref().unwrap().grade).collect();
/// assert_eq!(grades, [Grade::APlus, Grade::A, Grade::Reject]);
/// ```
pub fn decide_all<const N: usize>(
    rule: &PowerMeanRule,
    decision: &DecisionRule,
    trays: &[[Evidence; N]],
    out: &mut alloc::vec::Vec<Result<GradeDecision, FusionError>>,
) {
    let simd = pulp::Arch::new();
    for some in trays.chunks(AT_ONCE) {
        let fused: ArrayVec<_, AT_ONCE> = some.iter().map(|tray| rule.fuse(tray)).collect();
        let mut reached = [0.0; 4 * AT_ONCE];
        for (margins, fused) in reached.chunks_exact_mut(4).zip(&fused) {
            if let Ok(fused) = fused {
                margins.copy_from_slice(&decision.margins(fused.score));
            }
        }
        let reached = simd.dispatch(Probabilities(reached));
        let (reached, _) = reached.as_chunks::<4>();
        out.extend(fused.into_iter().zip(reached).map(|(fused, reached)| Ok(decision.decide_given(&fused?, *reached))));
    }
}

/// The number of trays whose probabilities are computed side by side.
const AT_ONCE: usize = 8;

/// Φ of several numbers, as a type: pulp compiles its `with_simd` once for each instruction set. A
/// closure would be compiled for the smallest instruction set only.
///
/// No fused multiply-add is made of two operations, so all instruction sets give the same bits.
struct Probabilities([f64; 4 * AT_ONCE]);

impl pulp::WithSimd for Probabilities {
    type Output = [f64; 4 * AT_ONCE];

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that it is compiled with the widest instructions")]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        normal_cdfs(self.0)
    }
}
