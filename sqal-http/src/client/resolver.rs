//! [`Resolver`]: who knows the addresses of a name.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The addresses of a name, when they are known.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Somebody who knows the addresses of names. Whatever is answered, the client connects to those only that it may call, and does not ask twice: what is checked
/// is what is connected to.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a host, the best one first; an error or none at all means that there is no connection now.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The machine's own resolver (`getaddrinfo`), on a thread of tokio's for what blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}
