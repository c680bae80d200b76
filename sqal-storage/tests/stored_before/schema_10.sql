--
-- PostgreSQL database dump
--

\restrict nMFLSvJ1DVI9hXewqTO43PQczuCQYyYx3bPInd08pYP89ZfQhDboxpHTO8XD0KT

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: stored_before; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA stored_before;


--
-- Name: sqal_number(bytea, integer); Type: FUNCTION; Schema: stored_before; Owner: -
--

CREATE FUNCTION stored_before.sqal_number(frame bytea, place integer) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN (parts.e = 0) THEN (0)::double precision ELSE (((parts.sign * parts.m))::double precision * power((2)::double precision, ((parts.e - 150))::double precision)) END AS "case" FROM (SELECT CASE WHEN (get_byte(sqal_number.frame, (sqal_number.place + 3)) >= 128) THEN '-1'::integer ELSE 1 END AS sign, (((get_byte(sqal_number.frame, (sqal_number.place + 3)) & 127) * 2) + (get_byte(sqal_number.frame, (sqal_number.place + 2)) >> 7)) AS e, (((8388608 + ((get_byte(sqal_number.frame, (sqal_number.place + 2)) & 127) * 65536)) + (get_byte(sqal_number.frame, (sqal_number.place + 1)) * 256)) + get_byte(sqal_number.frame, sqal_number.place)) AS m) parts);


--
-- Name: sqal_channels(bytea); Type: FUNCTION; Schema: stored_before; Owner: -
--

CREATE FUNCTION stored_before.sqal_channels(frame bytea) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((get_byte(frame, 3) & 16) = 16) THEN (SELECT jsonb_object_agg(names.channel, (stored_before.sqal_number(sqal_channels.frame, (((((4 + ((get_byte(sqal_channels.frame, 3) & 1) * 768)) + ((get_byte(sqal_channels.frame, 3) & 2) * 128)) + ((get_byte(sqal_channels.frame, 3) & 4) * 16)) + ((names.place - 1) * 4)))::integer))::real) AS jsonb_object_agg FROM unnest('{F1_415nm,F2_445nm,F3_480nm,F4_515nm,F5_555nm,F6_590nm,F7_630nm,F8_680nm,Clear,NIR}'::text[]) WITH ORDINALITY names(channel, place)) ELSE NULL::jsonb END;


--
-- Name: sqal_matrix(bytea, integer); Type: FUNCTION; Schema: stored_before; Owner: -
--

CREATE FUNCTION stored_before.sqal_matrix(frame bytea, place integer) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((get_byte(frame, 3) & CASE place WHEN 260 THEN 33 WHEN 516 THEN 65 ELSE 1 END) = 1) THEN (SELECT jsonb_agg(rows.zones ORDER BY rows."row") AS jsonb_agg FROM (SELECT "row"."row", jsonb_agg((stored_before.sqal_number(sqal_matrix.frame, (sqal_matrix.place + ((("row"."row" * 8) + zone.zone) * 4))))::real ORDER BY zone.zone) AS zones FROM generate_series(0, 7) "row"("row"), generate_series(0, 7) zone(zone) GROUP BY "row"."row") rows) ELSE NULL::jsonb END;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: audit_logs; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.audit_logs (
    number bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    category text NOT NULL,
    what text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);


--
-- Name: sample; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sample (
    id uuid NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    volume_mm3 double precision,
    avg_height_mm double precision,
    height_variation_mm double precision,
    surface_uniformity double precision,
    tof_score double precision,
    integration_time_ms double precision,
    gain double precision,
    color_score double precision,
    freshness_index double precision,
    fat_quality_index double precision,
    oxidation_index double precision,
    color_uniformity double precision,
    spectral_score double precision,
    score double precision,
    confidence double precision NOT NULL,
    processing_ms double precision NOT NULL,
    temperature_c real,
    humidity_percent real,
    device_id text NOT NULL,
    sample_id text NOT NULL,
    tof_grade text,
    spectral_grade text,
    grade text NOT NULL,
    firmware_version text,
    defects jsonb NOT NULL,
    frame bytea NOT NULL,
    findings bytea NOT NULL,
    volume_mm3_u real,
    avg_height_mm_u real,
    height_variation_mm_u real,
    surface_uniformity_u real,
    tof_score_u real,
    color_score_u real,
    freshness_index_u real,
    fat_quality_index_u real,
    oxidation_index_u real,
    color_uniformity_u real,
    spectral_score_u real,
    score_u real,
    profile_version bigint,
    profile text,
    flags text,
    purpose text
)
PARTITION BY RANGE ("timestamp");
ALTER TABLE ONLY stored_before.sample ALTER COLUMN frame SET STORAGE EXTERNAL;
ALTER TABLE ONLY stored_before.sample ALTER COLUMN findings SET STORAGE EXTERNAL;


--
-- Name: graded_samples; Type: VIEW; Schema: stored_before; Owner: -
--

CREATE VIEW stored_before.graded_samples AS
 SELECT sample.id,
    sample."timestamp",
    sample.received_at,
    sample.device_id,
    sample.sample_id,
    COALESCE(sample.purpose, 'product'::text) AS purpose,
    sample.profile,
    sample.profile_version,
    sample.firmware_version,
    sample.temperature_c,
    sample.humidity_percent,
    sample.grade,
    sample.score,
    sample.score_u,
    sample.confidence,
    sample.tof_grade,
    sample.tof_score,
    sample.tof_score_u,
    sample.spectral_grade,
    sample.spectral_score,
    sample.spectral_score_u,
    sample.volume_mm3,
    sample.volume_mm3_u,
    sample.avg_height_mm,
    sample.avg_height_mm_u,
    sample.height_variation_mm,
    sample.height_variation_mm_u,
    sample.surface_uniformity,
    sample.surface_uniformity_u,
    sample.color_score,
    sample.color_score_u,
    sample.freshness_index,
    sample.freshness_index_u,
    sample.fat_quality_index,
    sample.fat_quality_index_u,
    sample.oxidation_index,
    sample.oxidation_index_u,
    sample.color_uniformity,
    sample.color_uniformity_u,
    sample.integration_time_ms,
    sample.gain,
    sample.defects,
        CASE
            WHEN (sample.profile IS NOT NULL) THEN to_jsonb(string_to_array(COALESCE(sample.flags, ''::text), ' '::text))
            ELSE NULL::jsonb
        END AS flags,
    stored_before.sqal_matrix(sample.frame, 4) AS distance_matrix,
    stored_before.sqal_matrix(sample.frame, 260) AS reflectance_matrix,
    stored_before.sqal_matrix(sample.frame, 516) AS amplitude_matrix,
    stored_before.sqal_channels(sample.frame) AS channels,
    sample.processing_ms
   FROM stored_before.sample;


--
-- Name: register; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.register (
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    body text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    added_by text,
    CONSTRAINT register_version_check CHECK ((version > 0))
);


--
-- Name: sample_hour; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sample_hour (
    device_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    samples bigint NOT NULL,
    reject bigint NOT NULL,
    c bigint NOT NULL,
    b bigint NOT NULL,
    a bigint NOT NULL,
    a_plus bigint NOT NULL,
    scored bigint NOT NULL,
    score_sum bigint NOT NULL,
    score_squares bigint NOT NULL,
    score_min double precision,
    score_max double precision,
    confidence_sum bigint NOT NULL,
    first timestamp with time zone NOT NULL,
    last timestamp with time zone NOT NULL
)
WITH (fillfactor='50');


--
-- Name: sealed_field; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sealed_field (
    subject text NOT NULL COLLATE pg_catalog."C",
    field text NOT NULL COLLATE pg_catalog."C",
    key_id bytea NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT sealed_field_key_id_check CHECK ((length(key_id) = 8))
);


--
-- Name: sensor_samples; Type: VIEW; Schema: stored_before; Owner: -
--

CREATE VIEW stored_before.sensor_samples AS
 SELECT sample.id,
    sample."timestamp",
    sample.device_id,
    sample.sample_id,
    stored_before.sqal_matrix(sample.frame, 4) AS vl53l8ch_distance_matrix,
    stored_before.sqal_matrix(sample.frame, 260) AS vl53l8ch_reflectance_matrix,
    stored_before.sqal_matrix(sample.frame, 516) AS vl53l8ch_amplitude_matrix,
    sample.volume_mm3 AS vl53l8ch_volume_mm3,
    sample.avg_height_mm AS vl53l8ch_avg_height_mm,
    sample.height_variation_mm AS vl53l8ch_height_variation_mm,
    sample.surface_uniformity AS vl53l8ch_surface_uniformity,
    sample.tof_score AS vl53l8ch_quality_score,
    sample.tof_grade AS vl53l8ch_grade,
    stored_before.sqal_channels(sample.frame) AS as7341_channels,
    sample.integration_time_ms AS as7341_integration_time,
    sample.gain AS as7341_gain,
    sample.color_score AS as7341_color_score,
    sample.freshness_index AS as7341_freshness_score,
    sample.fat_quality_index AS as7341_fat_quality_index,
    sample.oxidation_index AS as7341_oxidation_index,
    sample.color_uniformity AS as7341_color_uniformity,
    sample.spectral_score AS as7341_quality_score,
    sample.spectral_grade AS as7341_grade,
    sample.score AS fusion_final_score,
    sample.grade AS fusion_final_grade,
    sample.confidence AS fusion_confidence,
    sample.defects AS fusion_defects,
    sample.processing_ms AS processing_time_ms,
    sample.received_at AS created_at,
    sample.firmware_version AS meta_firmware_version,
    sample.temperature_c AS meta_temperature_c,
    sample.humidity_percent AS meta_humidity_percent
   FROM stored_before.sample;


--
-- Name: sqal_job; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sqal_job (
    id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    job_key text COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    created_by text COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    due bigint NOT NULL,
    attempts bigint NOT NULL,
    most_attempts bigint NOT NULL,
    worker text COLLATE pg_catalog."C",
    done bigint NOT NULL,
    total bigint,
    ended_at bigint,
    lease bigint NOT NULL,
    body text NOT NULL COLLATE pg_catalog."C",
    result text COLLATE pg_catalog."C",
    failure text COLLATE pg_catalog."C",
    CONSTRAINT sqal_job_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT sqal_job_most_attempts_check CHECK ((most_attempts > 0)),
    CONSTRAINT sqal_job_state_check CHECK ((state = ANY (ARRAY['enqueued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text])))
);


--
-- Name: sqal_job_id_seq; Type: SEQUENCE; Schema: stored_before; Owner: -
--

ALTER TABLE stored_before.sqal_job ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME stored_before.sqal_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: sqal_record; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sqal_record (
    collection text NOT NULL COLLATE pg_catalog."C",
    record_key text NOT NULL COLLATE pg_catalog."C",
    labels text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    expires_at bigint,
    body text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: sqal_record_label; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sqal_record_label (
    collection text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    record_key text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: sqal_record_revision; Type: SEQUENCE; Schema: stored_before; Owner: -
--

CREATE SEQUENCE stored_before.sqal_record_revision
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: sqal_record_revision; Type: SEQUENCE OWNED BY; Schema: stored_before; Owner: -
--

ALTER SEQUENCE stored_before.sqal_record_revision OWNED BY stored_before.sqal_record.revision;


--
-- Name: sqal_register_label; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sqal_register_label (
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    label text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: sqal_schema; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sqal_schema (
    version bigint NOT NULL,
    checksum bigint NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Data for Name: audit_logs; Type: TABLE DATA; Schema: stored_before; Owner: -
--



--
-- Data for Name: register; Type: TABLE DATA; Schema: stored_before; Owner: -
--



--
-- Data for Name: sample_hour; Type: TABLE DATA; Schema: stored_before; Owner: -
--



--
-- Data for Name: sealed_field; Type: TABLE DATA; Schema: stored_before; Owner: -
--



--
-- Data for Name: sqal_job; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sqal_job OVERRIDING SYSTEM VALUE VALUES (5, 'report', 'later', 1795000000000004, NULL, 'enqueued', 1795001000000000, 0, 3, NULL, 0, NULL, NULL, 0, '{"tray":5}', NULL, NULL);
INSERT INTO stored_before.sqal_job OVERRIDING SYSTEM VALUE VALUES (1, 'report', NULL, 1795000000000000, NULL, 'running', 1795000090000000, 1, 2, 'server 1', 3, 9, NULL, 1, '{"tray":1}', NULL, NULL);
INSERT INTO stored_before.sqal_job OVERRIDING SYSTEM VALUE VALUES (2, 'report', 'second', 1795000000000001, 'marie', 'succeeded', 1795000060000000, 1, 2, 'server 1', 0, NULL, 1795000000000020, 1, '{"tray":2}', 'done', NULL);
INSERT INTO stored_before.sqal_job OVERRIDING SYSTEM VALUE VALUES (3, 'report', 'third', 1795000000000002, 'marie', 'failed', 1795000060000000, 1, 2, 'server 1', 0, NULL, 1795000000000021, 1, '{"tray":3}', NULL, 'spoiled');
INSERT INTO stored_before.sqal_job OVERRIDING SYSTEM VALUE VALUES (4, 'report', NULL, 1795000000000003, NULL, 'canceled', 1795000000000003, 0, 2, NULL, 0, NULL, 1795000000000022, 0, '{"tray":4}', NULL, NULL);


--
-- Data for Name: sqal_record; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sqal_record VALUES ('schedules', 'nightly', '', 1, NULL, '{"v":1}');
INSERT INTO stored_before.sqal_record VALUES ('notes', 'labelled', 'state=open
', 2, 1829560000000000, 'a note');


--
-- Data for Name: sqal_record_label; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sqal_record_label VALUES ('notes', 'state', 'open', 'labelled');


--
-- Data for Name: sqal_register_label; Type: TABLE DATA; Schema: stored_before; Owner: -
--



--
-- Data for Name: sqal_schema; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sqal_schema VALUES (1, 3728893890, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (2, 3739387358, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (3, 1440611281, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (4, 3739351406, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (5, 3398595977, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (6, 1390964983, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (7, 623992903, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (8, 1170084125, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (9, 3327332305, '2026-11-29 08:24:13.796411+00');
INSERT INTO stored_before.sqal_schema VALUES (10, 1954238611, '2026-11-29 08:24:13.796411+00');


--
-- Name: sqal_job_id_seq; Type: SEQUENCE SET; Schema: stored_before; Owner: -
--

SELECT pg_catalog.setval('stored_before.sqal_job_id_seq', 5, true);


--
-- Name: sqal_record_revision; Type: SEQUENCE SET; Schema: stored_before; Owner: -
--

SELECT pg_catalog.setval('stored_before.sqal_record_revision', 2, true);


--
-- Name: audit_logs audit_logs_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.audit_logs
    ADD CONSTRAINT audit_logs_pkey PRIMARY KEY (number);


--
-- Name: register register_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.register
    ADD CONSTRAINT register_pkey PRIMARY KEY (kind, name, version);


--
-- Name: sample_hour sample_hour_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sample_hour
    ADD CONSTRAINT sample_hour_pkey PRIMARY KEY (device_id, hour);


--
-- Name: sample sample_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sample
    ADD CONSTRAINT sample_pkey PRIMARY KEY ("timestamp", id);


--
-- Name: sealed_field sealed_field_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sealed_field
    ADD CONSTRAINT sealed_field_pkey PRIMARY KEY (subject, field);


--
-- Name: sqal_job sqal_job_kind_job_key_key; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_job
    ADD CONSTRAINT sqal_job_kind_job_key_key UNIQUE (kind, job_key);


--
-- Name: sqal_job sqal_job_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_job
    ADD CONSTRAINT sqal_job_pkey PRIMARY KEY (id);


--
-- Name: sqal_record_label sqal_record_label_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_record_label
    ADD CONSTRAINT sqal_record_label_pkey PRIMARY KEY (collection, name, value, record_key);


--
-- Name: sqal_record sqal_record_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_record
    ADD CONSTRAINT sqal_record_pkey PRIMARY KEY (collection, record_key);


--
-- Name: sqal_register_label sqal_register_label_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_register_label
    ADD CONSTRAINT sqal_register_label_pkey PRIMARY KEY (kind, name, version, label);


--
-- Name: sqal_schema sqal_schema_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_schema
    ADD CONSTRAINT sqal_schema_pkey PRIMARY KEY (version);


--
-- Name: audit_register; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX audit_register ON stored_before.audit_logs USING btree (what COLLATE "C") WHERE (category = 'register'::text);


--
-- Name: sample_hour_newest; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sample_hour_newest ON stored_before.sample_hour USING btree (hour);


--
-- Name: sample_of_device; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sample_of_device ON ONLY stored_before.sample USING btree (device_id, "timestamp", id);


--
-- Name: sqal_job_due; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sqal_job_due ON stored_before.sqal_job USING btree (kind, due, id) WHERE (state = ANY (ARRAY['enqueued'::text, 'running'::text]));


--
-- Name: sqal_job_ended; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sqal_job_ended ON stored_before.sqal_job USING btree (kind, ended_at) WHERE (ended_at IS NOT NULL);


--
-- Name: sqal_record_expires; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sqal_record_expires ON stored_before.sqal_record USING btree (expires_at) WHERE (expires_at IS NOT NULL);


--
-- Name: sqal_record_label_of; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sqal_record_label_of ON stored_before.sqal_record_label USING btree (collection, record_key);


--
-- Name: sqal_register_labelled; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sqal_register_labelled ON stored_before.sqal_register_label USING btree (kind, label, value, name, version);


--
-- Name: sqal_record_label sqal_record_label_collection_record_key_fkey; Type: FK CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sqal_record_label
    ADD CONSTRAINT sqal_record_label_collection_record_key_fkey FOREIGN KEY (collection, record_key) REFERENCES stored_before.sqal_record(collection, record_key) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict nMFLSvJ1DVI9hXewqTO43PQczuCQYyYx3bPInd08pYP89ZfQhDboxpHTO8XD0KT

