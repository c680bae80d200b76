//! [`Queue`] over SQL, for both engines.

mod schema;
mod statements;

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use async_trait::async_trait;
use sqal_core::{Name, Timestamp};
use tracing::error;

use super::row::{Row, Value};
use super::store::{Engine, SqlStore};
use crate::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKey, JobKind, JobProgress, JobQuery, JobState, LEASE_ENDED, Lease,
    LeaseEnd, Leased, NewJob, Queue, WorkerName, check_text, log_lease_ended,
};
use crate::{StorageError, StorageErrorKind};

#[cfg(feature = "postgres")]
pub(crate) use schema::{QUEUE_IN_POSTGRES, TRACED_JOBS_IN_POSTGRES};
#[cfg(feature = "sqlite")]
pub(crate) use schema::{QUEUE_IN_SQLITE, TRACED_JOBS_IN_SQLITE};

/// Why a job has failed whose row was changed by another program.
const UNREADABLE: &str = "the job cannot be read: its row was damaged or changed";

/// A job and the number of its newest lease.
fn to_leased(mut row: Row) -> Result<Leased, String> {
    let id = JobId::from_number(row.unsigned("id")?);
    let (kind, key, body) = (row.name("kind")?, row.optional_name("job_key")?, row.text("body")?);
    let (created_at, created_by) = (row.time("created_at")?, row.optional_name("created_by")?);
    let state = row.text("state")?.parse().map_err(|error| format!("state {error}"))?;
    let (due, attempts) = (row.time("due")?, row.unsigned("attempts")?);
    let most_attempts = NonZeroU16::new(row.unsigned("most_attempts")?).ok_or("most_attempts is 0")?;
    let worker = row.optional_name("worker")?;
    let total = |number: i64| u64::try_from(number).map_err(|_| format!("total is {number}: out of its range"));
    let progress =
        JobProgress { done: row.unsigned("done")?, total: row.optional_int("total")?.map(total).transpose()? };
    let (result, failure) = (row.optional_text("result")?, row.optional_text("failure")?);
    let (ended_at, number) = (row.optional_time("ended_at")?, row.unsigned("lease")?);
    let traceparent = row.optional_text("traceparent")?;
    let job = Job {
        id,
        kind,
        key,
        body,
        created_at,
        created_by,
        state,
        due,
        attempts,
        most_attempts,
        worker,
        progress,
        result,
        failure,
        ended_at,
        traceparent,
    };
    Ok(Leased { lease: Lease { job: id, number }, job })
}

fn to_job(row: Row) -> Result<Job, String> {
    to_leased(row).map(|leased| leased.job)
}

/// The jobs of rows. A job that cannot be read must not hide the others: it is left out and logged.
fn to_jobs(rows: Vec<Row>) -> Vec<Job> {
    let log = |what: &String| error!(what, "a job cannot be read; it is not listed");
    rows.into_iter().filter_map(|row| to_job(row).inspect_err(log).ok()).collect()
}

fn to_id(mut row: Row) -> Result<JobId, String> {
    row.unsigned("id").map(JobId::from_number)
}

/// The number, the kind and the key of a job that was added.
fn to_added(mut row: Row) -> Result<(JobId, JobKind, Option<JobKey>), String> {
    Ok((JobId::from_number(row.unsigned("id")?), row.name("kind")?, row.optional_name("job_key")?))
}

/// The number and the attempts of a job that has failed by the end of its last lease.
fn to_lost(mut row: Row) -> Result<(JobId, i64), String> {
    Ok((JobId::from_number(row.unsigned("id")?), row.int("attempts")?))
}

fn to_lease(mut row: Row) -> Result<(i64, i64), String> {
    Ok((row.int("id")?, row.int("lease")?))
}

fn to_count(mut row: Row) -> Result<JobCount, String> {
    let kind = row.name("kind")?;
    let state = row.text("state")?.parse().map_err(|error| format!("state {error}"))?;
    Ok(JobCount { kind, state, jobs: row.unsigned("count")? })
}

/// A number as a database holds it: none of ours is beyond the largest.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Values as a JSON array, which both engines take apart.
fn json<T: serde::Serialize>(values: &[T]) -> String {
    // Numbers and texts: JSON writes every one of them.
    serde_json::to_string(values).unwrap_or_default()
}

/// A job as an array of JSON.
fn given_job(job: &NewJob) -> impl serde::Serialize {
    (
        job.kind.as_str(),
        job.key.as_ref().map(Name::as_str),
        job.body.as_str(),
        job.created_at.micros(),
        job.created_by.as_ref().map(Name::as_str),
        job.due.micros(),
        job.most_attempts.get(),
        job.traceparent.as_deref(),
    )
}

/// An end as an array of JSON.
fn given_end(ended: &LeaseEnd) -> (i64, i64, i64, &'static str, Option<&str>, Option<i64>) {
    let (way, due) = match &ended.end {
        JobEnd::Succeeded(_) => ("succeeded", None),
        JobEnd::Failed(_) => ("failed", None),
        JobEnd::Again { due, .. } => ("again", Some(due.micros())),
        JobEnd::Returned => ("returned", None),
    };
    let Lease { job, number } = ended.lease;
    (stored(job.number()), stored(number), ended.at.micros(), way, ended.end.text(), due)
}

/// The number of the job that has the key of a job which was not added.
async fn known<S: SqlStore>(store: &S, job: &NewJob) -> Result<JobId, StorageError> {
    let known = store.read(statements::BY_KEY, &[(&job.kind).into(), (&job.key).into()]).await?;
    // The job was forgotten between the two statements: the caller may try again.
    let forgotten = || StorageError::new(S::ENGINE.backend(), StorageErrorKind::Busy);
    S::ENGINE.each(known, to_id)?.pop().ok_or_else(forgotten)
}

/// Lists jobs by the statement that reads no more than it must.
async fn listed<S: SqlStore>(store: &S, query: &JobQuery) -> Result<Vec<Row>, StorageError> {
    let before = query.before.map_or(u64::MAX, JobId::number);
    let [before, limit, bodies]: [Value<'_>; 3] = [before.into(), query.limit.into(), i64::from(query.bodies).into()];
    match (&query.kind, query.state.map(JobState::as_str)) {
        (None, None) => store.read(statements::LIST, &[before, limit, bodies]).await,
        (Some(kind), None) => store.read(statements::LIST_OF_KIND, &[before, limit, bodies, kind.into()]).await,
        (None, Some(state)) => store.read(statements::LIST_IN_STATE, &[before, limit, bodies, state.into()]).await,
        (Some(kind), Some(state)) => {
            let values = [before, limit, bodies, kind.into(), state.into()];
            store.read(statements::LIST_OF_KIND_IN_STATE, &values).await
        }
    }
}

#[async_trait]
impl<S: SqlStore> Queue for S {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        let mut outcomes = self.enqueue_all(std::slice::from_ref(job)).await?;
        outcomes.pop().ok_or_else(|| S::ENGINE.corrupt("a job has no outcome".to_owned()))
    }

    async fn enqueue_all(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StorageError> {
        for job in jobs {
            job.check(S::ENGINE.backend())?;
        }
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let given = json(&jobs.iter().map(given_job).collect::<Vec<_>>());
        let rows = match S::ENGINE {
            Engine::Sqlite => {
                let number = jobs.len() as u64;
                let mut transaction = self.begin().await?;
                transaction.run(statements::NEXT_NUMBERS, &[number.into()]).await?;
                let rows = transaction.run(statements::ADD, &[given.as_str().into(), number.into()]).await?;
                transaction.commit().await?;
                rows
            }
            Engine::Postgres => self.write(statements::ADD, &[given.as_str().into()]).await?,
        };
        let mut added = S::ENGINE.each(rows, to_added)?;
        added.sort_unstable_by_key(|(id, ..)| *id);
        // Numbers are given in the order of the jobs. A job that is not the next one was not added.
        let mut added = added.into_iter().peekable();
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            outcomes.push(match added.next_if(|(_, kind, key)| *kind == job.kind && *key == job.key) {
                Some((id, ..)) => Enqueued::Added(id),
                None => Enqueued::Known(known(self, job).await?),
            });
        }
        Ok(outcomes)
    }

    async fn lease(
        &self,
        kind: &JobKind,
        worker: &WorkerName,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU16,
    ) -> Result<Vec<Leased>, StorageError> {
        // Most of the time nothing is due, and a read disturbs no writer.
        let due = self.read(statements::DUE, &[kind.into(), now.into()]).await?;
        let due = S::ENGINE.each(due, |mut row| Ok((row.int("lost")? > 0, row.int("due")? > 0)))?.pop();
        let (has_lost, has_due) = due.unwrap_or_default();
        if has_lost {
            let values = [kind.into(), now.into(), LEASE_ENDED.into()];
            let lost = self.write(statements::FAIL_LAST_ATTEMPTS, &values).await?;
            for (id, attempts) in S::ENGINE.each(lost, to_lost)? {
                log_lease_ended(kind, id, attempts);
            }
        }
        if !has_due {
            return Ok(Vec::new());
        }
        let values = [kind.into(), now.into(), limit.into(), worker.into(), until.into()];
        let mut leased = Vec::new();
        for row in self.write(statements::TAKE, &values).await? {
            let id = to_id(row.clone());
            match (to_leased(row), id) {
                (Ok(one), _) => leased.push(one),
                // It must not keep the others from being done, nor come first again and again.
                (Err(what), id) => {
                    error!(what, "a job cannot be read; it has failed");
                    let id = id.map_err(|what| S::ENGINE.corrupt(what))?;
                    let values = [id.number().into(), now.into(), UNREADABLE.into()];
                    self.write(statements::FAIL_UNREADABLE, &values).await?;
                }
            }
        }
        leased.sort_by_key(|leased| leased.lease.job);
        Ok(leased)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        let values =
            [lease.job.number().into(), lease.number.into(), until.into(), progress.done.into(), progress.total.into()];
        Ok(!self.write(statements::RENEW, &values).await?.is_empty())
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        let ended = LeaseEnd { lease: *lease, at, end: end.clone() };
        Ok(self.end_all(std::slice::from_ref(&ended)).await?.contains(&true))
    }

    async fn end_all(&self, ends: &[LeaseEnd]) -> Result<Vec<bool>, StorageError> {
        for ended in ends {
            check_text(ended.end.text().unwrap_or_default(), S::ENGINE.backend())?;
        }
        // Of several ends of one lease the first counts.
        let mut leases = BTreeSet::new();
        let is_first: Vec<bool> = ends.iter().map(|ended| leases.insert(key_of(&ended.lease))).collect();
        let mut given: Vec<_> =
            ends.iter().zip(&is_first).filter(|(_, is_first)| **is_first).map(|(ended, _)| given_end(ended)).collect();
        if given.is_empty() {
            return Ok(Vec::new());
        }
        // Two calls lock the jobs in one order, so no two wait for each other.
        given.sort_unstable();
        let given = json(&given);
        let rows = self.write(statements::END, &[given.as_str().into()]).await?;
        let ended: BTreeSet<_> = S::ENGINE.each(rows, to_lease)?.into_iter().collect();
        let held = |(end, is_first): (&LeaseEnd, bool)| is_first && ended.contains(&key_of(&end.lease));
        Ok(ends.iter().zip(is_first).map(held).collect())
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        self.write(statements::CANCEL, &[id.number().into(), at.into()]).await?;
        self.job(id).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        Ok(S::ENGINE.each(self.read(statements::ONE, &[id.number().into()]).await?, to_job)?.pop())
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        Ok(to_jobs(listed(self, query).await?))
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StorageError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let given = json(&ids.iter().map(|id| stored(id.number())).collect::<Vec<_>>());
        Ok(to_jobs(self.read(statements::BY_IDS, &[given.as_str().into()]).await?))
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        let mut counts = S::ENGINE.each(self.read(statements::COUNT, &[]).await?, to_count)?;
        counts.sort_by_key(|count| (count.kind, count.state));
        Ok(counts)
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let values: [Value<'_>; 3] = [kind.into(), ended_before.into(), limit.into()];
        Ok(self.write(statements::FORGET, &values).await?.len() as u64)
    }
}

/// A lease as the database returns it.
fn key_of(lease: &Lease) -> (i64, i64) {
    (stored(lease.job.number()), stored(lease.number))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::sql::Sql;
    use crate::sqlite::SqliteConfig;

    /// The steps in which SQLite executes a statement.
    async fn steps(store: &SqliteStore, statement: Sql) -> Vec<String> {
        let explain: &'static str = format!("EXPLAIN QUERY PLAN {}", statement.text(Engine::Sqlite)).leak();
        // A statement with fewer values takes the first of them.
        let values: [Value<'_>; 5] = [1_i64.into(), 1_i64.into(), 1_i64.into(), "report".into(), "failed".into()];
        let rows = SqlStore::write(store, Sql::both(explain), &values).await.expect("a plan");
        let step = |mut row: Row| {
            for column in ["id", "parent", "notused"] {
                row.int(column).expect("a number");
            }
            row.text("detail").expect("a text")
        };
        rows.into_iter().map(step).collect()
    }

    #[tokio::test]
    async fn in_sqlite_no_statement_reads_all_jobs_or_sorts_whole_ones() {
        use super::statements::{
            BY_IDS, BY_KEY, CANCEL, DUE, END, FAIL_LAST_ATTEMPTS, FAIL_UNREADABLE, FORGET, LIST, LIST_IN_STATE,
            LIST_OF_KIND, LIST_OF_KIND_IN_STATE, ONE, RENEW, TAKE,
        };
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::at(folder.path().join("jobs.db"))).await.unwrap();
        for statement in [
            BY_IDS,
            BY_KEY,
            CANCEL,
            DUE,
            END,
            FAIL_LAST_ATTEMPTS,
            FAIL_UNREADABLE,
            FORGET,
            LIST,
            LIST_IN_STATE,
            LIST_OF_KIND,
            LIST_OF_KIND_IN_STATE,
            ONE,
            RENEW,
            TAKE,
        ] {
            let steps = steps(&store, statement).await;
            let (mut searches, sorts) = (0, steps.iter().any(|step| step.contains("TEMP B-TREE")));
            for step in &steps {
                assert!(!step.starts_with("SCAN sqal_job"), "{steps:#?}");
                searches += usize::from(step.starts_with("SEARCH sqal_job"));
            }
            assert!(searches > 0, "{steps:#?}");
            assert!(!sorts || steps.iter().any(|step| step.contains("COVERING INDEX")), "{steps:#?}");
        }
    }
}
