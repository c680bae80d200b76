//! OpenMetrics 1.0 from Prometheus' text format 0.0.4, with exemplars.
//!
//! [`render`] takes the text that `metrics-exporter-prometheus` has rendered. What changes:
//!
//! - A counter's family has its name without `_total`; a counter whose name does not end with
//!   `_total` is of type `unknown`.
//! - A family whose name ends with a unit has a line `# UNIT`.
//! - A bucket has its exemplar, if there is one.
//! - `le` and `quantile` are canonical numbers: `1.0` and not `1`.
//! - Double quotes are escaped in help, and timestamps are in seconds.
//! - There are no empty lines and no comments, each family is in one place, and the text ends with
//!   `# EOF`.
//!
//! Three kinds of samples have no place in OpenMetrics and are left out: a counter that is negative
//! or NaN, a negative quantile, and the sum of a histogram or summary that is negative or NaN or
//! whose buckets have negative bounds (a histogram without a sum has no count either). A line that
//! cannot be read is left out too.
//!
//! ```
//! use sqal_telemetry::exemplars::Exemplars;
//!
//! let text = "# HELP jobs_seconds_total Time of \"jobs\"\n# TYPE jobs_seconds_total counter\n\
//!             jobs_seconds_total{kind=\"report\"} 12\n\n";
//! assert_eq!(
//!     sqal_telemetry::openmetrics::render(text, &Exemplars::default()),
//!     "# TYPE jobs_seconds counter\n# UNIT jobs_seconds seconds\n# HELP jobs_seconds Time of \\\"jobs\\\"\n\
//!      jobs_seconds_total{kind=\"report\"} 12\n# EOF\n"
//! );
//! ```

mod family;
mod line;
mod number;
mod place;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use family::{Family, FamilyType, families};
use line::SampleLine;
use number::canonical;
use place::Places;

use crate::exemplars::{Exemplar, Exemplars, series};

/// The units with which the name of a metric can end: the base units of OpenMetrics 1.0 ("Units and
/// Base Units"), and units that stand in names where there is no base unit.
const UNITS: [&str; 13] = [
    "seconds", "bytes", "joules", "grams", "meters", "ratio", "volts", "amperes", "celsius", "kelvin", "percent",
    "watts", "hertz",
];

/// Writes the text anew as OpenMetrics 1.0, with the exemplars beside their buckets.
///
/// Exemplars that were read before the text was rendered are counted in it; see
/// [`ExemplarHandle::snapshot`](crate::exemplars::ExemplarHandle::snapshot).
#[must_use]
pub fn render(text: &str, exemplars: &Exemplars) -> String {
    let mut written = String::with_capacity(text.len() + text.len() / 8);
    for family in families(text) {
        write_family(&mut written, &family, exemplars);
    }
    written.push_str("# EOF\n");
    written
}

// Writing to a `String` cannot fail, so the results of `write!` are dropped in this module.

fn write_family(to: &mut String, family: &Family<'_>, exemplars: &Exemplars) {
    let Family { name, kind, help, samples } = family;
    let _ = writeln!(to, "# TYPE {name} {}", kind.as_str());
    if let Some(unit) = unit_of(name) {
        let _ = writeln!(to, "# UNIT {name} {unit}");
    }
    if !help.is_empty() {
        let _ = writeln!(to, "# HELP {name} {}", quotes_escaped(help));
    }
    let places = Places::of(family);
    let has_exemplars = *kind == FamilyType::Histogram && exemplars.has(name);
    for sample in samples.iter().copied().filter(|sample| places.has(*sample)) {
        write_sample(to, *kind, sample);
        if has_exemplars && let Some(exemplar) = exemplar_of(name, sample, exemplars) {
            write_exemplar(to, exemplar);
        }
        to.push('\n');
    }
}

/// The unit with which a name ends.
fn unit_of(name: &str) -> Option<&'static str> {
    UNITS.into_iter().find(|unit| name.strip_suffix(*unit).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_')))
}

/// A help text of the text format, in which double quotes are not escaped, with escapes for them.
fn quotes_escaped(help: &str) -> Cow<'_, str> {
    if !help.contains('"') {
        return help.into();
    }
    let (mut text, mut is_escaped) = (String::with_capacity(help.len() + 8), false);
    for letter in help.chars() {
        if letter == '"' && !is_escaped {
            text.push('\\');
        }
        text.push(letter);
        is_escaped = letter == '\\' && !is_escaped;
    }
    text.into()
}

fn write_sample(to: &mut String, kind: FamilyType, sample: SampleLine<'_>) {
    to.push_str(sample.name);
    let mut separator = '{';
    for (label, value) in sample.labels() {
        to.push(separator);
        separator = ',';
        let is_number = matches!((kind, label), (FamilyType::Histogram, "le") | (FamilyType::Summary, "quantile"));
        let _ = match value.parse::<f64>().ok().filter(|_| is_number) {
            Some(number) => write!(to, "{label}=\"{}\"", canonical(number)),
            None => write!(to, "{label}=\"{value}\""),
        };
    }
    if separator == ',' {
        to.push('}');
    }
    to.push(' ');
    if sample.value.is_infinite() {
        to.push_str(&canonical(sample.value));
    } else {
        to.push_str(sample.digits);
    }
    if let Some(timestamp) = sample.timestamp {
        let (sign, millis) = (if timestamp < 0 { "-" } else { "" }, timestamp.unsigned_abs());
        let _ = write!(to, " {sign}{}.{:03}", millis / 1000, millis % 1000);
    }
}

/// The exemplar of a sample that is a bucket.
fn exemplar_of<'e>(family: &str, sample: SampleLine<'_>, exemplars: &'e Exemplars) -> Option<&'e Exemplar> {
    let bound = sample.number_of("le").filter(|_| sample.name.ends_with("_bucket"))?;
    let others = sample.labels().filter(|(label, _)| *label != "le");
    let labels = others.map(|(label, value)| (label, Cow::Borrowed(value))).collect();
    exemplars.of(family, &series(labels), bound)
}

/// The names and values of these labels have 63 characters; OpenMetrics allows 128.
fn write_exemplar(to: &mut String, exemplar: &Exemplar) {
    let Exemplar { trace, span, value, at } = exemplar;
    let _ = write!(to, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {value}");
    if let Ok(since) = at.duration_since(UNIX_EPOCH) {
        let _ = write!(to, " {}.{:03}", since.as_secs(), since.subsec_millis());
    }
}
