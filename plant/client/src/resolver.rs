//! [`Resolver`]: finds the addresses of a name.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The future of the addresses of a name.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of names. The client connects only to those of the addresses that it may
/// call. It does not resolve the name a second time: the address that is checked is the address
/// that is connected to.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a host, the best one first. An error or an empty list means that there is
    /// no connection now.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The machine's own resolver (`getaddrinfo`), on one of tokio's threads for blocking calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}
