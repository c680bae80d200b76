//! [`decide_all`]: thousands of trays at once, with the processor's widest instructions and the same bits as one by one.

use arrayvec::ArrayVec;
use sqal_core::normal_cdfs;

use crate::{Decided, Decision, Evidence, FusionError, FusionRule, PowerMeanRule};

/// Fuses and decides each tray's evidence; the results are put behind those that `out` holds already.
///
/// For history: a profile tried against a month of stored scores. Nothing is allocated if `out` has room.
///
/// ```
/// use sqal_core::{Grade, Measured, Score};
/// use sqal_fusion::{Decision, Evidence, PowerMeanRule, decide_all};
///
/// let evidence = |score| Evidence::new(Measured::new(score, 0.02).unwrap(), 1.0, Score::ONE).unwrap();
/// let trays: Vec<_> = [0.99, 0.90, 0.10].into_iter().map(|score| [evidence(score), evidence(score)]).collect();
/// let mut decided = Vec::new();
/// decide_all(&PowerMeanRule::default(), &Decision::default(), &trays, &mut decided);
/// let grades: Vec<_> = decided.iter().map(|decided| decided.as_ref().unwrap().grade).collect();
/// assert_eq!(grades, [Grade::APlus, Grade::A, Grade::Reject]);
/// ```
pub fn decide_all<const N: usize>(
    rule: &PowerMeanRule,
    decision: &Decision,
    trays: &[[Evidence; N]],
    out: &mut alloc::vec::Vec<Result<Decided, FusionError>>,
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

/// How many trays' probabilities are computed side by side.
const AT_ONCE: usize = 8;

/// Φ of many numbers as a value, which is compiled once for each set of instructions; a closure would be compiled for the smallest of them.
///
/// No fused multiply-add is made of two operations, so the bits stay.
struct Probabilities([f64; 4 * AT_ONCE]);

impl pulp::WithSimd for Probabilities {
    type Output = [f64; 4 * AT_ONCE];

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that it is compiled with the widest instructions")]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        normal_cdfs(self.0)
    }
}
