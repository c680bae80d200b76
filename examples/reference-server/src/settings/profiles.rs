//! [`ProfileSettings`]: the product profiles by which products are judged.

use std::path::Path;

use sqal_http::Profiles;
use sqal_http::sqal_grading::ProfileFile;

use super::row::Setting;
use super::values::Values;
use crate::plain_file;

pub(super) const CONFIG_PATH: Setting = Setting::plain(
    "CONFIG_PATH",
    None,
    "a YAML file of profiles",
    "The product profiles; without it a built-in placeholder that fits no product",
);

/// The built-in profile, for a first trial.
pub(super) const BUILT_IN: &str = include_str!("../../profiles/config_foiegras.yaml");

/// The product profiles.
#[derive(Debug)]
pub struct ProfileSettings {
    /// The product profiles by which products are judged.
    pub profiles: Profiles,
    /// Whether the profiles are the placeholders of this program, because no file was given.
    pub are_placeholders: bool,
}

impl ProfileSettings {
    pub(super) fn read(values: &mut Values) -> Option<Self> {
        let path = values.text(&CONFIG_PATH).map(Path::new);
        let are_placeholders = path.is_none();
        match profiles(path) {
            Ok(profiles) => Some(Self { profiles, are_placeholders }),
            Err(why) => {
                values.wrong(&CONFIG_PATH, why);
                None
            }
        }
    }
}

/// Reads the profiles from a file, or the built-in ones. An error names the file and the place in
/// it.
fn profiles(path: Option<&Path>) -> Result<Profiles, String> {
    let (name, text) = match path {
        None => ("the built-in profiles".to_owned(), BUILT_IN.to_owned()),
        Some(path) => (path.display().to_string(), plain_file::text(path)?),
    };
    let file: ProfileFile = serde_saphyr::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    Profiles::new(file.profiles).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profile_is_the_example_of_the_crates() {
        let file: ProfileFile = serde_saphyr::from_str(BUILT_IN).unwrap();
        let profile = &file.profiles[&"foiegras_standard_barquette".parse().unwrap()];
        assert_eq!(*profile, sqal_http::Profile::example());
    }
}
