//! [`AlertFile`]: a file of objectives, or a plan of who is told, recognised by its content.

use std::path::{Path, PathBuf};

use sqal_alerts::notify::{InvalidPlan, NotifyPlan, is_plan, read_plan};
use sqal_alerts::objective::{NamesakeError, Objective, ObjectiveFormat, with_own};

use crate::command_error::CommandError;

/// The content of a file about alerts.
#[derive(Debug)]
pub(crate) enum AlertFile {
    /// Objectives, and the format in which they are written.
    Objectives { format: &'static str, objectives: Vec<Objective> },
    /// Who is told of which alerts.
    Plan(Box<NotifyPlan>),
}

impl AlertFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Every mistake of it, each with the path of the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(path).map_err(|why| vec![format!("{}: {why}", path.display())])?;
        let of_path = |mistakes: Vec<String>| -> Vec<String> {
            mistakes.iter().map(|mistake| format!("{}: {mistake}", path.display())).collect()
        };
        Self::of(&text).map_err(of_path)
    }

    /// The content of a text, or every mistake of it.
    fn of(text: &str) -> Result<Self, Vec<String>> {
        if let Some(format) = ObjectiveFormat::of(text) {
            let read = format.read(text).map_err(|invalid| invalid.mistakes().to_vec());
            return read.map(|objectives| Self::Objectives { format: format.name(), objectives });
        }
        if is_plan(text) {
            let shown = |invalid: InvalidPlan| invalid.mistakes().iter().map(ToString::to_string).collect();
            return read_plan(text).map(|plan| Self::Plan(Box::new(plan))).map_err(shown);
        }
        Err(vec![
            "expected objectives (a key objectives, OpenSLO's apiVersion, or Sloth's slos) or a plan of who is told \
             (the keys receivers and routes)"
                .to_owned(),
        ])
    }
}

/// The documented objectives, and those of the files. An objective of a file takes the place of the
/// documented one with its id.
///
/// # Errors
///
/// [`CommandError::AlertFiles`] with every mistake of every file. An objective whose name another
/// one has is a mistake too: an alert shows its objective by its name.
pub(crate) fn objectives(files: &[PathBuf]) -> Result<Vec<Objective>, CommandError> {
    let (mut own, mut of_own, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    for path in files {
        match AlertFile::read(path) {
            Ok(AlertFile::Objectives { objectives, .. }) => {
                of_own.extend(objectives.iter().map(|_| path));
                own.extend(objectives);
            }
            Ok(AlertFile::Plan(_)) => {
                mistakes.push(format!("{}: this is a plan of who is told, expected objectives", path.display()));
            }
            Err(found) => mistakes.extend(found),
        }
    }
    let namesakes = match with_own(own) {
        Ok(all) if mistakes.is_empty() => return Ok(all),
        Ok(_) => Vec::new(),
        Err(namesakes) => namesakes,
    };
    let shown = |namesake: &NamesakeError| match of_own.get(namesake.place) {
        Some(path) => format!("{}: {namesake}", path.display()),
        None => namesake.to_string(),
    };
    Err(CommandError::AlertFiles(namesakes.iter().map(shown).chain(mistakes).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqal_alerts::objective;

    use super::*;

    /// What a text without a mistake, or with one, is taken for.
    fn kind(text: &str) -> &'static str {
        match AlertFile::of(text) {
            Ok(AlertFile::Objectives { .. }) => "objectives",
            Ok(AlertFile::Plan(_)) => "a plan",
            Err(mistakes) if mistakes[0].starts_with("expected objectives") => "neither",
            Err(_) => "a mistake",
        }
    }

    #[test]
    fn a_file_is_recognised_by_its_keys_also_if_it_is_not_yaml() {
        for (text, wanted) in [
            ("objectives: []\n", "objectives"),
            ("{base_url: 'https://a.example', routes: [{to: [a]}], receivers: {a: {mail: [a@a.example]}}}", "a plan"),
            ("receivers: [\n", "a mistake"),
            ("apiVersion: [\n", "a mistake"),
            ("groups: []\n", "neither"),
            ("- objectives: []\n", "neither"),
            ("", "neither"),
        ] {
            assert_eq!(kind(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_documented_objectives_are_those_without_a_file() {
        assert_eq!(objectives(&[]).unwrap(), objective::documented());
    }

    proptest! {
        /// A file that is refused says why, whatever it holds.
        #[test]
        fn no_text_makes_the_reader_panic(text in prop_oneof![
            any::<String>(),
            "(apiVersion|slos|objectives|receivers|routes): \\PC{0,30}\n",
        ]) {
            if let Err(mistakes) = AlertFile::of(&text) {
                prop_assert!(!mistakes.is_empty() && mistakes.iter().all(|mistake| !mistake.is_empty()));
            }
        }
    }
}
