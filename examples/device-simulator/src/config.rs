//! The settings of the simulator, from its arguments and environment (SIM-03).

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use sqal_telemetry::log::{LogFilter, LogFormat};

/// sqal-simulator: a station with both sensors, simulated from a seed or replayed from recordings
/// of real sensors.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Config {
    /// The URL on which the server listens for stations.
    #[arg(long, env = "BACKEND_WS_URL", default_value = "ws://127.0.0.1:8000/ws/sensors/")]
    pub url: String,
    /// The token of the station, if the server requires one.
    #[arg(long, env = "SQAL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A file that holds the token. Every user of the machine can read arguments, and `--token`
    /// with them.
    #[arg(long, env = "SQAL_TOKEN_FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// A YAML file of product profiles, as the server reads it; without it the built-in placeholder
    /// is used.
    #[arg(long, env = "CONFIG_PATH")]
    pub config_path: Option<PathBuf>,
    /// Seconds between two samples; 0 sends as fast as the server answers.
    #[arg(long, env = "GENERATION_INTERVAL", default_value = "5", value_parser = seconds)]
    pub interval: Duration,
    /// The name of the station.
    #[arg(long, default_value = "ESP32_SIM_0001")]
    pub device_id: String,
    /// The profile by which the product is judged.
    #[arg(long, default_value = "foiegras_standard_barquette")]
    pub profile: String,
    /// The seed of all random numbers: equal seeds give equal products and equal noise.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Replay the recordings of real sensors instead of simulating; ends after the last one.
    #[arg(long)]
    pub replay: bool,
    /// Read the simulated products through simulated devices on an I2C bus, with published driver
    /// crates.
    #[arg(long, conflicts_with = "replay")]
    pub i2c: bool,
    /// End after this number of samples was acknowledged.
    #[arg(long)]
    pub count: Option<u64>,
    /// Append the truth of every simulated sample to this file, one JSON object per line.
    #[arg(long)]
    pub truth: Option<PathBuf>,
    /// The filter of the log: a level, or target=level, several with commas.
    #[arg(long, env = "SQAL_LOG", default_value = "info")]
    pub log: LogFilter,
    /// The format of the log: text or json.
    #[arg(long, env = "SQAL_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text}: expected 0 seconds or more"))
}
