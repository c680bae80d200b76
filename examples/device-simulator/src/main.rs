//! `sqal-simulator`: runs one station until Ctrl-C, its count, or the end of its recordings.

#[cfg(feature = "otlp")]
use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
#[cfg(feature = "otlp")]
use device_simulator::Traces;
use device_simulator::{Config, run};
use sqal_core::Timestamp;
use sqal_telemetry::log::LogLines;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let mut config = Config::parse();
    #[cfg(feature = "otlp")]
    #[expect(clippy::disallowed_methods, reason = "the environment enters here")]
    let traces = match Traces::read(|name| std::env::var(name).ok()) {
        Ok(traces) => traces,
        Err(refused) => {
            let _ = writeln!(std::io::stderr(), "sqal-simulator: {refused}");
            return ExitCode::FAILURE;
        }
    };
    let watched = tracing_subscriber::registry().with(lines(&config));
    #[cfg(feature = "otlp")]
    let watched = watched.with(traces.layer());
    watched.init();
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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let work = run(&config, wall_clock, stop());
    #[cfg(feature = "otlp")]
    let work = traces.around(work);
    match runtime.block_on(work) {
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

/// The log of the station, one line per event on standard error.
fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(config: &Config) -> impl Layer<S> + Send + Sync + use<S> {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    LogLines::new(config.log_format, std::io::stderr)
        .colored(is_terminal)
        .with_filter(config.log.for_layer(&["device_simulator"]))
}

/// Is ready at Ctrl-C. Without a signal handler, Ctrl-C ends the process at once.
async fn stop() {
    let _ = tokio::signal::ctrl_c().await;
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
