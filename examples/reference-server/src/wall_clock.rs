//! [`wall_clock`]: where wall time enters the server.

use std::time::SystemTime;

use sqal_core::Timestamp;

/// The wall clock of the machine. The server reads it here only.
#[must_use]
pub fn wall_clock() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "wall time enters here, and is data everywhere else")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    // A clock beyond the year 9999 is wrong. With the year 1970 instead, every frame is "in the
    // future", which is noticed at once.
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}
