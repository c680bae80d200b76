//! [`MostUnseen`]: how much may be unseen for each grade that is sold.

use sqal_core::{Grade, Score, unseen::Unseen};

/// For each grade that is sold, the largest share of each kind that may be unseen.
///
/// A larger unseen share never gives a better grade, because a worse grade allows at least as much
/// as a better one. If the unseen share exceeds the limits of all sold grades, the tray is REJECT.
///
/// | default | tray's area | window | bands | instruments | evidence |
/// |---|---|---|---|---|---|
/// | A+ | 10 % | half | none | none | half |
/// | A | 25 % | half | one of eight | none | half |
/// | B, C | 40 % | half | all | half | 80 % |
///
/// The shape must be seen for every grade, because a tray is sold by weight. A tray of which only
/// the colour is unknown may be a B. The study of `examples/calibrate` prints how many bad trays
/// these shares let through; the figures are in `docs/fusion.md`.
///
/// ```
/// use sqal_core::{Grade, Score, unseen::Unseen};
/// use sqal_fusion::MostUnseen;
///
/// let most = MostUnseen::default();
/// assert_eq!(most.best(&Unseen::NOTHING), Some(Grade::APlus));
/// let colourless = Unseen { channels: Score::ONE, sensors: Score::new(0.5)?, ..Unseen::NOTHING };
/// assert_eq!(most.best(&colourless), Some(Grade::B));
/// assert_eq!(most.best(&Unseen::EVERYTHING), None);
/// # Ok::<(), sqal_core::score::InvalidScore>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Raw", into = "Raw"))]
pub struct MostUnseen {
    /// The largest unseen shares, from A+ to C.
    shares: [Unseen; 4],
}

/// Limits that are not ordered: a worse grade would allow less than a better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("most_unseen: {worse} allows less to be unseen than {better}: seeing less would earn a better grade")]
#[non_exhaustive]
pub struct InvalidMostUnseen {
    /// The better grade.
    pub better: Grade,
    /// The worse grade, which must allow at least as much.
    pub worse: Grade,
}

const SOLD: [Grade; 4] = [Grade::APlus, Grade::A, Grade::B, Grade::C];

impl MostUnseen {
    /// Limits for A+, A, B and C.
    ///
    /// # Errors
    ///
    /// [`InvalidMostUnseen`] if a worse grade allows less than a better one.
    pub fn new(a_plus: Unseen, a: Unseen, b: Unseen, c: Unseen) -> Result<Self, InvalidMostUnseen> {
        let shares = [a_plus, a, b, c];
        for (pair, grades) in shares.windows(2).zip(SOLD.windows(2)) {
            if !pair[0].is_within(&pair[1]) {
                return Err(InvalidMostUnseen { better: grades[0], worse: grades[1] });
            }
        }
        Ok(Self { shares })
    }

    /// Limits of a plant that sells no tray of which a zone, a band or an instrument is unseen.
    #[must_use]
    pub fn nothing() -> Self {
        let evidence = Unseen { window: Score::ONE, evidence: Score::nearest(0.5), ..Unseen::NOTHING };
        Self { shares: [evidence; 4] }
    }

    /// The limits for a grade; for REJECT, everything may be unseen.
    #[must_use]
    pub fn of(&self, grade: Grade) -> Unseen {
        SOLD.iter().position(|sold| *sold == grade).map_or(Unseen::EVERYTHING, |place| self.shares[place])
    }

    /// The best grade that `unseen` allows; `None` if it allows no grade that is sold.
    #[must_use]
    #[inline]
    pub fn best(&self, unseen: &Unseen) -> Option<Grade> {
        self.shares.iter().position(|most| unseen.is_within(most)).map(|place| SOLD[place])
    }
}

impl Default for MostUnseen {
    fn default() -> Self {
        let [tenth, eighth, quarter, most, half, nearly_all] =
            [0.10, 0.125, 0.25, 0.40, 0.50, 0.80].map(Score::nearest);
        let a_plus = Unseen { area: tenth, window: half, evidence: half, ..Unseen::NOTHING };
        let a = Unseen { area: quarter, channels: eighth, ..a_plus };
        let b = Unseen { area: most, window: half, channels: Score::ONE, sensors: half, evidence: nearly_all };
        Self { shares: [a_plus, a, b, b] }
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    a_plus: Unseen,
    a: Unseen,
    b: Unseen,
    c: Unseen,
}

#[cfg(feature = "serde")]
impl TryFrom<Raw> for MostUnseen {
    type Error = InvalidMostUnseen;

    fn try_from(raw: Raw) -> Result<Self, InvalidMostUnseen> {
        Self::new(raw.a_plus, raw.a, raw.b, raw.c)
    }
}

#[cfg(feature = "serde")]
impl From<MostUnseen> for Raw {
    fn from(most: MostUnseen) -> Self {
        let [a_plus, a, b, c] = most.shares;
        Self { a_plus, a, b, c }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_grade_never_allows_less() {
        let half = Unseen { area: Score::nearest(0.5), ..Unseen::NOTHING };
        let refused = MostUnseen::new(Unseen::NOTHING, half, Unseen::NOTHING, half);
        assert_eq!(refused, Err(InvalidMostUnseen { better: Grade::A, worse: Grade::B }));
        assert!(MostUnseen::new(Unseen::NOTHING, Unseen::NOTHING, half, half).is_ok());
        for most in [MostUnseen::default(), MostUnseen::nothing()] {
            let [a_plus, a, b, c] = most.shares;
            assert_eq!(MostUnseen::new(a_plus, a, b, c), Ok(most));
        }
    }
}
