//! [`Explanation`]: the sentence, in English or French, that says why a verdict has its grade.

use core::fmt;

use super::figure::{Chance, Decimal, ScoreText};
use super::{Cap, Instrument, Language, Verdict};
use crate::{Grade, Score, defect::Severity, unseen::Unseen};

impl Verdict {
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
        self.what_held_it_back(f, grade(point))?;
        self.what_would_have_changed_it(f)?;
        self.which_defects(f)?;
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
    /// Writes the grade of the score alone, and which cap the verdict has instead.
    fn what_held_it_back(&self, f: &mut fmt::Formatter<'_>, point: &str) -> fmt::Result {
        let (v, french) = (self.verdict, self.language == Language::French);
        let tell = |en: &'static str, fr: &'static str| if french { fr } else { en };
        match v.cap {
            Cap::None => write!(f, "{} {point}", tell("; the score alone gives", " ; la note seule donne")),
            Cap::Guard => write!(
                f,
                "{} {point}{}",
                tell("; the score alone gives", " ; la note seule donne"),
                tell(", but that is not certain enough", ", mais ce n'est pas assez certain")
            ),
            Cap::Coverage => write!(
                f,
                "{} {:.0}\u{a0}%{} {point}",
                tell("; only", " ; seulement"),
                v.coverage.get() * 100.0,
                tell(
                    " of the evidence was there, the score alone gives",
                    " des indices étaient là, la note seule donne"
                )
            ),
            Cap::MajorDefect | Cap::CriticalDefect => write!(
                f,
                "{} {point}{}",
                tell("; the score alone gives", " ; la note seule donne"),
                tell(", a defect holds it back", ", un défaut la retient")
            ),
            Cap::Unmeasured => Ok(()),
        }
    }

    /// Writes the defects with their severities.
    fn which_defects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (v, french) = (self.verdict, self.language == Language::French);
        let tell = |en: &'static str, fr: &'static str| if french { fr } else { en };
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
        Ok(())
    }

    /// Writes what would have given a better grade, and which instrument costs most.
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

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;
    use crate::verdict::{Alternative, Reasons, RuleKind};
    use crate::{Defects, Measured};

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
