//! [`Beside`]: data that came with a sample and is not part of its measurement.

/// The data that a device sent beside its measurement, as one JSON text; empty for most samples.
///
/// No verdict depends on this text. It holds the device's own conclusions, and the reasons why a
/// side value is unknown. The server writes the text and limits its length. Without the feature
/// `std` there is no memory to hold a text, and the value is always empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Beside {
    #[cfg(feature = "std")]
    text: Option<std::boxed::Box<str>>,
}

impl Beside {
    /// A value that holds `text`; if `text` is empty, the value is empty.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: (!text.is_empty()).then(|| text.into()) }
    }

    /// The JSON text; `None` if the value is empty.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}
