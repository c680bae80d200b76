//! Writes actions of people, changes of permissions, and refused sign-ins into the audit log.
//!
//! In the audit log, a line that was changed later is detected.

use sqal_core::Name;
use sqal_intake::Holder;
use sqal_storage::audit::Action;
use tracing::error;

use crate::door::caller::Caller;
use crate::services::Services;

/// The actor that the audit log names for an unauthenticated caller.
const ANYBODY: &str = "anybody";

/// The longest text of a line, in bytes.
const LONGEST: usize = 255;

/// Who acts, as the audit log and the register name it.
pub(crate) fn actor(caller: &Caller) -> Holder {
    caller.holder().unwrap_or_else(|| word(ANYBODY))
}

impl Services {
    /// Writes an action of a caller into the audit log, if there is one. The answer does not wait
    /// for it. If the audit log cannot be written, the action is written to the log of the process
    /// instead, because stopping a line must not depend on its database.
    pub fn write_down(&self, caller: &Caller, category: &'static str, what: &str) {
        self.log_deed(&actor(caller), category, what);
    }

    /// Writes an action on the server into the audit log, for example that other tokens are in
    /// force.
    pub fn log_deed(&self, actor: &Holder, category: &'static str, what: &str) {
        let Some(custody) = self.storage.custody.clone() else { return };
        let action = Action { at: (self.now)(), actor: *actor, category: word(category), what: short(what) };
        let writing = async move {
            if let Err(why) = custody.log_action(action.clone()).await {
                let Action { actor, category, what, .. } = action;
                error!(
                    error = %why, actor = actor.as_str(), category = category.as_str(), what = what.as_str(),
                    "an action could not be written into the audit log"
                );
            }
        };
        // The end of the process waits for this task. Once the end has begun, no further action is
        // accepted.
        if self.shutdown.spawn("audit log", writing).is_err() {
            error!(
                actor = actor.as_str(),
                category, what, "an action was not written into the audit log, because the server is shutting down"
            );
        }
    }
}

fn word<const N: usize>(text: &str) -> Name<N> {
    Name::new(text).unwrap_or_else(|_| unreachable!("printable, and shorter than {N} bytes"))
}

/// Cuts a text so that a line of the audit log can hold it.
fn short(text: &str) -> Name<LONGEST> {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST).last();
    Name::new(&text[..end.unwrap_or(0)]).unwrap_or_else(|_| word("a text that cannot be shown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_fits_into_a_line() {
        assert_eq!(short("command simulator.pause to D1: done").as_str(), "command simulator.pause to D1: done");
        assert_eq!(short(&"é".repeat(200)).as_str(), "é".repeat(127));
        for odd in ["", "a\nb", "\u{202e}"] {
            assert_eq!(short(odd).as_str(), "a text that cannot be shown", "{odd:?}");
        }
    }
}
