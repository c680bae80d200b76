//! What the commands print for their user.

use std::io::Write;

/// Writes a line to standard error; a closed pipe is not an error.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
