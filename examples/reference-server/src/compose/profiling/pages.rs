//! `/debug/pprof/`: CPU and heap profiles of the process, for `go tool pprof`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sqal_http::{Caller, Problem, Violation};
use sqal_profiling::{CpuProfileError, ProfilePlan};
use tracing::error;

use super::admin::Admin;
use crate::wall_clock::wall_clock;

/// The page that lists what there is.
const INDEX: &str = include_str!("index.html");

/// `GET /debug/pprof/`: a plain page that lists the others.
pub(super) async fn index() -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'");
    ([policy, (header::CONTENT_TYPE, "text/html; charset=utf-8")], INDEX).into_response()
}

/// `GET /debug/pprof/profile?seconds=&frequency=`: a CPU profile that begins now. It ends early if
/// the caller leaves or the process ends.
pub(super) async fn cpu(
    State(admin): State<Arc<Admin>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let plan = match plan_of(&query) {
        Ok(plan) => plan,
        Err(violations) => return Problem::invalid_query(violations).into_response(),
    };
    let turn = match admin.profiler.reserve(plan) {
        Ok(turn) => turn,
        Err(error) => return refusal(&error).into_response(),
    };
    let (seconds, frequency) = (plan.duration().as_secs(), plan.frequency());
    admin.services.write_down(&caller, "profile", &format!("CPU profile of {seconds} s at {frequency} Hz"));
    match admin.shutdown.unless_draining(turn.take(wall_clock())).await {
        Ok(Ok(profile)) => attached("cpu.pb.gz", profile.to_pprof()),
        Ok(Err(error)) => refusal(&error).into_response(),
        Err(_) => Problem::shutting_down().into_response(),
    }
}

/// `GET /debug/pprof/heap`: the memory that the process holds now, by the code that allocated it.
#[cfg(all(feature = "heap", target_os = "linux"))]
pub(super) async fn heap(State(admin): State<Arc<Admin>>, Extension(caller): Extension<Caller>) -> Response {
    use sqal_profiling::heap::{HeapProfileError, heap_profile};

    let Ok(taken) = admin.shutdown.unless_draining(heap_profile()).await else {
        return Problem::shutting_down().into_response();
    };
    match taken {
        Ok(profile) => {
            admin.services.write_down(&caller, "profile", "heap profile");
            attached("heap.pb.gz", profile)
        }
        Err(error @ HeapProfileError::Off) => Problem::not_found(error.to_string()).into_response(),
        Err(error @ HeapProfileError::Busy) => Problem::busy(&error.to_string()).into_response(),
        Err(error) => {
            error!(%error, "a heap profile was not taken");
            Problem::broken(&error.to_string()).into_response()
        }
    }
}

/// `GET /debug/pprof/heap`: says which program has heap profiles.
#[cfg(not(all(feature = "heap", target_os = "linux")))]
pub(super) async fn heap() -> Problem {
    Problem::not_found("this program has no heap profiler: build sqal-server-heap, with the feature `heap`, on Linux")
}

/// The plan that a query asks for; the default is 30 seconds at 100 Hz.
fn plan_of(query: &HashMap<String, String>) -> Result<ProfilePlan, Vec<Violation>> {
    let usual = ProfilePlan::default();
    let usual_seconds = u16::try_from(usual.duration().as_secs()).unwrap_or(ProfilePlan::MOST_SECONDS);
    let mut violations = Vec::new();
    let mut number = |name: &str, most: u16, usual: u16| {
        let Some(text) = query.get(name) else { return usual };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.unwrap_or_else(|| {
            let (limit, french) =
                (format!("a whole number from 1 to {most}"), format!("un nombre entier de 1 à {most}"));
            violations.push(Violation::new(format!("?{name}"), text, limit, french));
            usual
        })
    };
    let seconds = number("seconds", ProfilePlan::MOST_SECONDS, usual_seconds);
    let frequency = number("frequency", ProfilePlan::MOST_FREQUENCY, usual.frequency());
    // Both numbers are in their ranges.
    if violations.is_empty() { Ok(ProfilePlan::new(seconds, frequency).unwrap_or(usual)) } else { Err(violations) }
}

/// A profile that is being taken is no fault of this caller: 503, with the time after which it has
/// ended.
fn refusal(error: &CpuProfileError) -> Problem {
    match error {
        CpuProfileError::Busy { free_after } => {
            let mut problem = Problem::busy(&error.to_string());
            problem.retry_after = Some(u32::try_from(free_after.as_secs()).unwrap_or(u32::MAX));
            problem
        }
        CpuProfileError::Unsupported => Problem::not_found(error.to_string()),
        _ => {
            error!(%error, "a CPU profile was not taken");
            Problem::broken(&error.to_string())
        }
    }
}

/// Bytes that a browser saves under a name.
fn attached(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &[(&str, &str)]) -> Result<(u64, u16), Vec<String>> {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let plan = plan_of(&query).map_err(|violations| violations.into_iter().map(|v| v.pointer).collect::<Vec<_>>());
        plan.map(|plan| (plan.duration().as_secs(), plan.frequency()))
    }

    #[test]
    fn a_query_is_a_plan_or_names_every_value_that_is_not() {
        assert_eq!(of(&[]), Ok((30, 100)));
        assert_eq!(of(&[("seconds", "300"), ("frequency", "1000"), ("debug", "1")]), Ok((300, 1_000)));
        for value in ["0", "301", "-1", "1.5", "", "65537", "ten"] {
            assert_eq!(of(&[("seconds", value)]), Err(vec!["?seconds".to_owned()]), "{value}");
        }
        let both = Err(vec!["?seconds".to_owned(), "?frequency".to_owned()]);
        assert_eq!(of(&[("frequency", "1001"), ("seconds", "x")]), both);
    }
}
