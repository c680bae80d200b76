//! Queries over scraped points: the answers of Prometheus, and laws that hold for all points.
#![allow(
    clippy::suboptimal_flops,
    clippy::unwrap_used,
    reason = "the plain formulas; a test shows what it did not expect"
)]

mod answers;
mod laws;
mod scrapes;

use sqal_alerts::query::Element;
use sqal_core::Timestamp;

/// A time by its seconds since 1970.
fn at(seconds: i64) -> Timestamp {
    at_millis(1000 * seconds)
}

fn at_millis(millis: i64) -> Timestamp {
    Timestamp::from_micros(1000 * millis).unwrap()
}

/// An element as Prometheus writes it.
fn text(element: &Element) -> String {
    let name = element.labels.get("__name__").map_or("", String::as_str);
    let others = element.labels.iter().filter(|(label, _)| *label != "__name__");
    let others: Vec<_> = others.map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    if others.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", others.join(",")) }
}

fn is_near(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}
