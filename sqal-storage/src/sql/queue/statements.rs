//! Every SQL text of the queue, one constant each.

use crate::sql::store::Sql;

macro_rules! columns {
    () => {
        "id, kind, job_key, body, created_at, created_by, state, due, attempts, most_attempts, worker, done, total, \
         result, failure, ended_at, lease, traceparent"
    };
}

/// Takes the next numbers in SQLite: bind how many. PostgreSQL takes them while it adds the jobs.
pub(super) const NEXT_NUMBERS: Sql = Sql::both("UPDATE sqal_job_number SET last = last + $1");

/// Adds jobs in their order, each unless its key is known: bind a JSON array of arrays, and for
/// SQLite their number. Returns the numbers, kinds and keys of the added jobs.
pub(super) const ADD: Sql = Sql::each(
    "INSERT INTO sqal_job (id, kind, job_key, body, created_at, created_by, state, due, attempts, most_attempts, done,
    lease, traceparent)
SELECT last - $2 + 1 + key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, 'enqueued', value ->> 5, 0,
    value ->> 6, 0, 0, value ->> 7
FROM sqal_job_number, json_each($1) WHERE true
ON CONFLICT (kind, job_key) DO NOTHING RETURNING id, kind, job_key",
    "INSERT INTO sqal_job (kind, job_key, body, created_at, created_by, state, due, attempts, most_attempts, done, lease,
    traceparent)
SELECT one ->> 0, one ->> 1, one ->> 2, (one ->> 3)::bigint, one ->> 4, 'enqueued', (one ->> 5)::bigint, 0,
    (one ->> 6)::bigint, 0, 0, one ->> 7
FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS given (one, place) ORDER BY place
ON CONFLICT (kind, job_key) DO NOTHING RETURNING id, kind, job_key",
);

/// The number of the job with a key.
pub(super) const BY_KEY: Sql = Sql::both("SELECT id FROM sqal_job WHERE kind = $1 AND job_key = $2");

/// Whether a kind has jobs whose last lease has ended, and whether it has jobs to lease, each 0 or
/// 1: bind the kind and the time. (SQLite uses an index only if its condition stands here.)
///
/// PostgreSQL takes most jobs for due, because the ended ones were. Without an order it would read
/// the whole table in search of one.
pub(super) const DUE: Sql = Sql::both(
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM sqal_job
    WHERE kind = $1 AND state = 'running' AND due <= $2 AND attempts >= most_attempts ORDER BY due LIMIT 1) AS lost),
(SELECT count(*) FROM (SELECT 1 FROM sqal_job
    WHERE kind = $1 AND state IN ('enqueued', 'running') AND due <= $2 AND attempts < most_attempts ORDER BY due LIMIT 1) AS due)",
);

/// Fails jobs whose last attempt has not ended within its lease, and returns their numbers and
/// attempts: bind the kind, the time and the text of the failure.
pub(super) const FAIL_LAST_ATTEMPTS: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'failed', ended_at = $2, failure = $3
WHERE kind = $1 AND state = 'running' AND due <= $2 AND attempts >= most_attempts RETURNING id, attempts",
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
pub(super) const TAKE: Sql = Sql::each(take!(""), take!(" FOR UPDATE SKIP LOCKED"));

/// Extends a lease: bind the job, the lease, the new end and the progress.
pub(super) const RENEW: Sql = Sql::both(
    "UPDATE sqal_job SET due = $3, done = $4, total = $5 WHERE id = $1 AND lease = $2 AND state = 'running' RETURNING id",
);

macro_rules! end {
    ($given:literal) => {
        concat!(
            "WITH given AS MATERIALIZED (SELECT ",
            $given,
            ")
UPDATE sqal_job SET
    state = CASE WHEN way = 'succeeded' THEN way
        WHEN way = 'returned' OR (way = 'again' AND attempts < most_attempts) THEN 'enqueued' ELSE 'failed' END,
    due = CASE WHEN way = 'returned' THEN told_at WHEN way = 'again' AND attempts < most_attempts THEN due_again ELSE due END,
    attempts = CASE WHEN way = 'returned' THEN attempts - 1 ELSE attempts END,
    ended_at = CASE WHEN way = 'returned' OR (way = 'again' AND attempts < most_attempts) THEN NULL ELSE told_at END,
    result = CASE WHEN way = 'succeeded' THEN words ELSE result END,
    failure = CASE WHEN way = 'succeeded' THEN NULL WHEN way = 'returned' THEN failure ELSE words END
FROM given WHERE id = job AND lease = number AND coalesce(state, '') = 'running' RETURNING id, lease"
        )
    };
}

/// Ends the work of leases, and returns the numbers of the jobs and of their leases: bind a JSON
/// array of arrays.
///
/// After `again` a job waits for its next attempt, if it has one. After `returned` the attempt does
/// not count. `coalesce` leaves PostgreSQL no index of states: it would read every job that runs,
/// and every version of a job that has run since the last vacuum.
pub(super) const END: Sql = Sql::each(
    end!(
        "value ->> 0 AS job, value ->> 1 AS number, value ->> 2 AS told_at, value ->> 3 AS way, value ->> 4 AS words,
    value ->> 5 AS due_again FROM json_each($1)"
    ),
    end!(
        "(one ->> 0)::bigint AS job, (one ->> 1)::bigint AS number, (one ->> 2)::bigint AS told_at, one ->> 3 AS way,
    one ->> 4 AS words, (one ->> 5)::bigint AS due_again FROM jsonb_array_elements($1::text::jsonb) AS one"
    ),
);

/// Cancels an open job: bind the job and the time.
pub(super) const CANCEL: Sql = Sql::both(
    "UPDATE sqal_job SET state = 'canceled', ended_at = $2 WHERE id = $1 AND state IN ('enqueued', 'running') RETURNING id",
);

/// One job.
pub(super) const ONE: Sql = Sql::both(concat!("SELECT ", columns!(), " FROM sqal_job WHERE id = $1"));

/// Several jobs by their numbers, in that order: bind a JSON array.
pub(super) const BY_IDS: Sql = Sql::each(
    concat!("SELECT ", columns!(), " FROM sqal_job WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id"),
    concat!(
        "SELECT ",
        columns!(),
        " FROM sqal_job WHERE id IN (SELECT one::bigint FROM jsonb_array_elements_text($1::text::jsonb) AS one) ORDER BY id"
    ),
);

macro_rules! list {
    ($which:literal) => {
        concat!(
            "SELECT id, kind, job_key, CASE WHEN $3 = 1 THEN body ELSE '' END, created_at, created_by, state, due, attempts,
    most_attempts, worker, done, total, result, failure, ended_at, lease, traceparent
FROM sqal_job WHERE ",
            $which,
            " LIMIT $2"
        )
    };
}

/// Jobs, newest first: bind the number after the first, the most, and 1 for their bodies.
pub(super) const LIST: Sql = Sql::both(list!("id < $1 ORDER BY id DESC"));

/// Jobs of a kind, newest first: bind as for [`LIST`], then the kind.
///
/// PostgreSQL does not know how rare a kind is, and would rather read all jobs by their numbers. A
/// comparison of rows leaves it the index of the kind alone.
pub(super) const LIST_OF_KIND: Sql = Sql::each(
    list!("kind = $4 AND id < $1 ORDER BY id DESC"),
    list!("(kind, id) < ($4, $1) AND kind >= $4 ORDER BY kind DESC, id DESC"),
);

/// Jobs in a state, newest first: bind as for [`LIST`], then the state.
///
/// SQLite sorts the jobs of the state: it sorts their numbers, and reads only the jobs of the page.
pub(super) const LIST_IN_STATE: Sql = Sql::each(
    list!("id IN (SELECT id FROM sqal_job WHERE state = $4 AND id < $1 ORDER BY id DESC LIMIT $2) ORDER BY id DESC"),
    list!("state = $4 AND id < $1 ORDER BY id DESC"),
);

/// Jobs of a kind in a state, newest first: bind as for [`LIST`], then the kind and the state.
pub(super) const LIST_OF_KIND_IN_STATE: Sql = Sql::each(
    list!("kind = $4 AND state = $5 AND id < $1 ORDER BY id DESC"),
    list!("(state, kind, id) < ($5, $4, $1) AND (state, kind) >= ($5, $4) ORDER BY state DESC, kind DESC, id DESC"),
);

/// The number of jobs of each kind and state.
pub(super) const COUNT: Sql =
    Sql::both("SELECT kind, state, count(*) FROM sqal_job GROUP BY kind, state ORDER BY kind");

/// Forgets jobs that ended before a time, the earliest first: bind the kind, the time and the most.
pub(super) const FORGET: Sql = Sql::both(
    "DELETE FROM sqal_job WHERE id IN (
    SELECT id FROM sqal_job WHERE kind = $1 AND ended_at < $2 ORDER BY ended_at LIMIT $3) RETURNING id",
);

/// Fails a job that cannot be read: bind the job, the time and the failure.
pub(super) const FAIL_UNREADABLE: Sql =
    Sql::both("UPDATE sqal_job SET state = 'failed', ended_at = $2, failure = $3 WHERE id = $1 AND state = 'running'");
