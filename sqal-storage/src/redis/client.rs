//! [`Redis`]: a connection that heals by itself, and never lets a caller wait for long.

use std::sync::Arc;
use std::time::Duration;

use fred::prelude::{Builder, Client, ClientLike, Config, ReconnectPolicy};

/// Why Redis did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("redis: {0}")]
pub struct RedisError(String);

impl RedisError {
    /// What the driver says, without the driver's type.
    pub(super) fn of(error: &fred::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// A connection to a Redis; clones share it.
#[derive(Clone, Debug)]
pub struct Redis {
    pub(super) client: Client,
    _connecting: Arc<Connecting>,
}

/// The driver's task, which would go on for ever: it ends with the last handle of ours.
#[derive(Debug)]
struct Connecting(fred::types::ConnectHandle);

impl Drop for Connecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Redis {
    /// The Redis at a URL (`redis://host:port/db`). It connects by itself, now or whenever Redis is there, so a process starts without it; to be called within
    /// a tokio runtime.
    ///
    /// A command that has no answer after a quarter of a second fails; a connection that answers nothing for a second is replaced. (The defaults of the
    /// driver wait for ever.)
    ///
    /// # Errors
    ///
    /// [`RedisError`] for a URL that is none.
    pub fn connect(url: &str) -> Result<Self, RedisError> {
        Self::connect_within(url, Duration::from_millis(250))
    }

    /// The same with another time for a command.
    ///
    /// # Errors
    ///
    /// As [`Redis::connect`].
    pub fn connect_within(url: &str, answer: Duration) -> Result<Self, RedisError> {
        let config = Config::from_url(url).map_err(|error| RedisError::of(&error))?;
        let mut builder = Builder::from_config(Config { fail_fast: false, ..config });
        builder
            .with_performance_config(|performance| performance.default_command_timeout = answer)
            .with_connection_config(|connection| {
                connection.connection_timeout = Duration::from_millis(500);
                connection.internal_command_timeout = Duration::from_millis(500);
                connection.max_command_attempts = 1;
                // What waits for a connection is bounded too.
                connection.max_command_buffer_len = 10_000;
                connection.unresponsive.max_timeout = Some(Duration::from_secs(1));
                connection.unresponsive.interval = Duration::from_millis(250);
            })
            // For ever, every 50 ms at first and every 2 s at last.
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 2000, 2));
        let client = builder.build().map_err(|error| RedisError::of(&error))?;
        let connecting = Arc::new(Connecting(client.connect()));
        Ok(Self { client, _connecting: connecting })
    }

    /// Whether it answers.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if it does not, within the time for a command.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.client.ping::<()>(None).await.map_err(|error| RedisError::of(&error))
    }

    /// Ends the connection, at most in the time for a command; the last handle that is dropped ends it too.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if Redis did not take the farewell; the connection is gone all the same.
    pub async fn close(&self) -> Result<(), RedisError> {
        self.client.quit().await.map_err(|error| RedisError::of(&error))
    }

    /// Waits until it is connected for the first time.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if that cannot be.
    pub async fn connected(&self) -> Result<(), RedisError> {
        self.client.wait_for_connect().await.map_err(|error| RedisError::of(&error))
    }
}
