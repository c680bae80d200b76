//! [`signals`]: the signals that begin the shutdown of the server.

use sqal_resilience::shutdown::Signals;

/// The signals that begin the shutdown: SIGTERM, SIGINT, and SIGHUP. If the server was started with
/// `nohup`, SIGHUP is ignored.
pub(crate) fn signals() -> std::io::Result<Signals> {
    let signals = Signals::install()?;
    if hangup_is_ignored() { Ok(signals) } else { signals.and_hangup() }
}

/// Whether this process was started with SIGHUP ignored (proc(5), `SigIgn`: a mask with the first
/// signal in its lowest bit).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
