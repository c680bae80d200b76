//! `/api/v1/stations/{device_id}/doubtful`: the trays that were judged while an instrument was at
//! fault.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use sqal_alerts::station::{Cause, StationFault};
use sqal_core::{Purpose, SampleId, Timestamp};
use sqal_protocol::Violation;
use sqal_protocol::document::{Document, document};
use sqal_storage::{SampleQuery, samples::Cursor};

use super::parameters::{limit_of, new_name_in_path, unreadable};
#[cfg(feature = "openapi")]
use super::stations::cause;
use super::stations::faults_of;
use crate::door::problem::Problem;
use crate::door::quota::Class;
use crate::route::objective::Objective;
use crate::route::of_alerts::BEFORE_SAMPLE;
use crate::route::{DEVICE_IN_PATH, Endpoint, LIMIT, VIEWER, get};
use crate::services::Services;

/// The routes of doubtful samples.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get("/api/v1/stations/{device_id}/doubtful", VIEWER, Class::Read, list)
            .objective(Objective::MANY)
            .described("listDoubtfulSamples", "Stations", "The trays that were judged while an instrument was at fault")
            .parameters(&[DEVICE_IN_PATH, LIMIT, BEFORE_SAMPLE])
            .gives::<DoubtfulSamples>()
            .problems(&[400, 404])
            .line(
                "samples as in `/api/v1/samples`, newest first, each with the `causes` for which it is doubtful, and \
                 `next` for the next page's `before` (null on the last). `limit` is 1 to 500, by default 50; a page can \
                 be shorter, or empty, although another follows",
                "0; 30 s if another server receives its trays",
            )
            .good_call("/api/v1/stations/ESP32_SIM_1234/doubtful", 404)
            .bad_call("GET", "/api/v1/stations/ESP32_SIM_1234/doubtful?before=1", 400),
    ]
}

/// The most samples on a page.
const LARGEST_PAGE: u16 = 500;

/// The parameters of a page. Every one is text first, so that a wrong one can be named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoubtfulQuery {
    limit: Option<String>,
    before: Option<String>,
}

impl DoubtfulQuery {
    /// The place after which the page begins, if one is given, and the most samples.
    fn read(self) -> Result<(Option<Cursor>, NonZeroU16), Problem> {
        let mut wrong = Vec::new();
        let limit = limit_of(self.limit, 50, LARGEST_PAGE, &mut wrong);
        let before = self.before.and_then(|text| {
            let before = text.parse::<Cursor>();
            if let Err(refused) = &before {
                let french = "le champ next d'une page précédente";
                wrong.push(Violation::new("?before", "no cursor", refused.to_string(), french));
            }
            before.ok()
        });
        if !wrong.is_empty() {
            return Err(Problem::invalid_query(wrong));
        }
        Ok((before, NonZeroU16::new(limit).unwrap_or(NonZeroU16::MIN)))
    }
}

/// A page of doubtful samples, the newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DoubtfulSamples {
    #[cfg_attr(feature = "openapi", schema(schema_with = doubtful_samples))]
    items: Vec<DoubtfulSample>,
    /// What to pass as `before` for the next page; null on the last.
    next: Option<String>,
}

/// A sample that is doubtful.
#[derive(Debug, Serialize)]
struct DoubtfulSample {
    #[serde(flatten)]
    sample: Document,
    /// Why it is doubtful.
    causes: Vec<Cause>,
}

/// The schema of doubtful samples: a sample has no type that could derive one.
#[cfg(feature = "openapi")]
fn doubtful_samples() -> utoipa::openapi::schema::Schema {
    use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, ObjectBuilder, Schema};
    use utoipa::openapi::{Ref, RefOr};
    let causes = Schema::Array(ArrayBuilder::new().items(RefOr::T(cause())).build());
    let own = ObjectBuilder::new().property("causes", causes).required("causes");
    let sample = AllOfBuilder::new().item(Ref::from_schema_name("Sample")).item(own);
    Schema::Array(ArrayBuilder::new().items(sample).build())
}

/// `GET /api/v1/stations/{device_id}/doubtful[?limit=&before=]`.
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    device: Result<Path<String>, PathRejection>,
    query: Result<Query<DoubtfulQuery>, QueryRejection>,
) -> Result<Json<DoubtfulSamples>, Problem> {
    let (device, unknown) = new_name_in_path(device, "station")?;
    let Query(query) = query.map_err(|refused| unreadable(&refused, "limit and before"))?;
    let (before, limit) = query.read()?;
    let spans = DoubtfulSpans::of(&faults_of(&services, &device, unknown).await?);
    let Some(beginning) = spans.beginning(before) else {
        return Ok(Json(DoubtfulSamples { items: Vec::new(), next: None }));
    };
    let mut query = SampleQuery::newest(limit);
    query.device_id = Some(device);
    query.after = match beginning {
        Beginning::After(place) => Some(place),
        Beginning::Newest => None,
    };
    let page = services.storage.store.query(&query).await?;
    // A reading of a reference is no tray.
    let trays = page.items.iter().filter(|sample| sample.purpose == Purpose::Product);
    let items = trays.filter_map(|tray| {
        let causes = spans.causes(tray.key.timestamp);
        (!causes.is_empty()).then(|| DoubtfulSample { sample: document(tray), causes })
    });
    let items = items.collect();
    Ok(Json(DoubtfulSamples { items, next: spans.next(page.next).map(|next| next.to_string()) }))
}

/// From when to when an instrument was at fault; the end is not part of it.
#[derive(Clone, Copy, Debug)]
struct DoubtfulSpan {
    cause: Cause,
    from: Timestamp,
    until: Option<Timestamp>,
}

/// The spans of a station in which an instrument was at fault.
#[derive(Clone, Debug)]
struct DoubtfulSpans(Vec<DoubtfulSpan>);

/// Where a page begins. A later place is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Beginning {
    /// After a sample, which is newer.
    After(Cursor),
    /// At the newest sample.
    Newest,
}

impl Beginning {
    fn of(place: Option<Cursor>) -> Self {
        place.map_or(Self::Newest, Self::After)
    }
}

impl DoubtfulSpan {
    /// Where the samples of the span begin that are after a place, the newest first.
    fn beginning(&self, after: Option<Cursor>) -> Beginning {
        // Every sample of the end's time is newer than this place.
        let end = self.until.map(|until| Cursor::at(until, SampleId::from_bytes([0; 16])));
        Beginning::of(after).min(Beginning::of(end))
    }

    fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

impl DoubtfulSpans {
    /// The spans of these faults.
    fn of(faults: &[StationFault]) -> Self {
        let at_fault = faults.iter().filter(|fault| fault.cause.makes_doubtful());
        let spans = at_fault.map(|fault| DoubtfulSpan { cause: fault.cause, from: fault.since, until: fault.ended });
        Self(spans.collect())
    }

    /// Where the next doubtful sample after a place may stand; `None` if there is none. What lies
    /// between two spans is passed over.
    fn beginning(&self, after: Option<Cursor>) -> Option<Beginning> {
        let later = self.0.iter().filter(|span| after.is_none_or(|after| span.from <= after.timestamp()));
        later.map(|span| span.beginning(after)).max()
    }

    /// The place after which another page begins, if a doubtful sample may follow.
    fn next(&self, after: Option<Cursor>) -> Option<Cursor> {
        after.filter(|after| self.beginning(Some(*after)).is_some())
    }

    /// Why a sample of this time is doubtful.
    fn causes(&self, at: Timestamp) -> Vec<Cause> {
        let causes: BTreeSet<_> = self.0.iter().filter(|span| span.contains(at)).map(|span| span.cause).collect();
        causes.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn fault(cause: Cause, since: i64, lasted: Option<i64>) -> StationFault {
        let (since, ended) = (at(since), lasted.map(|lasted| at(since + lasted)));
        StationFault { cause, since, found: since, delay: 0, evidence: Vec::new(), ended }
    }

    proptest! {
        #[test]
        fn the_pages_have_every_doubtful_sample_once_the_newest_first(
            seconds in prop::collection::btree_set(0_i64..500, 0..80),
            faults in prop::collection::vec((0_usize..9, 0_i64..500, prop::option::of(1_i64..200)), 0..6),
            limit in 1_usize..20,
        ) {
            let faults: Vec<_> =
                faults.into_iter().map(|(cause, since, lasted)| fault(Cause::ALL[cause], since, lasted)).collect();
            let place = |second: &i64| Cursor::at(at(*second), SampleId::from_bytes([7; 16]));
            let all: Vec<Cursor> = seconds.iter().rev().map(place).collect();
            let spans = DoubtfulSpans::of(&faults);
            let (mut listed, mut pages, mut before) = (Vec::new(), 0, None);
            while let Some(beginning) = spans.beginning(before) {
                pages += 1;
                let rest: Vec<Cursor> =
                    all.iter().copied().filter(|place| Beginning::After(*place) < beginning).collect();
                let page = &rest[..rest.len().min(limit)];
                listed.extend(page.iter().copied().filter(|place| !spans.causes(place.timestamp()).is_empty()));
                before = spans.next(page.last().copied().filter(|_| rest.len() > limit));
                if before.is_none() {
                    break;
                }
            }
            let is_doubtful = |place: &Cursor| {
                let time = place.timestamp();
                let lasts = |fault: &StationFault| fault.since <= time && fault.ended.is_none_or(|end| time < end);
                faults.iter().any(|fault| fault.cause.makes_doubtful() && lasts(fault))
            };
            let doubtful: Vec<Cursor> = all.iter().copied().filter(is_doubtful).collect();
            prop_assert_eq!(listed, doubtful);
            prop_assert!(pages <= all.len() / limit + 1, "{} pages", pages);
        }
    }

    #[test]
    fn a_sample_is_doubtful_for_every_instrument_that_was_at_fault_and_for_no_other_cause() {
        let faults = [
            fault(Cause::WindowDirty, 10, Some(20)),
            fault(Cause::SensorBlind, 15, None),
            fault(Cause::WindowDirty, 18, Some(5)),
            fault(Cause::ProductChanged, 0, None),
            fault(Cause::ClockWrong, 0, None),
        ];
        let spans = DoubtfulSpans::of(&faults);
        let of = |second| spans.causes(at(second));
        assert_eq!(of(9), []);
        assert_eq!(of(10), [Cause::WindowDirty]);
        assert_eq!(of(19), [Cause::SensorBlind, Cause::WindowDirty]);
        assert_eq!(of(30), [Cause::SensorBlind], "the end is not part of it");
    }
}
