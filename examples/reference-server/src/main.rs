//! `sqal-server`: starts from its configuration, prints its address, and ends in order on a signal.
//!
//! The signals are SIGINT (Ctrl-C), SIGTERM and SIGHUP.

use std::io::Write;
use std::process::ExitCode;

use reference_server::settings::{Asked, SettingsError, read, shows_password};
use reference_server::{ServerError, log_to_stderr, serve, traces, wall_clock};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// The exit code of `sysexits.h` for an invalid configuration: a supervisor need not try again.
const CANNOT_BE_CONFIGURED: u8 = 78;

pub(crate) fn main() -> ExitCode {
    // All files (samples, refused frames, logs of the database) are for this user only, whatever
    // the umask of the program was.
    let _ = umask(Mode::RWXG | Mode::RWXO);
    #[expect(clippy::disallowed_methods, reason = "the environment enters here")]
    let asked = read(std::env::args_os(), |name| std::env::var(name).ok(), wall_clock());
    let settings = match asked {
        Ok(Asked::Serve(settings)) => *settings,
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
            let is_a_setting = matches!(refused, SettingsError::Mistakes(_));
            return ExitCode::from(if is_a_setting { CANNOT_BE_CONFIGURED } else { 2 });
        }
    };
    let (spans, keeper) = traces(&settings.telemetry);
    let (_log, control) = log_to_stderr(&settings.observing, spans);
    if std::env::args_os().any(|argument| shows_password(&argument.to_string_lossy())) {
        tracing::warn!(
            "a password stands on the command line, where every user of this machine can read it: give DATABASE_URL, REDIS_URL, MASTER_ENCRYPTION_KEY, OTEL_EXPORTER_OTLP_HEADERS and SMTP_PASSWORD in the environment, or name files with _FILE behind their names"
        );
    }
    // Each connection needs a descriptor, so the soft limit, which is meant for programs that use
    // select(2), is raised.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let data_dir = settings.database.data_dir.display().to_string();
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
        .and_then(|runtime| runtime.block_on(serve(settings, control, keeper, ready)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", error.with_causes());
            if error.is_of_a_setting() { ExitCode::from(CANNOT_BE_CONFIGURED) } else { ExitCode::FAILURE }
        }
    }
}
