//! [`now`]: where wall time enters the commands.

use std::time::SystemTime;

use sqal_core::Timestamp;

/// The machine's wall clock.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "wall time enters here, and is data everywhere else")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(micros)
        .or_else(|_| Timestamp::from_micros(0))
        .unwrap_or_else(|_| unreachable!("1970 is a year"))
}
