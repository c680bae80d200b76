//! [`Queue`] over SQL, for both engines.

use std::num::NonZeroU16;

use async_trait::async_trait;
use sqal_core::Timestamp;
use tracing::error;

use super::row::{Row, Value};
use super::store::{Engine, Sql, SqlStore};
use crate::queue::{
    Enqueued, Job, JobCount, JobEnd, JobId, JobKind, JobProgress, JobQuery, LEASE_ENDED, Lease, Leased, NewJob, Queue,
    WorkerName, check_text,
};
use crate::schema::Step;
use crate::{StorageError, StorageErrorKind};

/// The table of jobs: the column of its number, the types of numbers and texts, and the end of the
/// definition.
macro_rules! table {
    ($id:literal, $number:literal, $text:literal, $end:literal) => {
        concat!(
            "
DROP TABLE IF EXISTS sqal_job;
CREATE TABLE sqal_job (
    ",
            $id,
            ",\n",
            "    kind ",
            $text,
            " NOT NULL,\n",
            "    job_key ",
            $text,
            ",\n",
            "    created_at ",
            $number,
            " NOT NULL,\n",
            "    created_by ",
            $text,
            ",\n",
            "    state ",
            $text,
            " NOT NULL CHECK (state IN ('enqueued', 'running', 'succeeded', 'failed', 'canceled')),\n",
            "    due ",
            $number,
            " NOT NULL,\n",
            "    attempts ",
            $number,
            " NOT NULL CHECK (attempts >= 0),\n",
            "    most_attempts ",
            $number,
            " NOT NULL CHECK (most_attempts > 0),\n",
            "    worker ",
            $text,
            ",\n",
            "    done ",
            $number,
            " NOT NULL,\n",
            "    total ",
            $number,
            ",\n",
            "    ended_at ",
            $number,
            ",\n",
            "    lease ",
            $number,
            " NOT NULL,\n",
            "    body ",
            $text,
            " NOT NULL,\n",
            "    result ",
            $text,
            ",\n",
            "    failure ",
            $text,
            ",\n",
            "    UNIQUE (kind, job_key)
)",
            $end,
            ";
CREATE INDEX sqal_job_due ON sqal_job (kind, due, id) WHERE state IN ('enqueued', 'running');
CREATE INDEX sqal_job_ended ON sqal_job (kind, ended_at) WHERE ended_at IS NOT NULL;
"
        )
    };
}

/// The table of jobs in SQLite.
///
/// `due` is the time from which a worker may take the job; while a worker has it, that is the end
/// of the lease. One index therefore finds due jobs and ended leases alike. `lease` is the number
/// of the newest lease. Times are microseconds since 1970. Large texts stand last, so that SQLite
/// reads the other columns without them. The number of a job is never used again, also after the
/// job was forgotten. A table that an older program has left behind a restore is made anew.
#[cfg(feature = "sqlite")]
pub(crate) const QUEUE_IN_SQLITE: Step = Step {
    up: concat!(
        table!("id INTEGER PRIMARY KEY", "INTEGER", "TEXT", " STRICT"),
        "DROP TABLE IF EXISTS sqal_job_number;
CREATE TABLE sqal_job_number (last INTEGER NOT NULL) STRICT;
INSERT INTO sqal_job_number VALUES (0);
"
    ),
    down: "DROP TABLE sqal_job; DROP TABLE sqal_job_number;",
};

/// The table of jobs in PostgreSQL, as [`QUEUE_IN_SQLITE`].
#[cfg(feature = "postgres")]
pub(crate) const QUEUE_IN_POSTGRES: Step = Step {
    up: table!("id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bigint", "text COLLATE \"C\"", ""),
    down: "DROP TABLE sqal_job;",
};

/// Why a job has failed whose row was changed by another program.
const UNREADABLE: &str = "the job cannot be read: its row was damaged or changed";

macro_rules! columns {
    () => {
        "id, kind, job_key, body, created_at, created_by, state, due, attempts, most_attempts, worker, done, total, \
         result, failure, ended_at, lease"
    };
}

/// Takes the next number in SQLite. PostgreSQL takes it while it adds the job.
const NEXT_NUMBER: Sql = Sql::both("UPDATE sqal_job_number SET last = last + 1");

/// Adds a job unless its key is known; returns its number.
const ADD: Sql = Sql::each(
    "INSERT INTO sqal_job (id, kind, job_key, body, created_at, created_by, state, due, attempts, most_attempts, done, lease)
SELECT last, $1, $2, $3, $4, $5, 'enqueued', $6, 0, $7, 0, 0 FROM sqal_job_number WHERE true
ON CONFLICT (kind, job_key) DO NOTHING RETURNING id",
    "INSERT INTO sqal_job (kind, job_key, body, created_at, created_by, state, due, attempts, most_attempts, done, lease)
VALUES ($1, $2, $3, $4, $5, 'enqueued', $6, 0, $7, 0, 0)
ON CONFLICT (kind, job_key) DO NOTHING RETURNING id",
);

/// The number of the job with a key.
const BY_KEY: Sql = Sql::both("SELECT id FROM sqal_job WHERE kind = $1 AND job_key = $2");

/// A job of a kind that is due: bind the kind and the time.
const ANY_DUE: Sql = Sql::both(
    "SELECT id FROM sqal_job WHERE kind = $1 AND state IN ('enqueued', 'running') AND due <= $2 ORDER BY due LIMIT 1",
);

/// Fails jobs whose last attempt has not ended within its lease: bind the kind, the time and the
/// text of the failure. (SQLite uses the index of open jobs only if its condition stands here.)
const FAIL_LAST_ATTEMPTS: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'failed', ended_at = $2, failure = $3
WHERE kind = $1 AND state IN ('enqueued', 'running') AND state = 'running' AND due <= $2 AND attempts >= most_attempts",
);

macro_rules! take {
    ($lock:literal) => {
        concat!(
            "WITH taken AS MATERIALIZED (
    SELECT id AS taken_id FROM sqal_job
    WHERE kind = $1 AND state IN ('enqueued', 'running') AND due <= $2 AND attempts < most_attempts
    ORDER BY due, id LIMIT $3",
            $lock,
            ")
UPDATE sqal_job SET state = 'running', attempts = attempts + 1, lease = lease + 1, worker = $4, due = $5, done = 0, total = NULL
FROM taken WHERE id = taken_id RETURNING ",
            columns!()
        )
    };
}

/// Leases due jobs: bind the kind, the time, the most, the worker and the end of the lease.
///
/// In PostgreSQL a job that another worker is taking at this moment is passed over.
const TAKE: Sql = Sql::each(take!(""), take!(" FOR UPDATE SKIP LOCKED"));

/// Extends a lease: bind the job, the lease, the new end and the progress.
const RENEW: Sql = Sql::both(
    "UPDATE sqal_job SET due = $3, done = $4, total = $5 WHERE id = $1 AND lease = $2 AND state = 'running' RETURNING id",
);

/// Ends a job with a result: bind the job, the lease, the time and the result.
const SUCCEED: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'succeeded', ended_at = $3, result = $4, failure = NULL
WHERE id = $1 AND lease = $2 AND state = 'running' RETURNING id",
);

/// Ends a job with a failure: bind the job, the lease, the time and the failure.
const FAIL: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'failed', ended_at = $3, failure = $4
WHERE id = $1 AND lease = $2 AND state = 'running' RETURNING id",
);

/// Lets a job wait for its next attempt, if it has one: bind the job, the lease, the time, the
/// failure and the due time.
const AGAIN: Sql = Sql::both(
    "UPDATE sqal_job SET failure = $4,
    state = CASE WHEN attempts < most_attempts THEN 'enqueued' ELSE 'failed' END,
    due = CASE WHEN attempts < most_attempts THEN $5 ELSE due END,
    ended_at = CASE WHEN attempts < most_attempts THEN NULL ELSE $3 END
WHERE id = $1 AND lease = $2 AND state = 'running' RETURNING id",
);

/// Gives a job back: bind the job, the lease and the time.
const RETURN: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'enqueued', due = $3, attempts = attempts - 1
WHERE id = $1 AND lease = $2 AND state = 'running' RETURNING id",
);

/// Cancels an open job: bind the job and the time.
const CANCEL: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'canceled', ended_at = $2 WHERE id = $1 AND state IN ('enqueued', 'running') RETURNING id",
);

/// One job.
const ONE: Sql = Sql::both(concat!("SELECT ", columns!(), " FROM sqal_job WHERE id = $1"));

/// Jobs, newest first: bind the number after the first, the kind and the state, or empty texts for
/// all of them, the most, and 1 for their bodies.
const LIST: Sql = Sql::both(
    "SELECT id, kind, job_key, CASE WHEN $5 = 1 THEN body ELSE '' END, created_at, created_by, state, due, attempts,
    most_attempts, worker, done, total, result, failure, ended_at, lease
FROM sqal_job WHERE id < $1 AND ($2 = '' OR kind = $2) AND ($3 = '' OR state = $3) ORDER BY id DESC LIMIT $4",
);

/// The number of jobs of each kind and state.
const COUNT: Sql = Sql::both("SELECT kind, state, count(*) FROM sqal_job GROUP BY kind, state ORDER BY kind");

/// Forgets jobs that ended before a time, the earliest first: bind the kind, the time and the most.
const FORGET: Sql = Sql::both(
    "DELETE FROM sqal_job WHERE id IN (
    SELECT id FROM sqal_job WHERE kind = $1 AND ended_at < $2 ORDER BY ended_at LIMIT $3) RETURNING id",
);

/// Fails a job that cannot be read: bind the job, the time and the failure.
const FAIL_UNREADABLE: Sql =
    Sql::both("UPDATE sqal_job SET state = 'failed', ended_at = $2, failure = $3 WHERE id = $1 AND state = 'running'");

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
    };
    Ok(Leased { lease: Lease { job: id, number }, job })
}

fn to_job(row: Row) -> Result<Job, String> {
    to_leased(row).map(|leased| leased.job)
}

fn to_id(mut row: Row) -> Result<JobId, String> {
    row.unsigned("id").map(JobId::from_number)
}

fn to_count(mut row: Row) -> Result<JobCount, String> {
    let kind = row.name("kind")?;
    let state = row.text("state")?.parse().map_err(|error| format!("state {error}"))?;
    Ok(JobCount { kind, state, jobs: row.unsigned("count")? })
}

#[async_trait]
impl<S: SqlStore> Queue for S {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, StorageError> {
        check_text(&job.body, S::ENGINE.backend())?;
        let values = [
            (&job.kind).into(),
            (&job.key).into(),
            job.body.as_str().into(),
            job.created_at.into(),
            (&job.created_by).into(),
            job.due.into(),
            job.most_attempts.into(),
        ];
        let added = match S::ENGINE {
            Engine::Sqlite => {
                let mut transaction = self.begin().await?;
                transaction.run(NEXT_NUMBER, &[]).await?;
                let added = transaction.run(ADD, &values).await?;
                transaction.commit().await?;
                added
            }
            Engine::Postgres => self.write(ADD, &values).await?,
        };
        if let Some(id) = S::ENGINE.each(added, to_id)?.pop() {
            return Ok(Enqueued::Added(id));
        }
        let known = self.read(BY_KEY, &[(&job.kind).into(), (&job.key).into()]).await?;
        let known = S::ENGINE.each(known, to_id)?.pop();
        // The job was forgotten between the two statements: the caller may try again.
        known.map(Enqueued::Known).ok_or_else(|| StorageError::new(S::ENGINE.backend(), StorageErrorKind::Busy))
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
        if self.read(ANY_DUE, &[kind.into(), now.into()]).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.write(FAIL_LAST_ATTEMPTS, &[kind.into(), now.into(), LEASE_ENDED.into()]).await?;
        let values = [kind.into(), now.into(), limit.into(), worker.into(), until.into()];
        let mut leased = Vec::new();
        for row in self.write(TAKE, &values).await? {
            let id = to_id(row.clone());
            match (to_leased(row), id) {
                (Ok(one), _) => leased.push(one),
                // It must not keep the others from being done, nor come first again and again.
                (Err(what), id) => {
                    error!(what, "a job cannot be read; it has failed");
                    let id = id.map_err(|what| S::ENGINE.corrupt(what))?;
                    self.write(FAIL_UNREADABLE, &[id.number().into(), now.into(), UNREADABLE.into()]).await?;
                }
            }
        }
        leased.sort_by_key(|leased| leased.lease.job);
        Ok(leased)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, progress: JobProgress) -> Result<bool, StorageError> {
        let values =
            [lease.job.number().into(), lease.number.into(), until.into(), progress.done.into(), progress.total.into()];
        Ok(!self.write(RENEW, &values).await?.is_empty())
    }

    async fn end(&self, lease: &Lease, at: Timestamp, end: &JobEnd) -> Result<bool, StorageError> {
        check_text(end.text().unwrap_or_default(), S::ENGINE.backend())?;
        let held: [Value<'_>; 3] = [lease.job.number().into(), lease.number.into(), at.into()];
        let [job, number, at] = held;
        let ended = match end {
            JobEnd::Succeeded(result) => self.write(SUCCEED, &[job, number, at, result.as_str().into()]).await,
            JobEnd::Failed(failure) => self.write(FAIL, &[job, number, at, failure.as_str().into()]).await,
            JobEnd::Again { failure, due } => {
                self.write(AGAIN, &[job, number, at, failure.as_str().into(), (*due).into()]).await
            }
            JobEnd::Returned => self.write(RETURN, &held).await,
        };
        Ok(!ended?.is_empty())
    }

    async fn cancel(&self, id: JobId, at: Timestamp) -> Result<Option<Job>, StorageError> {
        self.write(CANCEL, &[id.number().into(), at.into()]).await?;
        self.job(id).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, StorageError> {
        Ok(S::ENGINE.each(self.read(ONE, &[id.number().into()]).await?, to_job)?.pop())
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StorageError> {
        let before = query.before.map_or(u64::MAX, JobId::number);
        let kind = query.kind.as_ref().map_or("", |kind| kind.as_str());
        let state = query.state.map_or("", crate::queue::JobState::as_str);
        let bodies = i64::from(query.bodies);
        let values = [before.into(), kind.into(), state.into(), query.limit.into(), bodies.into()];
        let log = |what: &String| error!(what, "a job cannot be read; it is not listed");
        let rows = self.read(LIST, &values).await?.into_iter();
        Ok(rows.filter_map(|row| to_job(row).inspect_err(log).ok()).collect())
    }

    async fn count_jobs(&self) -> Result<Vec<JobCount>, StorageError> {
        let mut counts = S::ENGINE.each(self.read(COUNT, &[]).await?, to_count)?;
        counts.sort_by_key(|count| (count.kind, count.state));
        Ok(counts)
    }

    async fn forget_jobs(&self, kind: &JobKind, ended_before: Timestamp, limit: u16) -> Result<u64, StorageError> {
        let forgotten = self.write(FORGET, &[kind.into(), ended_before.into(), limit.into()]).await?;
        Ok(forgotten.len() as u64)
    }
}
