//! [`AlertFile`]: a file of objectives, or a plan of who is told, recognised by its content.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sqal_alerts::notify::{NotifyPlan, read_plan};
use sqal_alerts::objective::{self, InvalidObjectiveFile, Objective, read_objectives, read_openslo, read_sloth};

use crate::command_error::CommandError;

/// The content of a file about alerts.
#[derive(Debug)]
pub(crate) enum AlertFile {
    /// Objectives, and the format in which they are written.
    Objectives { format: &'static str, objectives: Vec<Objective> },
    /// Who is told of which alerts.
    Plan(Box<NotifyPlan>),
}

/// The formats of files about alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileForm {
    OpenSlo,
    Sloth,
    Objectives,
    Plan,
}

impl FileForm {
    /// The format of a text, by the first of these keys that it has; `None` if it has none of them.
    fn of(text: &str) -> Option<Self> {
        const KEYS: [(&str, FileForm); 5] = [
            ("apiVersion", FileForm::OpenSlo),
            ("slos", FileForm::Sloth),
            ("objectives", FileForm::Objectives),
            ("receivers", FileForm::Plan),
            ("routes", FileForm::Plan),
        ];
        // A text that is not YAML has no documents: its lines show which reader says where it
        // fails.
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_default();
        let has = |key: &str| {
            let begin = format!("{key}:");
            documents.iter().any(|document| document.get(key).is_some())
                || text.lines().any(|line| line.starts_with(&begin))
        };
        KEYS.into_iter().find(|(key, _)| has(key)).map(|(_, form)| form)
    }
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
        let objectives = |format, read: Result<Vec<Objective>, InvalidObjectiveFile>| match read {
            Ok(objectives) => Ok(Self::Objectives { format, objectives }),
            Err(invalid) => Err(invalid.mistakes().to_vec()),
        };
        match FileForm::of(text) {
            Some(FileForm::OpenSlo) => objectives("OpenSLO v1", read_openslo(text)),
            Some(FileForm::Sloth) => objectives("Sloth", read_sloth(text)),
            Some(FileForm::Objectives) => objectives("SQAL", read_objectives(text)),
            Some(FileForm::Plan) => match read_plan(text) {
                Ok(plan) => Ok(Self::Plan(Box::new(plan))),
                Err(invalid) => Err(invalid.mistakes().iter().map(ToString::to_string).collect()),
            },
            None => Err(vec![
                "expected objectives (a key objectives, OpenSLO's apiVersion, or Sloth's slos) or a plan of who is told \
                 (the keys receivers and routes)"
                    .to_owned(),
            ]),
        }
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
    let (mut all, mut own, mut mistakes) = (objective::documented(), Vec::new(), Vec::new());
    for path in files {
        match AlertFile::read(path) {
            Ok(AlertFile::Objectives { objectives, .. }) => {
                for objective in objectives {
                    match namesake(&objective, &all, &own) {
                        Some(other) => mistakes.push(format!(
                            "{}: objective {}: expected a name that {other} does not have",
                            path.display(),
                            objective.id()
                        )),
                        None => own.push(objective),
                    }
                }
            }
            Ok(AlertFile::Plan(_)) => {
                mistakes.push(format!("{}: this is a plan of who is told, expected objectives", path.display()));
            }
            Err(found) => mistakes.extend(found),
        }
    }
    if !mistakes.is_empty() {
        return Err(CommandError::AlertFiles(mistakes));
    }
    all.retain(|known| own.iter().all(|own| own.id() != known.id()));
    all.extend(own);
    Ok(all)
}

/// The id of another objective with the name of this one, beside the documented one that it
/// replaces.
fn namesake(objective: &Objective, documented: &[Objective], own: &[Objective]) -> Option<String> {
    let others = documented.iter().filter(|known| known.id() != objective.id()).chain(own);
    others.into_iter().find(|other| other.name() == objective.name()).map(Objective::id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_is_recognised_by_its_keys_also_if_it_is_not_yaml() {
        for (text, form) in [
            ("apiVersion: openslo/v1\nkind: SLO\n", Some(FileForm::OpenSlo)),
            (
                "kind: Service\napiVersion: openslo/v1\n---\nkind: SLO\napiVersion: openslo/v1\n",
                Some(FileForm::OpenSlo),
            ),
            ("version: prometheus/v1\nslos: []\n", Some(FileForm::Sloth)),
            ("objectives: []\n", Some(FileForm::Objectives)),
            ("{routes: [], receivers: {}}", Some(FileForm::Plan)),
            ("receivers: [\n", Some(FileForm::Plan)),
            ("apiVersion: [\n", Some(FileForm::OpenSlo)),
            ("groups: []\n", None),
            ("- objectives: []\n", None),
            ("", None),
        ] {
            assert_eq!(FileForm::of(text), form, "{text}");
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
