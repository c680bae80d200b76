//! Belief masses and their combination: Dempster, Yager and PCR6, with discounting.

use arrayvec::ArrayVec;
use sqal_core::Score;

use crate::{FusionError, FusionRule};

/// The most hypotheses of a frame: as many as there are grades.
pub const MAX_HYPOTHESES: usize = 5;

/// The number of subsets of the largest frame.
const SUBSETS: usize = 1 << MAX_HYPOTHESES;

/// The most sources that are combined at once. PCR6 visits every combination of their focal
/// elements, so the work grows with the power of this number.
pub const MAX_SOURCES: usize = 4;

/// The belief of one witness about one question: a mass on each set of hypotheses. The empty set
/// has none, and the masses sum to 1.
///
/// A set is a bit mask: bit k stands for hypothesis k. The mass on the set of all hypotheses is the
/// ignorance of the witness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    hypotheses: usize,
    mass: [f64; SUBSETS],
}

/// Why masses are not a belief.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBelief {
    /// The number of masses is not that of the subsets of 1 to 5 hypotheses.
    #[error("{0} masses: expected 2, 4, 8, 16 or 32, one for each subset of 1 to 5 hypotheses")]
    Subsets(usize),
    /// The number of hypotheses is not 1 to 5.
    #[error("{0} hypotheses: expected 1 to {MAX_HYPOTHESES}")]
    Hypotheses(usize),
    /// A mass is negative or not a number.
    #[error("the mass on subset {subset:#b} is {mass}: expected 0 to 1")]
    Mass {
        /// The subset, bit k for hypothesis k.
        subset: usize,
        /// The mass.
        mass: f64,
    },
    /// The empty set has a mass, so the belief would hold that no hypothesis is true.
    #[error("the empty set has a mass of {0}: one of the hypotheses must be true")]
    Empty(f64),
    /// The masses do not sum to one.
    #[error("the masses sum to {0}: expected 1")]
    Sum(f64),
}

impl Belief {
    /// A belief from its masses, indexed by bit mask of the subset; a sum within 1e-9 of 1 is
    /// accepted as it is.
    ///
    /// # Errors
    ///
    /// [`InvalidBelief`] names the wrong mass.
    pub fn new(masses: &[f64]) -> Result<Self, InvalidBelief> {
        if !(2..=SUBSETS).contains(&masses.len()) || !masses.len().is_power_of_two() {
            return Err(InvalidBelief::Subsets(masses.len()));
        }
        if let Some((subset, mass)) = masses.iter().enumerate().find(|(_, mass)| !(0.0..=1.0 + 1e-9).contains(*mass)) {
            return Err(InvalidBelief::Mass { subset, mass: *mass });
        }
        if masses[0] > 0.0 {
            return Err(InvalidBelief::Empty(masses[0]));
        }
        let sum: f64 = masses.iter().sum();
        if libm::fabs(sum - 1.0) > 1e-9 {
            return Err(InvalidBelief::Sum(sum));
        }
        let mut mass = [0.0; SUBSETS];
        mass[..masses.len()].copy_from_slice(masses);
        Ok(Self { hypotheses: masses.len().trailing_zeros() as usize, mass })
    }

    /// A belief with a probability on each single hypothesis, such as the grade probabilities of a
    /// sensor.
    ///
    /// # Errors
    ///
    /// [`InvalidBelief`] if the number of probabilities is not 1 to 5 or they do not sum to one.
    pub fn from_probabilities(probabilities: &[f64]) -> Result<Self, InvalidBelief> {
        if !(1..=MAX_HYPOTHESES).contains(&probabilities.len()) {
            return Err(InvalidBelief::Hypotheses(probabilities.len()));
        }
        let mut mass = [0.0; SUBSETS];
        for (k, probability) in probabilities.iter().enumerate() {
            mass[1 << k] = *probability;
        }
        Self::new(&mass[..1 << probabilities.len()])
    }

    /// The masses, indexed by bit mask of the subset.
    #[must_use]
    pub fn masses(&self) -> &[f64] {
        &self.mass[..=self.all()]
    }

    /// The number of hypotheses, 1 to 5.
    #[must_use]
    pub const fn hypotheses(&self) -> usize {
        self.hypotheses
    }

    /// The mass on the set of all hypotheses, 0 to 1: the ignorance of the witness.
    #[must_use]
    pub const fn ignorance(&self) -> f64 {
        self.mass[self.all()]
    }

    /// The belief of a witness of limited reliability ρ (Shafer 1976): m'(A) = ρ m(A), and the rest
    /// is added to the ignorance.
    ///
    /// With ρ < 1 every hypothesis stays possible, and total conflict cannot arise.
    #[must_use]
    pub fn discounted(&self, reliability: Score) -> Self {
        let rho = reliability.get();
        let mut mass = self.mass.map(|mass| rho * mass);
        mass[self.all()] = 1.0 - rho * (1.0 - self.ignorance());
        Self { mass, ..*self }
    }

    /// The pignistic probability of each hypothesis (Smets 1990): each set's mass shared equally
    /// among its members.
    #[must_use]
    pub fn pignistic(&self) -> ArrayVec<f64, MAX_HYPOTHESES> {
        let share = |k: usize| {
            let members = (1..=self.all()).filter(|set| set >> k & 1 == 1);
            members.map(|set| self.mass[set] / f64::from(set.count_ones())).sum()
        };
        (0..self.hypotheses).map(share).collect()
    }

    /// The distance of Jousselme, Grenier and Bossé (2001), 0 to 1. Masses on overlapping sets are
    /// close to each other.
    ///
    /// `None` if the two beliefs have different numbers of hypotheses.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.hypotheses != other.hypotheses {
            return None;
        }
        let difference = |set: usize| self.mass[set] - other.mass[set];
        let overlap = |a: usize, b: usize| f64::from((a & b).count_ones()) / f64::from((a | b).count_ones());
        let row = |a: usize| -> f64 { (1..=self.all()).map(|b| overlap(a, b) * difference(b)).sum() };
        let square: f64 = (1..=self.all()).map(|a| difference(a) * row(a)).sum();
        Some(libm::sqrt((0.5 * square).max(0.0)))
    }

    const fn all(&self) -> usize {
        (1 << self.hypotheses) - 1
    }
}

/// The rule by which the beliefs of independent witnesses are joined.
///
/// It is meant for witnesses that answer *one* question (which grade is it?). Shape and colour
/// measure two things, so their rule is [`crate::PowerMeanRule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum BeliefRule {
    /// Dempster's rule: conflict is shared among all uncontradicted sets. Total conflict is an
    /// error.
    Dempster,
    /// Yager's rule (1987): conflict becomes ignorance.
    Yager,
    /// PCR6 (Martin and Osswald 2006): each part of the conflict goes back to the sets that caused
    /// it, in proportion to their masses.
    #[default]
    Pcr6,
}

/// A joint belief and the conflict that it resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CombinedBelief {
    /// The joint belief.
    pub belief: Belief,
    /// The mass of all combinations whose sets exclude each other, 0 to 1.
    pub conflict: Score,
}

impl FusionRule for BeliefRule {
    type Input = Belief;
    type Output = CombinedBelief;

    /// Combines all sources at once, because PCR6 is commutative but not associative.
    fn fuse(&self, beliefs: &[Belief]) -> Result<CombinedBelief, FusionError> {
        let first = beliefs.first().ok_or(FusionError::NoEvidence)?;
        if beliefs.len() > MAX_SOURCES {
            return Err(FusionError::TooMuch { given: beliefs.len(), most: MAX_SOURCES });
        }
        if beliefs.iter().any(|belief| belief.hypotheses != first.hypotheses) {
            return Err(FusionError::DifferentQuestions);
        }
        let all = first.all();
        let mut mass = [0.0; SUBSETS];
        for_every_combination(beliefs, |sets, product| {
            let common = sets.iter().fold(all, |common, set| common & set);
            mass[common] += product;
            if common == 0 && *self == Self::Pcr6 {
                let said: f64 = sets.iter().zip(beliefs).map(|(set, belief)| belief.mass[*set]).sum();
                for (set, belief) in sets.iter().zip(beliefs) {
                    mass[*set] += product * belief.mass[*set] / said;
                }
            }
        });
        let conflict = core::mem::take(&mut mass[0]);
        match self {
            Self::Pcr6 => {}
            Self::Yager => mass[all] += conflict,
            Self::Dempster => {
                let agreed: f64 = mass.iter().sum();
                if agreed <= 0.0 {
                    return Err(FusionError::TotalConflict);
                }
                mass = mass.map(|mass| mass / agreed);
            }
        }
        Ok(CombinedBelief { belief: Belief { mass, ..*first }, conflict: Score::nearest(conflict) })
    }
}

/// Calls `f` with one focal element of each source and the product of their masses, for every such
/// choice.
fn for_every_combination(beliefs: &[Belief], mut f: impl FnMut(&[usize], f64)) {
    let focal = |belief: &Belief| -> ArrayVec<usize, SUBSETS> {
        (1..=belief.all()).filter(|set| belief.mass[*set] > 0.0).collect()
    };
    let focal: ArrayVec<ArrayVec<usize, SUBSETS>, MAX_SOURCES> = beliefs.iter().map(focal).collect();
    let choices: usize = focal.iter().map(ArrayVec::len).product();
    for choice in 0..choices {
        let mut rest = choice;
        let mut sets = ArrayVec::<usize, MAX_SOURCES>::new();
        let mut product = 1.0;
        for (focal, belief) in focal.iter().zip(beliefs) {
            let set = focal[rest % focal.len()];
            rest /= focal.len();
            product *= belief.mass[set];
            sets.push(set);
        }
        f(&sets, product);
    }
}
