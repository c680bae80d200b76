//! Binds the address of the server, and warns if every caller may do everything.

use std::net::SocketAddr;

use sqal_http::Access;
use tokio::net::TcpListener;
use tracing::warn;

use crate::listen;
use crate::server_error::ServerError;

/// The listener of the server.
pub(super) fn bind(address: SocketAddr, access: &Access) -> Result<TcpListener, ServerError> {
    let listener = listen::bind(address).map_err(|source| ServerError::Listen { address, source })?;
    let address = listener.local_addr()?;
    if access.is_open() {
        warn!(%address, "no authentication: every client that reaches this address may do everything; set SQAL_TOKENS_FILE to limit it");
    }
    Ok(listener)
}
