-- The tables of the bug tracker, as `sqal migrate` makes them in PostgreSQL.
-- This file is for readers, and for a database that shall have these tables alone: it can be
-- applied to an empty schema, and drops nothing. A server makes the tables by itself.
--
-- `bug_reports`, `bug_comments` and `bug_metrics` are for people and dashboards. `bug_metrics` holds
-- sums: `current` has the number of bugs by status, severity and category (empty without one), with
-- the microseconds from the report to the end of those that are ended; `created`, `ended` and
-- `reopened` count what happened in each slot of 15 minutes.

CREATE TABLE bug_reports (
    id text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    title text NOT NULL,
    severity text COLLATE "C" NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    priority text COLLATE "C" NOT NULL CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
    category text COLLATE "C",
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'in_progress', 'resolved', 'closed')),
    source text COLLATE "C" NOT NULL,
    reporter text COLLATE "C",
    assignee text COLLATE "C",
    device_id text COLLATE "C",
    firmware_version text COLLATE "C",
    sample_id text COLLATE "C",
    rollout text COLLATE "C",
    profile text COLLATE "C",
    duplicate_of text COLLATE "C",
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    resolved_at timestamptz,
    reopened bigint NOT NULL,
    group_key text COLLATE "C" UNIQUE,
    occurrences bigint,
    first_seen timestamptz,
    last_seen timestamptz,
    devices bigint,
    regressed_in text COLLATE "C",
    regressed_at timestamptz,
    severity_rank bigint NOT NULL GENERATED ALWAYS AS
        (CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED,
    priority_rank bigint NOT NULL GENERATED ALWAYS AS
        (CASE priority WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END) STORED,
    tags text NOT NULL,
    watchers text NOT NULL,
    blocks text NOT NULL,
    relates_to text NOT NULL,
    description text NOT NULL,
    reproduction_steps text NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE bug_comments (
    id text COLLATE "C" PRIMARY KEY,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    is_internal bigint NOT NULL CHECK (is_internal IN (0, 1)),
    comment text NOT NULL
);
CREATE TABLE bug_metrics (
    measure text COLLATE "C" NOT NULL CHECK (measure IN ('current', 'created', 'ended', 'reopened')),
    slot timestamptz NOT NULL,
    status text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    bugs bigint NOT NULL,
    micros bigint NOT NULL,
    PRIMARY KEY (measure, slot, status, severity, category)
) WITH (fillfactor = 50);
CREATE TABLE sqal_bug_history (
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    status_before text COLLATE "C",
    status_after text COLLATE "C" NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (bug_id, revision)
);
CREATE TABLE sqal_bug_attachment (
    id text COLLATE "C" PRIMARY KEY,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    author text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    media_type text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    blob bytea NOT NULL CHECK (length(blob) = 32)
);
CREATE TABLE sqal_bug_tag (
    tag text COLLATE "C" NOT NULL,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, bug_id)
);
CREATE TABLE sqal_bug_word (
    word text COLLATE "C" NOT NULL,
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    PRIMARY KEY (word, bug_id)
);
CREATE TABLE sqal_bug_device (
    bug_id text COLLATE "C" NOT NULL REFERENCES bug_reports (id) ON DELETE CASCADE,
    device_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (bug_id, device_id)
);
CREATE INDEX bug_reports_created ON bug_reports (created_at, id);
CREATE INDEX bug_reports_updated ON bug_reports (updated_at, id);
CREATE INDEX bug_reports_by_severity ON bug_reports (severity_rank, id);
CREATE INDEX bug_reports_by_priority ON bug_reports (priority_rank, id);
CREATE INDEX bug_reports_of_status ON bug_reports (status, created_at, id);
CREATE INDEX bug_reports_of_severity ON bug_reports (severity, created_at, id);
CREATE INDEX bug_reports_of_category ON bug_reports (category, created_at, id);
CREATE INDEX bug_reports_of_status_severity ON bug_reports (status, severity, created_at, id);
CREATE INDEX bug_reports_of_status_category ON bug_reports (status, category, created_at, id);
CREATE INDEX bug_reports_of_three ON bug_reports (status, severity, category, created_at, id);
CREATE INDEX bug_reports_of_device ON bug_reports (device_id, created_at, id) WHERE device_id IS NOT NULL;
CREATE INDEX bug_reports_of_assignee ON bug_reports (assignee, created_at, id) WHERE assignee IS NOT NULL;
CREATE INDEX bug_reports_resolved ON bug_reports (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX bug_comments_of ON bug_comments (bug_id, created_at, id);
CREATE INDEX sqal_bug_attachment_of ON sqal_bug_attachment (bug_id, created_at, id);
CREATE INDEX sqal_bug_attachment_blob ON sqal_bug_attachment (blob);
CREATE INDEX sqal_bug_tag_of ON sqal_bug_tag (bug_id);
CREATE INDEX sqal_bug_word_of ON sqal_bug_word (bug_id);
