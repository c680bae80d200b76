//! [`Beside`]: what came with a sample and is no part of its measurement.

/// What a device sent beside its measurement, as one JSON text; empty for most samples.
///
/// No verdict depends on it: it holds the device's own conclusions, and why a side value is unknown. The text is the server's own, and is bounded there.
/// Without the feature `std` there is no memory to hold a text, and the value is always empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Beside {
    #[cfg(feature = "std")]
    text: Option<std::boxed::Box<str>>,
}

impl Beside {
    /// What came beside a measurement; an empty text is nothing.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: (!text.is_empty()).then(|| text.into()) }
    }

    /// The JSON text, if something came.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}
