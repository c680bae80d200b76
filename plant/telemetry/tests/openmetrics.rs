//! What is rendered as OpenMetrics obeys its grammar, and has every sample of the text format.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use proptest::prelude::*;
use sqal_telemetry::exemplars::Exemplars;
use sqal_telemetry::openmetrics::render;

/// A sample as a reader understands it: its name, its labels, its value.
type Sample = (String, Vec<(String, String)>, String);

/// Reads the labels behind an opening brace, letter by letter, and gives what follows them.
fn labels(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return (labels, rest);
        }
        let (name, rest) = text.trim_start_matches(',').split_once("=\"").unwrap();
        let (mut value, mut letters) = (String::new(), rest.char_indices());
        let ends = loop {
            match letters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next().unwrap().1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other} is no escape sequence"),
                }),
                (_, letter) => value.push(letter),
            }
        };
        labels.push((name.to_owned(), value));
        text = &rest[ends + 1..];
    }
}

/// The samples of a text in either format. Numbers in `le` and `quantile` are read.
fn samples(text: &str) -> Vec<Sample> {
    let lines = text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut samples: Vec<Sample> = lines
        .map(|line| {
            let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
            let (mut labels, value) = rest.strip_prefix('{').map_or((Vec::new(), rest), labels);
            for (label, value) in &mut labels {
                if matches!(label.as_str(), "le" | "quantile") {
                    *value = value.parse::<f64>().unwrap().to_string();
                }
            }
            (name.to_owned(), labels, value.trim().to_owned())
        })
        .collect();
    samples.sort();
    samples
}

/// Checks the structure that OpenMetrics 1.0 demands, and gives the families with their types.
fn families(text: &str) -> Vec<(String, String)> {
    let lines = text.strip_suffix("# EOF\n").expect("the text ends with its end");
    let (mut families, mut has_samples) = (Vec::<(String, String)>::new(), false);
    for line in lines.split_terminator('\n') {
        assert!(!line.is_empty(), "an empty line in {text}");
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            if keyword == "TYPE" {
                families.push((name.to_owned(), rest.to_owned()));
                has_samples = false;
                continue;
            }
            assert!(matches!(keyword, "UNIT" | "HELP"), "{line}");
            assert!(!has_samples, "{line} is behind samples");
            assert_eq!(name, families.last().unwrap().0, "{line}");
            assert!(keyword != "UNIT" || name.ends_with(&format!("_{rest}")), "{line}");
            let escapes = rest.replace("\\\\", "").replace("\\n", "").replace("\\\"", "");
            assert!(!escapes.contains(['"', '\\']), "{line} has what must be escaped");
        } else {
            has_samples = true;
            let (family, kind) = families.last().unwrap();
            let name = line.split(['{', ' ']).next().unwrap();
            let behind = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line} stands in {family}"));
            let allowed: &[&str] = match kind.as_str() {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "summary" => &["", "_sum", "_count"],
                "gauge" | "unknown" => &[""],
                other => panic!("{other} is no type that is rendered"),
            };
            assert!(allowed.contains(&behind), "{line} stands in the {kind} {family}");
        }
    }
    let mut names = BTreeSet::new();
    for (family, kind) in &families {
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["", "_total", "_created"],
            "histogram" => &["", "_bucket", "_sum", "_count", "_created"],
            "summary" => &["", "_sum", "_count", "_created"],
            _ => &[""],
        };
        for suffix in suffixes {
            assert!(names.insert(format!("{family}{suffix}")), "{family}{suffix} belongs to two families");
        }
    }
    families
}

/// A text with its line feeds, quotes and backslashes escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A family in the text format: its type, the end of its name, its help, and for each series the
/// value of a label and a number.
type Drawn = (&'static str, &'static str, String, Vec<(String, u32)>);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let kind = prop::sample::select(vec!["counter", "gauge", "histogram", "summary", "untyped"]);
    let end = prop::sample::select(vec!["", "_total", "_seconds", "_seconds_total", "_bytes", "_created", "_count"]);
    let text = || prop_oneof!["[ -~]{0,12}", "(\\\\|\"|\n|\\{|\\}|,|=|#| |é|\r){0,8}", any::<String>()];
    prop::collection::vec((kind, end, text(), prop::collection::vec((text(), any::<u32>()), 0..4)), 0..6)
}

/// Writes the families as `metrics-exporter-prometheus` does. The names of two families do not
/// begin alike.
#[expect(clippy::format_push_string, reason = "a test may copy a text")]
fn written(families: &[Drawn]) -> String {
    let mut text = String::new();
    for (place, (kind, end, help, series)) in families.iter().enumerate() {
        let name = format!("m{place}{end}");
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for (place, (label, number)) in series.iter().enumerate() {
            let labels = format!("place=\"{place}\",label=\"{}\"", escaped(label));
            text += &match *kind {
                "histogram" => format!(
                    "{name}_bucket{{{labels},le=\"0.1\"}} 0\n{name}_bucket{{{labels},le=\"1000000\"}} {number}\n\
                     {name}_bucket{{{labels},le=\"+Inf\"}} {number}\n{name}_sum{{{labels}}} {number}.5\n\
                     {name}_count{{{labels}}} {number}\n"
                ),
                "summary" => format!(
                    "{name}{{{labels},quantile=\"1\"}} NaN\n{name}_sum{{{labels}}} {number}\n\
                     {name}_count{{{labels}}} {number}\n"
                ),
                _ => format!("{name}{{{labels}}} {number}\n"),
            };
        }
        text.push('\n');
    }
    text
}

proptest! {
    #[test]
    fn every_sample_keeps_its_name_its_labels_and_its_value(families in drawn()) {
        let text = written(&families);
        let rendered = render(&text, &Exemplars::default());
        prop_assert_eq!(samples(&text), samples(&rendered), "{}", rendered);
        // The labels are those that were drawn.
        let series = families.iter().flat_map(|(.., series)| series);
        let values: BTreeSet<_> = series.map(|(label, _)| label.clone()).collect();
        let read: BTreeSet<_> = samples(&rendered)
            .into_iter()
            .filter_map(|(_, labels, _)| labels.into_iter().find(|(name, _)| name == "label"))
            .map(|(_, value)| value)
            .collect();
        prop_assert_eq!(values, read);
    }

    #[test]
    fn a_rendered_text_obeys_the_grammar(families in drawn()) {
        let read = self::families(&render(&written(&families), &Exemplars::default()));
        // A counter is one if its name ends with `_total`, and is unknown otherwise.
        for (place, (kind, end, ..)) in families.iter().enumerate() {
            let wanted = match *kind {
                "counter" if end.ends_with("_total") => "counter",
                "counter" | "untyped" => "unknown",
                other => other,
            };
            let name = format!("m{place}{end}");
            let name = if wanted == "counter" { name.trim_end_matches("_total") } else { &name };
            prop_assert!(read.contains(&(name.to_owned(), wanted.to_owned())), "{name} in {read:?}");
        }
    }

    /// Texts that no exporter writes: nothing panics, and the end is there.
    #[test]
    fn any_text_is_rendered(text in prop_oneof![
        any::<String>(),
        "((# (TYPE|HELP|UNIT) )?[a-c]{1,2}(_total|_sum|_bucket)?(\\{(le=\"[0-9.]*\"|a=\"b)\"?\\}?)? ?(counter|gauge|histogram|summary|[0-9]|NaN|-1)?\n){0,12}",
    ]) {
        prop_assert!(render(&text, &Exemplars::default()).ends_with("# EOF\n"));
    }

    /// What the exporter renders of any labels, with all kinds of metrics.
    #[test]
    fn what_the_exporter_renders_is_open_metrics(
        values in prop::collection::vec((any::<String>(), -1.0..1e9_f64), 1..8),
        help in any::<String>(),
    ) {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full("took_seconds".to_owned()), &[0.0, 1e-5, 1.0, 1800.0, 1e7])
            .unwrap()
            .build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::describe_counter!("seen_total", help.clone());
            metrics::describe_histogram!("took_seconds", metrics::Unit::Seconds, help);
            for (label, value) in &values {
                metrics::counter!("seen_total", "label" => label.clone()).increment(1);
                metrics::counter!("odd", "label" => label.clone()).increment(1);
                metrics::gauge!("rate", "label" => label.clone()).set(if *value < 0.0 { f64::NAN } else { *value });
                metrics::histogram!("took_seconds", "label" => label.clone()).record(value.abs());
                metrics::histogram!("sized", "label" => label.clone()).record(value.abs());
            }
        });
        let text = recorder.handle().render();
        let rendered = render(&text, &Exemplars::default());
        prop_assert_eq!(samples(&text), samples(&rendered));
        let mut families = families(&rendered);
        families.sort();
        let wanted = [
            ("odd", "unknown"),
            ("rate", "gauge"),
            ("seen", "counter"),
            ("sized", "summary"),
            ("took_seconds", "histogram"),
        ];
        prop_assert_eq!(families, wanted.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
    }
}

/// The lines of a whole text, side by side.
#[test]
fn a_text_is_rendered_as_the_standard_writes_it() {
    let text = "# HELP http_requests_total Requests \"by\" C:\\\\path\n# TYPE http_requests_total counter\n\
                http_requests_total{status=\"200\"} 3 1395066363000\n\n# TYPE cpu_seconds_total counter\ncpu_seconds_total 1.5\n\n\
                # TYPE hit_ratio gauge\nhit_ratio NaN\n\n# TYPE most gauge\nmost inf\n\n\
                # HELP took_seconds Time\n# TYPE took_seconds histogram\ntook_seconds_bucket{le=\"0.00001\"} 0\n\
                took_seconds_bucket{le=\"1\"} 1\ntook_seconds_bucket{le=\"1800\"} 1\ntook_seconds_bucket{le=\"1000000\"} 1\n\
                took_seconds_bucket{le=\"+Inf\"} 1\ntook_seconds_sum 0.25\ntook_seconds_count 1\n\n\
                # TYPE size summary\nsize{quantile=\"0\"} 2\nsize{quantile=\"0.999\"} 2\nsize_sum 2\nsize_count 1\n\nup 1\n";
    let wanted = "# TYPE http_requests counter\n# HELP http_requests Requests \\\"by\\\" C:\\\\path\n\
                  http_requests_total{status=\"200\"} 3 1395066363.000\n\
                  # TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\ncpu_seconds_total 1.5\n\
                  # TYPE hit_ratio gauge\n# UNIT hit_ratio ratio\nhit_ratio NaN\n# TYPE most gauge\nmost +Inf\n\
                  # TYPE took_seconds histogram\n# UNIT took_seconds seconds\n# HELP took_seconds Time\n\
                  took_seconds_bucket{le=\"1e-05\"} 0\ntook_seconds_bucket{le=\"1.0\"} 1\ntook_seconds_bucket{le=\"1800.0\"} 1\n\
                  took_seconds_bucket{le=\"1e+06\"} 1\ntook_seconds_bucket{le=\"+Inf\"} 1\ntook_seconds_sum 0.25\ntook_seconds_count 1\n\
                  # TYPE size summary\nsize{quantile=\"0.0\"} 2\nsize{quantile=\"0.999\"} 2\nsize_sum 2\nsize_count 1\n\
                  # TYPE up unknown\nup 1\n# EOF\n";
    assert_eq!(render(text, &Exemplars::default()), wanted);
    assert_eq!(render("", &Exemplars::default()), "# EOF\n");
}

/// OpenMetrics 1.0, "Histogram" and "Counter": what counts is neither negative nor NaN, and there
/// is no sum with negative buckets, and no count without a sum.
#[test]
fn what_has_no_place_in_open_metrics_is_left_out() {
    let of = |text: &str| {
        let rendered = render(text, &Exemplars::default());
        families(&rendered);
        samples(&rendered).into_iter().map(|(name, labels, _)| format!("{name}{labels:?}")).collect::<Vec<_>>()
    };
    let negative_bound = "# TYPE t histogram\nt_bucket{le=\"-1\"} 0\nt_bucket{le=\"+Inf\"} 1\nt_sum 2\nt_count 1\n";
    assert_eq!(of(negative_bound), ["t_bucket[(\"le\", \"-1\")]", "t_bucket[(\"le\", \"inf\")]"]);
    for sum in ["NaN", "-2"] {
        let one_of_two = format!(
            "# TYPE t histogram\nt_bucket{{a=\"1\",le=\"+Inf\"}} 1\nt_sum{{a=\"1\"}} {sum}\nt_count{{a=\"1\"}} 1\n\
             t_bucket{{a=\"2\",le=\"+Inf\"}} 1\nt_sum{{a=\"2\"}} 1\nt_count{{a=\"2\"}} 1\n"
        );
        let names: Vec<_> =
            of(&one_of_two).iter().map(|sample| sample.replace(['"', '[', ']', '(', ')'], "")).collect();
        assert_eq!(names, ["t_bucketa, 1, le, inf", "t_bucketa, 2, le, inf", "t_counta, 2", "t_suma, 2"]);
        let summary = format!("# TYPE s summary\ns{{quantile=\"1\"}} {sum}\ns_sum {sum}\ns_count 1\n");
        let quantile = if sum == "NaN" { vec!["s[(\"quantile\", \"1\")]", "s_count[]"] } else { vec!["s_count[]"] };
        assert_eq!(of(&summary), quantile, "{sum}");
        assert_eq!(of(&format!("# TYPE c_total counter\nc_total {sum}\n")), Vec::<String>::new());
        assert_eq!(of(&format!("# TYPE g gauge\ng {sum}\n")), ["g[]"]);
    }
}
