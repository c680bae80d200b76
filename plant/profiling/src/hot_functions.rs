//! [`HotFunctions`]: the functions in which most of the CPU time was spent.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Deref;

use crate::profile::CpuProfile;
use crate::short_name::short_name;

/// A function, and the samples that saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotFunction {
    /// The [short name](crate::short_name()) of the function.
    pub function: String,
    /// The samples that interrupted the function itself.
    pub self_samples: u64,
    /// The samples that saw the function: interrupted, or as a caller.
    pub cumulative_samples: u64,
}

/// The ten hottest functions of a profile, those with the most samples of their own first.
///
/// Functions with one short name count together. A function that calls itself counts once in each
/// sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotFunctions(Vec<HotFunction>);

impl HotFunctions {
    /// The largest number of functions.
    pub const MOST: usize = 10;

    /// The hottest functions of a profile. Of two functions with as many samples of their own, the
    /// one that more samples saw comes first, and then the one whose name comes first.
    #[must_use]
    pub fn of(profile: &CpuProfile) -> Self {
        let mut functions = counted(profile);
        functions.retain(|function| function.self_samples > 0);
        functions.sort_by(|one, other| {
            let key = |function: &HotFunction| (Reverse(function.self_samples), Reverse(function.cumulative_samples));
            key(one).cmp(&key(other)).then_with(|| one.function.cmp(&other.function))
        });
        functions.truncate(Self::MOST);
        Self(functions)
    }
}

impl Deref for HotFunctions {
    type Target = [HotFunction];

    fn deref(&self) -> &[HotFunction] {
        &self.0
    }
}

/// Every function of a profile with its samples, in any order.
fn counted(profile: &CpuProfile) -> Vec<HotFunction> {
    let (mut functions, mut known) = (Vec::<HotFunction>::new(), HashMap::new());
    // The function of each place.
    let of_place = profile.places.iter().map(|place| {
        *known.entry(short_name(&place.function)).or_insert_with_key(|name: &String| {
            functions.push(HotFunction { function: name.clone(), self_samples: 0, cumulative_samples: 0 });
            functions.len() - 1
        })
    });
    let of_place: Vec<usize> = of_place.collect();
    for stack in &profile.stacks {
        let mut seen: Vec<usize> = stack.places.iter().filter_map(|place| of_place.get(*place).copied()).collect();
        if let Some(function) = seen.first().and_then(|first| functions.get_mut(*first)) {
            function.self_samples += stack.samples;
        }
        seen.sort_unstable();
        seen.dedup();
        for index in seen {
            if let Some(function) = functions.get_mut(index) {
                function.cumulative_samples += stack.samples;
            }
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use sqal_core::Timestamp;

    use super::*;
    use crate::plan::ProfilePlan;
    use crate::profile::Place;

    type Stacks = Vec<(Vec<String>, u64)>;

    fn profile_of(stacks: &[(Vec<String>, u64)]) -> CpuProfile {
        let at = Timestamp::from_micros(0).unwrap();
        let mut profile = CpuProfile::new(at, Duration::from_secs(1), ProfilePlan::default());
        for (places, samples) in stacks {
            profile.add("t", places.iter().map(Place::of), *samples);
        }
        profile
    }

    fn any_stacks() -> impl Strategy<Value = Stacks> {
        prop::collection::vec((prop::collection::vec("[a-e](<[a-c]>)?", 1..6), 1..9_u64), 0..12)
    }

    proptest! {
        /// At most ten functions occur, so none is cut off.
        #[test]
        fn each_sample_counts_once_for_one_function_and_once_for_each_caller(stacks in any_stacks()) {
            let profile = profile_of(&stacks);
            let hot = HotFunctions::of(&profile);
            prop_assert_eq!(hot.iter().map(|hot| hot.self_samples).sum::<u64>(), profile.samples());
            for hot in hot.iter() {
                let saw = |(places, _): &&(Vec<String>, u64)| {
                    places.iter().any(|place| short_name(place) == hot.function)
                };
                let seen: u64 = stacks.iter().filter(saw).map(|(_, samples)| samples).sum();
                prop_assert_eq!(hot.cumulative_samples, seen);
                prop_assert!((1..=seen).contains(&hot.self_samples));
            }
            prop_assert!(hot.is_sorted_by_key(|hot| Reverse(hot.self_samples)));
        }

        #[test]
        fn the_order_of_the_stacks_does_not_matter(stacks in any_stacks()) {
            let reversed: Stacks = stacks.iter().rev().cloned().collect();
            prop_assert_eq!(HotFunctions::of(&profile_of(&stacks)), HotFunctions::of(&profile_of(&reversed)));
        }
    }

    #[test]
    fn the_ten_hottest_stay_and_callers_alone_are_not_hot() {
        let stacks: Stacks = (1..=12).map(|k| (vec![format!("f{k}"), "main".to_owned()], k)).collect();
        let hot = HotFunctions::of(&profile_of(&stacks));
        let names: Vec<_> = hot.iter().map(|hot| hot.function.as_str()).collect();
        assert_eq!(names, ["f12", "f11", "f10", "f9", "f8", "f7", "f6", "f5", "f4", "f3"]);
    }
}
