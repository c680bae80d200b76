//! Runs the bakery's service on loopback: `cargo run -p embed-in-axum`, then open <http://127.0.0.1:3000/quality/>.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use embed_in_axum::{Bakery, app};
use sqal_core::Timestamp;
use sqal_resilience::{Phase, Shutdown, Signals};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (shutdown, signals) = (Shutdown::default(), Signals::install()?);
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.listen(signals).await }
    });
    let (app, mut writing) = app(Bakery::default(), &shutdown, wall_clock);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let ending = shutdown.clone();
    // The addresses of callers are what connections and calls are counted by.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { ending.reached(Phase::Draining).await })
        .await?;
    // What was handed in is written before the process ends.
    writing.close();
    writing.finished().await;
    shutdown.run().await;
    Ok(())
}

/// The machine's wall clock; a time that cannot be is 1970, and frames are then told to be early.
fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "wall time enters here, and is data everywhere else")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(0);
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}
