//! `sqal-server`: reads its configuration, starts, prints where to look, and ends in order on Ctrl-C or SIGTERM.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use reference_server::{Config, log_to_stderr, serve, signal};

fn main() -> ExitCode {
    let config = Config::parse();
    log_to_stderr(&config.log);
    let data_dir = config.data_dir.display().to_string();
    let ready = move |address| {
        // Standard output is for whoever started the server; a closed pipe is no reason to stop grading.
        let _ = writeln!(
            std::io::stdout(),
            "SQAL is ready: open http://{address}/ in a browser; stations connect to ws://{address}/ws/sensors; data in {data_dir}"
        );
    };
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(reference_server::ServerError::from)
        .and_then(|runtime| runtime.block_on(serve(config, ready, signal())));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
