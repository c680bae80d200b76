//! A Redis server for one test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use fred::prelude::{Builder, Client, ClientLike, Config};
use sqal_storage::Redis;

/// A Redis server of its own, removed with the test.
#[derive(Debug)]
pub(crate) struct RedisServer {
    process: Child,
    pub(crate) url: String,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(port)
    }

    pub(crate) fn start_on(port: u16) -> Self {
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server"])
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is needed: `cargo xtask test` installs it");
        let ready = BufReader::new(process.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        assert!(ready.into_iter().any(|line| line.contains("Ready to accept connections")), "it did not start");
        Self { process, url: format!("redis://127.0.0.1:{port}/0") }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts an empty server on the same port.
    pub(crate) fn start_again(&mut self) {
        let port = self.url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap();
        *self = Self::start_on(port);
    }

    /// A connection as a user of the crate makes it.
    pub(crate) async fn connection(&self) -> Redis {
        let redis = Redis::connect(&self.url).unwrap();
        redis.connected().await.unwrap();
        redis
    }

    /// A client of the driver, to inspect the server past the code under test.
    pub(crate) async fn watcher(&self) -> Client {
        let client = Builder::from_config(Config::from_url(&self.url).unwrap()).build().unwrap();
        client.init().await.unwrap();
        client
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
