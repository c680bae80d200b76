//! [`Verdict`]: the decision on one product, with everything needed to defend it.

use core::fmt::{self, Write as _};

use crate::{
    Defects, Grade, Measured, Score, SpectralFindings, TofFindings, analyze::Assessment, defect::Severity,
    unseen::Unseen,
};

/// Why a final grade is worse than the score alone would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cap {
    /// Nothing held the grade back.
    None = 0,
    /// The uncertainty: the better grade was not certain enough.
    Guard = 1,
    /// The share of the evidence that was available is too small.
    Coverage = 2,
    /// A major defect, or a state that is treated as a major defect.
    MajorDefect = 3,
    /// A critical defect.
    CriticalDefect = 4,
    /// Too little was measured: no instrument gave a usable score, or the unseen shares exceed what
    /// the profile allows for any grade that is sold.
    Unmeasured = 5,
}

impl Cap {
    /// The share of the evidence below which no grade better than B is given.
    pub const LEAST_COVERAGE: f64 = 0.75;

    /// The best grade that defects and coverage allow, with the cap that sets it; `None` if neither
    /// limits the grade.
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

/// One of the two instruments of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Instrument {
    /// The time-of-flight sensor, which sees the shape.
    Tof = 0,
    /// The spectral sensor, which sees the colour.
    Spectral = 1,
}

/// The kind of rule that joined the scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RuleKind {
    /// The weighted harmonic mean.
    HarmonicMean = 0,
    /// The weighted average, as the prototype did.
    WeightedAverage = 1,
    /// The worst score alone.
    WorstScore = 2,
    /// A power mean of another exponent.
    PowerMean = 3,
    /// A rule from outside this workspace, or a rule that was not recorded.
    #[default]
    Other = 4,
}

impl RuleKind {
    /// The name of the rule; `None` for [`RuleKind::Other`].
    #[must_use]
    pub const fn name(self, language: Language) -> Option<&'static str> {
        let (english, french) = match self {
            Self::HarmonicMean => ("harmonic mean", "moyenne harmonique"),
            Self::WeightedAverage => ("weighted average", "moyenne pondérée"),
            Self::WorstScore => ("worst score", "note la plus basse"),
            Self::PowerMean => ("power mean", "moyenne de puissance"),
            Self::Other => return None,
        };
        Some(match language {
            Language::English => english,
            Language::French => french,
        })
    }
}

/// The nearest better grade, and the least change that would have given it.
///
/// If a cap held the grade back, `score` and `u` are `None`: only lifting the cap gives the better
/// grade.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Alternative {
    /// The better grade.
    pub grade: Grade,
    /// The fused score from which the grade is given at the actual uncertainty; `None` if no score
    /// of at most 1 is enough.
    pub score: Option<Score>,
    /// The standard uncertainty up to which the grade is given at the actual score; `None` if no
    /// uncertainty is small enough.
    pub u: Option<f64>,
}

/// Why a verdict has its grade: the rule, the decisive term, and what would have changed the grade.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reasons {
    /// The kind of rule that joined the scores.
    pub rule: RuleKind,
    /// The instrument whose score costs the verdict most: to first order, a perfect score there
    /// would gain most.
    pub weakest: Option<Instrument>,
    /// What would have given a better grade; `None` for the best grade and for a verdict without a
    /// score.
    pub next: Option<Alternative>,
}

/// A confidence that was calibrated on samples of known grade, with the version of the calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CalibratedConfidence {
    /// How often a verdict like this has the true grade as its point grade.
    pub confidence: Score,
    /// The version of the calibration, at least 1.
    pub version: u32,
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
    /// The least probability that the point grade is the true grade, before any calibration.
    ///
    /// 0 if a zone, a band or an instrument that the verdict rests on was not seen
    /// ([`Unseen::is_complete`]). The hidden part can be of any grade, so no higher number holds
    /// for every tray with this reading.
    pub confidence: Score,
    /// The confidence after calibration; `None` if the line was not calibrated.
    #[cfg_attr(feature = "serde", serde(default))]
    pub calibrated: Option<CalibratedConfidence>,
    /// The probability that the quality is at least that of the printed grade.
    pub conformity_probability: Score,
    /// The share of the evidence that was available: by weight, reliability, and each sensor's own
    /// coverage.
    pub coverage: Score,
    /// The shares that should have been seen and were not.
    pub unseen: Unseen,
    /// 0 when the instruments agree as well as their uncertainties promise, towards 1 with
    /// disagreement.
    pub conflict: Score,
    /// All defects, the gravest first.
    pub defects: Defects,
    /// The reasons for the verdict.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reasons: Reasons,
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
    /// The standard uncertainty from which a score is not measurable: its 95 % interval is as wide
    /// as the scale from 0 to 1.
    pub const NOT_MEASURABLE_U: f64 = 0.25;

    /// The fail-safe verdict: nothing was measured, so the grade is REJECT.
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
            calibrated: None,
            conformity_probability: Score::ONE,
            coverage: Score::ZERO,
            unseen: Unseen::EVERYTHING,
            conflict: Score::ZERO,
            defects,
            reasons: Reasons { rule: RuleKind::Other, weakest: None, next: None },
        }
    }

    /// The least probability that the tray deserves its grade, whatever the unseen parts hold; 0
    /// for a rejected tray.
    ///
    /// [`conformity_probability`](Self::conformity_probability) assumes that the unseen parts are
    /// like the seen parts. This number does not: an unseen part may hold a critical defect, and
    /// then the tray conforms to no grade.
    #[must_use]
    pub fn conformity_at_worst(&self) -> Score {
        if self.unseen.is_complete() && self.grade != Grade::Reject { self.conformity_probability } else { Score::ZERO }
    }

    /// The confidence to show: the calibrated one if there is one.
    #[must_use]
    pub fn stated_confidence(&self) -> Score {
        self.calibrated.map_or(self.confidence, |calibrated| calibrated.confidence)
    }

    /// One sentence that says why the verdict has its grade: the rule, the decisive term, and what
    /// would have changed the grade.
    ///
    /// ```
    /// use sqal_core::{Defects, verdict::Language, Verdict};
    ///
    /// let verdict = Verdict::unmeasured(Defects::new());
    /// assert_eq!(verdict.explain(Language::English).to_string(), "REJECT: no instrument gave a usable score.");
    /// ```
    #[must_use]
    pub const fn explain(&self, language: Language) -> Explanation<'_> {
        Explanation { verdict: self, language }
    }
}

/// The sentence of [`Verdict::explain`]; `{}` writes it.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    verdict: &'a Verdict,
    language: Language,
}

/// A number with a fixed count of decimals and the decimal sign of a language.
struct Decimal(f64, usize, Language);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, digits, language) = *self;
        match language {
            Language::English => write!(f, "{value:.digits$}"),
            Language::French => write!(DecimalComma(f), "{value:.digits$}"),
        }
    }
}

/// A writer that turns the decimal point of a number into a comma.
struct DecimalComma<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for DecimalComma<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (k, part) in text.split('.').enumerate() {
            if k > 0 {
                self.0.write_str(",")?;
            }
            self.0.write_str(part)?;
        }
        Ok(())
    }
}

/// A score with its standard uncertainty, or the text that it is not measurable.
struct ScoreText(Measured, Language);

impl fmt::Display for ScoreText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(score, language) = *self;
        if score.u() >= Verdict::NOT_MEASURABLE_U {
            return f.write_str(match language {
                Language::English => "not measurable",
                Language::French => "non mesurable",
            });
        }
        write!(f, "{} ± {}", Decimal(score.value(), 3, language), Decimal(score.u(), 3, language))
    }
}

/// A probability in whole percent; rounding never turns it into certainty.
struct Chance(Score);

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            p if p >= 0.995 => f.write_str(">\u{a0}99\u{a0}%"),
            p if p < 0.005 => f.write_str("<\u{a0}1\u{a0}%"),
            p => write!(f, "{:.0}\u{a0}%", p * 100.0),
        }
    }
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
        if v.cap == Cap::Unmeasured {
            self.what_was_unseen(f)?;
        }
        write!(f, "{} {}", tell("fused score", "note fusionnée"), ScoreText(score, self.language))?;
        if let Some(rule) = v.reasons.rule.name(self.language) {
            write!(f, " ({rule})")?;
        }
        for (name, part) in [(tell("shape", "forme"), v.tof_score), (tell("colour", "couleur"), v.spectral_score)] {
            match part {
                Some(part) => write!(f, ", {name} {}", ScoreText(part, self.language))?,
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
                "{} {:.0}\u{a0}%{} {point}",
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
        self.what_would_have_changed_it(f)?;
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
            // A rejected tray conforms to no grade.
            return f.write_str(".");
        }
        write!(
            f,
            "{} {}.",
            tell("; probability of conforming", " ; probabilité de conformité"),
            Chance(v.conformity_probability)
        )
    }
}

impl Explanation<'_> {
    fn what_would_have_changed_it(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (v, french) = (self.verdict, self.language == Language::French);
        let tell = |en: &'static str, fr: &'static str| if french { fr } else { en };
        let Some(next) = v.reasons.next else { return Ok(()) };
        match v.cap {
            Cap::Coverage => {
                f.write_str(tell("; with all of it the grade would be ", " ; avec tous, le grade serait "))?;
                f.write_str(next.grade.as_str())?;
            }
            Cap::MajorDefect | Cap::CriticalDefect => {
                f.write_str(tell("; without it the grade would be ", " ; sans lui, le grade serait "))?;
                f.write_str(next.grade.as_str())?;
            }
            // The score is unknown, so a better score is not stated.
            Cap::Unmeasured => {}
            Cap::None | Cap::Guard => {
                let would = tell("would take", "demanderait");
                let (score, u) = (
                    tell("a score of at least", "une note d'au moins"),
                    tell("an uncertainty of at most", "une incertitude d'au plus"),
                );
                let begin = tell("; ", " ; ");
                let number = |x: f64| Decimal(x, 3, self.language);
                match (next.score, next.u) {
                    (Some(least), Some(most)) => write!(
                        f,
                        "{begin}{} {would} {score} {}, {} {u} {}",
                        next.grade,
                        number(least.get()),
                        tell("or", "ou"),
                        number(most)
                    )?,
                    (Some(least), None) => {
                        write!(f, "{begin}{} {would} {score} {}", next.grade, number(least.get()))?;
                    }
                    (None, Some(most)) => write!(f, "{begin}{} {would} {u} {}", next.grade, number(most))?,
                    (None, None) => {}
                }
            }
        }
        match v.reasons.weakest {
            Some(Instrument::Tof) => f.write_str(tell("; the shape costs most", " ; la forme coûte le plus")),
            Some(Instrument::Spectral) => f.write_str(tell("; the colour costs most", " ; la couleur coûte le plus")),
            None => Ok(()),
        }
    }
}

impl Explanation<'_> {
    /// Writes that the tray was not measured, and which shares were unseen.
    fn what_was_unseen(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let french = self.language == Language::French;
        let tell = |en: &'static str, fr: &'static str| if french { fr } else { en };
        f.write_str(tell("not measured", "non mesuré"))?;
        let Unseen { area, window, channels, sensors: _, evidence } = self.verdict.unseen;
        let shares = [
            (area, tell("of the tray's shape", "de la forme de la barquette")),
            (window, tell("of the window", "de la fenêtre")),
            (channels, tell("of the colour bands", "des bandes de couleur")),
            (evidence, tell("of the evidence", "des indices")),
        ];
        let mut before = tell(": unseen ", " : non vu ");
        for (share, what) in shares.into_iter().filter(|(share, _)| *share > Score::ZERO) {
            write!(f, "{before}{:.0}\u{a0}% {what}", share.get() * 100.0)?;
            before = ", ";
        }
        f.write_str("; ")
    }
}

/// The results of two analyses and a fusion of one pair of readings.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Inspection {
    /// The assessment of the time-of-flight reading; `None` without one.
    pub tof: Option<Assessment<TofFindings>>,
    /// The assessment of the spectral reading; `None` without one.
    pub spectral: Option<Assessment<SpectralFindings>>,
    /// The decision.
    pub verdict: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    fn verdict() -> Verdict {
        Verdict {
            score: Measured::new(0.8899, 0.021).ok(),
            grade: Grade::B,
            point_grade: Some(Grade::A),
            cap: Cap::Guard,
            tof_score: Measured::new(0.88, 0.03).ok(),
            spectral_score: None,
            confidence: Score::ONE,
            calibrated: None,
            conformity_probability: Score::nearest(0.97),
            coverage: Score::nearest(0.6),
            unseen: Unseen::NOTHING,
            conflict: Score::ZERO,
            defects: Defects::new(),
            reasons: Reasons {
                rule: RuleKind::HarmonicMean,
                weakest: Some(Instrument::Tof),
                next: Some(Alternative { grade: Grade::A, score: Some(Score::nearest(0.912)), u: Some(0.004) }),
            },
        }
    }

    fn text(verdict: &Verdict, language: Language) -> String {
        verdict.explain(language).to_string()
    }

    #[test]
    fn a_verdict_explains_itself_in_both_languages() {
        assert_eq!(
            text(&verdict(), Language::English),
            "B: fused score 0.890 ± 0.021 (harmonic mean), shape 0.880 ± 0.030, colour missing; the score alone gives A, but \
             that is not certain enough; A would take a score of at least 0.912, or an uncertainty of at most 0.004; the shape \
             costs most; probability of conforming 97\u{a0}%."
        );
        assert_eq!(
            text(&verdict(), Language::French),
            "B : note fusionnée 0,890 ± 0,021 (moyenne harmonique), forme 0,880 ± 0,030, couleur absente ; la note seule donne \
             A, mais ce n'est pas assez certain ; A demanderait une note d'au moins 0,912, ou une incertitude d'au plus 0,004 ; \
             la forme coûte le plus ; probabilité de conformité 97\u{a0}%."
        );
    }

    #[test]
    fn each_cap_says_what_lifting_it_would_give() {
        let lifted = Some(Alternative { grade: Grade::A, score: None, u: None });
        let capped = |cap, language| {
            let reasons = Reasons { weakest: Some(Instrument::Spectral), next: lifted, rule: RuleKind::Other };
            text(&Verdict { cap, reasons, ..verdict() }, language)
        };
        assert_eq!(
            capped(Cap::Coverage, Language::English),
            "B: fused score 0.890 ± 0.021, shape 0.880 ± 0.030, colour missing; only 60\u{a0}% of the evidence was there, the \
             score alone gives A; with all of it the grade would be A; the colour costs most; probability of conforming \
             97\u{a0}%."
        );
        assert!(
            capped(Cap::Coverage, Language::French)
                .contains("60\u{a0}% des indices étaient là, la note seule donne A ; avec tous, le grade serait A")
        );
        for cap in [Cap::MajorDefect, Cap::CriticalDefect] {
            assert!(
                capped(cap, Language::English)
                    .contains("a defect holds it back; without it the grade would be A; the colour")
            );
            assert!(
                capped(cap, Language::French)
                    .contains("un défaut la retient ; sans lui, le grade serait A ; la couleur")
            );
        }
    }

    #[test]
    fn a_chance_is_rounded_and_never_certain() {
        let told = |p: f64, language| {
            let text = text(&Verdict { conformity_probability: Score::nearest(p), ..verdict() }, language);
            text.rsplit(' ').next().unwrap_or_default().to_string()
        };
        for language in [Language::English, Language::French] {
            for (p, shown) in
                [(0.928, "93"), (0.9949, "99"), (0.995, ">\u{a0}99"), (0.999, ">\u{a0}99"), (1.0, ">\u{a0}99")]
            {
                assert_eq!(told(p, language), alloc::format!("{shown}\u{a0}%."), "{p}");
            }
            assert_eq!(told(0.0049, language), "<\u{a0}1\u{a0}%.");
            assert_eq!(told(0.02, language), "2\u{a0}%.");
        }
    }

    /// Every number of a sentence has the decimal sign of its language, whatever the verdict.
    #[test]
    fn no_french_sentence_has_a_decimal_point_and_no_english_one_a_decimal_comma() {
        let near_digit = |text: &str, sign: char| {
            let characters: alloc::vec::Vec<char> = text.chars().collect();
            characters.windows(3).any(|w| w[1] == sign && w[0].is_ascii_digit() && w[2].is_ascii_digit())
        };
        for k in 0..=100_u32 {
            let part = f64::from(k) / 100.0;
            for cap in [Cap::None, Cap::Guard, Cap::Coverage, Cap::MajorDefect, Cap::CriticalDefect] {
                let next =
                    Some(Alternative { grade: Grade::A, score: Some(Score::nearest(part)), u: Some(part / 7.0) });
                let reasons = Reasons { rule: RuleKind::PowerMean, weakest: Some(Instrument::Spectral), next };
                let verdict = Verdict {
                    score: Measured::new(part, part / 3.0).ok(),
                    spectral_score: Measured::new(1.0 - part, 0.01).ok(),
                    coverage: Score::nearest(part),
                    cap,
                    reasons,
                    ..verdict()
                };
                let (english, french) = (text(&verdict, Language::English), text(&verdict, Language::French));
                assert!(!near_digit(&english, ',') && near_digit(&english, '.'), "{english}");
                assert!(!near_digit(&french, '.') && near_digit(&french, ','), "{french}");
            }
        }
    }

    #[test]
    fn a_score_whose_interval_covers_the_scale_is_not_shown_as_a_number() {
        let blind =
            Verdict { score: Measured::new(0.04, 0.5).ok(), tof_score: Measured::new(0.5, 1e150).ok(), ..verdict() };
        let english = text(&blind, Language::English);
        assert!(
            english.starts_with("B: fused score not measurable (harmonic mean), shape not measurable, colour"),
            "{english}"
        );
        let french = text(&blind, Language::French);
        assert!(
            french.starts_with("B : note fusionnée non mesurable (moyenne harmonique), forme non mesurable, couleur"),
            "{french}"
        );
        let just = |u| text(&Verdict { score: Measured::new(0.5, u).ok(), ..verdict() }, Language::English);
        assert!(just(0.249).contains("fused score 0.500 ± 0.249"));
        assert!(just(Verdict::NOT_MEASURABLE_U).contains("fused score not measurable"));
    }

    #[test]
    fn what_is_out_of_reach_is_not_promised() {
        let with = |score: Option<f64>, u| {
            let next = Some(Alternative { grade: Grade::APlus, score: score.map(Score::nearest), u });
            let reasons = Reasons { rule: RuleKind::WorstScore, weakest: None, next };
            text(&Verdict { cap: Cap::None, reasons, ..verdict() }, Language::English)
        };
        assert!(with(Some(0.97), None).contains("gives A; A+ would take a score of at least 0.970; probability"));
        assert!(with(None, Some(0.01)).contains("gives A; A+ would take an uncertainty of at most 0.010; probability"));
        assert!(with(None, None).contains("gives A; probability"));
        assert!(with(None, None).contains("(worst score)"));
    }

    #[test]
    fn each_rule_has_a_name_in_both_languages() {
        let names = |language| {
            [
                RuleKind::HarmonicMean,
                RuleKind::WeightedAverage,
                RuleKind::WorstScore,
                RuleKind::PowerMean,
                RuleKind::Other,
            ]
            .map(|kind| kind.name(language))
        };
        assert_eq!(
            names(Language::English),
            [Some("harmonic mean"), Some("weighted average"), Some("worst score"), Some("power mean"), None]
        );
        assert_eq!(
            names(Language::French),
            [
                Some("moyenne harmonique"),
                Some("moyenne pondérée"),
                Some("note la plus basse"),
                Some("moyenne de puissance"),
                None
            ]
        );
    }

    #[test]
    fn the_calibrated_confidence_is_the_one_to_show() {
        let calibrated = Some(CalibratedConfidence { confidence: Score::nearest(0.7), version: 3 });
        assert_eq!(Verdict { calibrated, ..verdict() }.stated_confidence(), Score::nearest(0.7));
        assert_eq!(verdict().stated_confidence(), Score::ONE);
    }

    #[test]
    fn a_tray_that_was_not_measured_says_what_was_unseen() {
        let half = Score::nearest(0.5);
        let unseen = Unseen { area: Score::ONE, window: half, evidence: Score::nearest(0.9), ..Unseen::NOTHING };
        let unmeasured = Verdict { grade: Grade::Reject, cap: Cap::Unmeasured, unseen, ..verdict() };
        let english = text(&unmeasured, Language::English);
        let begin = "REJECT: not measured: unseen 100\u{a0}% of the tray's shape, 50\u{a0}% of the window, 90\u{a0}% of the evidence; ";
        assert!(english.starts_with(begin), "{english}");
        let french = text(&unmeasured, Language::French);
        assert!(
            french.starts_with("REJET : non mesuré : non vu 100\u{a0}% de la forme de la barquette, 50\u{a0}% de"),
            "{french}"
        );
        assert_eq!(unmeasured.conformity_at_worst(), Score::ZERO);
    }
}
