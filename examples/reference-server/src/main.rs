//! `sqal-server`: starts from its configuration, prints its address, and ends in order on a signal.
//!
//! The signals are SIGINT (Ctrl-C), SIGTERM and SIGHUP.

use std::io::Write;
use std::process::ExitCode;

use reference_server::{Asked, Refused, ServerError, log_to_stderr, read, serve, wall_clock};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use tracing_subscriber::EnvFilter;

/// The exit code of `sysexits.h` for an invalid configuration: a supervisor need not try again.
const CANNOT_BE_CONFIGURED: u8 = 78;

fn main() -> ExitCode {
    // All files (samples, refused frames, logs of the database) are for this user only, whatever
    // the umask of the program was.
    let _ = umask(Mode::RWXG | Mode::RWXO);
    #[expect(clippy::disallowed_methods, reason = "the environment enters here")]
    let asked = read(std::env::args_os(), |name| std::env::var(name).ok(), wall_clock());
    let config = match asked {
        Ok(Asked::Serve(config)) => *config,
        Ok(Asked::Print(text)) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            return ExitCode::SUCCESS;
        }
        Err(refused) if refused.is_help() => {
            let _ = write!(std::io::stdout(), "{refused}");
            return ExitCode::SUCCESS;
        }
        Err(refused) => {
            let _ = writeln!(std::io::stderr(), "sqal-server: {refused}");
            return ExitCode::from(if matches!(refused, Refused::Settings(_)) { CANNOT_BE_CONFIGURED } else { 2 });
        }
    };
    let _log = log_to_stderr(EnvFilter::new(&config.log), config.profiling);
    if std::env::args_os().any(|argument| shows_password(&argument.to_string_lossy())) {
        tracing::warn!(
            "a password stands on the command line, where every user of this machine can read it: give DATABASE_URL, REDIS_URL and MASTER_ENCRYPTION_KEY in the environment, or name files with _FILE behind their names"
        );
    }
    // Each connection needs a descriptor, so the soft limit, which is meant for programs that use
    // select(2), is raised.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let data_dir = config.data_dir.display().to_string();
    let ready = move |address| {
        // Standard output is for the person who started the server. If the pipe is closed, the
        // server continues.
        let _ = writeln!(
            std::io::stdout(),
            "SQAL is ready: open http://{address}/ in a browser; stations connect to ws://{address}/ws/sensors; data in {data_dir}"
        );
    };
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServerError::from)
        .and_then(|runtime| runtime.block_on(serve(config, ready)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", with_causes(&error));
            let is_a_setting = matches!(error, ServerError::DatabaseUrl(_) | ServerError::RedisUrl(_));
            if is_a_setting { ExitCode::from(CANNOT_BE_CONFIGURED) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether an argument holds a URL with a password, or the key.
fn shows_password(argument: &str) -> bool {
    if argument.starts_with("--master-encryption-key") {
        return true;
    }
    let Some((_, rest)) = argument.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty()) || rest.contains("password=")
}

/// An error with its causes: the store reports "does not answer", and the driver reports why.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes.map(ToString::to_string) {
        // A transparent error repeats the text of its cause, which is then left out.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_argument_is_noticed() {
        for shown in [
            "--database-url=postgres://u:p@db/sqal",
            "redis://:p@cache/0",
            "postgres://db/s?password=p",
            "--master-encryption-key",
        ] {
            assert!(shows_password(shown), "{shown}");
        }
        for hidden in ["postgres://u@db/sqal", "postgres://db:5433/a@b", "--address", "127.0.0.1:80", "a:b@c"] {
            assert!(!shows_password(hidden), "{hidden}");
        }
    }
}
