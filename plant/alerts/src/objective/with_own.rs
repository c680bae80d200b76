//! [`with_own`]: the documented objectives, with those of a plant in their place or beside them.

use super::{Objective, documented};

/// An objective of a plant that has the name of another one. An alert shows its objective by its
/// name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("objective {id}: expected a name that {other} does not have")]
#[non_exhaustive]
pub struct NamesakeError {
    /// The place of the objective among those of the plant, from 0.
    pub place: usize,
    /// The id of the objective.
    pub id: String,
    /// The id of the other objective.
    pub other: String,
}

/// The documented objectives and those of a plant. One with the id of a documented one takes its
/// place.
///
/// ```
/// use sqal_alerts::objective::{documented, read_objectives, with_own};
///
/// let own = "
/// service: sqal
/// objectives:
///   - name: cache-hits
///     description: { en: Reads are answered by a cache., fr: Un cache répond aux lectures. }
///     target: 0.6
///     good: cache_hits_total
///     total: cache_hits_total + cache_misses_total
///     burn_rates: [3d]
/// ";
/// let all = with_own(read_objectives(own)?).unwrap();
/// assert_eq!(all.len(), documented().len());
/// # Ok::<(), sqal_alerts::objective::InvalidObjectiveFile>(())
/// ```
///
/// # Errors
///
/// [`NamesakeError`] for each objective that has the name of an earlier one of the plant, or of a
/// documented one whose place it does not take.
pub fn with_own(own: Vec<Objective>) -> Result<Vec<Objective>, Vec<NamesakeError>> {
    let mut all = documented();
    let (mut taken, mut namesakes) = (Vec::new(), Vec::new());
    for (place, objective) in own.into_iter().enumerate() {
        let id = objective.id();
        let mut others = all.iter().filter(|known| known.id() != id).chain(&taken);
        let namesake = others.find(|other| other.name() == objective.name()).map(Objective::id);
        match namesake {
            Some(other) => namesakes.push(NamesakeError { place, id, other }),
            None => taken.push(objective),
        }
    }
    if !namesakes.is_empty() {
        return Err(namesakes);
    }
    all.retain(|known| taken.iter().all(|own| own.id() != known.id()));
    all.extend(taken);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Words;
    use crate::objective::{Indicator, Target};
    use crate::query::Selector;

    fn objective(service: &str, name: &str) -> Objective {
        let of = |metric| vec![Selector::new(metric)];
        let indicator = Indicator::of_bad(of("bad_total"), of("all_total")).unwrap();
        let target = Target::new(0.99).unwrap();
        Objective::new(name, Words::default(), indicator, target).unwrap().of_service(service).unwrap()
    }

    #[test]
    fn an_objective_takes_the_place_of_the_documented_one_with_its_id_and_others_are_added() {
        assert_eq!(with_own(Vec::new()).unwrap(), documented());
        let own = vec![objective("sqal", "latency"), objective("line", "frames")];
        let all = with_own(own.clone()).unwrap();
        assert_eq!(all.len(), documented().len() + 1);
        assert!(own.iter().all(|own| all.contains(own)));
        assert_eq!(all.iter().filter(|objective| objective.name() == "latency").count(), 1);
    }

    #[test]
    fn every_objective_with_the_name_of_another_one_is_told() {
        let own = [("line", "latency"), ("line", "frames"), ("oven", "frames"), ("line", "frames")];
        let namesakes = with_own(own.map(|(service, name)| objective(service, name)).into()).unwrap_err();
        let told: Vec<_> = namesakes.iter().map(|it| (it.place, it.id.as_str(), it.other.as_str())).collect();
        let wanted =
            [(0, "line-latency", "sqal-latency"), (2, "oven-frames", "line-frames"), (3, "line-frames", "line-frames")];
        assert_eq!(told, wanted);
        assert_eq!(namesakes[0].to_string(), "objective line-latency: expected a name that sqal-latency does not have");
    }
}
