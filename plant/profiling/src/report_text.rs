//! The text of a [`ProfilingReport`] in English and French.

use std::fmt::Write;

use sqal_core::verdict::Language;

use crate::recommendation::{decimal, mebibytes};
use crate::report::{FunctionTrend, ProfileSummary, ProfilingReport};

/// The words of a report in one language.
struct Words {
    title: &'static str,
    profiles: &'static str,
    functions: &'static str,
    recommendations: &'static str,
    none: &'static str,
}

const ENGLISH: Words = Words {
    title: "Profiles of the server",
    profiles: "week      samples  CPU of the server  memory of the server  CPU of the machine",
    functions: "mean      oldest    newest    profiles  function",
    recommendations: "Recommendations",
    none: "no profile",
};

const FRENCH: Words = Words {
    title: "Profils du serveur",
    profiles: "semaine   échant.  CPU du serveur     mémoire du serveur    CPU de la machine",
    functions: "moyenne   ancien    récent    profils   fonction",
    recommendations: "Recommandations",
    none: "aucun profil",
};

impl ProfilingReport {
    /// The report as a text for people.
    #[must_use]
    pub fn to_text(&self, language: Language) -> String {
        let words = match language {
            Language::English => ENGLISH,
            Language::French => FRENCH,
        };
        let mut text = format!("{}: {}\n", words.title, span(self, &words));
        if !self.profiles.is_empty() {
            let _ = writeln!(text, "\n{}", words.profiles);
            self.profiles.iter().for_each(|profile| push_profile(&mut text, profile, language));
        }
        if !self.functions.is_empty() {
            let _ = writeln!(text, "\n{}", words.functions);
            self.functions.iter().for_each(|trend| push_function(&mut text, trend, self.profiles.len(), language));
        }
        let _ = writeln!(text, "\n{}", words.recommendations);
        for recommendation in &self.recommendations {
            let _ = writeln!(text, "- {}", recommendation.text(language));
        }
        text
    }
}

/// The weeks from the oldest to the newest profile.
fn span(report: &ProfilingReport, words: &Words) -> String {
    match report.profiles.as_slice() {
        [] => words.none.to_owned(),
        [only] => only.week.clone(),
        [oldest, .., newest] => format!("{} - {}", oldest.week, newest.week),
    }
}

fn push_profile(text: &mut String, profile: &ProfileSummary, language: Language) {
    let share = |percent: Option<f64>| shown(percent, language);
    let memory = profile.process.memory_bytes.map_or_else(
        || "-".to_owned(),
        |bytes| {
            let unit = if language == Language::French { "Mio" } else { "MiB" };
            format!("{} {unit}", mebibytes(bytes))
        },
    );
    let (process, system) = (share(profile.process.cpu_percent), share(profile.system.cpu_percent));
    let _ = writeln!(text, "{:<9} {:>7}  {process:<17}  {memory:<20}  {system}", profile.week, profile.samples);
}

fn push_function(text: &mut String, trend: &FunctionTrend, all: usize, language: Language) {
    let share = |percent: Option<f64>| shown(percent, language);
    let (oldest, newest) = (share(trend.oldest_percent), share(trend.newest_percent));
    let (mean, profiles) = (share(Some(trend.mean_percent)), format!("{}/{all}", trend.profiles));
    let _ = writeln!(text, "{mean:<8}  {oldest:<8}  {newest:<8}  {profiles:<8}  {}", trend.function);
}

/// A share in percent, or `-` if it is unknown.
fn shown(percent: Option<f64>, language: Language) -> String {
    match percent {
        None => "-".to_owned(),
        Some(percent) if language == Language::French => format!("{} %", decimal(percent)),
        Some(percent) => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns at which the words of a heading begin, after at least two blanks.
    fn columns(heading: &str) -> Vec<usize> {
        let letters: Vec<char> = heading.chars().collect();
        let begins = |at: &usize| match *at {
            0 => true,
            1 => false,
            at => letters[at - 2..at] == [' ', ' '],
        };
        (0..letters.len()).filter(|at| letters[*at] != ' ').filter(begins).collect()
    }

    #[test]
    fn both_languages_have_every_text_and_headings_of_the_same_columns() {
        let texts = |words: &Words| [words.title, words.profiles, words.functions, words.recommendations, words.none];
        for (english, french) in texts(&ENGLISH).into_iter().zip(texts(&FRENCH)) {
            assert!(!english.is_empty() && !french.is_empty() && english != french, "{english} {french}");
            assert_eq!(columns(english), columns(french), "{english} {french}");
        }
    }
}
