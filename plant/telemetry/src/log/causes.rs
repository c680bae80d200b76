//! [`with_causes`]: an error in one text, with what caused it.

use std::error::Error;

/// The message of an error and those of its causes, in order, with colons between.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        // A transparent error repeats the text of its cause, which is then left out.
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}
