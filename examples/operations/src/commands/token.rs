//! `sqal token`: makes a new token, and the entry by which a server recognises it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{ArgGroup, Args, ValueEnum};
use sha2::{Digest, Sha256};
use sqal_core::{DeviceId, Name};

use crate::command_error::CommandError;
use crate::hex::hex;

/// The role of a person.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// May read.
    Viewer,
    /// May make decisions about products.
    #[value(alias = "quality_engineer")]
    QualityEngineer,
    /// May make decisions about devices and people.
    Administrator,
}

/// Make a token for a device, a gateway or a person. It is printed once, and not stored; its entry
/// goes into the token file of the server.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("grant").args(["device", "gateway", "role"]).required(true))]
pub(crate) struct Token {
    /// The name of the token's holder.
    #[arg(long)]
    name: Name<64>,
    /// Allow samples of this device.
    #[arg(long)]
    device: Option<DeviceId>,
    /// Allow samples of any device.
    #[arg(long)]
    gateway: bool,
    /// Allow the actions of this role, for a person.
    #[arg(long, value_enum)]
    role: Option<Role>,
}

impl Token {
    pub(super) fn run(self) -> Result<String, CommandError> {
        let Self { name, device, role, gateway: _ } = self;
        token(name, device, role).map_err(CommandError::NoRandomness)
    }
}

/// Makes a token with its entry: 256 random bits, in characters that every header and file accepts.
fn token(name: Name<64>, device: Option<DeviceId>, role: Option<Role>) -> Result<String, getrandom::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let token = format!("sqal_{}", URL_SAFE_NO_PAD.encode(random));
    let hash = hex(&Sha256::digest(token.as_bytes()));
    let grant = match (device, role) {
        (Some(device), _) => format!("{{ device: {} }}", quoted(device.as_str())),
        (None, Some(Role::Viewer)) => "{ role: viewer }".to_owned(),
        (None, Some(Role::QualityEngineer)) => "{ role: quality_engineer }".to_owned(),
        (None, Some(Role::Administrator)) => "{ role: administrator }".to_owned(),
        (None, None) => "gateway".to_owned(),
    };
    let name = quoted(name.as_str());
    Ok(format!(
        "token, shown this once: {token}\nentry under `tokens:`:\n  - name: {name}\n    grant: {grant}\n    sha256: {hash}"
    ))
}

/// A text quoted in YAML's JSON subset.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
