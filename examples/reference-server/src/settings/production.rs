//! What a server in production must be told: a default that suits a trial does not suit a plant.

use super::access::TOKENS_FILE;
use super::database::DATA_DIR;
use super::profiles::CONFIG_PATH;
use super::row::Setting;
use super::values::Values;

pub(super) const ENVIRONMENT: Setting = Setting::plain(
    "SQAL_ENV",
    Some("development"),
    "development or production",
    "In production it must be said who may (SQAL_TOKENS_FILE), which products there are (CONFIG_PATH) and where samples are kept (SQAL_DATA_DIR)",
);

/// Adds a mistake for each setting that production requires and that was not given.
pub(super) fn check(values: &mut Values) {
    let production = values.read(&ENVIRONMENT, |text| match text {
        "production" => Some(true),
        "development" => Some(false),
        _ => None,
    });
    if production != Some(true) {
        return;
    }
    for required in [&TOKENS_FILE, &CONFIG_PATH, &DATA_DIR] {
        if !values.is_given(required) {
            values.wrong(required, "in production it must be set");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::mistakes;

    #[test]
    fn cfg_02_production_says_what_is_missing() {
        let told = mistakes(&[], &[("SQAL_ENV", "production")]);
        let names: Vec<_> = told.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["SQAL_TOKENS_FILE", "CONFIG_PATH", "SQAL_DATA_DIR"]);
    }
}
