//! The schema of jobs: their table, its indexes, and what people read of it.

use crate::schema::Step;

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

/// A time in SQLite as people read it, in UTC with microseconds.
#[cfg(feature = "sqlite")]
macro_rules! utc {
    ($micros:literal) => {
        concat!(
            "strftime('%Y-%m-%dT%H:%M:%S', ",
            $micros,
            " / 1000000 - (",
            $micros,
            " % 1000000 < 0), 'unixepoch') || printf('.%06dZ', (",
            $micros,
            " % 1000000 + 1000000) % 1000000)"
        )
    };
}

/// The trace, the indexes and the views: the type of texts, the time of a failure, and the columns
/// of a profile.
macro_rules! traced {
    ($text:literal, $failed_at:expr, $profile:literal) => {
        concat!(
            "
ALTER TABLE sqal_job ADD COLUMN traceparent ",
            $text,
            ";
CREATE INDEX sqal_job_leased ON sqal_job (kind, due) WHERE state = 'running';
CREATE INDEX sqal_job_of_kind ON sqal_job (kind, id);
CREATE INDEX sqal_job_in_state ON sqal_job (state, kind, id);
CREATE VIEW \"TaskFailure\" AS SELECT id, kind, ",
            $failed_at,
            " AS failed_at, attempts, failure AS error, traceparent
FROM sqal_job WHERE state = 'failed';
CREATE VIEW \"ProfilingMetrics\" AS SELECT ",
            $profile,
            "
FROM sqal_record WHERE collection = 'profiling_metrics';
"
        )
    };
}

/// What the step before did not have.
macro_rules! untraced {
    () => {
        "
DROP VIEW \"ProfilingMetrics\";
DROP VIEW \"TaskFailure\";
DROP INDEX sqal_job_in_state;
DROP INDEX sqal_job_of_kind;
DROP INDEX sqal_job_leased;
ALTER TABLE sqal_job DROP COLUMN traceparent;
"
    };
}

/// The trace that each job follows, in SQLite, with indexes and two views (TSB-12).
///
/// `sqal_job_leased` finds leases that have ended without a look at the jobs that wait.
/// `sqal_job_of_kind` and `sqal_job_in_state` are read newest first, page by page. People and
/// dashboards read the views: failed jobs, and the weekly profiles that stand in records.
#[cfg(feature = "sqlite")]
pub(crate) const TRACED_JOBS_IN_SQLITE: Step = Step {
    up: traced!(
        "TEXT",
        utc!("ended_at"),
        "json_extract(body, '$.week') AS week, json_extract(body, '$.taken_at') AS taken_at,
    json_extract(body, '$.machine') AS machine, json_extract(body, '$.seconds') AS seconds,
    json_extract(body, '$.samples') AS samples, json_extract(body, '$.functions') AS functions,
    json_extract(body, '$.process') AS process, json_extract(body, '$.system') AS system,
    json_extract(body, '$.changes') AS changes"
    ),
    down: untraced!(),
};

/// The trace that each job follows, in PostgreSQL, as [`TRACED_JOBS_IN_SQLITE`].
#[cfg(feature = "postgres")]
pub(crate) const TRACED_JOBS_IN_POSTGRES: Step = Step {
    up: traced!(
        "text COLLATE \"C\"",
        "timestamptz 'epoch' + ended_at * interval '1 microsecond'",
        "body::jsonb ->> 'week' AS week, (body::jsonb ->> 'taken_at')::timestamptz AS taken_at,
    body::jsonb ->> 'machine' AS machine, (body::jsonb ->> 'seconds')::float8 AS seconds,
    (body::jsonb ->> 'samples')::bigint AS samples, body::jsonb -> 'functions' AS functions,
    body::jsonb -> 'process' AS process, body::jsonb -> 'system' AS system,
    body::jsonb -> 'changes' AS changes"
    ),
    down: untraced!(),
};
