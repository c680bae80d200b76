//! [`read`]: the action that the command line and the environment request.

use std::ffi::OsString;
use std::fmt;

use clap::error::ErrorKind;
use clap::{Arg, Command};
use sqal_core::Timestamp;

use super::retired;
use super::row::Setting;
use super::schema::schema;
use super::values::{Mistake, Values};
use super::{SETTINGS, Settings};

/// The action that the command line requests.
#[derive(Debug)]
pub enum Asked {
    /// Run the server.
    Serve(Box<Settings>),
    /// Print this text and exit.
    Print(String),
}

/// Why the action cannot be done.
#[derive(Debug)]
pub enum SettingsError {
    /// All mistakes in the settings.
    Mistakes(Vec<Mistake>),
    /// The command line is not valid, or requests the help text.
    Arguments(clap::Error),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(error) => error.fmt(f),
            // One mistake is one line.
            Self::Mistakes(mistakes) if mistakes.len() == 1 => {
                let Mistake { name, source, what } = &mistakes[0];
                write!(f, "{name}: {what} ({source}; `sqal-server config print` shows every setting)")
            }
            Self::Mistakes(mistakes) => {
                write!(f, "{} settings cannot be used; `sqal-server config print` shows them all", mistakes.len())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}

impl std::error::Error for SettingsError {}

impl SettingsError {
    /// Whether this is no mistake, because the help or the version was requested.
    #[must_use]
    pub fn is_help(&self) -> bool {
        matches!(self, Self::Arguments(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion))
    }
}

/// Reads the arguments and the environment.
///
/// # Errors
///
/// [`SettingsError`] with all mistakes.
pub fn read(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    variable: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<Asked, SettingsError> {
    let matches = command().try_get_matches_from(arguments).map_err(SettingsError::Arguments)?;
    let mut values = Values::find(SETTINGS, &matches, &variable);
    retired::refuse(&mut values, &variable);
    let settings = |values: Values| Settings::of(values, now).map_err(SettingsError::Mistakes);
    match matches.subcommand().and_then(|(_, config)| config.subcommand_name()) {
        Some("schema") => Ok(Asked::Print(format!("{:#}", schema(SETTINGS)))),
        Some("print") => Ok(Asked::Print(values.shown())),
        Some(_) => settings(values).map(|_| Asked::Print("every setting can be used".to_owned())),
        None => settings(values).map(|settings| Asked::Serve(Box::new(settings))),
    }
}

/// The command line: a flag for each setting, and the commands that start nothing.
fn command() -> Command {
    let config = Command::new("config")
        .about("Looks at the settings, and starts nothing")
        .subcommand_required(true)
        .subcommand(Command::new("check").about("Says everything that is wrong with them, files too"))
        .subcommand(Command::new("print").about("Prints each with where it is from; secrets are hidden"))
        .subcommand(Command::new("schema").about("Prints them as a JSON Schema"));
    Command::new("sqal-server")
        .about("Grades what its stations send, keeps every sample, and shows the line live")
        .version(env!("CARGO_PKG_VERSION"))
        .args(arguments().map(|argument| argument.global(true)))
        .subcommand(config)
}

/// The command line arguments for all settings.
fn arguments() -> impl Iterator<Item = Arg> {
    let value = |setting: &Setting| {
        let default =
            setting.default.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!(" [{text}]"));
        let file = if setting.secret { format!(", or a file of it: {}", setting.file()) } else { String::new() };
        let help = format!("{}: {}{default} [{}{file}]", setting.what, setting.expected, setting.name);
        Arg::new(setting.name).long(setting.flag()).value_name("VALUE").help(help)
    };
    let file = |setting: &Setting| {
        let help = format!("A file that holds {} [{}]", setting.name, setting.file());
        Arg::new(setting.file()).long(format!("{}-file", setting.flag())).value_name("FILE").help(help)
    };
    let files = SETTINGS.iter().filter(|setting| setting.secret).map(file);
    SETTINGS.iter().map(value).chain(files)
}
