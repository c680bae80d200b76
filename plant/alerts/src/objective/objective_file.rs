//! [`read_objectives`]: objectives from our own file, the format of `documented.yaml`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::query::Selector;
use crate::words::Words;

use super::file_error::{Place, gathered};
use super::query_texts::{NumeratorText, QueryTexts};
use super::{BurnRate, InvalidObjective, InvalidObjectiveFile, Objective, Target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectiveFile {
    service: Option<String>,
    objectives: Vec<Spanned<Item>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    name: String,
    description: Words,
    target: f64,
    bad: Option<String>,
    good: Option<String>,
    total: String,
    #[serde(default)]
    only: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    split_by: Vec<String>,
    least_events: Option<NonZeroU32>,
    burn_rates: Option<Vec<String>>,
    few_events: Option<FewEvents>,
}

/// What an objective says about itself while it has fewer events than `least_events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FewEvents {
    Tell,
    Ignore,
}

/// Reads objectives from YAML.
///
/// `bad` or `good`, and `total`, are counters, added with `+`. `only` restricts all of them to
/// series whose labels have one of the given values. `target` is a share. Without `least_events`,
/// `burn_rates` and `few_events`, the objective has those of [`Objective::new`];
/// `few_events: ignore` is [`Objective::ignoring_few_events`].
///
/// ```
/// let objectives = sqal_alerts::objective::read_objectives(
///     r#"
/// service: dairy
/// objectives:
///   - name: cache-hits
///     description: { en: Reads are answered by a cache., fr: Un cache répond aux lectures. }
///     target: 0.75
///     good: cache_hits_total
///     total: cache_hits_total + cache_misses_total
///     only: { cache_type: [latest_sample, device_stats] }
///     split_by: [cache_type]
///     least_events: 1000
///     burn_rates: [1d, 3d]
/// "#,
/// )?;
/// assert_eq!(objectives[0].id(), "dairy-cache-hits");
/// # Ok::<(), sqal_alerts::objective::InvalidObjectiveFile>(())
/// ```
///
/// # Errors
///
/// [`InvalidObjectiveFile`] with every mistake, or with the first if the text is no YAML or has an
/// unknown key. A burn rate that an objective cannot reach is a mistake, unless `burn_rates` states
/// others.
pub fn read_objectives(text: &str) -> Result<Vec<Objective>, InvalidObjectiveFile> {
    let file: ObjectiveFile = serde_saphyr::from_str(text).map_err(|error| InvalidObjectiveFile::yaml(&error))?;
    let service = file.service.as_deref();
    gathered(file.objectives.iter().map(|item| {
        let place = Place { document: 1, line: item.referenced.line(), name: format!("objective {}", item.value.name) };
        (place, item.value.objective(service))
    }))
}

impl Item {
    fn objective(&self, service: Option<&str>) -> Result<Objective, String> {
        let (numerator, numerator_key) = match (&self.bad, &self.good) {
            (Some(bad), None) => (NumeratorText::Bad(bad), "bad"),
            (None, Some(good)) => (NumeratorText::Good(good), "good"),
            _ => return Err("expected either bad or good".to_owned()),
        };
        let total = self.total.as_str();
        let texts = QueryTexts { numerator, numerator_key, total, total_key: "total", is_windowed: false };
        let (indicator, by) = texts.read(|counter| self.narrowed(counter))?;
        if !by.is_empty() {
            return Err(format!("{total:?}: expected no by: split_by names the labels"));
        }
        let burn_rates = self.burn_rates()?;
        let built = || {
            let target = Target::new(self.target)?;
            let split_by: Vec<&str> = self.split_by.iter().map(String::as_str).collect();
            let mut objective =
                Objective::new(&self.name, self.description.clone(), indicator, target)?.split_by(&split_by)?;
            if let Some(service) = service {
                objective = objective.of_service(service)?;
            }
            Ok(objective)
        };
        let mut objective = built().map_err(|error: InvalidObjective| error.to_string())?;
        if let Some(least) = self.least_events {
            objective = objective.with_least_events(least);
        }
        if self.few_events == Some(FewEvents::Ignore) {
            objective = objective.ignoring_few_events();
        }
        Ok(match burn_rates {
            Some(burn_rates) => objective.with_burn_rates(burn_rates),
            None => objective,
        })
    }

    /// A counter with the conditions of `only`.
    fn narrowed(&self, counter: Selector) -> Result<Selector, String> {
        self.only.iter().try_fold(counter, |counter, (label, values)| {
            let label = Selector::checked_label(label).map_err(|error| format!("only: {error}"))?;
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            match values.as_slice() {
                [] => Err(format!("only: {label}: expected at least one value")),
                [value] => Ok(counter.with(label, value)),
                values => Ok(counter.matching(label, values)),
            }
        })
    }

    fn burn_rates(&self) -> Result<Option<Vec<BurnRate>>, String> {
        let of_window = |window: &String| {
            BurnRate::of_window(window).ok_or_else(|| format!("burn_rates {window:?}: expected 1h, 6h, 1d or 3d"))
        };
        self.burn_rates.as_ref().map(|windows| windows.iter().map(of_window).collect::<Result<_, String>>()).transpose()
    }
}
