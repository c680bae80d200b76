//! Which element of one side belongs to which of the other: operators of two vectors.

use std::collections::{BTreeMap, BTreeSet};

use super::{Element, EvaluationError};
use crate::query::{Labels, names};

/// The labels by which an element is matched: those of `on`, or all but the name.
fn signature(labels: &Labels, on: Option<&[String]>) -> Labels {
    let mut signature = labels.clone();
    match on {
        Some(on) => signature.retain(|label, _| on.iter().any(|name| *names::label(name) == *label)),
        None => _ = signature.remove(names::NAME),
    }
    signature
}

/// Joins each element of the left side with its partner on the right, if it has one and `join`
/// gives a value. With `on`, only those labels are left.
///
/// # Errors
///
/// [`EvaluationError::SeveralPartners`] if two elements of the right side have one signature, or
/// two results.
pub(super) fn joined(
    left: Vec<Element>,
    right: &[Element],
    on: Option<&[String]>,
    join: impl Fn(f64, f64) -> Option<f64>,
) -> Result<Vec<Element>, EvaluationError> {
    if left.is_empty() {
        return Ok(left);
    }
    let mut partners = BTreeMap::new();
    for element in right {
        let signature = signature(&element.labels, on);
        if partners.contains_key(&signature) {
            return Err(EvaluationError::SeveralPartners(signature));
        }
        partners.insert(signature, element.value);
    }
    let (mut results, mut joined) = (Vec::new(), BTreeSet::new());
    for Element { labels, value } in left {
        let signature = signature(&labels, on);
        let Some(value) = partners.get(&signature).and_then(|partner| join(value, *partner)) else { continue };
        if joined.contains(&signature) {
            return Err(EvaluationError::SeveralPartners(signature));
        }
        results.push(Element { labels: if on.is_some() { signature.clone() } else { labels }, value });
        joined.insert(signature);
    }
    Ok(results)
}

/// The elements of the left side with a partner on the right.
pub(super) fn and(mut left: Vec<Element>, right: &[Element], on: Option<&[String]>) -> Vec<Element> {
    let partners = signatures(right, on);
    left.retain(|element| partners.contains(&signature(&element.labels, on)));
    left
}

/// The elements of the left side without a partner on the right.
pub(super) fn unless(mut left: Vec<Element>, right: &[Element], on: Option<&[String]>) -> Vec<Element> {
    let partners = signatures(right, on);
    left.retain(|element| !partners.contains(&signature(&element.labels, on)));
    left
}

/// The elements of the left side, and those of the right side without a partner on the left.
pub(super) fn or(mut left: Vec<Element>, right: Vec<Element>, on: Option<&[String]>) -> Vec<Element> {
    let right = unless(right, &left, on);
    left.extend(right);
    left
}

fn signatures(elements: &[Element], on: Option<&[String]>) -> BTreeSet<Labels> {
    elements.iter().map(|element| signature(&element.labels, on)).collect()
}
