//! [`FunctionChange`]: how the share of a function differs from one profile to a later one.

use serde::{Deserialize, Serialize};

use crate::share::rounded;

/// The smallest difference of a share that is shown, in percentage points. A profile of 1000
/// samples knows a share of 10 % to within 1 point (one standard deviation).
const LEAST_POINTS: f64 = 1.0;

/// How the place of a function among the hottest has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The function is among the hottest now, and was not before.
    New,
    /// The function was among the hottest before, and is not now.
    Gone,
    /// The share of the function is larger now.
    Up,
    /// The share of the function is smaller now.
    Down,
}

/// How the share of a function differs from one profile to a later one. A share is that of the
/// samples that interrupted the function itself, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionChange {
    /// The short name of the function.
    pub function: String,
    /// What has changed.
    pub change: ChangeKind,
    /// The share before; `None` if the function was not among the hottest.
    pub before_percent: Option<f64>,
    /// The share now; `None` if the function is not among the hottest.
    pub now_percent: Option<f64>,
    /// The difference in percentage points. A function that is not among the hottest counts with 0.
    pub points: f64,
}

impl FunctionChange {
    fn of(function: &str, before_percent: Option<f64>, now_percent: Option<f64>) -> Option<Self> {
        let points = rounded(now_percent.unwrap_or(0.0) - before_percent.unwrap_or(0.0));
        let change = match (before_percent, now_percent) {
            (None, None) => return None,
            (None, Some(_)) => ChangeKind::New,
            (Some(_), None) => ChangeKind::Gone,
            (Some(_), Some(_)) if points.abs() < LEAST_POINTS => return None,
            (Some(_), Some(_)) if points > 0.0 => ChangeKind::Up,
            (Some(_), Some(_)) => ChangeKind::Down,
        };
        Some(Self { function: function.to_owned(), change, before_percent, now_percent, points })
    }
}

/// The changes from one list of functions with their shares to a later one, the largest first. A
/// function of both lists whose share differs by less than a point is left out.
pub(crate) fn changes(before: &[(&str, f64)], now: &[(&str, f64)]) -> Vec<FunctionChange> {
    let share = |list: &[(&str, f64)], function: &str| {
        list.iter().find(|(name, _)| *name == function).map(|(_, percent)| *percent)
    };
    let gone = before.iter().filter(|(function, _)| share(now, function).is_none());
    let all = now.iter().chain(gone).map(|(function, _)| *function);
    let mut changes: Vec<_> = all
        .filter_map(|function| FunctionChange::of(function, share(before, function), share(now, function)))
        .collect();
    changes.sort_by(|one, other| {
        other.points.abs().total_cmp(&one.points.abs()).then_with(|| one.function.cmp(&other.function))
    });
    changes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Shares = BTreeMap<String, f64>;

    fn list(shares: &Shares) -> Vec<(&str, f64)> {
        shares.iter().map(|(name, share)| (name.as_str(), *share)).collect()
    }

    fn any_shares() -> impl Strategy<Value = Shares> {
        prop::collection::btree_map("[a-f]", (0..400_u32).prop_map(|quarters| f64::from(quarters) / 4.0), 0..6)
    }

    fn mirrored(change: FunctionChange) -> FunctionChange {
        let kind = match change.change {
            ChangeKind::New => ChangeKind::Gone,
            ChangeKind::Gone => ChangeKind::New,
            ChangeKind::Up => ChangeKind::Down,
            ChangeKind::Down => ChangeKind::Up,
        };
        let FunctionChange { function, before_percent, now_percent, points, .. } = change;
        let (before_percent, now_percent) = (now_percent, before_percent);
        FunctionChange { function, change: kind, before_percent, now_percent, points: -points }
    }

    proptest! {
        #[test]
        fn nothing_changes_from_a_profile_to_itself(shares in any_shares()) {
            prop_assert_eq!(changes(&list(&shares), &list(&shares)), vec![]);
        }

        #[test]
        fn the_way_back_is_the_mirror_of_the_way(before in any_shares(), now in any_shares()) {
            let there = changes(&list(&before), &list(&now));
            let back: Vec<_> = changes(&list(&now), &list(&before)).into_iter().map(mirrored).collect();
            prop_assert_eq!(there, back);
        }

        #[test]
        fn every_function_is_named_once_unless_its_share_stays(before in any_shares(), now in any_shares()) {
            let found = changes(&list(&before), &list(&now));
            for name in before.keys().chain(now.keys()) {
                let stays = before.get(name).zip(now.get(name)).is_some_and(|(before, now)| (before - now).abs() < 1.0);
                let times = found.iter().filter(|change| change.function == *name).count();
                prop_assert_eq!(times, usize::from(!stays), "{}", name);
            }
            prop_assert!(found.is_sorted_by(|one, other| one.points.abs() >= other.points.abs()));
        }
    }

    #[test]
    fn each_kind_of_change_is_told_with_its_points() {
        let before = [("a", 40.0), ("b", 30.0), ("c", 10.0), ("d", 5.0)];
        let now = [("a", 42.5), ("b", 20.0), ("c", 10.75), ("e", 7.0)];
        let found = changes(&before, &now);
        let told: Vec<_> =
            found.iter().map(|change| (change.function.as_str(), change.change, change.points.to_string())).collect();
        let expected = [
            ("b", ChangeKind::Down, "-10"),
            ("e", ChangeKind::New, "7"),
            ("d", ChangeKind::Gone, "-5"),
            ("a", ChangeKind::Up, "2.5"),
        ];
        assert_eq!(told, expected.map(|(name, kind, points)| (name, kind, points.to_owned())));
    }
}
