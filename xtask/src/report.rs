//! What the commands say to whoever started them.

use std::io::Write;

/// Writes a line to standard error; a closed pipe is nobody's failure.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
