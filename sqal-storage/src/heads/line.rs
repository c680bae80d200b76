//! The line of a head: one JSON object, whose signature covers everything that stands before it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqal_core::{Name, Timestamp};

use super::{Checkpoint, HeadSigner, PublicKey};
use crate::{audit::Head, evidence::Bucket};

/// The text with which the signature begins.
const SIGNATURE: &str = ",\"signature\":";

/// Why a line is not a head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHead {
    /// The line is not of this format.
    #[error("is no head of format 1: {0}")]
    Format(String),
    /// The line does not follow from the line before it.
    #[error("does not follow from the line before it: a line was changed, removed or inserted")]
    Unlinked,
    /// The signature of the line is not that of its key.
    #[error("has a signature that its key has not made")]
    Signature,
    /// The line is signed with a key that is not trusted.
    #[error("is signed with the public key {0}, which is none of those that are trusted")]
    Untrusted(PublicKey),
    /// The line has no signature, and only signed heads are trusted.
    #[error("is not signed")]
    Unsigned,
}

/// A line of a file of heads cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the heads {why}")]
pub struct HeadError {
    /// The number of the line, from 1.
    pub line: u64,
    /// The reason.
    pub why: InvalidHead,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    format: u32,
    at: i64,
    audit: Audit,
    decisions: u64,
    devices: BTreeMap<String, u64>,
    hours: Vec<(String, i64, u64, String)>,
    restored: bool,
    previous: String,
    key: Option<String>,
    public: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audit {
    lines: u64,
    hash: String,
}

/// A line that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) checkpoint: Checkpoint,
    pub(super) previous: [u8; 32],
    /// The key that has signed the line, proved by its signature; `None` if the line is not signed.
    pub(super) signed_by: Option<PublicKey>,
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The `N` bytes of a text of `2 N` hexadecimal digits.
pub(super) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (k, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * k..2 * k + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The hash by which the next line names this line.
pub(super) fn hash(line: &str) -> [u8; 32] {
    Sha256::digest(line.as_bytes()).into()
}

/// A head as a line, without the line end.
pub(super) fn write(
    checkpoint: &Checkpoint,
    previous: &[u8; 32],
    signer: Option<&HeadSigner>,
) -> Result<String, serde_json::Error> {
    let hour = |(device, hour, bucket): &(sqal_core::DeviceId, i64, Bucket)| {
        (device.as_str().to_owned(), *hour, bucket.samples, format!("{:016x}", bucket.sum))
    };
    let body = Body {
        format: 1,
        at: checkpoint.at.micros(),
        audit: Audit { lines: checkpoint.audit.number, hash: hexadecimal(&checkpoint.audit.hash) },
        decisions: checkpoint.decisions,
        devices: checkpoint.devices.iter().map(|(name, count)| (name.as_str().to_owned(), *count)).collect(),
        hours: checkpoint.hours.iter().map(hour).collect(),
        restored: checkpoint.restored,
        previous: hexadecimal(previous),
        key: signer.map(|signer| signer.id().to_string()),
        public: signer.map(|signer| signer.public().to_string()),
    };
    let body = serde_json::to_string(&body)?;
    let signature =
        signer.map_or_else(|| "null".to_owned(), |signer| format!("\"{}\"", hexadecimal(&signer.sign(&body))));
    let open = body.strip_suffix('}').unwrap_or(&body);
    Ok(format!("{open}{SIGNATURE}{signature}}}"))
}

/// Reads a line, without the line end; a signature is checked if there is one.
pub(super) fn read(line: &str) -> Result<Read, InvalidHead> {
    let format = |why: &str| InvalidHead::Format(why.to_owned());
    let (open, tail) = line.rsplit_once(SIGNATURE).ok_or_else(|| format("it has no signature, not even null"))?;
    let signature = tail.strip_suffix('}').ok_or_else(|| format("it ends too early"))?;
    let text = format!("{open}}}");
    let body: Body = serde_json::from_str(&text).map_err(|error| InvalidHead::Format(error.to_string()))?;
    if body.format != 1 {
        return Err(InvalidHead::Format(format!("it is of format {}", body.format)));
    }
    let signed_by = match (signature, &body.public) {
        ("null", _) => None,
        (signature, Some(public)) => {
            let public: PublicKey = public.parse().map_err(|_| format("its public key is none"))?;
            let digits = signature.strip_prefix('"').and_then(|digits| digits.strip_suffix('"'));
            let signature = digits.and_then(bytes::<64>).ok_or_else(|| format("its signature is none"))?;
            if !public.has_signed(&text, &signature) {
                return Err(InvalidHead::Signature);
            }
            Some(public)
        }
        (_, None) => return Err(format("it is signed and names no public key")),
    };
    let device =
        |name: &str| Name::stored(name).map_err(|error| InvalidHead::Format(format!("device {name:?} {error}")));
    let mut hours = Vec::with_capacity(body.hours.len());
    for (name, hour, samples, sum) in &body.hours {
        let sum = bytes::<8>(sum).map(u64::from_be_bytes).ok_or_else(|| format("a sum is none"))?;
        hours.push((device(name)?, *hour, Bucket { samples: *samples, sum }));
    }
    let mut devices = BTreeMap::new();
    for (name, count) in &body.devices {
        devices.insert(device(name)?, *count);
    }
    let hash = bytes(&body.audit.hash).ok_or_else(|| format("the hash of the audit log is none"))?;
    Ok(Read {
        checkpoint: Checkpoint {
            at: Timestamp::from_micros(body.at).map_err(|error| InvalidHead::Format(error.to_string()))?,
            audit: Head { number: body.audit.lines, hash },
            decisions: body.decisions,
            devices,
            hours,
            restored: body.restored,
        },
        previous: bytes(&body.previous).ok_or_else(|| format("the hash of the line before is none"))?,
        signed_by,
    })
}
