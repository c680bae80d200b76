//! [`RedisBuckets`]: token buckets in Redis, with one script and one round trip per answer.

use std::time::Duration;

use fred::prelude::{ConfigInterface, LuaInterface};
use sqal_resilience::{
    Quota,
    bucket::{Answer, BucketBackend, InvalidQuota},
};
use tokio::sync::OnceCell;

use super::{Redis, RedisError};

/// The generic cell rate algorithm on the server's clock, in microseconds (a double is exact to a
/// quarter of one for the next centuries).
///
/// `KEYS[1]` holds the time when the bucket will be full. `ARGV` are the price of a token, the
/// burst, and the number of requested tokens. The answer is whether the tokens were taken, how many
/// are left, the time until the requested tokens are there (-1: never), and the time until the
/// bucket is full, in whole microseconds rounded up. A time that is farther ahead than the refill
/// of an empty bucket (the clock stepped back, or another server took over) is cut to that, and a
/// refusal writes the cut time too.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local price, burst, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = price * burst
local full_at = tonumber(redis.call('GET', KEYS[1])) or now
local missing = math.max(full_at - now, 0)
local stepped_back = missing > full
if stepped_back then missing = full end
local function keep(ahead)
  redis.call('SET', KEYS[1], string.format('%.2f', now + ahead), 'PX', math.ceil(ahead / 1000) + 1)
end
local function left(ahead) return math.floor((full - ahead) / price + 0.000001) end
if n == 0 then return {1, left(missing), 0, math.ceil(missing)} end
if n > burst then return {0, left(missing), -1, math.ceil(missing)} end
local after = missing + n * price
if after <= full * (1 + 1e-12) then
  keep(after)
  return {1, left(after), 0, math.ceil(after)}
end
if stepped_back then keep(missing) end
return {0, left(missing), math.ceil(after - full), math.ceil(missing)}
";

/// Buckets of one quota in a Redis, timed by its clock. Every key expires when its bucket is full.
#[derive(Debug)]
pub struct RedisBuckets {
    redis: Redis,
    prefix: String,
    quota: Quota,
    /// The name of the script on the server, once it is loaded.
    loaded: OnceCell<String>,
}

/// The Redis may evict the keys of limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "maxmemory-policy is {policy}: under pressure this Redis forgets limits, and every limited client is let in; \
     use volatile-ttl or noeviction, or a Redis of its own"
)]
pub struct EvictionPolicyError {
    /// The eviction policy of the Redis.
    pub policy: String,
}

impl RedisBuckets {
    /// Buckets whose keys begin with this prefix.
    ///
    /// The time limit of the connection ([`Redis::connect_within`]) should be shorter than the
    /// caller's. Redis runs a command even after its caller has given up, and takes the tokens.
    ///
    /// # Errors
    ///
    /// [`InvalidQuota`] if the quota has more than a hundred tokens per microsecond, or if its
    /// bucket takes more than thirty years to fill: the script counts in microseconds.
    pub fn new(redis: &Redis, prefix: impl Into<String>, quota: Quota) -> Result<Self, InvalidQuota> {
        let price = quota.period.as_secs_f64() * 1e6 / f64::from(quota.refill.get());
        if !(price >= 0.01 && price * f64::from(quota.burst.get()) <= 1e15) {
            return Err(InvalidQuota { refill: quota.refill.get(), period: quota.period });
        }
        Ok(Self { redis: redis.clone(), prefix: prefix.into(), quota, loaded: OnceCell::new() })
    }

    /// Checks whether Redis may evict limits when its memory is short. Call this at start and
    /// report the result.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if Redis does not state its policy; the inner error if it may evict limits.
    pub async fn check_eviction(&self) -> Result<Result<(), EvictionPolicyError>, RedisError> {
        let said: Vec<String> =
            self.redis.client.config_get("maxmemory-policy").await.map_err(|error| RedisError::of(&error))?;
        let policy = said.into_iter().nth(1).unwrap_or_default();
        // Each volatile policy except the one by time may evict any key that expires, as all of
        // these do.
        let keeps = matches!(policy.as_str(), "noeviction" | "volatile-ttl");
        Ok(if keeps { Ok(()) } else { Err(EvictionPolicyError { policy }) })
    }

    async fn ask(&self, key: &str, n: u32) -> Result<[i64; 4], fred::error::Error> {
        // The braces make a cluster keep everything of one key together.
        let keys = vec![format!("{}:{{{key}}}", self.prefix)];
        let price = self.quota.period.as_secs_f64() * 1e6 / f64::from(self.quota.refill.get());
        let arguments = vec![format!("{price:.17e}"), self.quota.burst.to_string(), n.to_string()];
        let name = self.loaded.get_or_try_init(|| self.redis.client.script_load::<String, _>(SCRIPT)).await?;
        let answer: Vec<i64> = match self.redis.client.evalsha(name.as_str(), keys.clone(), arguments.clone()).await {
            // The scripts were flushed, or the server is another one: this loads the script again.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                self.redis.client.eval(SCRIPT, keys, arguments).await?
            }
            answer => answer?,
        };
        answer.try_into().map_err(|answer: Vec<i64>| {
            fred::error::Error::new(fred::error::ErrorKind::Protocol, format!("{} numbers instead of 4", answer.len()))
        })
    }
}

impl BucketBackend for RedisBuckets {
    type Error = RedisError;

    async fn take(&self, key: &str, n: u32) -> Result<Answer, RedisError> {
        let [allowed, left, wait, full] = self.ask(key, n).await.map_err(|error| RedisError::of(&error))?;
        let micros = |micros: i64| u64::try_from(micros).ok().map(Duration::from_micros);
        Ok(Answer {
            allowed: allowed == 1,
            limit: self.quota.burst.get(),
            remaining: u32::try_from(left).unwrap_or(0),
            retry_after: micros(wait),
            reset_after: micros(full).unwrap_or_default(),
        })
    }
}
