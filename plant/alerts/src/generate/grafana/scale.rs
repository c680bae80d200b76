//! [`PanelUnit`], [`PanelScale`] and [`StateWord`]: how Grafana shows a value, and in which color.

use serde_json::{Map, Value, json};

/// The unit of the values of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PanelUnit {
    /// A number without a unit, shortened to 1.2 K.
    Number,
    /// A score or another number that is shown as it is.
    Plain,
    /// A share from 0 to 1, shown in percent.
    Share,
    /// Seconds.
    Seconds,
    /// Bytes, shown in KiB, MiB, GiB.
    Bytes,
    /// Requests in a second.
    Requests,
    /// Events in a second.
    Rate,
    /// A text, such as a name.
    Text,
}

impl PanelUnit {
    /// The identifier of the unit in Grafana.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Number => "short",
            Self::Plain => "none",
            Self::Share => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Requests => "reqps",
            Self::Rate => "cps",
            Self::Text => "string",
        }
    }
}

/// Which values are healthy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PanelScale {
    /// Every value has the color of its series.
    Neutral,
    /// Low values are healthy.
    Rising {
        /// The value from which on a person should look.
        warning: f64,
        /// The value from which on a person must act.
        critical: f64,
    },
    /// High values are healthy.
    Falling {
        /// The value below which a person must act.
        critical: f64,
        /// The value below which a person should look.
        warning: f64,
    },
}

impl PanelScale {
    /// Values below `limit` are healthy, the others are not.
    pub(super) const fn below(limit: f64) -> Self {
        Self::Rising { warning: limit, critical: limit }
    }

    /// The steps of color, from the lowest value up. Grafana takes `null` as minus infinity.
    pub(super) fn steps(self) -> Value {
        let step = |from: Option<f64>, color: &str| json!({ "color": color, "value": from });
        match self {
            Self::Neutral => json!([step(None, "green")]),
            Self::Rising { warning, critical } if warning < critical => {
                json!([step(None, "green"), step(Some(warning), "yellow"), step(Some(critical), "red")])
            }
            Self::Rising { critical, .. } => json!([step(None, "green"), step(Some(critical), "red")]),
            Self::Falling { critical, warning } => {
                json!([step(None, "red"), step(Some(critical), "yellow"), step(Some(warning), "green")])
            }
        }
    }

    /// Whether the scale has limits that a chart can draw.
    pub(super) fn has_limits(self) -> bool {
        self != Self::Neutral
    }
}

/// The word and the color of one value of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StateWord {
    value: &'static str,
    word: &'static str,
    color: &'static str,
}

impl StateWord {
    /// A value as the metric has it, its word, and a color of Grafana.
    pub(super) const fn new(value: &'static str, word: &'static str, color: &'static str) -> Self {
        Self { value, word, color }
    }
}

/// The mappings of a panel or a column: one that names every value, or none.
pub(super) fn mappings(words: &[StateWord]) -> Value {
    if words.is_empty() {
        return json!([]);
    }
    let options: Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(index, word)| (word.value.to_owned(), json!({ "color": word.color, "index": index, "text": word.word })))
        .collect();
    json!([{ "options": options, "type": "value" }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_rise_and_begin_at_minus_infinity() {
        for (scale, colors) in [
            (PanelScale::Neutral, vec!["green"]),
            (PanelScale::Rising { warning: 1.0, critical: 2.0 }, vec!["green", "yellow", "red"]),
            (PanelScale::below(1.0), vec!["green", "red"]),
            (PanelScale::Falling { critical: 0.5, warning: 0.7 }, vec!["red", "yellow", "green"]),
        ] {
            let steps = scale.steps();
            let steps = steps.as_array().unwrap();
            assert_eq!(steps.iter().map(|step| step["color"].as_str().unwrap()).collect::<Vec<_>>(), colors);
            assert!(steps[0]["value"].is_null());
            assert!(steps[1..].is_sorted_by(|a, b| a["value"].as_f64().unwrap() < b["value"].as_f64().unwrap()));
        }
    }

    #[test]
    fn each_value_of_a_state_has_its_word_and_its_place() {
        assert_eq!(mappings(&[]), json!([]));
        let words = [StateWord::new("0", "closed", "green"), StateWord::new("1", "open", "red")];
        let options = &mappings(&words)[0]["options"];
        assert_eq!(options["0"], json!({ "color": "green", "index": 0, "text": "closed" }));
        assert_eq!(options["1"], json!({ "color": "red", "index": 1, "text": "open" }));
    }
}
