//! [`ProfileFile`]: the documented file of profiles, read from its text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqal_core::Name;

use crate::profile::Profile;

/// A file of profiles, by name: the shape of `config_foiegras.yaml` (CFG-05).
///
/// Unknown keys are refused. The profiles of a file are ready to judge as
/// [`Profiles`](crate::Profiles), or one by one by [`Profile::inspector`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProfileFile {
    /// The profiles.
    pub profiles: BTreeMap<Name<64>, Profile>,
}

/// A text that is no file of profiles. The message names the place and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidProfileFile(String);

impl ProfileFile {
    /// A file with these profiles.
    #[must_use]
    pub const fn new(profiles: BTreeMap<Name<64>, Profile>) -> Self {
        Self { profiles }
    }

    /// Reads the text of a file in JSON.
    ///
    /// ```
    /// use sqal_grading::{Profile, ProfileFile, Profiles};
    ///
    /// let text = serde_json::json!({ "profiles": { "terrine": Profile::example() } }).to_string();
    /// let profiles = Profiles::new(ProfileFile::from_json(&text)?.profiles)?;
    /// assert_eq!(profiles.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidProfileFile`] for the first key or value that is not valid.
    pub fn from_json(text: &str) -> Result<Self, InvalidProfileFile> {
        serde_json::from_str(text).map_err(|error| InvalidProfileFile(error.to_string()))
    }

    /// Reads the text of a file in YAML, as a plant writes it.
    ///
    /// # Errors
    ///
    /// [`InvalidProfileFile`] for the first key or value that is not valid.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(text: &str) -> Result<Self, InvalidProfileFile> {
        serde_saphyr::from_str(text).map_err(|error| InvalidProfileFile(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> ProfileFile {
        let names: [Name<64>; 2] = ["terrine", "camembert"].map(|name| name.parse().unwrap());
        ProfileFile::new(BTreeMap::from(names.map(|name| (name, Profile::example()))))
    }

    #[test]
    fn a_file_that_is_written_is_read_back() {
        let text = serde_json::to_string(&file()).unwrap();
        assert_eq!(ProfileFile::from_json(&text).unwrap(), file());
    }

    /// YAML contains JSON, and a plant writes comments.
    #[cfg(feature = "yaml")]
    #[test]
    fn a_file_in_yaml_says_what_it_says_in_json() {
        let text = serde_json::to_string_pretty(&file()).unwrap();
        assert_eq!(ProfileFile::from_yaml(&text).unwrap(), file());
        assert_eq!(ProfileFile::from_yaml(&format!("# Our products.\n{text}\n")).unwrap(), file());
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let text = serde_json::to_string(&file()).unwrap();
        for (key, misspelt) in [("profiles", "profile"), ("max_tilt_deg", "max_tild_deg"), ("version", "versio")] {
            let text = text.replacen(&format!("\"{key}\":"), &format!("\"{misspelt}\":"), 1);
            let refused = ProfileFile::from_json(&text).unwrap_err().to_string();
            assert!(refused.contains(misspelt) && refused.contains("line 1"), "{refused}");
            #[cfg(feature = "yaml")]
            assert!(ProfileFile::from_yaml(&text).unwrap_err().to_string().contains(misspelt), "{text}");
        }
    }
}
