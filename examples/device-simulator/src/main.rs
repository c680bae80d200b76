//! `sqal-simulator`: runs one station until Ctrl-C, its count, or the end of its recordings.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use device_simulator::{Config, run};
use sqal_core::Timestamp;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let mut config = Config::parse();
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
    if std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .any(|argument| argument == "--token" || argument.starts_with("--token="))
    {
        tracing::warn!(
            "a token stands on the command line, where every user of this machine can read it; use SQAL_TOKEN or --token-file"
        );
    }
    if let Some(file) = &config.token_file {
        match std::fs::read_to_string(file) {
            Ok(text) => config.token = Some(text.trim().to_owned()),
            Err(error) => {
                tracing::error!(file = %file.display(), %error, "the file of the token cannot be read");
                return ExitCode::FAILURE;
            }
        }
    }
    let stop = async {
        // Without a signal handler, Ctrl-C ends the process at once.
        let _ = tokio::signal::ctrl_c().await;
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&config, wall_clock, stop)) {
        Ok(summary) => {
            let (measured, persisted, duplicate) = (summary.measured, summary.persisted, summary.duplicate);
            tracing::info!(
                "measured {measured}, persisted {persisted}, duplicate {duplicate}, rejected {}",
                summary.rejected
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The wall clock of the station.
fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a station stamps its samples with its own clock")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}
