-- Fills an empty tracker with @bugs bugs, in PostgreSQL and in SQLite. What differs between the two
-- has a name that begins with @.
--
-- What is drawn for bug n is the fractional part of n times an irrational number (a Weyl sequence),
-- another one for each draw. So each condition, and each pair of conditions, has its share of the
-- bugs at every size, without a generator that both engines would need.

CREATE TEMPORARY TABLE drawn AS
WITH RECURSIVE
series (n) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM series WHERE n < @bugs),
categories (place, category) AS (VALUES (0, 'hardware'), (1, 'backend'), (2, 'firmware'), (3, 'optics'),
    (4, 'network'), (5, 'calibration'), (6, 'dashboard'), (7, 'storage'), (8, 'mechanics'), (9, 'power'),
    (10, 'documents'), (11, 'other')),
parts (place, part) AS (VALUES (0, 'lamp'), (1, 'belt'), (2, 'tray'), (3, 'window'), (4, 'sensor'), (5, 'cable'),
    (6, 'screen'), (7, 'report'), (8, 'scale'), (9, 'label'), (10, 'gripper'), (11, 'fan')),
signs (place, sign) AS (VALUES (0, 'dark'), (1, 'loud'), (2, 'late'), (3, 'wet'), (4, 'bent'), (5, 'hot'),
    (6, 'blank'), (7, 'wrong'), (8, 'slow'), (9, 'loose'), (10, 'dirty'), (11, 'stuck'), (12, 'frozen'),
    (13, 'twisted'), (14, 'missing'), (15, 'doubled'), (16, 'noisy'), (17, 'empty'), (18, 'pale'), (19, 'worn')),
-- Two numbers of 32 bits, of which the first is another one for each bug, and draws from 0 to 999.
draws AS (
    SELECT n, @first + n * @step AS created,
        (n * 2654435769) % 4294967296 AS a, (n * 1779033703) % 4294967296 AS b,
        (n * 3144134277) % 4294967296 * 1000 / 4294967296 AS of_status,
        (n * 1013904243) % 4294967296 * 1000 / 4294967296 AS of_severity,
        (n * 2773480763) % 4294967296 * 1000 / 4294967296 AS of_category,
        (n * 1359893119) % 4294967296 * 1000 / 4294967296 AS of_end,
        (n * 2600822925) % 4294967296 * 1000 / 4294967296 AS of_part,
        (n * 528734635) % 4294967296 * 1000 / 4294967296 AS of_sign,
        (n * 1541459225) % 4294967296 * 1000 / 4294967296 AS of_tag,
        (n * 3418070365) % 4294967296 * 1000 / 4294967296 AS of_line
    FROM series
),
-- A bug ends after ten days in the mean, and after thirty at most.
ends AS (SELECT draws.*, created + 600000000 + of_end * of_end * 2592000 AS ends_at FROM draws)
SELECT n, created, part, sign,
    @hex_a || '-' || substr(@hex_b, 1, 4) || '-4' || substr(@hex_b, 5, 3) || '-8' || substr(@hex_b, 1, 3)
        || '-' || substr(@hex_b, 5, 4) || @hex_a AS id,
    @hex_a || @hex_b AS digits,
    -- 94 to 95 % are ended; of the newest, those that do not end before @end are open too.
    CASE WHEN of_status < 25 OR (of_status >= 41 AND ends_at >= @end) THEN 'open' WHEN of_status < 41 THEN 'in_progress'
        WHEN of_status < 200 THEN 'resolved' ELSE 'closed' END AS status,
    CASE WHEN of_status >= 41 AND ends_at < @end THEN ends_at END AS resolved,
    CASE WHEN of_severity < 50 THEN 'critical' WHEN of_severity < 200 THEN 'high' WHEN of_severity < 650 THEN 'medium'
        ELSE 'low' END AS severity,
    CASE WHEN of_end < 100 THEN 'urgent' WHEN of_end < 300 THEN 'high' WHEN of_end < 700 THEN 'medium'
        ELSE 'low' END AS priority,
    category,
    CAST(1 + of_line * 50 / 1000 AS text) AS line,
    't' || (of_tag % 40) AS tag,
    CASE WHEN of_tag < 100 THEN 'night' END AS rare_tag,
    'e' || (n / 20) AS code,
    part || ' ' || sign || ', e' || (n / 20) AS sentence,
    n % 5 < 3 AS is_grouped
FROM ends
JOIN parts ON parts.place = of_part * 12 / 1000
JOIN signs ON signs.place = of_sign * 20 / 1000
-- The first category has over a quarter of the bugs, the last a twenty-fifth; one bug in twenty has
-- none.
LEFT JOIN categories ON of_category < 950 AND categories.place = of_category * of_category * 12 / 902500;

INSERT INTO bug_reports (id, revision, title, severity, priority, category, status, source, assignee, device_id,
    firmware_version, created_at, updated_at, resolved_at, reopened, group_key, occurrences, first_seen, last_seen,
    devices, tags, watchers, blocks, relates_to, description, reproduction_steps)
SELECT id, CASE status WHEN 'open' THEN 1 WHEN 'in_progress' THEN 2 ELSE 3 END, part || ' ' || sign || ' line ' || line,
    severity, priority, category, status, CASE WHEN is_grouped THEN 'device' ELSE 'person' END,
    CASE WHEN n % 3 = 0 THEN 'person-' || (n % 40) END, 'line-' || line, 'v2.' || (n * 10 / @bugs),
    @epoch created @micros, @epoch coalesce(resolved, created) @micros, @epoch resolved @micros, 0,
    CASE WHEN is_grouped THEN digits || digits || digits || digits END, CASE WHEN is_grouped THEN 1 + n % 100 END,
    CASE WHEN is_grouped THEN @epoch created @micros END, CASE WHEN is_grouped THEN @epoch created @micros END,
    CASE WHEN is_grouped THEN 1 END,
    CASE WHEN rare_tag IS NULL THEN '["' || tag || '"]' ELSE '["' || rare_tag || '","' || tag || '"]' END,
    '[]', '[]', '[]',
    sentence || '. ' || sentence || '. ' || sentence || '. ' || sentence || '. ' || sentence || '. ' || sentence,
    ''
FROM drawn ORDER BY n;

INSERT INTO sqal_bug_device (bug_id, device_id) SELECT id, 'line-' || line FROM drawn WHERE is_grouped;

INSERT INTO sqal_bug_tag (tag, bug_id) SELECT tag, id FROM drawn
UNION ALL SELECT rare_tag, id FROM drawn WHERE rare_tag IS NOT NULL;

INSERT INTO sqal_bug_word (word, bug_id) SELECT value, drawn.id FROM drawn
CROSS JOIN @each_of part, sign, 'line', line, code, tag, rare_tag @as_rows
WHERE value IS NOT NULL;

INSERT INTO bug_metrics (measure, slot, status, severity, category, bugs, micros)
SELECT 'current', @epoch 0 @micros, status, severity, coalesce(category, ''), count(*),
    CAST(coalesce(sum(resolved - created), 0) AS bigint)
FROM drawn GROUP BY status, severity, coalesce(category, '');

INSERT INTO bug_metrics (measure, slot, status, severity, category, bugs, micros)
SELECT 'created', @epoch (created / 900000000 * 900000000) @micros, '', '', '', count(*), 0
FROM drawn GROUP BY created / 900000000
UNION ALL SELECT 'ended', @epoch (resolved / 900000000 * 900000000) @micros, '', '', '', count(*), 0
FROM drawn WHERE resolved IS NOT NULL GROUP BY resolved / 900000000;

DROP TABLE drawn;
