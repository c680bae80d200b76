//! [`Panel`]: what a panel of a dashboard asks, and how it shows the answer.

use serde_json::{Value, json};

use super::column::{Column, transformations};
use super::look::PanelLook;
use super::panel_query::PanelQueryKind;
use super::scale::{PanelScale, PanelUnit, StateWord, mappings};

/// The matchers in whose place queries write `$server`: the job and the servers that the reader has
/// chosen.
const SERVER: &str = r#"job=~"$job",instance=~"$instance""#;

/// A query of a panel, and the names of its series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PanelTarget {
    /// The language of the query.
    pub(super) kind: PanelQueryKind,
    /// The query.
    pub(super) text: String,
    legend: &'static str,
}

/// A panel of a dashboard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panel {
    /// The title.
    pub(super) title: &'static str,
    /// The width in 24ths of the page.
    pub(super) width: u32,
    /// The height in rows of 30 pixels.
    pub(super) height: u32,
    /// The queries, in the order of their letters.
    pub(super) targets: Vec<PanelTarget>,
    description: &'static str,
    look: PanelLook,
    unit: PanelUnit,
    scale: PanelScale,
    words: &'static [StateWord],
    lowest: Option<f64>,
    columns: Vec<Column>,
    hidden: &'static [&'static str],
}

impl Panel {
    /// A panel without a query. `description` says what its values are and what a reader does with
    /// them.
    pub(super) fn new(look: PanelLook, title: &'static str, description: &'static str) -> Self {
        let (width, height) = if matches!(look, PanelLook::Figure) { (6, 4) } else { (12, 8) };
        Self {
            title,
            width,
            height,
            targets: Vec::new(),
            description,
            look,
            unit: PanelUnit::Number,
            scale: PanelScale::Neutral,
            words: &[],
            lowest: Some(0.0),
            columns: Vec::new(),
            hidden: &[],
        }
    }

    /// Adds a query of Prometheus, in which `$server` stands for the chosen job and servers. The
    /// legend names a series by its labels (`{{device}}`).
    pub(super) fn promql(mut self, legend: &'static str, text: &str) -> Self {
        let text = text.replace("$server", SERVER);
        self.targets.push(PanelTarget { kind: PanelQueryKind::Promql, text, legend });
        self
    }

    /// Adds a query of PostgreSQL.
    pub(super) fn sql(mut self, text: &str) -> Self {
        self.targets.push(PanelTarget { kind: PanelQueryKind::Sql, text: text.to_owned(), legend: "" });
        self
    }

    /// Sets the unit.
    pub(super) fn unit(mut self, unit: PanelUnit) -> Self {
        self.unit = unit;
        self
    }

    /// Sets which values are healthy.
    pub(super) fn scale(mut self, scale: PanelScale) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the words of the values of a state.
    pub(super) fn words(mut self, words: &'static [StateWord]) -> Self {
        self.words = words;
        self
    }

    /// Sets the width in 24ths of the page, and the height.
    pub(super) fn size(mut self, width: u32, height: u32) -> Self {
        self.width = width;
        self.height = height;
        self
    }

    /// Lets the axis begin below 0.
    pub(super) fn may_be_negative(mut self) -> Self {
        self.lowest = None;
        self
    }

    /// Sets the columns of a table of answers of Prometheus, and the labels that it leaves out.
    pub(super) fn columns(mut self, columns: &[Column], hidden: &'static [&'static str]) -> Self {
        self.columns = columns.to_vec();
        self.hidden = hidden;
        self
    }

    /// The panel as Grafana reads it, with its number and its place on the page.
    pub(super) fn json(&self, id: usize, x: u32, y: u32) -> Value {
        let by_sql = self.is_by_sql();
        let transformed = !by_sql && self.look == PanelLook::Rows;
        let targets: Value =
            self.targets.iter().zip('A'..='Z').map(|(target, letter)| self.target(target, letter)).collect();
        json!({
            "datasource": self.targets.first().map(|target| target.kind.source().reference()),
            "description": self.description,
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides() },
            "gridPos": { "h": self.height, "w": self.width, "x": x, "y": y },
            "id": id,
            "options": self.look.options(by_sql),
            "targets": targets,
            "title": self.title,
            "transformations": if transformed { transformations(&self.columns, self.hidden) } else { json!([]) },
            "type": self.look.id(),
        })
    }

    /// Whether the database answers. Its answer has a row for each value.
    fn is_by_sql(&self) -> bool {
        self.targets.iter().any(|target| target.kind == PanelQueryKind::Sql)
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({
            "color": { "mode": self.look.color_mode() },
            "custom": self.look.custom(self.scale.has_limits()),
            "mappings": mappings(self.words),
            "thresholds": { "mode": "absolute", "steps": self.scale.steps() },
            "unit": self.unit.id(),
        });
        if let (Some(lowest), Some(fields)) = (self.lowest, defaults.as_object_mut()) {
            fields.insert("min".to_owned(), json!(lowest));
        }
        defaults
    }

    fn overrides(&self) -> Value {
        self.columns.iter().copied().map(Column::overrides).collect()
    }

    fn target(&self, target: &PanelTarget, letter: char) -> Value {
        let instant = self.look.is_instant();
        // An exemplar leads from a time that was measured to its trace.
        let exemplars = !instant && self.unit == PanelUnit::Seconds;
        match target.kind {
            PanelQueryKind::Promql => json!({
                "datasource": target.kind.source().reference(),
                "editorMode": "code",
                "exemplar": exemplars,
                "expr": target.text,
                "format": self.look.promql_format(),
                "instant": instant,
                "legendFormat": target.legend,
                "range": !instant,
                "refId": letter,
            }),
            PanelQueryKind::Sql => json!({
                "datasource": target.kind.source().reference(),
                "editorMode": "code",
                "format": self.look.sql_format(),
                "rawQuery": true,
                "rawSql": target.text,
                "refId": letter,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_of_the_servers_that_are_chosen() {
        let panel = Panel::new(PanelLook::Lines, "Up", "Whether a server is up.").promql("{{instance}}", "up{$server}");
        let json = panel.json(7, 12, 3);
        assert_eq!(json["targets"][0]["expr"], r#"up{job=~"$job",instance=~"$instance"}"#);
        assert_eq!((&json["targets"][0]["range"], &json["targets"][0]["refId"]), (&json!(true), &json!("A")));
        assert_eq!(json["gridPos"], json!({ "h": 8, "w": 12, "x": 12, "y": 3 }));
        assert_eq!(json["fieldConfig"]["defaults"]["min"], 0.0);
    }

    #[test]
    fn each_row_of_a_database_is_a_value() {
        let panel = Panel::new(PanelLook::Shares, "Versions", "The stations by version.").sql("SELECT 1");
        let json = panel.json(1, 0, 0);
        assert_eq!(json["options"]["reduceOptions"]["values"], true);
        assert_eq!(json["datasource"]["uid"], "${DS_SQL}");
        assert_eq!(
            (&json["targets"][0]["rawSql"], &json["targets"][0]["format"]),
            (&json!("SELECT 1"), &json!("table"))
        );
    }
}
