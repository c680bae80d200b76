//! [`Config`]: the settings of the server, validated together.
//!
//! All mistakes are reported at once (CFG-01, CFG-02, CFG-05).

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderValue;
use clap::{Command, error::ErrorKind};
use sqal_core::Timestamp;
use sqal_http::{Access, Class, Legacy, ProfileFile, Profiles, Quotas, TokenFile, parse_time};
use sqal_resilience::Quota;
use sqal_storage::{Redis, postgres::PostgresConfig, sealed::KeyRing};
use tracing_subscriber::EnvFilter;

use crate::plain_file;
use crate::profiling::Profiling;
use crate::settings::{self, Mistake, Values};

/// The built-in profile, for a first trial.
const BUILT_IN: &str = include_str!("../profiles/config_foiegras.yaml");

/// The settings of the server.
#[derive(Debug)]
pub struct Config {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The folder of the database, or of the spool.
    pub data_dir: PathBuf,
    /// The URL of a PostgreSQL that keeps the samples; without it, an embedded database keeps them.
    pub database_url: Option<SecretUrl>,
    /// The keys that sign the heads of the database.
    pub ring: Option<KeyRing>,
    /// The URL of a Redis for the shared cache.
    pub redis_url: Option<SecretUrl>,
    /// The product profiles by which products are judged.
    pub profiles: Profiles,
    /// Whether the profiles are the placeholders of this program, because no file was given.
    pub placeholder_profiles: bool,
    /// The roles and rights of the callers.
    pub access: Access,
    /// The path of the token file, and its content at the start.
    pub tokens_file: Option<(PathBuf, TokenFile)>,
    /// The quotas for calls.
    pub quotas: Quotas,
    /// The quota for new connections by one token, or from one address without tokens; `None` if
    /// unlimited.
    pub connections: Option<Quota>,
    /// The most connections that an address may have before their callers are authenticated; 0
    /// disables the limit.
    pub connections_per_address: u32,
    /// The time after which an idle connection is closed.
    pub idle: Duration,
    /// Whether database queries are counted.
    pub profiling: Profiling,
    /// The treatment of deprecated paths.
    pub legacy: Legacy,
    /// The addresses of proxies whose forwarding headers are trusted.
    pub trusted_proxies: Vec<IpAddr>,
    /// The host names under which a server without a token file answers.
    pub allowed_hosts: Vec<String>,
    /// The origins of other sites whose pages may read.
    pub cors_origins: Vec<HeaderValue>,
    /// The filter of the log.
    pub log: String,
}

/// A URL that may hold a password. Its `Debug` output hides the text.
#[derive(Clone)]
pub struct SecretUrl(pub(crate) String);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(..)")
    }
}

/// The action that the command line requests.
#[derive(Debug)]
pub enum Asked {
    /// Run the server.
    Serve(Box<Config>),
    /// Print this text and exit.
    Print(String),
}

/// Why the action cannot be done.
#[derive(Debug)]
pub enum Refused {
    /// All mistakes in the settings.
    Settings(Vec<Mistake>),
    /// The command line is not valid, or requests the help text.
    Arguments(clap::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(error) => error.fmt(f),
            // One mistake is one line.
            Self::Settings(mistakes) if mistakes.len() == 1 => {
                let Mistake { name, source, what } = &mistakes[0];
                write!(f, "{name}: {what} ({source}; `sqal-server config print` shows every setting)")
            }
            Self::Settings(mistakes) => {
                write!(f, "{} settings cannot be used; `sqal-server config print` shows them all", mistakes.len())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}

/// Reads the arguments and the environment.
///
/// # Errors
///
/// [`Refused`] with all mistakes.
pub fn read(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    variable: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<Asked, Refused> {
    let config = Command::new("config")
        .about("Looks at the settings, and starts nothing")
        .subcommand_required(true)
        .subcommand(Command::new("check").about("Says everything that is wrong with them, files too"))
        .subcommand(Command::new("print").about("Prints each with where it is from; secrets are hidden"))
        .subcommand(Command::new("schema").about("Prints them as a JSON Schema"));
    let command = Command::new("sqal-server")
        .about("Grades what its stations send, keeps every sample, and shows the line live")
        .version(env!("CARGO_PKG_VERSION"))
        .args(settings::arguments().map(|argument| argument.global(true)))
        .subcommand(config);
    let matches = command.try_get_matches_from(arguments).map_err(Refused::Arguments)?;
    let values = Values::find(&matches, variable);
    match matches.subcommand().and_then(|(_, config)| config.subcommand_name()) {
        Some("schema") => Ok(Asked::Print(format!("{:#}", settings::schema()))),
        Some("print") => Ok(Asked::Print(values.shown())),
        Some(_) => Config::of(values, now).map(|_| Asked::Print("every setting can be used".to_owned())),
        None => Config::of(values, now).map(|config| Asked::Serve(Box::new(config))),
    }
}

impl Refused {
    /// Whether this is no mistake, because the help or the version was requested.
    #[must_use]
    pub fn is_help(&self) -> bool {
        matches!(self, Self::Arguments(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion))
    }
}

impl Config {
    fn of(mut values: Values, now: Timestamp) -> Result<Self, Refused> {
        let production = values.read("SQAL_ENV", |text| match text {
            "production" => Some(true),
            "development" => Some(false),
            _ => None,
        });
        if production == Some(true) {
            for name in ["SQAL_TOKENS_FILE", "CONFIG_PATH", "SQAL_DATA_DIR"] {
                if !values.is_said(name) {
                    values.wrong(name, "in production it must be set");
                }
            }
        }
        let address: Option<SocketAddr> = values.read("SQAL_ADDRESS", |text| text.parse().ok());
        let mut tokens_file = values.text("SQAL_TOKENS_FILE").map(|path| (PathBuf::from(path), TokenFile::default()));
        let access = match &mut tokens_file {
            None => Some(Access::open()),
            Some((path, stood)) => {
                let read = tokens(path).and_then(|file| {
                    stood.clone_from(&file);
                    // The file is read again while the server runs. If no token in it is valid at
                    // the start, it is still a mistake.
                    if !file.tokens.is_empty()
                        && file.tokens.iter().all(|token| token.until.is_some_and(|until| until <= now))
                    {
                        return Err(format!("{}: every token in it is over: nobody could do anything", path.display()));
                    }
                    Access::of(file).map_err(|error| error.to_string())
                });
                read.map_err(|why| values.wrong("SQAL_TOKENS_FILE", why)).ok()
            }
        };
        if let Some(address) = address.filter(|address| !address.ip().is_loopback() && tokens_file.is_none()) {
            let what = format!(
                "{address} can be reached from elsewhere, and nobody would be asked who they are: set SQAL_TOKENS_FILE (`sqal token` makes \
                 tokens), or listen on 127.0.0.1"
            );
            values.wrong("SQAL_ADDRESS", what);
        }
        let profiles =
            profiles(values.text("CONFIG_PATH").map(Path::new)).map_err(|why| values.wrong("CONFIG_PATH", why));
        let ring = values.read("MASTER_ENCRYPTION_KEY", |text| KeyRing::from_texts(text, "").ok());
        let database_url = secret_url(&mut values, "DATABASE_URL", |url| {
            PostgresConfig::new(url).map(|_| ()).map_err(|e| e.to_string())
        });
        let redis_url = secret_url(&mut values, "REDIS_URL", |url| {
            if url.starts_with("redis-") {
                return Err("expected one Redis, as redis://cache:6379/0".to_owned());
            }
            Redis::check(url).map_err(|error| error.to_string().trim_start_matches("redis: ").to_owned())
        });
        let listed = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let trusted_proxies = values.read("SQAL_TRUSTED_PROXIES", |text| {
            listed(text).iter().map(|part| part.parse().ok()).collect::<Option<_>>()
        });
        let allowed_hosts = values.read("SQAL_ALLOWED_HOSTS", |text| {
            let names = listed(text);
            names.iter().all(|name| is_a_name(name)).then_some(names)
        });
        let cors_origins =
            values.read("CORS_ORIGINS", |text| listed(text).iter().map(|part| origin(part)).collect::<Option<_>>());
        let answering = values.read("API_LEGACY_ENABLED", |text| text.parse::<bool>().ok());
        let legacy = answering.map(Legacy::answering);
        let sunset = values.read("API_LEGACY_SUNSET", |text| legacy.unwrap_or_default().ending(parse_time(text)?).ok());
        let legacy = sunset.or(legacy);
        let calls = values.read("SQAL_CALLS_PER_MINUTE", |text| text.parse::<u32>().ok());
        let frames = values.read("SQAL_FRAMES_PER_MINUTE", |text| text.parse::<u32>().ok());
        let connections = values.read("SQAL_CONNECTIONS_PER_MINUTE", |text| text.parse::<u32>().ok());
        let per_address = values.read("SQAL_CONNECTIONS_PER_ADDRESS", |text| text.parse::<u32>().ok());
        let enabled = values.read("ENABLE_DB_PROFILING", |text| text.parse().ok());
        let headers = values.read("DB_PROFILING_HEADERS", |text| text.parse().ok());
        let idle = values.read("SQAL_IDLE_SECONDS", |text| text.parse().ok().filter(|idle| (1..=3600).contains(idle)));
        let signs = values.read("SQAL_SIGN_INS_PER_MINUTE", |text| text.parse::<u32>().ok());
        let log = values.read("SQAL_LOG", |text| EnvFilter::try_new(text).is_ok().then(|| text.to_owned()));
        let data_dir = values.read("SQAL_DATA_DIR", |text| Some(PathBuf::from(text)));
        let quotas = calls.zip(frames).zip(signs).map(|((calls, frames), signs)| quotas(calls, frames, signs));
        let whole = (|| {
            Some(Self {
                address: address?,
                data_dir: data_dir?,
                database_url,
                ring,
                redis_url,
                profiles: profiles.ok()?,
                placeholder_profiles: values.text("CONFIG_PATH").is_none(),
                access: access?,
                tokens_file,
                quotas: quotas?,
                connections: per_minute(connections?),
                connections_per_address: per_address?,
                idle: Duration::from_secs(idle?),
                profiling: Profiling { enabled: enabled?, headers: headers? },
                legacy: legacy?,
                trusted_proxies: trusted_proxies?,
                allowed_hosts: allowed_hosts?,
                cors_origins: cors_origins?,
                log: log?,
            })
        })();
        whole.filter(|_| values.mistakes.is_empty()).ok_or(Refused::Settings(values.mistakes))
    }
}

/// A URL that may hold a password, if the driver accepts it. The error does not repeat any part of
/// the URL.
fn secret_url(values: &mut Values, name: &str, check: impl FnOnce(&str) -> Result<(), String>) -> Option<SecretUrl> {
    let url = values.text(name)?.trim().to_owned();
    match check(&url) {
        Ok(()) => Some(SecretUrl(url)),
        Err(why) => {
            values.wrong(name, why);
            None
        }
    }
}

/// Reads the token file.
pub(crate) fn tokens(path: &Path) -> Result<TokenFile, String> {
    let text = plain_file::text(path)?;
    // The error does not quote the lines around the place, because one of them may hold a token in
    // place of its hash.
    serde_saphyr::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.without_snippet()))
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

/// An origin as a browser sends it: a scheme and a host, without a path.
fn origin(text: &str) -> Option<HeaderValue> {
    let (scheme, host) = text.split_once("://")?;
    let right = matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/');
    HeaderValue::try_from(text).ok().filter(|_| right)
}

/// Whether a text is the name of a host without a port.
fn is_a_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// A quota of `count` in a minute; 0 means unlimited.
fn per_minute(count: u32) -> Option<Quota> {
    NonZeroU32::new(count).map(|count| Quota::new(count, Duration::from_mins(1)))
}

fn quotas(calls: u32, frames: u32, signs: u32) -> Quotas {
    let classes = [
        (Class::Read, per_minute(calls)),
        (Class::Summary, per_minute(calls)),
        (Class::Create, per_minute(calls)),
        (Class::Message, per_minute(frames)),
        (Class::SignIn, per_minute(signs)),
    ];
    classes.into_iter().fold(Quotas::none(), |quotas, (class, quota)| match quota {
        // Every count per minute is a valid rate for a bucket.
        Some(quota) => quotas.with(class, quota).unwrap_or_else(|error| unreachable!("{error}")),
        None => quotas,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Asked, Refused> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        read([&["sqal-server"], arguments].concat(), variable, Timestamp::from_micros(1_795_262_400_000_000).unwrap())
    }

    fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Config {
        match asked(arguments, variables) {
            Ok(Asked::Serve(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn mistakes(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        match asked(arguments, variables) {
            Err(Refused::Settings(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_built_in_profile_is_the_example_of_the_crates() {
        let file: ProfileFile = serde_saphyr::from_str(BUILT_IN).unwrap();
        let profile = &file.profiles[&"foiegras_standard_barquette".parse().unwrap()];
        assert_eq!(*profile, sqal_http::Profile::example());
    }

    #[test]
    fn cfg_01_every_mistake_is_told_at_once_and_no_secret_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("bad.yaml");
        std::fs::write(&bad, BUILT_IN.replace("max_tilt_deg", "max_tilt")).unwrap();
        let variables = [
            ("SQAL_ADDRESS", "banana"),
            ("DATABASE_URL", "postgres://root:/hunter2?@db/x"),
            ("REDIS_URL", "redis://:hunter2#@cache"),
            ("CONFIG_PATH", bad.to_str().unwrap()),
            ("SQAL_TOKENS_FILE", "not-there.yaml"),
            ("SQAL_TRUSTED_PROXIES", "10.0.0.1,proxy"),
            ("SQAL_ALLOWED_HOSTS", "line.example,line:8000"),
            ("CORS_ORIGINS", "http://ok.example,ftp://x"),
            ("API_LEGACY_ENABLED", "yes"),
            ("API_LEGACY_SUNSET", "2020-01-01T00:00:00Z"),
            ("SQAL_CALLS_PER_MINUTE", "-1"),
            ("SQAL_FRAMES_PER_MINUTE", "many"),
            ("SQAL_CONNECTIONS_PER_MINUTE", "1.5"),
            ("SQAL_CONNECTIONS_PER_ADDRESS", "few"),
            ("SQAL_SIGN_INS_PER_MINUTE", "x"),
            ("SQAL_IDLE_SECONDS", "0"),
            ("ENABLE_DB_PROFILING", "on"),
            ("DB_PROFILING_HEADERS", "1"),
            ("SQAL_LOG", "sqal=loud"),
            ("SQAL_ENV", "staging"),
        ];
        let told = mistakes(&[], &variables);
        for (name, _) in variables {
            assert!(told.iter().any(|line| line.starts_with(&format!("{name} (environment): "))), "{name}: {told:#?}");
        }
        assert_eq!(told.len(), variables.len(), "{told:#?}");
        let all = told.join("\n");
        assert!(!all.contains("hunter2"), "{all}");
        assert!(all.contains("max_tilt") && all.contains("line") && all.contains("not-there.yaml"), "{all}");
        assert!(all.contains("expected an address and a port, for example 127.0.0.1:8000"), "{all}");
    }

    #[test]
    fn a_password_that_must_be_encoded_is_refused_in_one_line_without_a_word_of_it() {
        for (name, url) in [
            ("DATABASE_URL", "postgres://sqal_user:/7S+q?K':hunter2@127.0.0.1:5999/sqal_db"),
            ("REDIS_URL", "redis://:hunter2?K'@cache:6379/0"),
        ] {
            let told = asked(&[], &[(name, url)]).unwrap_err().to_string();
            let right = format!("{name}: write / ? # : @ in a password as %2F %3F %23 %3A %40");
            assert!(told.starts_with(&right) && told.lines().count() == 1, "{told}");
            assert!(!["hunter2", "7S", "K'", "5999", "sqal_user"].iter().any(|part| told.contains(part)), "{told}");
        }
        let encoded = "postgres://sqal_user:%2F7S%2Bq%3FK'%3Ahunter2@127.0.0.1:5999/sqal_db";
        assert!(config(&[], &[("DATABASE_URL", encoded)]).database_url.is_some());
        for url in ["rediss://cache", "redis-cluster://cache:1", "redis://cache/x", "http://cache"] {
            assert_eq!(mistakes(&[], &[("REDIS_URL", url)]).len(), 1, "{url}");
        }
    }

    #[test]
    fn cfg_02_production_says_what_is_missing() {
        let told = mistakes(&[], &[("SQAL_ENV", "production")]);
        let names: Vec<_> = told.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["SQAL_TOKENS_FILE", "CONFIG_PATH", "SQAL_DATA_DIR"]);
    }

    #[test]
    fn a_server_that_asks_nobody_is_not_reached_from_elsewhere() {
        let told = mistakes(&["--address", "0.0.0.0:8000"], &[]);
        assert!(
            told[0].starts_with("SQAL_ADDRESS (--address): 0.0.0.0:8000 can be reached from elsewhere"),
            "{told:?}"
        );
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens.yaml");
        let hash = sqal_http::TokenHash::of("x");
        let entry = |grant: &str| format!("  - name: someone\n    grant: {grant}\n    sha256: {hash}\n");
        std::fs::write(&tokens, format!("tokens:\n{}", entry("{ role: viewer }"))).unwrap();
        let tokens = tokens.to_str().unwrap();
        let config = config(&["--address", "0.0.0.0:8000", "--tokens-file", tokens], &[]);
        assert!(!config.access.is_open());
        for (grants, why) in [
            (&["{ role: emperor }"][..], "emperor"),
            (&["gateway", "{ device: ESP32_001 }"], "the same token"),
            (&[], "tokens"),
        ] {
            let entries: String = grants.iter().map(|grant| entry(grant)).collect();
            std::fs::write(tokens, format!("tokens:\n{entries}")).unwrap();
            let told = mistakes(&["--tokens-file", tokens], &[]);
            assert!(told.len() == 1 && told[0].contains(why), "{told:?}");
        }
        // The clock of these tests is set to 2026-11-21T12:00:00Z.
        for (until, over) in [("2026-11-21T12:00:00Z", true), ("2026-11-21T12:00:01Z", false)] {
            std::fs::write(tokens, format!("tokens:\n{}    until: {until}\n", entry("gateway"))).unwrap();
            let told =
                asked(&["--tokens-file", tokens], &[]).err().map(|refused| refused.to_string()).unwrap_or_default();
            assert_eq!(told.contains("every token in it is over"), over, "{until}: {told}");
        }
    }

    #[test]
    fn arguments_come_before_variables_and_variables_before_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://me:hunter2@db/one\n").unwrap();
        let file = file.to_str().unwrap();
        let url = |variables: &[(&str, &str)], arguments: &[&str]| config(arguments, variables).database_url.unwrap().0;
        assert_eq!(url(&[("DATABASE_URL_FILE", file)], &[]), "postgres://me:hunter2@db/one");
        let both = [("DATABASE_URL_FILE", file), ("DATABASE_URL", "postgres://two/x")];
        assert_eq!(url(&both, &[]), "postgres://two/x");
        assert_eq!(url(&both, &["--database-url", "postgres://three/x"]), "postgres://three/x");
        assert_eq!(url(&both, &["--database-url-file", file]), "postgres://me:hunter2@db/one", "arguments come first");
        assert!(config(&[], &[("DATABASE_URL", "")]).database_url.is_none(), "an empty variable is none");
        let told = mistakes(&[], &[("REDIS_URL_FILE", "/nowhere")]);
        assert!(told[0].contains("REDIS_URL_FILE names cannot be read"), "{told:?}");
        assert!(!told[0].contains("/nowhere"), "it may be the secret itself: {told:?}");

        let Ok(Asked::Print(shown)) =
            asked(&["config", "print"], &[("DATABASE_URL_FILE", file), ("SQAL_LOG", "debug")])
        else {
            panic!("it prints");
        };
        assert!(shown.contains("SQAL_LOG = debug    # environment"), "{shown}");
        assert!(
            shown.contains(&format!("DATABASE_URL = (hidden)    # file {file}")) && !shown.contains("hunter2"),
            "{shown}"
        );
        assert!(shown.contains("SQAL_ADDRESS = 127.0.0.1:8000    # default"), "{shown}");
    }

    #[test]
    fn looking_starts_nothing() {
        assert!(matches!(asked(&["config", "check"], &[]), Ok(Asked::Print(_))));
        assert!(matches!(asked(&["config", "check", "--address", "x"], &[]), Err(Refused::Settings(_))));
        let Ok(Asked::Print(schema)) = asked(&["config", "schema"], &[]) else { panic!("it prints") };
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["properties"]["API_LEGACY_ENABLED"]["default"], "true");
        assert_eq!(schema["properties"]["DATABASE_URL_FILE"]["type"], "string");
        assert!(asked(&["--help"], &[]).is_err_and(|refused| refused.is_help()));
        assert!(asked(&["--bananas"], &[]).is_err_and(|refused| !refused.is_help()));
    }
}
