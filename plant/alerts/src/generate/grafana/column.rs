//! [`Column`]: a column of a table, with its unit, its scale and its words.

use serde_json::{Map, Value, json};

use super::scale::{PanelScale, PanelUnit, StateWord, mappings};

/// A column of a panel that shows rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    field: &'static str,
    name: &'static str,
    unit: PanelUnit,
    scale: PanelScale,
    words: &'static [StateWord],
}

impl Column {
    /// A column of texts. `field` is the label or the value of an answer, `Value #A` of the first
    /// query; `name` is what readers see.
    pub(super) const fn new(field: &'static str, name: &'static str) -> Self {
        Self { field, name, unit: PanelUnit::Text, scale: PanelScale::Neutral, words: &[] }
    }

    /// Sets the unit and the scale of a column of numbers.
    pub(super) const fn of(mut self, unit: PanelUnit, scale: PanelScale) -> Self {
        self.unit = unit;
        self.scale = scale;
        self
    }

    /// Sets the words of the values.
    pub(super) const fn words(mut self, words: &'static [StateWord]) -> Self {
        self.words = words;
        self
    }

    /// What the column has in place of the general fields of its panel.
    pub(super) fn overrides(self) -> Value {
        let mut properties = vec![json!({ "id": "unit", "value": self.unit.id() })];
        if self.scale.has_limits() {
            let steps = json!({ "mode": "absolute", "steps": self.scale.steps() });
            properties.push(json!({ "id": "thresholds", "value": steps }));
        }
        if !self.words.is_empty() {
            properties.push(json!({ "id": "mappings", "value": mappings(self.words) }));
        }
        if self.scale.has_limits() || !self.words.is_empty() {
            properties.push(json!({ "id": "custom.cellOptions", "value": { "type": "color-text" } }));
        }
        json!({ "matcher": { "id": "byName", "options": self.name }, "properties": properties })
    }
}

/// The steps that make one table of the answers of Prometheus: rows with equal labels are one row,
/// and columns stand in the order in which they are given. Labels in `hidden` are left out.
pub(super) fn transformations(columns: &[Column], hidden: &[&str]) -> Value {
    let order: Map<String, Value> =
        columns.iter().enumerate().map(|(index, column)| (column.field.to_owned(), json!(index))).collect();
    let names: Map<String, Value> =
        columns.iter().map(|column| (column.field.to_owned(), json!(column.name))).collect();
    let left_out: Map<String, Value> =
        ["Time"].iter().chain(hidden).map(|field| ((*field).to_owned(), json!(true))).collect();
    json!([
        { "id": "merge", "options": {} },
        {
            "id": "organize",
            "options": {
                "excludeByName": left_out,
                "includeByName": {},
                "indexByName": order,
                "renameByName": names,
            },
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 2] = [
        Column::new("device", "Station"),
        Column::new("Value #A", "Age").of(PanelUnit::Seconds, PanelScale::below(60.0)),
    ];

    #[test]
    fn a_column_of_texts_has_no_color() {
        let [text, number] = COLUMNS.map(Column::overrides);
        assert_eq!(text["properties"], json!([{ "id": "unit", "value": "string" }]));
        assert_eq!(number["matcher"]["options"], "Age", "fields are renamed before their overrides are applied");
        assert_eq!(number["properties"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn columns_stand_in_the_order_in_which_they_are_given() {
        let all = transformations(&COLUMNS, &["job"]);
        let options = &all[1]["options"];
        assert_eq!(options["indexByName"], json!({ "device": 0, "Value #A": 1 }));
        assert_eq!(options["excludeByName"], json!({ "Time": true, "job": true }));
    }
}
