//! [`Dashboard`]: a page of panels, and its JSON as Grafana reads it.

use serde_json::{Value, json};

use super::panel::Panel;
use super::panel_query::{PanelQuery, PanelQueryKind};
use super::variable::DashboardVariable;

/// The form of the JSON: that of Grafana 10.3 to 11.2. Later versions read it and bring it to their
/// own.
const SCHEMA_VERSION: u32 = 39;

/// The width of a page, in the columns that panels are measured in.
const COLUMNS: u32 = 24;

/// The tag by which the dashboards find each other.
const TAG: &str = "sqal";

/// A dashboard of Grafana.
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    from: &'static str,
    refresh: &'static str,
    variables: Vec<DashboardVariable>,
    sections: Vec<Section>,
}

/// Panels under a title.
#[derive(Clone, Debug, PartialEq)]
struct Section {
    title: Option<&'static str>,
    panels: Vec<Panel>,
}

impl Dashboard {
    /// A dashboard without panels, which shows the last hour and asks again every 30 seconds.
    pub(super) fn new(uid: &'static str, title: &'static str, description: &'static str) -> Self {
        Self { uid, title, description, from: "now-1h", refresh: "30s", variables: Vec::new(), sections: Vec::new() }
    }

    /// Sets the span that is shown first, such as `now-24h`, and how often the page asks.
    pub(super) fn showing(mut self, from: &'static str, refresh: &'static str) -> Self {
        self.from = from;
        self.refresh = refresh;
        self
    }

    /// Adds variables.
    pub(super) fn variables(mut self, variables: &[DashboardVariable]) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Adds panels without a title above them.
    pub(super) fn panels(mut self, panels: Vec<Panel>) -> Self {
        self.sections.push(Section { title: None, panels });
        self
    }

    /// Adds panels under a title.
    pub(super) fn section(mut self, title: &'static str, panels: Vec<Panel>) -> Self {
        self.sections.push(Section { title: Some(title), panels });
        self
    }

    /// The title.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// The uid, which is part of the address of the page. It never changes, so that links stay.
    #[must_use]
    pub const fn uid(&self) -> &'static str {
        self.uid
    }

    /// The name of the file, such as `devices.json`: the uid without `sqal-`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", self.uid.strip_prefix("sqal-").unwrap_or(self.uid))
    }

    /// Every query of the dashboard: those of its panels in their order, then those that fill its
    /// variables.
    #[must_use]
    pub fn queries(&self) -> Vec<PanelQuery> {
        let panels = self.sections.iter().flat_map(|section| &section.panels);
        let of_panels = panels
            .flat_map(|panel| panel.targets.iter().map(move |target| (panel.title, target.kind, target.text.clone())));
        let of_variables = self.variables.iter().filter_map(|variable| match variable {
            DashboardVariable::Choice { label, of: (series, _), .. } => {
                Some((*label, PanelQueryKind::Promql, (*series).to_owned()))
            }
            DashboardVariable::Source(_) => None,
        });
        let query = |(title, kind, text)| PanelQuery { dashboard: self.title, title, kind, text };
        of_panels.chain(of_variables).map(query).collect()
    }

    /// The JSON, as Grafana reads it from a file of its provisioning.
    ///
    /// ```
    /// use sqal_alerts::generate::grafana::dashboards;
    ///
    /// let devices = dashboards().into_iter().find(|dashboard| dashboard.title() == "Devices");
    /// assert!(devices.is_some_and(|dashboard| dashboard.json().contains("\"uid\": \"sqal-devices\"")));
    /// ```
    #[must_use]
    pub fn json(&self) -> String {
        let variables: Value = self.variables.iter().copied().map(DashboardVariable::json).collect();
        let mut dashboard = json!({
            "annotations": { "list": [built_in_annotations()] },
            "description": self.description,
            "editable": true,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": null,
            "links": [link_to_others()],
            "panels": self.placed(),
            "refresh": self.refresh,
            "schemaVersion": SCHEMA_VERSION,
            "tags": [TAG],
            "templating": { "list": variables },
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
        });
        // The order of the fields must not depend on the features with which serde_json is built.
        dashboard.sort_all_objects();
        format!("{dashboard:#}\n")
    }

    /// The panels with their places: from left to right, and in a new row when one is full.
    fn placed(&self) -> Vec<Value> {
        let (mut placed, mut y) = (Vec::new(), 0);
        for section in &self.sections {
            if let Some(title) = section.title {
                placed.push(title_of_section(title, placed.len() + 1, y));
                y += 1;
            }
            let (mut x, mut highest) = (0, 0);
            for panel in &section.panels {
                if x + panel.width > COLUMNS {
                    (x, y, highest) = (0, y + highest, 0);
                }
                placed.push(panel.json(placed.len() + 1, x, y));
                x += panel.width;
                highest = highest.max(panel.height);
            }
            y += highest;
        }
        placed
    }
}

/// The title above the panels of a section.
fn title_of_section(title: &str, id: usize, y: u32) -> Value {
    json!({
        "collapsed": false,
        "gridPos": { "h": 1, "w": COLUMNS, "x": 0, "y": y },
        "id": id,
        "panels": [],
        "title": title,
        "type": "row",
    })
}

/// The notes that readers write into Grafana itself.
fn built_in_annotations() -> Value {
    json!({
        "builtIn": 1,
        "datasource": { "type": "grafana", "uid": "-- Grafana --" },
        "enable": true,
        "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    })
}

/// A list of the other dashboards, which keeps the span of time and the variables.
fn link_to_others() -> Value {
    json!({
        "asDropdown": true,
        "icon": "external link",
        "includeVars": true,
        "keepTime": true,
        "tags": [TAG],
        "targetBlank": false,
        "title": "SQAL",
        "tooltip": "",
        "type": "dashboards",
        "url": "",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::look::PanelLook;
    use super::*;

    /// The sizes of the panels of each section.
    fn sizes() -> impl Strategy<Value = Vec<Vec<(u32, u32)>>> {
        prop::collection::vec(prop::collection::vec((1_u32..=24, 1_u32..=12), 0..9), 0..4)
    }

    proptest! {
        /// Panels of any size stay on the page, and none covers another.
        #[test]
        fn no_panel_covers_another(sizes in sizes()) {
            let panel = |size: &(u32, u32)| Panel::new(PanelLook::Lines, "A", "A panel.").size(size.0, size.1);
            let dashboard = sizes.iter().fold(Dashboard::new("sqal-a", "A", "A page."), |dashboard, sizes| {
                dashboard.section("Panels", sizes.iter().map(panel).collect())
            });
            let mut taken = std::collections::BTreeSet::new();
            for panel in dashboard.placed() {
                let [h, w, x, y] = ["h", "w", "x", "y"].map(|side| panel["gridPos"][side].as_u64().unwrap());
                prop_assert!(x + w <= 24);
                for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                    prop_assert!(taken.insert(cell), "two panels at {cell:?}");
                }
            }
        }
    }
}
