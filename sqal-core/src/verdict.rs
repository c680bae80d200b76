//! [`Verdict`]: the decision on one product, with everything needed to defend it.

use core::fmt;

use crate::{Assessment, Defects, Grade, Measured, Score, Severity, SpectralFindings, TofFindings};

/// Why a final grade is worse than the score alone would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cap {
    /// Nothing held the grade back.
    None,
    /// The uncertainty: the better grade was not certain enough.
    Guard,
    /// Too small a share of the evidence was there.
    Coverage,
    /// A major defect, or a state that is treated as one.
    MajorDefect,
    /// A critical defect.
    CriticalDefect,
    /// No instrument gave a usable score.
    Unmeasured,
}

impl Cap {
    /// The share of the evidence below which no grade better than B is given.
    pub const LEAST_COVERAGE: f64 = 0.75;

    /// The best grade that defects and coverage allow, and what it is that holds a grade back to it.
    ///
    /// A critical defect rejects; too little evidence, or a major defect, allows at most B.
    #[must_use]
    pub fn on(gravest: Option<Severity>, coverage: Score) -> Option<(Grade, Self)> {
        match gravest {
            Some(Severity::Critical) => Some((Grade::Reject, Self::CriticalDefect)),
            _ if coverage.get() < Self::LEAST_COVERAGE => Some((Grade::B, Self::Coverage)),
            Some(Severity::Major) => Some((Grade::B, Self::MajorDefect)),
            _ => None,
        }
    }
}

/// The decision on one sample, with everything needed to defend it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Verdict {
    /// The fused score with its standard uncertainty; `None` if nothing could be measured.
    pub score: Option<Measured>,
    /// The grade that is printed on the label.
    pub grade: Grade,
    /// The grade of the score by simple acceptance, before guard and caps.
    pub point_grade: Option<Grade>,
    /// What held the grade back.
    pub cap: Cap,
    /// The score of the time-of-flight sensor.
    pub tof_score: Option<Measured>,
    /// The score of the spectral sensor.
    pub spectral_score: Option<Measured>,
    /// The probability that the point grade is the true grade, before any calibration.
    pub confidence: Score,
    /// The probability that the quality is at least that of the printed grade.
    pub conformity_probability: Score,
    /// The share of the evidence that was there: by weight, reliability, and each sensor's own coverage.
    pub coverage: Score,
    /// 0 when the instruments agree as well as their uncertainties promise, towards 1 with disagreement.
    pub conflict: Score,
    /// All defects, the gravest first.
    pub defects: Defects,
}

/// A language for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
}

impl Verdict {
    /// The fail-safe verdict: nothing was measured, so nothing is sold.
    #[must_use]
    pub const fn unmeasured(defects: Defects) -> Self {
        Self {
            score: None,
            grade: Grade::Reject,
            point_grade: None,
            cap: Cap::Unmeasured,
            tof_score: None,
            spectral_score: None,
            confidence: Score::ZERO,
            conformity_probability: Score::ONE,
            coverage: Score::ZERO,
            conflict: Score::ZERO,
            defects,
        }
    }

    /// One sentence that says why the grade is what it is.
    ///
    /// ```
    /// use sqal_core::{Defects, Language, Verdict};
    ///
    /// let verdict = Verdict::unmeasured(Defects::new());
    /// assert_eq!(verdict.explain(Language::English).to_string(), "REJECT: no instrument gave a usable score.");
    /// ```
    #[must_use]
    pub const fn explain(&self, language: Language) -> Explanation<'_> {
        Explanation { verdict: self, language }
    }
}

/// The sentence of [`Verdict::explain`]; it is written with `{}`.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    verdict: &'a Verdict,
    language: Language,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.verdict;
        let french = self.language == Language::French;
        let tell = |en: &'static str, fr: &'static str| if french { fr } else { en };
        let grade = |grade: Grade| if french && grade == Grade::Reject { "REJET" } else { grade.as_str() };
        write!(f, "{}{}", grade(v.grade), tell(": ", " : "))?;
        let (Some(score), Some(point)) = (v.score, v.point_grade) else {
            return f.write_str(tell(
                "no instrument gave a usable score.",
                "aucun instrument n'a donné de note exploitable.",
            ));
        };
        write!(f, "{} {:.3} ± {:.3}", tell("fused score", "note fusionnée"), score.value(), score.u())?;
        for (name, part) in [(tell("shape", "forme"), v.tof_score), (tell("colour", "couleur"), v.spectral_score)] {
            match part {
                Some(part) => write!(f, ", {name} {:.3} ± {:.3}", part.value(), part.u())?,
                None => write!(f, ", {name} {}", tell("missing", "absente"))?,
            }
        }
        let point = grade(point);
        match v.cap {
            Cap::None => write!(f, "{} {point}", tell("; the score alone gives", " ; la note seule donne"))?,
            Cap::Guard => write!(
                f,
                "{} {point}{}",
                tell("; the score alone gives", " ; la note seule donne"),
                tell(", but that is not certain enough", ", mais ce n'est pas assez certain")
            )?,
            Cap::Coverage => write!(
                f,
                "{} {:.0} %{} {point}",
                tell("; only", " ; seulement"),
                v.coverage.get() * 100.0,
                tell(
                    " of the evidence was there, the score alone gives",
                    " des indices étaient là, la note seule donne"
                )
            )?,
            Cap::MajorDefect | Cap::CriticalDefect => write!(
                f,
                "{} {point}{}",
                tell("; the score alone gives", " ; la note seule donne"),
                tell(", a defect holds it back", ", un défaut la retient")
            )?,
            Cap::Unmeasured => {}
        }
        for (k, defect) in v.defects.iter().enumerate() {
            let before = if k == 0 { tell("; defects: ", " ; défauts : ") } else { ", " };
            let severity = match defect.severity {
                Severity::Minor => tell("minor", "mineur"),
                Severity::Major => tell("major", "majeur"),
                Severity::Critical => tell("critical", "critique"),
            };
            let kind = tell(defect.kind.as_str(), defect.kind.french());
            write!(f, "{before}{kind} ({severity})")?;
        }
        if v.grade == Grade::Reject {
            // A rejected tray conforms to nothing.
            return f.write_str(".");
        }
        write!(
            f,
            "{} {:.0} %.",
            tell("; probability of conforming", " ; probabilité de conformité"),
            v.conformity_probability.get() * 100.0
        )
    }
}

/// What two analyses and a fusion made of one pair of readings.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Inspection {
    /// What the time-of-flight sensor says, if it said anything.
    pub tof: Option<Assessment<TofFindings>>,
    /// What the spectral sensor says, if it said anything.
    pub spectral: Option<Assessment<SpectralFindings>>,
    /// The decision.
    pub verdict: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[test]
    fn a_verdict_explains_itself_in_both_languages() {
        let verdict = Verdict {
            score: Measured::new(0.8899, 0.021).ok(),
            grade: Grade::B,
            point_grade: Some(Grade::A),
            cap: Cap::Guard,
            tof_score: Measured::new(0.88, 0.03).ok(),
            spectral_score: None,
            confidence: Score::ONE,
            conformity_probability: Score::nearest(0.97),
            coverage: Score::ONE,
            conflict: Score::ZERO,
            defects: Defects::new(),
        };
        let text = |language| -> String { verdict.explain(language).to_string() };
        assert_eq!(
            text(Language::English),
            "B: fused score 0.890 ± 0.021, shape 0.880 ± 0.030, colour missing; the score alone gives A, but that is not \
             certain enough; probability of conforming 97 %."
        );
        assert_eq!(
            text(Language::French),
            "B : note fusionnée 0.890 ± 0.021, forme 0.880 ± 0.030, couleur absente ; la note seule donne A, mais ce n'est \
             pas assez certain ; probabilité de conformité 97 %."
        );
    }
}
