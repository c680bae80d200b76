//! [`EventException`] and [`StackFrame`]: what was thrown, and where.

use serde_json::Value;

use super::fields::{list, text};
use super::{LONGEST_MESSAGE, LONGEST_NAME, MOST_FRAMES, last};

/// An exception of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventException {
    /// The name of its type.
    pub kind: Option<String>,
    /// Its message.
    pub value: Option<String>,
    /// The module of its type.
    pub module: Option<String>,
    /// Its stack, the oldest frame first.
    pub frames: Vec<StackFrame>,
}

/// A frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackFrame {
    /// The name of the function.
    pub function: Option<String>,
    /// The name of the module.
    pub module: Option<String>,
    /// The name of the file.
    pub file: Option<String>,
    /// The line in the file.
    pub line: Option<u64>,
    /// Whether the frame is of the program and not of a library.
    pub is_own: bool,
}

/// Reads an exception; `None` if nothing is known of it.
pub(super) fn exception(value: &Value) -> Option<EventException> {
    let exception = EventException {
        kind: text(value.get("type"), LONGEST_NAME),
        value: text(value.get("value"), LONGEST_MESSAGE),
        module: text(value.get("module"), LONGEST_NAME),
        frames: frames(value.get("stacktrace")),
    };
    (exception != EventException::default()).then_some(exception)
}

/// Reads a stack.
pub(super) fn frames(stack: Option<&Value>) -> Vec<StackFrame> {
    last(list(stack, "frames"), MOST_FRAMES).iter().map(frame).collect()
}

fn frame(value: &Value) -> StackFrame {
    let file = value.get("filename").filter(|file| !file.is_null()).or_else(|| value.get("abs_path"));
    StackFrame {
        function: text(value.get("function"), LONGEST_NAME),
        module: text(value.get("module"), LONGEST_NAME),
        file: text(file, LONGEST_NAME),
        line: value.get("lineno").and_then(Value::as_u64),
        is_own: value.get("in_app").and_then(Value::as_bool) == Some(true),
    }
}
