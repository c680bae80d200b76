//! The file of tokens is read again when it changes, so that one is replaced without a restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqal_http::{Access, TokenFile};
use tracing::{info, warn};

use crate::config::tokens;

/// How often it is looked whether it has changed.
const EVERY: Duration = Duration::from_secs(2);

/// Looks at the file for ever, from what `access` was made of on. One that cannot be used changes nothing, and is told once; one without a token in it shuts
/// everybody out.
pub(crate) async fn follow(path: PathBuf, first: TokenFile, access: Arc<Access>) {
    let mut known = Ok(first);
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let found = tokens(&path);
        if found == known {
            continue;
        }
        let replaced = found.clone().and_then(|file| access.replace(file).map_err(|error| error.to_string()));
        match replaced {
            Ok(()) => info!(?access, "other tokens from now on"),
            Err(error) => warn!(%error, "the tokens stay as they were"),
        }
        known = found;
    }
}
