//! The table of all settings, and where their values come from (CFG-01).
//!
//! Each setting has a name, a flag, the expected values and a default. Arguments have priority over
//! environment variables. A variable has priority over the file that is named by the variable with
//! `_FILE` (CFG-06).

use std::fmt;
use std::path::Path;

use clap::{Arg, ArgMatches};
use serde_json::{Value, json};

use crate::plain_file;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// The default; `None` if the setting is not set by default.
    pub default: Option<&'static str>,
    /// Whether the value is hidden in all outputs. It may be in a file, whose path is in the
    /// variable with `_FILE` after its name.
    pub secret: bool,
    /// A description of the valid values.
    pub expected: &'static str,
    /// The purpose of the setting.
    pub what: &'static str,
}

const fn plain(
    name: &'static str,
    default: Option<&'static str>,
    expected: &'static str,
    what: &'static str,
) -> Setting {
    Setting { name, default, secret: false, expected, what }
}

const fn secret(name: &'static str, expected: &'static str, what: &'static str) -> Setting {
    Setting { name, default: None, secret: true, expected, what }
}

/// Every setting of the server.
pub const SETTINGS: [Setting; 22] = [
    plain(
        "SQAL_ENV",
        Some("development"),
        "development or production",
        "In production it must be said who may (SQAL_TOKENS_FILE), which products there are (CONFIG_PATH) and where samples are kept (SQAL_DATA_DIR)",
    ),
    plain(
        "SQAL_ADDRESS",
        Some("127.0.0.1:8000"),
        "an address and a port, for example 127.0.0.1:8000",
        "Where to listen",
    ),
    plain(
        "SQAL_DATA_DIR",
        Some("sqal-data"),
        "a folder",
        "The folder of the database, made if it is not there; with a DATABASE_URL samples wait there while that is away",
    ),
    secret(
        "DATABASE_URL",
        "a URL like postgres://sqal_user:password@db/sqal_db",
        "A PostgreSQL for the samples; without it a file in the data folder. At the start it must be there",
    ),
    secret(
        "REDIS_URL",
        "a URL like redis://cache:6379/0",
        "A Redis to share what is remembered with other servers; the server starts and goes on without it",
    ),
    secret(
        "MASTER_ENCRYPTION_KEY",
        "64 hexadecimal digits or base64 of 32 bytes",
        "The key that signs what the database holds each hour, into heads.ndjson of the data folder; without it that is not signed",
    ),
    plain(
        "CONFIG_PATH",
        None,
        "a YAML file of profiles",
        "The product profiles; without it a built-in placeholder that fits no product",
    ),
    plain(
        "SQAL_TOKENS_FILE",
        None,
        "a YAML file of tokens, see `sqal token --help`",
        "Who may do what; without it everybody everything, and only on loopback",
    ),
    plain(
        "SQAL_TRUSTED_PROXIES",
        Some(""),
        "addresses with commas between",
        "Proxies whose X-Forwarded-For, -Host, -Port and -Proto or Forwarded is believed",
    ),
    plain(
        "SQAL_ALLOWED_HOSTS",
        Some(""),
        "names of hosts like line.example, without ports, with commas between",
        "Names under which a server without a token file answers, beside localhost and addresses",
    ),
    plain(
        "CORS_ORIGINS",
        Some(""),
        "origins like http://localhost:5173 with commas between",
        "Pages of other sites that may read",
    ),
    plain("API_LEGACY_ENABLED", Some("true"), "true or false", "Whether un-versioned paths with a successor answer"),
    plain(
        "API_LEGACY_SUNSET",
        None,
        "a time like 2028-01-01T00:00:00Z, after 2026-11-21",
        "From when on un-versioned paths may be gone",
    ),
    plain(
        "SQAL_CALLS_PER_MINUTE",
        Some("100"),
        "a whole number; 0 counts nothing",
        "How often a caller may call a path",
    ),
    plain(
        "SQAL_FRAMES_PER_MINUTE",
        Some("6000"),
        "a whole number; 0 counts nothing",
        "How many frames a device may send",
    ),
    plain(
        "SQAL_IDLE_SECONDS",
        Some("30"),
        "a whole number from 1 to 3600",
        "How long a connection may be idle, or take to send the head of a request",
    ),
    plain(
        "SQAL_CONNECTIONS_PER_MINUTE",
        Some("100"),
        "a whole number; 0 counts nothing",
        "How often stations may connect by one token, or from one address without tokens",
    ),
    plain(
        "SQAL_CONNECTIONS_PER_ADDRESS",
        Some("256"),
        "a whole number; 0 counts nothing",
        "How many connections an address may have at once whose callers are not known by a token; trusted proxies are not counted",
    ),
    plain(
        "SQAL_SIGN_INS_PER_MINUTE",
        Some("5"),
        "a whole number; 0 counts nothing",
        "How often an address may try a token that is wrong",
    ),
    plain("ENABLE_DB_PROFILING", Some("false"), "true or false", "Whether the queries of each request are counted"),
    plain(
        "DB_PROFILING_HEADERS",
        Some("false"),
        "true or false",
        "Whether answers say how many, as X-DB-Query-Count and X-DB-Total-Time-Ms",
    ),
    plain("SQAL_LOG", Some("info"), "a filter like info or sqal_http=debug", "What is logged on standard error"),
];

impl Setting {
    /// The name of the flag, `--like-this`, without the dashes.
    fn flag(&self) -> String {
        let name = self.name.strip_prefix("SQAL_").unwrap_or(self.name);
        name.to_lowercase().replace('_', "-")
    }

    fn file(&self) -> String {
        format!("{}_FILE", self.name)
    }
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Argument(String),
    /// The environment variable of the setting.
    Environment,
    /// A file that a variable or a flag names.
    File(String),
    /// The default: the setting was not given.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(flag) => write!(f, "--{flag}"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting whose value is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the setting.
    pub name: &'static str,
    /// The source of the value.
    pub source: Source,
    /// The fault, without secret text.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.source, self.what)
    }
}

/// The values of all settings, in the order of the table.
#[derive(Debug)]
pub(crate) struct Values {
    found: Vec<(Option<String>, Source)>,
    /// The mistakes found up to now.
    pub(crate) mistakes: Vec<Mistake>,
}

/// The command line arguments for all settings.
pub(crate) fn arguments() -> impl Iterator<Item = Arg> {
    let file = |setting: &Setting| {
        let help = format!("A file that holds {} [{}]", setting.name, setting.file());
        Arg::new(setting.file()).long(format!("{}-file", setting.flag())).value_name("FILE").help(help)
    };
    let files = SETTINGS.iter().filter(|setting| setting.secret).map(file);
    let values = SETTINGS.iter().map(|setting| {
        let default =
            setting.default.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!(" [{text}]"));
        let file = if setting.secret { format!(", or a file of it: {}", setting.file()) } else { String::new() };
        let help = format!("{}: {}{default} [{}{file}]", setting.what, setting.expected, setting.name);
        Arg::new(setting.name).long(setting.flag()).value_name("VALUE").help(help)
    });
    values.chain(files)
}

impl Values {
    /// Looks up every setting; `variable` reads the environment.
    pub(crate) fn find(matches: &ArgMatches, variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut mistakes = Vec::new();
        let found = SETTINGS.iter().map(|setting| look(setting, matches, &variable, &mut mistakes)).collect();
        Self { found, mistakes }
    }

    fn of(&self, name: &str) -> (&'static Setting, Option<&str>, &Source) {
        let at = SETTINGS.iter().position(|setting| setting.name == name);
        let at = at.unwrap_or_else(|| unreachable!("{name} is in the table"));
        (&SETTINGS[at], self.found[at].0.as_deref(), &self.found[at].1)
    }

    /// The text of a setting, if it is set.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.of(name).1
    }

    /// Whether the setting was given, and is not the default.
    pub(crate) fn is_said(&self, name: &str) -> bool {
        *self.of(name).2 != Source::Default
    }

    /// A value made from the text. If `make` refuses the text, a mistake is added.
    pub(crate) fn read<T>(&mut self, name: &str, make: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (setting, text, _) = self.of(name);
        let text = text?.to_owned();
        let made = make(&text);
        if made.is_none() {
            let shown = if setting.secret { "what it holds".to_owned() } else { format!("{text:?}") };
            self.wrong(name, format!("{shown} cannot be used: expected {}", setting.expected));
        }
        made
    }

    /// Adds a mistake.
    pub(crate) fn wrong(&mut self, name: &str, what: impl Into<String>) {
        let (setting, _, source) = self.of(name);
        let (name, source) = (setting.name, source.clone());
        self.mistakes.push(Mistake { name, source, what: what.into() });
    }

    /// All settings with their values and sources, one per line; secrets are hidden.
    pub(crate) fn shown(&self) -> String {
        let line = |setting: &Setting, (value, source): &(Option<String>, Source)| {
            let value = match value {
                None => "(not set)".to_owned(),
                Some(_) if setting.secret => "(hidden)".to_owned(),
                Some(value) => value.clone(),
            };
            format!("{} = {value}    # {source}", setting.name)
        };
        SETTINGS.iter().zip(&self.found).map(|(setting, found)| line(setting, found)).collect::<Vec<_>>().join("\n")
    }
}

fn look(
    setting: &'static Setting,
    matches: &ArgMatches,
    variable: impl Fn(&str) -> Option<String>,
    mistakes: &mut Vec<Mistake>,
) -> (Option<String>, Source) {
    // An empty variable counts as not set.
    let variable = |name: &str| variable(name).filter(|text| !text.is_empty());
    if let Some(text) = matches.get_one::<String>(setting.name) {
        return (Some(text.clone()), Source::Argument(setting.flag()));
    }
    let named = if setting.secret { matches.get_one::<String>(&setting.file()).cloned() } else { None };
    if let Some(text) = variable(setting.name).filter(|_| named.is_none()) {
        return (Some(text), Source::Environment);
    }
    if let Some(path) = named.or_else(|| variable(&setting.file())).filter(|_| setting.secret) {
        return match plain_file::text_of_unnamed(Path::new(&path)) {
            Ok(text) => (Some(text.trim().to_owned()), Source::File(path)),
            Err(error) => {
                // A variable that should name a file may hold the secret itself, so a text that
                // names no file is not shown.
                let (source, what) =
                    (Source::Environment, format!("the file that {} names cannot be read: {error}", setting.file()));
                mistakes.push(Mistake { name: setting.name, source: source.clone(), what });
                (None, source)
            }
        };
    }
    (setting.default.map(str::to_owned), Source::Default)
}

/// The settings as a JSON Schema (2020-12), for editors and for authors of charts.
#[must_use]
pub(crate) fn schema() -> Value {
    let of = |setting: &Setting| {
        let mut schema = json!({ "type": "string", "description": format!("{}: {}", setting.what, setting.expected) });
        if let Some(default) = setting.default {
            schema["default"] = default.into();
        }
        if setting.secret {
            schema["writeOnly"] = true.into();
        }
        (setting.name.to_owned(), schema)
    };
    let file = |setting: &Setting| {
        (setting.file(), json!({ "type": "string", "description": format!("A file that holds {}", setting.name) }))
    };
    let properties: serde_json::Map<_, _> =
        SETTINGS.iter().map(of).chain(SETTINGS.iter().filter(|setting| setting.secret).map(file)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The variables that sqal-server reads",
        "type": "object",
        "properties": properties,
    })
}
