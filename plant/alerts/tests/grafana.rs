//! The committed dashboards are what the generator writes, and every query in them is valid, names
//! documented metrics or existing columns, and is explained.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod panel_names;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use panel_names::promql::{documented, grouped, selectors};
use panel_names::sql::{columns, names};
use panel_names::{read, repository};
use serde_json::Value;
use sqal_alerts::generate::grafana::{PanelQuery, PanelQueryKind, dashboards, panels};
use sqal_alerts::objective::{self, Objective};
use sqal_core::Timestamp;

#[expect(clippy::disallowed_methods, reason = "how the test command tells tests where tools are")]
fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("run `cargo xtask test`, which sets {variable}"))
}

/// The queries of a language.
fn of_kind(kind: PanelQueryKind) -> Vec<PanelQuery> {
    panels().into_iter().filter(|query| query.kind == kind).collect()
}

/// A query as Grafana sends it for an hour.
fn filled(query: &PanelQuery) -> String {
    let time = |micros| Timestamp::from_micros(micros).unwrap();
    query.filled(time(1_767_225_600_000_000), time(1_767_229_200_000_000))
}

/// The dashboards as JSON.
fn pages() -> Vec<Value> {
    dashboards().iter().map(|dashboard| serde_json::from_str(&dashboard.json()).unwrap()).collect()
}

/// The panels of a page, without the titles of its sections.
fn panels_of(page: &Value) -> Vec<&Value> {
    page["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").collect()
}

#[test]
fn the_committed_dashboards_are_what_the_generator_writes() {
    let folder = repository().join("deploy/grafana/dashboards");
    let written: BTreeMap<_, _> =
        dashboards().iter().map(|dashboard| (dashboard.file_name(), dashboard.json())).collect();
    if std::env::var_os("SQAL_WRITE").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &written {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let committed: BTreeMap<_, _> =
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())).collect();
    let (found, expected): (Vec<_>, Vec<_>) = (committed.keys().collect(), written.keys().collect());
    assert_eq!(found, expected);
    for (name, text) in &written {
        let shown = "SQAL_WRITE=1 cargo test -p sqal-alerts --test grafana";
        assert!(committed[name] == *text, "{name} is another: `{shown}` writes it");
    }
}

#[test]
fn prometheus_takes_every_query() {
    let mut rules = "groups:\n  - name: panels\n    rules:\n".to_owned();
    for (number, query) in of_kind(PanelQueryKind::Promql).iter().enumerate() {
        let text = filled(query);
        assert!(!text.contains('$'), "{}: {}: a variable is not filled: {text}", query.dashboard, query.title);
        // A JSON string is a YAML string.
        writeln!(rules, "      - record: panel:{number}\n        expr: {}", Value::from(text)).unwrap();
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panels.yml");
    fs::write(&file, rules).unwrap();
    let told = Command::new(tool("SQAL_TEST_PROMTOOL")).args(["check", "rules"]).arg(&file).output().unwrap();
    let said = [told.stdout, told.stderr].concat();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn every_metric_and_label_of_a_panel_is_documented() {
    let (documented, objectives) = (documented(), objective::documented());
    let recorded: BTreeSet<_> =
        objectives.iter().flat_map(Objective::recordings).map(|recording| recording.record).collect();
    let mut unknown = Vec::new();
    for query in of_kind(PanelQueryKind::Promql) {
        for (metric, labels) in selectors(&filled(&query)) {
            let place = format!("{}: {}", query.dashboard, query.title);
            // `ALERTS` is Prometheus' own, and the labels of objectives are those of Sloth.
            match documented.get(&metric) {
                Some(known) => {
                    let of_scrape = |label: &&String| matches!(label.as_str(), "job" | "instance");
                    let labels = labels.iter().filter(|label| !of_scrape(label) && !known.contains(*label));
                    unknown.extend(labels.map(|label| format!("{place}: {metric} has no label {label}")));
                }
                None if metric == "ALERTS" || recorded.contains(&metric) => {}
                None => unknown.push(format!("{place}: {metric} is not in docs/metrics.md")),
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// A misspelt label in `by (…)` or in a legend is no error: the lines have no names.
#[test]
fn the_names_of_lines_are_labels_of_their_queries() {
    let (documented, instance) = (documented(), "instance".to_owned());
    for page in pages() {
        for (panel, target) in panels_of(&page).into_iter().flat_map(targets_of) {
            let Some(text) = target["expr"].as_str() else { continue };
            let (metrics, by) = (selectors(text), grouped(text));
            let of_metrics: Vec<_> = metrics.iter().filter_map(|(metric, _)| documented.get(metric)).collect();
            // What is recorded for objectives has labels that no document lists.
            if of_metrics.is_empty() {
                continue;
            }
            let known: BTreeSet<&String> = of_metrics.into_iter().flatten().chain([&instance]).collect();
            let place = format!("{}: {}", page["title"], panel["title"]);
            let unknown: Vec<_> = by.iter().filter(|label| !known.contains(label)).collect();
            assert!(unknown.is_empty(), "{place}: no label {unknown:?} in {text}");
            let shown: BTreeSet<&String> = if by.is_empty() { known } else { by.iter().collect() };
            let legend = target["legendFormat"].as_str().unwrap();
            for name in legend.split("{{").skip(1).filter_map(|part| part.split("}}").next()) {
                assert!(shown.contains(&name.to_owned()), "{place}: {name} names lines, and {text} has no such label");
            }
        }
    }
}

/// The queries of a panel, each with the panel.
fn targets_of(panel: &Value) -> Vec<(&Value, &Value)> {
    panel["targets"].as_array().unwrap().iter().map(|target| (panel, target)).collect()
}

/// The relations that the panels read.
fn relations() -> BTreeSet<String> {
    of_kind(PanelQueryKind::Sql).iter().flat_map(|query| names(&filled(query)).0).collect()
}

#[test]
fn every_column_of_a_panel_exists() {
    for query in of_kind(PanelQueryKind::Sql) {
        let text = filled(&query);
        assert!(!text.contains('$'), "{}: {}: a macro is not filled: {text}", query.dashboard, query.title);
        let (relations, others) = names(&text);
        let known: BTreeSet<_> = relations.iter().flat_map(|relation| columns(relation)).collect();
        let unknown: Vec<_> = others.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {}: no column {unknown:?}", query.dashboard, query.title);
    }
}

#[test]
fn the_user_of_grafana_may_read_what_panels_read_and_nothing_else() {
    let file = read("deploy/grafana/postgres-reader.sql");
    let granted = file.split_once("GRANT SELECT ON ").unwrap().1.split_once(" TO sqal_grafana").unwrap().0;
    let granted: BTreeSet<_> = granted.split(", ").map(|name| name.trim_matches('"').to_owned()).collect();
    assert_eq!(granted, relations());
    assert_eq!(file.matches("GRANT ").count(), 2, "the other one is the use of the schema");
}

#[test]
fn a_reader_learns_from_each_panel_what_it_shows() {
    for page in pages() {
        let mut ids = BTreeSet::new();
        for panel in panels_of(&page) {
            let place = format!("{}: {}", page["title"], panel["title"]);
            let description = panel["description"].as_str().unwrap();
            assert!(description.len() > 20 && description.ends_with('.'), "{place}: {description:?}");
            assert_ne!(panel["title"], "", "{place}");
            assert_ne!(panel["fieldConfig"]["defaults"]["unit"], "", "{place}");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: its number is taken");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{place}");
            for target in targets {
                assert_eq!(target["datasource"], panel["datasource"], "{place}: one source a panel");
                let uid = target["datasource"]["uid"].as_str().unwrap();
                let variable = uid.trim_start_matches("${").trim_end_matches('}');
                let variables = page["templating"]["list"].as_array().unwrap();
                assert!(variables.iter().any(|known| known["name"] == variable), "{place}: no variable {variable}");
            }
            // Several lines of one query are told apart by their labels.
            let lines = panel["type"] == "timeseries" && targets.len() == 1 && targets[0].get("expr").is_some();
            assert!(!lines || targets[0]["legendFormat"] != "", "{place}: its lines have no names");
        }
    }
}

#[test]
fn the_provisioned_sources_are_those_that_dashboards_choose_first() {
    let file: Value = serde_saphyr::from_str(&read("deploy/grafana/provisioning/datasources/sqal.yaml")).unwrap();
    let sources: BTreeSet<_> = file["datasources"].as_array().unwrap().iter().map(provisioned).collect();
    let mut chosen = BTreeSet::new();
    for page in pages() {
        let variables = page["templating"]["list"].as_array().unwrap();
        let of_source = variables.iter().filter(|variable| variable["type"] == "datasource");
        chosen.extend(of_source.map(|variable| {
            [&variable["query"], &variable["current"]["value"], &variable["current"]["text"]]
                .map(|text| text.as_str().unwrap().to_owned())
        }));
    }
    assert_eq!(sources, chosen);
    let file: Value = serde_saphyr::from_str(&read("deploy/grafana/provisioning/dashboards/sqal.yaml")).unwrap();
    assert_eq!(file["providers"][0]["type"], "file");
}

/// The plugin, the uid and the name of a provisioned source.
fn provisioned(source: &Value) -> [String; 3] {
    ["type", "uid", "name"].map(|field| source[field].as_str().unwrap().to_owned())
}

#[test]
fn no_two_dashboards_have_one_uid_or_one_file() {
    let (all, pages) = (dashboards(), pages());
    for field in ["uid", "title"] {
        let values: BTreeSet<_> = pages.iter().map(|page| page[field].as_str().unwrap()).collect();
        assert_eq!(values.len(), all.len(), "{field}");
    }
    for dashboard in &all {
        assert!((8..=40).contains(&dashboard.uid().len()), "{}: a uid has 8 to 40 characters", dashboard.uid());
        assert!(dashboard.uid().ends_with(dashboard.file_name().trim_end_matches(".json")));
    }
}

/// The queries of a panel, in the order of its letters.
fn queries(dashboard: &str, title: &str) -> Vec<String> {
    let of = |query: &&PanelQuery| query.dashboard == dashboard && query.title == title;
    let found: Vec<_> = panels().iter().filter(of).map(|query| query.text.clone()).collect();
    assert!(!found.is_empty(), "no panel {title:?} in {dashboard:?}");
    found
}

fn asks(dashboard: &str, title: &str, metric: &str) {
    let queries = queries(dashboard, title);
    assert!(queries.iter().any(|text| text.contains(metric)), "{dashboard}: {title}: no {metric} in {queries:?}");
}

#[test]
fn dsh_04_infrastructure_shows_requests_times_errors_and_caches() {
    asks("Infrastructure", "Request rate", "rate(http_requests_total{");
    let times = queries("Infrastructure", "Response time p50, p95, p99");
    for (text, quantile) in times.iter().zip(["0.5", "0.95", "0.99"]) {
        assert!(text.starts_with(&format!("histogram_quantile({quantile}, sum by (le) ")), "{text}");
    }
    assert_eq!(times.len(), 3);
    asks("Infrastructure", "Error rate", "status=~\"5..\"");
    asks("Infrastructure", "Cache hit rate", "cache_misses_total");
}

#[test]
fn dsh_05_business_shows_samples_score_rejects_and_conformity() {
    asks("Business", "Samples an hour", "sample_processing_duration_seconds_count");
    asks("Business", "Mean quality score", "sample_quality_score_sum");
    asks("Business", "Reject rate", "reject_rate_ratio");
    asks("Business", "Conformity rate", "conformity_rate_ratio");
}

#[test]
fn dsh_06_devices_shows_active_and_offline_ones_connections_and_firmware() {
    asks("Devices", "Active devices", "== 0");
    asks("Devices", "Offline devices", "== 1");
    asks("Devices", "WebSocket connections", "websocket_connections_active");
    asks("Devices", "Firmware versions", "firmware_version");
    let variables: Vec<_> = panels().into_iter().filter(|query| query.title == "Station").collect();
    assert!(variables.iter().any(|query| query.text.starts_with("station_silent")), "{variables:?}");
}

#[test]
fn dsh_07_bugs_shows_open_ones_by_severity_critical_ones_todays_ends_and_the_mean_time() {
    asks("Bugs", "Open bugs by severity", "max by (severity) (bugs_open{");
    asks("Bugs", "Critical bugs", "severity=\"critical\"");
    asks("Bugs", "Resolved today", "measure = 'ended'");
    asks("Bugs", "Mean resolution time", "sum(micros)");
    asks("Bugs", "Opened and resolved a day", "measure = 'created'");
}

#[test]
fn dsh_08_gaveurs_backend_metrics_has_its_three_documented_panels() {
    let page = pages().into_iter().find(|page| page["title"] == "Gaveurs Backend Metrics").unwrap();
    let titles: Vec<_> = panels_of(&page).iter().map(|panel| panel["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(titles, ["Request Rate", "Cache Hit Rate", "Quality Score Distribution"]);
}

/// C-08 and C-26: the distribution is that of the buckets, and no side of a quotient is
/// unaggregated.
#[test]
fn dsh_08_the_documented_queries_show_what_their_titles_say() {
    asks("Gaveurs Backend Metrics", "Quality Score Distribution", "sample_quality_score_bucket{");
    for query in of_kind(PanelQueryKind::Promql) {
        // A rate that is divided stands in a sum: behind `sum(`, `sum by (…) (` or a histogram.
        for (before, _) in query.text.match_indices("rate(").map(|(at, _)| query.text.split_at(at)) {
            assert!(before.ends_with('('), "{}: {}: {}", query.dashboard, query.title, query.text);
        }
    }
}

#[test]
fn dsh_09_slo_shows_budgets_and_how_fast_they_burn() {
    asks("SLO", "Lowest budget", "slo:period_error_budget_remaining:ratio");
    asks("SLO", "Fastest burn", "slo:current_burn_rate:ratio");
    asks("SLO", "Alerts now", "ALERTS{alertname=~\"ErrorBudgetBurn|");
}
