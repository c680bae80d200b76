//! Aggregations: one number for each group of elements.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Element;
use super::over_time::is_settled;
use crate::query::{Aggregation, Labels, names};

/// One element for each group of elements that agree in the labels `by`.
pub(super) fn aggregated(how: Aggregation, by: &[String], elements: &[Element]) -> Vec<Element> {
    let by: Vec<_> = by.iter().map(|label| names::label(label)).collect();
    let mut groups = BTreeMap::<Labels, Group>::new();
    for Element { labels, value } in elements {
        let labels = by.iter().filter_map(|label| labels.get_key_value(&**label));
        match groups.entry(labels.map(|(label, value)| (label.clone(), value.clone())).collect()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Group { value: *value, count: 1.0 });
            }
            Entry::Occupied(mut group) => group.get_mut().add(how, *value),
        }
    }
    let value = |group: Group| if how == Aggregation::Count { group.count } else { group.value };
    groups.into_iter().map(|(labels, group)| Element { labels, value: value(group) }).collect()
}

/// The number for the elements of a group so far.
#[derive(Clone, Copy, Debug)]
struct Group {
    value: f64,
    count: f64,
}

impl Group {
    fn add(&mut self, how: Aggregation, value: f64) {
        self.count += 1.0;
        match how {
            Aggregation::Sum => self.value += value,
            Aggregation::Max if self.value < value || self.value.is_nan() => self.value = value,
            Aggregation::Min if self.value > value || self.value.is_nan() => self.value = value,
            Aggregation::Avg if !is_settled(self.value, value) => {
                self.value += value / self.count - self.value / self.count;
            }
            Aggregation::Max | Aggregation::Min | Aggregation::Avg | Aggregation::Count => {}
        }
    }
}
