//! [`PanelLook`]: as what a panel is drawn, with the options that Grafana has for it.

use serde_json::{Value, json};

/// As what a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PanelLook {
    /// The newest value of each series, in large digits.
    Figure,
    /// Lines over time.
    Lines,
    /// Lines over time that add up to a whole.
    Stack,
    /// One bar for each hour, whose parts add up.
    Columns,
    /// The distribution of a histogram over time.
    Distribution,
    /// One bar for each element of the newest answer.
    Ranking,
    /// Rows and columns.
    Rows,
    /// The shares of a whole.
    Shares,
    /// States over time.
    States,
}

impl PanelLook {
    /// The name of the visualization in Grafana.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Figure => "stat",
            Self::Lines | Self::Stack | Self::Columns => "timeseries",
            Self::Distribution => "heatmap",
            Self::Ranking => "bargauge",
            Self::Rows => "table",
            Self::Shares => "piechart",
            Self::States => "state-timeline",
        }
    }

    /// Whether only the newest answer of a query is drawn.
    pub(super) const fn is_instant(self) -> bool {
        matches!(self, Self::Figure | Self::Ranking | Self::Rows | Self::Shares)
    }

    /// The format in which the data source of Prometheus answers.
    pub(super) const fn promql_format(self) -> &'static str {
        match self {
            Self::Distribution => "heatmap",
            Self::Rows => "table",
            _ => "time_series",
        }
    }

    /// The format in which the data source of PostgreSQL answers: charts over time need one series
    /// for each column.
    pub(super) const fn sql_format(self) -> &'static str {
        match self {
            Self::Lines | Self::Stack | Self::Columns | Self::States => "time_series",
            _ => "table",
        }
    }

    /// How the color of a value is chosen: by the scale of the panel, or one for each series.
    pub(super) const fn color_mode(self) -> &'static str {
        match self {
            Self::Figure | Self::Ranking | Self::Rows | Self::States => "thresholds",
            Self::Lines | Self::Stack | Self::Columns | Self::Distribution | Self::Shares => "palette-classic",
        }
    }

    /// The options of the visualization. `of_rows` says that each row of the answer is a value.
    pub(super) fn options(self, of_rows: bool) -> Value {
        let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": of_rows });
        match self {
            Self::Figure => json!({
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "reduceOptions": reduce,
                "textMode": "auto",
                "wideLayout": true,
            }),
            Self::Lines | Self::Stack | Self::Columns => json!({
                "legend": legend("table", "bottom", &["lastNotNull", "max"]),
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Self::Distribution => distribution(),
            Self::Ranking => json!({
                "displayMode": "basic",
                "minVizHeight": 16,
                "minVizWidth": 8,
                "namePlacement": "auto",
                "orientation": "horizontal",
                "reduceOptions": reduce,
                "showUnfilled": true,
                "sizing": "auto",
                "valueMode": "color",
            }),
            Self::Rows => json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true }),
            Self::Shares => shares(&reduce),
            Self::States => json!({
                "alignValue": "left",
                "legend": legend("list", "bottom", &[]),
                "mergeValues": true,
                "rowHeight": 0.9,
                "showValue": "auto",
                "tooltip": { "mode": "single", "sort": "none" },
            }),
        }
    }

    /// What the visualization keeps beside the general fields of a series.
    pub(super) fn custom(self, draws_limits: bool) -> Value {
        let stacking = if self == Self::Lines { "none" } else { "normal" };
        match self {
            Self::Lines | Self::Stack | Self::Columns => json!({
                "drawStyle": if self == Self::Columns { "bars" } else { "line" },
                "fillOpacity": if self == Self::Lines { 5 } else { 60 },
                "lineWidth": 1,
                "showPoints": "never",
                "spanNulls": false,
                "stacking": { "group": "A", "mode": stacking },
                "thresholdsStyle": { "mode": if draws_limits { "line" } else { "off" } },
            }),
            Self::Rows => json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false }),
            Self::States => json!({ "fillOpacity": 70, "lineWidth": 0 }),
            Self::Distribution => json!({ "scaleDistribution": { "type": "linear" } }),
            Self::Figure | Self::Ranking | Self::Shares => json!({}),
        }
    }
}

/// A legend: as a list or a table, where it stands, and which figures it has for each series.
fn legend(mode: &str, place: &str, figures: &[&str]) -> Value {
    json!({ "calcs": figures, "displayMode": mode, "placement": place, "showLegend": true })
}

/// The options of a pie, whose parts are the rows of the answer.
fn shares(reduce: &Value) -> Value {
    json!({
        "displayLabels": ["percent"],
        "legend": {
            "calcs": [],
            "displayMode": "table",
            "placement": "right",
            "showLegend": true,
            "values": ["value", "percent"],
        },
        "pieType": "donut",
        "reduceOptions": reduce,
        "tooltip": { "mode": "single", "sort": "none" },
    })
}

/// The options of a heatmap over the buckets of a histogram.
fn distribution() -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": false,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": { "color": "rgba(255,0,255,0.7)" },
        "filterValues": { "le": 1e-9 },
        "legend": { "show": true },
        "rowsFrame": { "layout": "auto" },
        "showValue": "never",
        "tooltip": { "mode": "single", "showColorScale": false, "yHistogram": true },
        "yAxis": { "axisPlacement": "left", "reverse": false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [PanelLook; 9] = [
        PanelLook::Figure,
        PanelLook::Lines,
        PanelLook::Stack,
        PanelLook::Columns,
        PanelLook::Distribution,
        PanelLook::Ranking,
        PanelLook::Rows,
        PanelLook::Shares,
        PanelLook::States,
    ];

    #[test]
    fn a_look_that_draws_one_value_says_how_a_series_becomes_one() {
        for look in ALL {
            let reduces = look.options(true).get("reduceOptions").is_some();
            assert_eq!(reduces, look.is_instant() && look != PanelLook::Rows, "{look:?}");
        }
    }

    #[test]
    fn only_charts_over_time_ask_for_series() {
        for look in ALL {
            assert!(!(look.is_instant() && look.sql_format() == "time_series"), "{look:?}");
        }
    }
}
