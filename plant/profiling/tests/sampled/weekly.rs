//! The weekly run: what it keeps, and the difference to the week before.

use std::sync::Arc;

use sqal_core::{Name, Timestamp};
use sqal_profiling::{CpuProfiler, ProfileHistory, ProfilePlan, WeeklyProfiling};
use sqal_resilience::SystemClock;
use sqal_storage::queue::{Job, JobId, NewJob};
use sqal_storage::records::{RecordDraft, RecordQuery};
use sqal_storage::{MemoryStore, Records};
use sqal_work::Running;
use sqal_work::schedule::Occasion;
use sqal_work::scheduler::ScheduledTask;

use super::busy::Busy;
use super::{ONE_AT_A_TIME, tuesday};

const WEEK: i64 = 604_800_000_000;

/// The occasion of a due time, as its job holds it.
fn occasion(due: Timestamp) -> Occasion {
    let body = format!(
        r#"{{"v":1,"schedule":"weekly-profiling","due":{},"expires":{},"body":""}}"#,
        due.micros(),
        due.micros() + WEEK
    );
    let job = NewJob::new(Name::new("run_weekly_profiling").unwrap(), body, due);
    Occasion::of(&Job::enqueued(JobId::from_number(1), &job)).unwrap()
}

#[tokio::test]
async fn prf_01_the_weekly_run_keeps_a_record_and_a_report_and_compares_with_the_week_before() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let _busy = Busy::begin();
    let store = Arc::new(MemoryStore::new());
    let profiler = CpuProfiler::new(Arc::new(SystemClock));
    let records: Arc<dyn Records> = Arc::clone(&store) as _;
    let task = WeeklyProfiling::new(profiler, ProfilePlan::new(1, 100).unwrap(), Arc::clone(&records));
    let later = Timestamp::from_micros(tuesday().micros() + WEEK).unwrap();
    // The second run of a week is one that is done again.
    for due in [tuesday(), later, later] {
        let told = task.run(&occasion(due), &Running::detached(due, Arc::new(SystemClock))).await.unwrap();
        assert!(told.contains("::loop_that_is_easy_to_find ("), "{told}");
    }
    let all = ProfileHistory::new(records).all(later).await.unwrap();
    let [first, second] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((first.week.as_str(), second.week.as_str()), ("2026-W48", "2026-W49"));
    assert!(first.previous.is_none() && first.changes.is_empty());
    assert_eq!(second.previous.as_ref().map(|previous| previous.week.as_str()), Some("2026-W48"));
    for record in [first, second] {
        assert!(record.functions[0].cumulative_seconds > 0.0 && record.functions.len() <= 10, "{record:?}");
        assert!(record.process.memory_bytes.is_some() && record.machine.is_some(), "{record:?}");
    }
    let reports = store.find(&RecordQuery::of(Name::new("profiling_reports").unwrap(), 9), later).await.unwrap();
    let keys: Vec<_> = reports.iter().map(|report| report.key.as_str()).collect();
    assert_eq!(keys, ["2026-11-24T10:00:00Z", "2026-12-01T10:00:00Z"]);
    assert!(reports[1].body.contains("\"recommendations\":[{"), "{}", reports[1].body);
    assert!(RecordDraft::new(reports[1].collection, reports[1].key, reports[1].body.clone()).check("test").is_ok());
}
