//! [`Redis`]: a connection that reconnects by itself, and never lets a caller wait for long.

use std::sync::Arc;
use std::time::Duration;

use fred::prelude::{Builder, Client, ClientLike, Config, ReconnectPolicy};

use crate::connection_url::{self, Parameters};

/// Why Redis did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("redis: {0}")]
pub struct RedisError(String);

impl RedisError {
    /// The text of the driver's error, without the driver's type.
    pub(super) fn of(error: &fred::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// The parameters that the driver reads after the `?`.
const PARAMETERS: Parameters = Parameters {
    listed: "node, sentinelServiceName, sentinelUsername, sentinelPassword",
    known: |name| ["node", "sentinelServiceName", "sentinelUsername", "sentinelPassword"].contains(&name),
};

/// A connection to a Redis; clones share it.
#[derive(Clone, Debug)]
pub struct Redis {
    pub(super) client: Client,
    _connecting: Arc<Connecting>,
}

/// The driver's task, which would run without end: it ends with the last handle of [`Redis`].
#[derive(Debug)]
struct Connecting(fred::types::ConnectHandle);

impl Drop for Connecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Redis {
    /// Checks a URL without connecting.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if the URL cannot be parsed, or a character of its password must be
    /// percent-encoded; its text holds no part of the URL.
    pub fn check(url: &str) -> Result<(), RedisError> {
        Self::config(url).map(|_| ())
    }

    fn config(url: &str) -> Result<Config, RedisError> {
        let refused = |what: &str| RedisError(what.to_owned());
        let usual = "not a URL of Redis: expected redis://user:password@host:port/database";
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refused(usual))?;
        match scheme {
            "redis" | "redis-cluster" | "redis-sentinel" => {}
            // The driver is built without TLS, and would send the password in the clear.
            "rediss" | "rediss-cluster" | "rediss-sentinel" => {
                return Err(refused(
                    "this program speaks no TLS with Redis: use redis:// on a network that only your servers reach",
                ));
            }
            _ => return Err(refused(usual)),
        }
        connection_url::check(rest, PARAMETERS).map_err(|fault| refused(&fault.to_string()))?;
        // The driver's error about a URL may quote it.
        Config::from_url(url).map_err(|_| refused(usual))
    }

    /// The Redis at a URL (`redis://host:port/db`).
    ///
    /// The connection is made in the background, now or when Redis becomes reachable, so a process
    /// starts without Redis. Call this function within a tokio runtime.
    ///
    /// A command without an answer after a quarter of a second fails. A connection without any
    /// answer for a second is replaced. (The defaults of the driver wait without a limit.)
    ///
    /// # Errors
    ///
    /// [`RedisError`] if the URL cannot be used; see [`Redis::check`].
    pub fn connect(url: &str) -> Result<Self, RedisError> {
        Self::connect_within(url, Duration::from_millis(250))
    }

    /// The Redis at a URL, with another time limit for a command.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if the URL cannot be used; see [`Redis::check`].
    pub fn connect_within(url: &str, answer: Duration) -> Result<Self, RedisError> {
        let config = Self::config(url)?;
        let mut builder = Builder::from_config(Config { fail_fast: false, ..config });
        builder
            .with_performance_config(|performance| performance.default_command_timeout = answer)
            .with_connection_config(|connection| {
                connection.connection_timeout = Duration::from_millis(500);
                connection.internal_command_timeout = Duration::from_millis(500);
                connection.max_command_attempts = 1;
                // The number of commands that wait for a connection is limited too.
                connection.max_command_buffer_len = 10_000;
                connection.unresponsive.max_timeout = Some(Duration::from_secs(1));
                connection.unresponsive.interval = Duration::from_millis(250);
            })
            // Without end, every 50 ms at first and every 2 s at last.
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 2000, 2));
        let client = builder.build().map_err(|error| RedisError::of(&error))?;
        let connecting = Arc::new(Connecting(client.connect()));
        Ok(Self { client, _connecting: connecting })
    }

    /// Checks that Redis answers.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if Redis does not answer within the time for a command.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.client.ping::<()>(None).await.map_err(|error| RedisError::of(&error))
    }

    /// Ends the connection, at most in the time for a command; dropping the last handle ends it
    /// too.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if Redis did not confirm the end; the connection is closed nevertheless.
    pub async fn close(&self) -> Result<(), RedisError> {
        self.client.quit().await.map_err(|error| RedisError::of(&error))
    }

    /// Waits for the first connection.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if no connection can be made.
    pub async fn connected(&self) -> Result<(), RedisError> {
        self.client.wait_for_connect().await.map_err(|error| RedisError::of(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_without_a_word_of_it() {
        for url in
            ["redis://cache:6379/0", "redis://:p%2Fw@cache", "redis-sentinel://c:1/0?sentinelServiceName=a&node=b:2"]
        {
            assert!(Redis::check(url).is_ok(), "{url}");
        }
        for url in [
            "hunter2",
            "http://hunter2",
            "redis://:hunter2/x@cache:6379/0",
            "redis://u:hunter2?@cache",
            "redis://u:hunter2#@cache",
            "redis://cache:hunter2",
            "redis://cache:6379/hunter2",
            "redis://cache?hunter2=1",
            "redis-cluster://cache:1?node=hunter2",
            "redis://u:hunter2%@cache",
            "rediss://u:hunter2@cache",
        ] {
            let refused = Redis::check(url).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{url}: {refused:?}");
        }
    }
}
