//! [`ObjectiveFormat`]: the formats in which a plant writes its objectives, told apart by their
//! keys.

use crate::yaml_keys::first_key;

use super::{InvalidObjectiveFile, Objective, read_objectives, read_openslo, read_sloth};

/// A format of files of objectives.
///
/// ```
/// use sqal_alerts::objective::ObjectiveFormat;
///
/// let text = "version: prometheus/v1\nservice: line\nslos: []\n";
/// let format = ObjectiveFormat::of(text);
/// assert_eq!(format, Some(ObjectiveFormat::Sloth));
/// assert_eq!(format.map(ObjectiveFormat::name), Some("Sloth"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectiveFormat {
    /// Our own, of [`read_objectives`].
    Sqal,
    /// `OpenSLO` v1, of [`read_openslo`].
    OpenSlo,
    /// For Sloth, of [`read_sloth`].
    Sloth,
}

impl ObjectiveFormat {
    /// The format of a text, by its keys; `None` if it has the keys of none. A text that is not
    /// YAML is recognised too: the reader of its format says where it fails.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Some(match first_key(text, &["apiVersion", "slos", "objectives"])? {
            "apiVersion" => Self::OpenSlo,
            "slos" => Self::Sloth,
            _ => Self::Sqal,
        })
    }

    /// The name of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqal => "SQAL",
            Self::OpenSlo => "OpenSLO v1",
            Self::Sloth => "Sloth",
        }
    }

    /// Reads objectives in this format.
    ///
    /// # Errors
    ///
    /// [`InvalidObjectiveFile`] as the reader of the format gives it.
    pub fn read(self, text: &str) -> Result<Vec<Objective>, InvalidObjectiveFile> {
        match self {
            Self::Sqal => read_objectives(text),
            Self::OpenSlo => read_openslo(text),
            Self::Sloth => read_sloth(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_recognised_by_its_keys_also_if_the_text_is_not_yaml() {
        for (text, format) in [
            ("apiVersion: openslo/v1\nkind: SLO\nobjectives: []\n", Some(ObjectiveFormat::OpenSlo)),
            (
                "kind: Service\napiVersion: openslo/v1\n---\nkind: SLO\napiVersion: openslo/v1\n",
                Some(ObjectiveFormat::OpenSlo),
            ),
            ("version: prometheus/v1\nslos: []\n", Some(ObjectiveFormat::Sloth)),
            ("objectives: []\n", Some(ObjectiveFormat::Sqal)),
            ("apiVersion: [\n", Some(ObjectiveFormat::OpenSlo)),
            ("{routes: [], receivers: {}}", None),
            ("- objectives: []\n", None),
            ("", None),
        ] {
            assert_eq!(ObjectiveFormat::of(text), format, "{text}");
        }
    }
}
