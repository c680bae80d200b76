//! A resolver that answers from a script.

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqal_client::{Resolver, Resolving};

/// Answers one after the other; the last one is repeated. An answer is a list of addresses, `-` for
/// no address, `!` for an error, or an empty text for an answer that never comes.
#[derive(Debug)]
pub(crate) struct Script {
    answers: Mutex<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Script {
    pub(crate) fn new(answers: &[&'static str]) -> Self {
        Self { answers: Mutex::new(answers.to_vec()), asked: AtomicUsize::new(0) }
    }

    /// How often the resolver was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        Box::pin(async move {
            match answer {
                "" => std::future::pending().await,
                "!" => Err(io::Error::other("the name server is away")),
                "-" => Ok(Vec::new()),
                addresses => Ok(addresses.split(' ').map(|address| address.parse::<IpAddr>().unwrap()).collect()),
            }
        })
    }
}
