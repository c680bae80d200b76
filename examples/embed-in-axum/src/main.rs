//! Runs the bakery's service on loopback.
//!
//! Start it with `cargo run -p embed-in-axum`, then open <http://127.0.0.1:3000/quality/>.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use embed_in_axum::run;
use sqal_core::Timestamp;
use sqal_resilience::{Shutdown, shutdown::Signals};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<ExitCode> {
    let (shutdown, signals) = (Shutdown::default(), Signals::install()?);
    tokio::spawn({
        let shutdown = shutdown.clone();
        // The first signal begins the shutdown, the second one forces it.
        async move { shutdown.listen(signals).await }
    });
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let report = run(listener, &shutdown, wall_clock).await;
    Ok(ExitCode::from(report.exit_code()))
}

/// The wall clock of the machine. A time out of range becomes 1970, and frames are then refused as
/// too early.
fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "wall time enters here, and is data everywhere else")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(0);
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}
