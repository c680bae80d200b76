--
-- PostgreSQL database dump
--

\restrict Xcbd88VQmQH1o6419dAm9gKslhVCef1PXitc3Vpa9EWaoReggbabxwzkdppH0nH

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
-- Name: sample_2026_11; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sample_2026_11 (
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
WITH (toast_tuple_target='8160');
ALTER TABLE ONLY stored_before.sample_2026_11 ALTER COLUMN frame SET STORAGE EXTERNAL;
ALTER TABLE ONLY stored_before.sample_2026_11 ALTER COLUMN findings SET STORAGE EXTERNAL;


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
-- Name: sqal_schema; Type: TABLE; Schema: stored_before; Owner: -
--

CREATE TABLE stored_before.sqal_schema (
    version bigint NOT NULL,
    checksum bigint NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: sample_2026_11; Type: TABLE ATTACH; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sample ATTACH PARTITION stored_before.sample_2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');


--
-- Data for Name: audit_logs; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.audit_logs VALUES (1, '2026-11-18 11:06:40.000001+00', 'anybody', 'register', 'profile foie entry 1 sha256 2430f1a2ad2982d0067885488a4c89e21ad1d7c83b115ba8f1b20acc88dfaea8', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x387cf60d8d5d7aba6b026f14a2f8d191c85ffa4d636e93b7e9e857a1dbe236dc');
INSERT INTO stored_before.audit_logs VALUES (2, '2026-11-18 11:06:40.000002+00', 'marie', 'register', 'profile foie entry 2 sha256 732322c128ed67841ef5aa42c7cd04ffcd74a61b2d17d710cd502b713d62930d', '\x387cf60d8d5d7aba6b026f14a2f8d191c85ffa4d636e93b7e9e857a1dbe236dc', '\x7339c23afb487d10b847f739ba50b386f679f09ae9acf12bbed76a380aa01915');
INSERT INTO stored_before.audit_logs VALUES (3, '2026-11-18 11:06:40.000003+00', 'marie', 'register', 'profile foie entry 3 sha256 9af23cea10a478f3bb916ff35c07a36debe444adf9b56814ab63861ec674ab8b', '\x7339c23afb487d10b847f739ba50b386f679f09ae9acf12bbed76a380aa01915', '\xd2b322b8627793522c2e5087ef7d25bec53d38d6d5c83830182ef4fe4aefb5bb');
INSERT INTO stored_before.audit_logs VALUES (4, '2026-11-18 11:06:40.000009+00', 'marie', 'test', 'an action', '\xd2b322b8627793522c2e5087ef7d25bec53d38d6d5c83830182ef4fe4aefb5bb', '\x38ad50177424e9c3783ed0499ab80868b877f22c7ba5638a19a1cf4ac1f08ded');


--
-- Data for Name: register; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.register VALUES ('profile', 'foie', 1, '{"version":1}', '2026-11-18 11:06:40.000001+00', NULL);
INSERT INTO stored_before.register VALUES ('profile', 'foie', 2, '{"version":2}', '2026-11-18 11:06:40.000002+00', 'marie');
INSERT INTO stored_before.register VALUES ('profile', 'foie', 3, '{"version":3}', '2026-11-18 11:06:40.000003+00', 'marie');


--
-- Data for Name: sample_2026_11; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee56-5e00-7b57-abdd-1c68703ab4a8', '2026-11-18 11:06:40+00', '3092-06-04 21:31:47.422504+00', NULL, NULL, NULL, NULL, NULL, 23299.875, 4, NULL, NULL, 754991.6790789437, -893555.3793918914, -237571.04021008871, 0.9729370239763858, 0.9266302985030082, 0.08519519526305605, 3853408.407, -11.641803, NULL, 'ESP32_001', 'S-0', NULL, NULL, 'C', NULL, '[{"kind": "Tilt", "zones": [0, 1, 7, 10, 12, 13, 15, 17, 19, 20, 21, 22, 24, 25, 28, 31, 32, 33, 34, 35, 37, 40, 41, 46, 48, 49, 51, 53, 55, 58, 59, 63], "extent": null, "severity": "Major", "probability": 0.022154955786856865}, {"kind": "MissingProduct", "zones": [1, 2, 4, 5, 6, 7, 9, 10, 13, 15, 16, 17, 20, 21, 24, 28, 31, 33, 34, 35, 39, 42, 45, 46, 47, 48, 49, 50, 51, 60, 62], "extent": null, "severity": "Minor", "probability": 0.8026560652195854}, {"kind": "Tilt", "zones": [0, 1, 2, 4, 5, 7, 13, 15, 17, 21, 22, 23, 24, 26, 28, 32, 33, 34, 37, 42, 43, 44, 47, 49, 52, 55, 56, 58, 59, 60], "extent": null, "severity": "Major", "probability": 0.43630106443683647}]', '\x535101100000e14300a4a64600a44c4600d10547003c6e4700a8e545000020430016b14600f94847000b2447000000000000104000000000f8c0d640014d963ca5', '\x53460200010166f0101260a12a41000000000000017cf02fb9897d2ec101ee0ba6a3b966fb400195e140c0c7970bc10166f0101260a12a4101e82530086b7c40000000000000017cf02fb9897d2ec12b273f5494f7844001ee0ba6a3b966fb40c8ea39761a3285400195e140c0c7970bc16a3e7e5147118340016a4bb146b07f8e400115695b2030f526416a4bb146b07f8e40000000016ca73fc2e6442bc19347895fd97d694000013d3cb05b5f0a27410e2b12c4a1b18c4001c0aa595218000dc19d9184ffb8d18d4001057a61d34c22ef3fe61413039c41f63f01057a61d34c22ef3fe61413039c41f63f00f163b4616e35d93fe4b602992fe7c53ff77fd7d26de4ea3f2c913828c11be33f91256c7fb050c63fa585e2aa7251ea3ffe957e63fcbdea3f010a00bba1b6c2c7b0a8fe294f9d41f9a8e6ec3f0002014eb37195f4a6ed3faa042012b2f2f43f01000001c47bc7d8bdc4a23fce439accf33bb33f002212f271132ee13f017e606e315acfb53ff6de86dc0a947f6f4b8786e53f23fa16795be5d03f2275de82a262e93ffa09e77850a5e23ffc13a39c2892e83f27f874220abae93f0faf39a1cb4ce63f4fe61fb0d6b5e93f03050183e9ea9bf9e5d0d58c01990c32eac9af963f000200f6cdce89e991f98750b3bbc1c55bafe93f000501b7c18aaff184a7c91d3ed6bd4c5becdb3f00000000000001d3443ac100084342325f3641314298cbc0b908e338e251fdbda1d495aed28f2560ea4197b1b9ad0e7b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a31382c226772616465223a2242227d7d7dfeed5f34', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 918.204, 203.93279, 954.21533, 1.3910179, 1.3092519, 2268079512, 'CB2_6A1B', 'SigmaModelled', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee61-0c60-784f-88be-90f850020029', '2026-11-18 11:18:20+00', '2953-11-24 05:30:33.096034+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.9318678656029707, 0.03688965980654214, 3009597.823, 49.779434, 48.79348, 'ESP32_002', 'S-1', NULL, NULL, 'B', '-', '[{"kind": "Oxidation", "zones": [1, 2, 4, 5, 6, 7, 8, 11, 12, 13, 15, 18, 20, 23, 24, 27, 31, 32, 33, 34, 35, 36, 38, 39, 42, 43, 44, 45, 47, 48, 49, 52, 53, 54, 56, 58, 59, 61, 63], "extent": null, "severity": "Major", "probability": 0.08135453888640685}, {"kind": "Tilt", "zones": [1, 2, 3, 5, 6, 8, 10, 11, 13, 17, 18, 22, 26, 29, 30, 31, 33, 35, 36, 39, 41, 42, 45, 49, 50, 51, 52, 54, 55, 56, 58, 60], "extent": null, "severity": "Major", "probability": 0.2370171469542608}, {"kind": "Oxidation", "zones": [3, 5, 6, 7, 10, 11, 12, 14, 15, 16, 18, 19, 20, 23, 24, 27, 29, 31, 33, 35, 37, 38, 40, 41, 42, 45, 49, 51, 55, 58, 60, 62, 63], "extent": null, "severity": "Minor", "probability": 0.19418311650004788}]', '\x53510100960a998c', '\x5346030000019da8de8edcd1ed3ff884f7556880f43f020104050000f1fcdb9433e3a23f008ae50e79a0afd93f34e89385eeb6e83f007993edf325ef3ffcaba7ea851cec3f037f93702aa2ee3fafa71ed13dc8eb3fd025d7ce794dd63f04f197b638e7bc3f030a01f6f3d2ccf89befb9ad0187f5e5aba6d3b43f000501eeda98a2aed389ef15584061ef9356ce3f000a00e8b9f7ccaaed89c5d401caca660bfedac83f000400000001012d01241e474201862c43420a43c3a96ec3a95f5f664ebe99c2a8056f1b61f18ffa5e919c55676b77ae3085ffa28b9b0bc73dfa45', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.2813495, 1427147966, 'Céné__fN', NULL, 'calibration');
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee6b-bac0-785d-aa27-c482f4a84b60', '2026-11-18 11:30:00+00', '6634-08-01 10:08:15.189725+00', -574253.839499729, -495110.0990183733, NULL, 476451.1475983675, 0.6992983097756672, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.9628010380646901, 0.36643847427474624, 1008222.328, -21.041405, 59.63296, 'ESP32_001', 'S-2', 'B', NULL, 'B', 'yne-7jJ52t2Sé', '[]', '\x53510100960a998c', '\x53460201360101b8a41a420001f002b14101f61201420001fb5422420129fe2b420001d330574101ed35214201a5a066420001dad703420001e6d5534201c7c96241000000000188492242000001c34f9d410188cd20420133200f42000126040a3f01ee8839420000019b2b204201d81230420001bded5542016ea33042000001ce4b7cc001e4e4f73f000126ef1140000166261b4201aff553420000000001512f4742017c861142000118c44040000001b51144420121d91542000001f25f534201c142c2410001ac12ed41000192e8d2ad5b8621c1aab476d7bedd8440018c12656518381ec16f4fc5895df488400001c50624978c141d41254e288bfbaf864001c50624978c141d41254e288bfbaf8640000000000001614e54d9a660e63f1d990f6b4735e53f01614e54d9a660e63f1d990f6b4735e53f0102f778f0b71052ec3f3caedb883be2eb3f77ac885cb55cbf3f56fccce173e0c13f98e17d94eebea63fe9222fa13b4fc73f4a55d37a3ba2e13f008081400001c25d611f44cfee3f53c658963f82f73f0201000100015bb605478925e63f317ccceb929bb23f2165c05bba73d73f00902a320b7a40d13f390aed1cde55b83f6fbb529a3fece83facfc148e52f8b73fee8105b307c9e23f18b182e6c53fe43f6e624a498a9e8d3fc600ebd9daede73f0000000102000000010e796e652d376a4a3532743253c3a901cc54a8c10127886e421343c3a9c3a9c3a95051565334676f355939375f97fcb6d90e081e4b924cbf2f7127e4b875e606c3b2f880e1e00374b8a6d8', 667.7182, 798.54565, NULL, 725.9978, 0.66275376, NULL, NULL, NULL, NULL, NULL, NULL, 1.469299, 3945643543, 'CéééPQVS4go5Y97_', 'LevelledBelowNoise HistogramSaturated', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee76-6920-78e6-8141-4c60c3c42056', '2026-11-18 11:41:40+00', '2626-11-26 05:09:53.752549+00', NULL, 477744.6279889501, -567929.2502164202, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.4632000931199908, 2756596.609, NULL, NULL, 'ESP32_002', 'S-3', NULL, NULL, 'REJECT', '4tONP', '[]', '\x535102216f784a4300feff45000000c6438ace4250ef26423204814200feff4565c0034303032443e04c4443e6e41b4300000000a7a84e43fc2c5b43758ccdc5c588f745085c3343000000000cba11427a1fc341140ac34200000000462fef4143600c41b4c62342c292664325118641993d404356d439433294604269a0c6424d3c0d43555471439b7f1e43dae7fb40dead3e437d5d854200feff45a5313043d0e22d43c8ef274375773143000000c6ab45ae410f96ac420000000074c1be45f13a184342438843bdd9eb42ea8449455a3d4743fb224b4250487243f3824043000000c67eeee8c500000000c7e65443ff1e62430000000000feff4549f05c43000000c6000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004e342d438947a74200000000a98a484300000000b8823f43be3df8497cc96542331d70471e5592438676c2490000004aa4df1c43e2c28a43e90582430000004a00000000bf63d44096e325430d44b142186c19430000000049248943d1b44b43825de44918d90541d9759d4200000000823a3b49b602ac49cabf47434db00b419d7cb442bf16d3429e238842c03a0e42f641f742e201be420000000055547c430000004a4d7124435ad5d9400000000011042c437126fb42de6b154300000000000000000000004a85390f4361a06e49421a12427fc87443000000000d7c7843e4e4ac420000000000000000267342432f4d8942915c844300000000d7cf3543185e5ebb', '\x534602010f010000010001a841000126e2f4410000000001a6ef6342011d5fcf4100000165790d4201a00af24101b5d6b44001efee50420157093942000001e9ef48420184de0b4001dbb2224200000001455f604101deaf234201ce27b1410001c846214101740358410152431442000001c6c0334201b4f83f4200014ee7034200000000000001f2489b41012d2c644201b03f264101db4ecb4101be3e234001e2eafa41000000000001e515e540016481ff410000013d94854000000000010c890f83c2281d41237de0f249b05b4001db5d1c80f25421c1001ef7167caf7c4000000000018c9e70fb5c5573f4cf378a5c291cf071b474883f35f806408089369082c9f83f0c0000000000d5913aece1f7e83f8ab3bd2833e8e13febec9b2b8d2ce73f2650602e51d5e73f13a96a818768df3fae4fad27a486da3f08640c6c2241e23f020a00c9c0eef2b09e98a3e301a09e4d4131d3ef3f000200e9b6d1abc0bdc19235eab044cebff0ba3f008080800400000000050001033b0d9e3697ef3fddd28cbae125e63f9606b46a53c0d13f01c616dd0012a5dd3f9fd186a605c4467533e45cae3fe27f26c63b17ae3ff5c9aec92172e03fb45bc96ee180d13f816acab5a6aee73fe109dd08c47cc03f118464b65b4fcb3f07ac77299c4ae43f00010001040160840ac4b860ed3f0186114c0b4fdde33f010187962111d12cea3f00010534744f4e50000002c3a9e48e80bc0883b4b6e93f5be80ff873a4b38f4fc72d81a7b9a20a2d3eccef', NULL, 110.75452, 458.9678, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2273314660, 'é', 'RepeatedFrame', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee81-1780-73d6-9347-73c2c6afb119', '2026-11-18 11:53:20+00', '3998-03-03 16:07:16.167912+00', NULL, NULL, NULL, NULL, NULL, 4854.61392, 256, NULL, NULL, NULL, NULL, NULL, NULL, 0.6373180607523409, 0.6409266529687191, 1244284.488, NULL, 90.312675, 'ESP32_001', 'S-4', NULL, NULL, 'B', 'Ifl01é-__fJ-1u_éB', '[{"kind": "MissingProduct", "zones": [0, 1, 2, 3, 7, 10, 16, 18, 19, 20, 22, 23, 24, 25, 28, 30, 31, 32, 33, 35, 36, 37, 38, 39, 40, 43, 45, 46, 47, 52, 53, 54, 57, 63], "extent": null, "severity": "Minor", "probability": 0.30700337894052604}, {"kind": "Oxidation", "zones": [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 15, 16, 17, 18, 22, 23, 25, 27, 35, 36, 37, 38, 39, 40, 41, 42, 43, 46, 47, 48, 49, 54, 57, 60, 62, 63], "extent": null, "severity": "Critical", "probability": 0.8732843198859103}]', '\x53510233c1ab3a42c03a5943f67c0b42e77ae642b5b5f94279ed634300feff4500feff453bf3c84226bea545bd889d40839b0d43000000c662eaa9427e9f3543e8532e454e87d6425c5928431837e5419302e74200feff45000000c6a9cf714173522343000000c6ec443c43e7c51f416ef23542000000000000000035e834434712e14506a3d842f0d066420f98be427c63924304f16b43000000c6b5758d43a1e88f439470ad4134a14843e5068743064be8c5f61d8945d3268c43be1bec45f748a4410b775343bc75114300feff45ae05134143898543000000c60000000049c27f4200feff45a6734c43c7be3b43453459436fd17d43001b694310189242aa62244300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000600d7242b75371430ee2a7411a41484380bf164300000000eaeed0423e94af4987e893430000000000000000122e704357e4ab4996b89b4221317c433a1ffc41a56e8b430b8dc14284c04743000000000000000000000000000000000000004a07048043000000002d2cad42ff3594430000004a899a5f43dad50a4370ef13431815c7420000000000000000f063d449cccfda3f30a269490000004af2d44243daf8c9426c7663436b4f86432111e3414e4d1642f3605541d21a8942b56e23433a770e4000000000d78803430000000094a416420000004aa31d1543c4ab214300000000ebcf9343e2a18243c39e3843ce2fb942a671f74247d7124343935443000000002d786d430000000013d71243e940954300000000d3d0c2411ea68043ed5594431b0d8243000000003f977a4310d1dd428aa4364330d7db42b5bc464336f74c43000000001304e442510a8443ee15554200000000a7228e4300ffff43a1607d43a1253243e8fab94225e0c0422901fd41b8537a41d118504323943243610f5c431322964100000000faa9b7409409b04200000000756179421b503142dfc95a43da06a241beb28b43000000003a4e63433ab9a5414f5fcf41000000002d1f3b42519e2b425fdfcb4100ffff434096914314bf0c4338a12d436df7f442dffe8d43852c3d43487e6543000000000000000066a0c24270511b434f550d4100d4734700e0db44001c07470047304700ae42470098e246002c0746004029470014e346002f6b4700000000000070405c72dc299df6b24003c2ae80bd', '\x534602000100010852d6cdbfb41bc100000144a53e8a375e16c10001a19996b4095128c101ab52b668ff942cc1000000010852d6cdbfb41bc155f261afd78d764000000144a53e8a375e16c1873962175de68e400001a19996b4095128c15ed0d05cbf95704001ab52b668ff942cc1e132e6d8494667400000000000000000000000000000155ce3ef918be33f661ead95865ce33f563e8d9fa623b13f6e88913e889ebe3f1da9176fe8bfdf3f3237d40b96e3df3fb70dabd1fde4de3f0202018ea6e6a9bcbd87f1e301f95af0121c13b93f000500e8809da6c591e588eb01aa38719d8226eb3f000001339b82d8e864e43f99bf21213debf93f0201030101301ddbe66646e43f5f34160d4394f73f00e5e1b52adf58b93f011d55b49c7882e43fc784d8f402f3dfa4af2208ee3f320af1fde00fe13fb6fc23e8a4e2c63f5c20c6464266e73f7d303394a9a1e93f753bbf9d8495c23f0472745abea4c33f97a50a3104efe33f0202008f89f49ebdbfbab8820151e81380f1a5d33f000a02ff999ed680fff3a1d20175a040f5f1f1eb3f000401000100000001000101011349666c3031c3a92d5f5f664a2d31755fc3a942000117a0b442076449464d5f4754eeaab191089bd0bee24695d301a882b49dc1d2d573c88ca9d10468b18760', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.6199313, 2183943534, 'dIFM_GT', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee8b-c5e0-75c8-a5e8-c19a875a9696', '2026-11-18 12:05:00+00', '8039-05-27 03:24:02.046668+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 227063.99839297732, 0.5401777007170979, 0.6022910839701602, 0.6739838365874176, 1200894.717, NULL, NULL, 'ESP32_002', 'S-5', NULL, NULL, 'B', 'f2_Zwdj1DééT-9éqwXa7', '[{"kind": "Tilt", "zones": [2, 3, 5, 6, 7, 9, 11, 12, 13, 16, 17, 19, 20, 22, 23, 26, 28, 29, 31, 33, 35, 36, 37, 39, 40, 42, 43, 44, 46, 47, 49, 50, 53, 56, 57, 58, 59, 60], "extent": null, "severity": "Minor", "probability": 0.7596607627920917}, {"kind": "MissingProduct", "zones": [1, 2, 6, 7, 8, 9, 10, 12, 13, 14, 16, 17, 19, 21, 22, 27, 28, 33, 34, 36, 37, 39, 42, 45, 46, 49, 53, 54, 56, 59, 61, 62], "extent": null, "severity": "Critical", "probability": 0.694557644239532}, {"kind": "MissingProduct", "zones": [0, 2, 5, 7, 9, 11, 12, 14, 16, 17, 18, 19, 20, 21, 22, 24, 25, 27, 29, 30, 31, 34, 35, 36, 37, 38, 40, 42, 44, 45, 46, 53, 56], "extent": null, "severity": "Minor", "probability": 0.40648404103828367}]', '\x53510100960a998c', '\x5346020001018422f7e9da250b4100010a9a0164e62e21410001cba38d95f2c1c4c000000141181bf03a76284101b5dda4c0e970164100018422f7e9da250b4104757a42ac6b834000010a9a0164e62e21413f22c14186c882400001cba38d95f2c1c4c011c870a1f463714000000141181bf03a7628419c11409f1d24864001b5dda4c0e970164139d9b71a2aa01740000000000000000000011175b5fcbfb70b415384bac791ef8c40011b78d3be2249e13f090ceb7e65ebeb3f011b78d3be2249e13f090ceb7e65ebeb3f009324a8f03b82e23f11e944e58179e93f013f70c5d2e1e33feaec9a132d18db3fba077b92f8b6c63fd2663e846034e13fa4816c83375ee63f030a00cb9bd6c8e895e2ff9001b147ed0cf2fce93f000200948b82c89c83e58e8601d554f2a6fdf5ec3f000a01d2cf9e81a09bd0e58901d3efae13cc3ae03f008080110113608af3f745e33fcaa19cfc3c5cfc3f02000500003e9e058d4691e53f002a8c94b4a2eeea3f4173b10932c4e23f648b572d9b9edc3ffe817f63751be73f66e715faf974b13f9df2fd744c36d73f80fd91f8f903ee3f8a8735cf582fd03f030500ecf5eca6abb7b7931fe6e28716244fe83f000202c6efadc3e19699b1694c42e6f3d039e63f000200a5b5fddbceaf9d90010fbea6a3d503da3f000000000101e36a83ff0cb5e03f0100011766325f5a77646a3144c3a9c3a9542d39c3a97177586137000002776da7b9b6d00a63b064c5bbcabbcefb5fd53e886167a6fde5d0bc048995733b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 925.94617, 0.8724849, 1.7725191, 2853018791, 'wm', 'LowHeme ZeroedOnFloor', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eed6-8a80-7e46-94d9-f6f287cf3ced', '2026-11-18 13:26:40+00', '8079-04-06 18:13:55.026137+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 586853.0039464559, NULL, 978408.8340301355, NULL, 0.46011372259671535, NULL, 0.2755879871587679, 1879433.228, 15.087704, NULL, 'ESP32_001', 'S-12', NULL, 'B', 'A', 'LééH', '[]', '\x5351022ba1cf1143ce028b42b6aa114389a71c4332cd2942fa9e1c436109ef423dd2a3407d1681418e052043d509cc410000000061824e4100feff4555227842000000c67c0933435065f942000000c6c1b1744300feff45d9b9624384ee1f43dbc98241232b9243ef3f564376bd5343000000c69ed95442dba4bdc4052a6243fb6a404271329040000000c60fe77444354f0c4350fc4243a53c03431884854300feff45095665433854e942f7882c434b985e4340d32f42373204403f058f4200feff4500feff456e938f4318ca2b4300000000cf948743b1af59c500feff4500feff45a5dfb24100feff45000000c64545b3420000000017678e43e70e6c43c5b885c5000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000009d921b43b07410430000000044a01743000000000000000006598343960f414300000000a41a7d43324f5542eec06942b0f30f4300000000e2052043362b6343d7c16f420000004a0000000009069543fc7e3f43985ef5411c190d430000004abecc67416d397f43a37c60427a9091430d83e34200000000750d8f435d8f3f430000004a92b96243fe938d429198484310296343ec3d5c436b8c56434df8984902819442d3d98e43000000003d342b4316f91343000000001b79b442637a43434ff58a426dce7542ac7483401c821142f9334b42ef279340b15b0543071505433e2faa49ecc5b542f4008d49000000000000000000000000549c944274b9ef4200000000173d1d41c8020f43a5da044391aa5a4330f46a43000000005fa16042c687c842c6c2394300ffff43447ffa426eb29343e69501434554944300ffff437685774200000000ba0a8a422641874300ffff439b6e7543a7c18843fd0379438ca0d44234311c43d6cf41430a721343c89237430b4d4743a4592f43f6d42541ce1395430000000000000000000000008769304300000000f1a80f432d1e5b43d4578c43edbe8a4377b89543d011254251ff5443e4ad8d42bf7c9842c58a8743288fab4200ffff43e5715443a589ed420000000030768143000000004b2c6c419e273e4284779e432958314300000000e6219e43630a03422b5d8e439bbd47435bbdf55d', '\x534603000101b361a1563867e7c000000001175fe2f576b829c101e26bb18c8ff618410121c0df82237027c101cea7173b5b02ef40000001b361a1563867e7c0a2d290338fa7144000000001175fe2f576b829c1ee78751b43247b4001e26bb18c8ff61841fd0b6f97305175400121c0df82237027c15abe1f60154d8e4001cea7173b5b02ef402d9cced1a4bc8b4000000138eaaf86abdb8740015c156560b186f24038eaaf86abdb87400000000178ff05abd1db2d41f76d1e42dc0d6f400116450502cae8214136e37c60316b8540000001ec98bfd38072dd3f87b126f6dec5f93f01ec98bfd38072dd3f87b126f6dec5f93f0102a2665ba20a88ed3ff0b9015a3f42ed3f352be7155ae5eb3f0c95bbefac5cee3fefaa41f6207fe83f1f24b4faf932e23f16e2421e519cef3f020a02f89c999289a6f3925798049ae61f5de73f0002008aacf0998defed86ff013e080f1cc4fbc43f0080800100030101020000b98c7288d6f9ea3f01b11c01cc3ba3d13fccd5fee7090a2581ad8cc7da3f13c807afdb01d43fe60046e989aeea3fe25c7f794835ea3ff8db8dfdec7cd13fe474b9d367bee03fc172b95e043dcd3f927ada3aebefeb3f0002010101020001d06d614b03f7dc3f01000001064cc3a9c3a948013c6771410007382d6150332d349b83b8930c359d6bac28a56c0d738d81cc27e8357c8cc09780077b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a31332c226772616465223a2243227d7d7d3b18a768', NULL, NULL, NULL, NULL, NULL, NULL, 685.3991, NULL, 248.43314, NULL, 1.6108084, NULL, 3261989275, '8-aP3-4', 'LowHeme', 'calibration');
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ee96-7440-7d0d-a0bb-b9b0edaef7e4', '2026-11-18 12:16:40+00', '1985-10-26 10:27:04.171785+00', 148432.540303755, -812996.0953661478, -315333.5125252448, NULL, NULL, NULL, NULL, NULL, 745259.3504137461, 342646.55012184964, NULL, NULL, 0.6860412522781751, NULL, 0.17595986395479477, 2971592.233, NULL, NULL, 'ESP32_001', 'S-6', 'REJECT', NULL, 'B', '9-', '[{"kind": "MissingProduct", "zones": [1, 4, 5, 7, 8, 9, 10, 13, 18, 19, 21, 22, 24, 25, 27, 28, 29, 31, 33, 38, 40, 41, 42, 47, 51, 52, 53, 58, 59, 60, 62, 63], "extent": null, "severity": "Critical", "probability": 0.2818997158437076}, {"kind": "Tilt", "zones": [0, 1, 2, 4, 5, 9, 10, 11, 13, 14, 18, 20, 22, 24, 28, 30, 32, 35, 37, 38, 40, 42, 45, 46, 49, 50, 52, 53, 54, 57, 58, 60, 61, 63], "extent": null, "severity": "Major", "probability": 0.35134517361095524}, {"kind": "MissingProduct", "zones": [0, 4, 8, 9, 10, 14, 16, 17, 18, 20, 22, 23, 25, 26, 27, 30, 31, 34, 35, 37, 40, 41, 42, 45, 46, 49, 52, 55, 57, 58, 63], "extent": null, "severity": "Critical", "probability": 0.1730517987398163}]', '\x53510227b15569437ea4354239937443000000c6000000c60d5e0b4363564943f12188437e95f84212741b4342cdd94200feff459488554349e78e435654104200000000d8fe3943ec018843e89512414afb934300000000f28b0d43f8163ac500000000dfec9e4200000000000000c6aa952b43000000007d49b143ef268443ecf36f42c7b7904300feff45000000c600feff452e5538435a387043f6df144374883c43a68d4c4300feff45e0035343302901430000000000feff4507f58843727f864300feff4553b7734300000000a4724b436cf47d432fadc64520879e4200000000000000007cd78143040367422588d9c500000000ed7d5742000000c600000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004a765e8242f41a074360c17643356fa642b0772343c6d9f941000000000000004a6ec05943511f1742a24b104900000000568ef247f17bb649ebe6cd497e4056430000004a0792cd4209b52f42c8f13643cf968c43442934430000004a0000004a5ccf664253b28341e035df49e4ed12432c9f2643bc5bb0420000004aafe0214988f8e5473f0323430000004ad5334a410000000020028f4309ed704337098742606158438e869a42d4254b435dfb5c49e3eb5143404162420000000028c0514311698c420eb33f432def2043708f3143fb124949a45b2443f77cf94100000000b3795343ad530a4343f9e5416a840940c6a98143ee9a5c425416ff4900ffff43bb827943e4535243b2680a43000000001bb7df40eb1c6c432f4fb04194fb8743a70589430ac6de4230700c4367e1614274c9d642000000006f7319430000000084385e439ffcb842008c1c4200ffff430000000000000000cc880243e7f67e43e1d547430000000000000000bd7ff04171967443a2769442f06b684300000000b994ac413e086c4300ffff4300834443e3d01343b7867043228d5443905b1e42706234435543b5420000000005967040a314ab42000000000000000071360e4371df6c43d992254300ffff43dbf0bc40d3e44d420000000018649d42a6c16e43185c1043372f25424436b641d52ad43f5ec97c4300000000e2ca4e4305e9050905f9ff7909d8ff05050505050905ff0505bd050509ff05ff0905090569050505ff050905050505ff0505055ddd05be05050505ffc5050505051909059ec57034', '\x534602010a00016dc68a52841e0241254daafedd8a784001ecd4d33088cf28c11454672a6057874001f36ad30c163f13c1c10719267528814000000000014cf2a3b7216ffb44dc22ba112d5944bdc20b950457350f40b86ae7210a15d63f0e000000000100398e53c14d4ccc3f32cc2baba60be73f78e599fd1247b03fc5b2caa21c64c03ff809f0a82b8cce3f44c7b7df6c8cec3fae984026f3aee03f010200e98b86a4b8a0eeef9c011477d43d2cd5d53f00808040010001f06ee8750fc9ee4000000001c4ce8f82384a10410000000180225d095cf811c10001f06ee8750fc9ee4085314bc2051e784000000001c4ce8f82384a1041d46aac1d3bfb86400000000180225d095cf811c172ab5be8d505764000000000000001376e69b356be2641824b975a791e7e400164245333dae91441a8227e6b4e248040000194bbc7c80cf4e53f886412855024fb3f0194bbc7c80cf4e53f886412855024fb3f00d248d325c308e03fac46741552f5bd3fc786f9812261e63ffb30a9956659e83ff93fcc7b4519e33f457d641da91feb3f13a48962cfa7c53f020501f0d18dc4e29ab6fb8b01681b1cc93428cb3f000a00ecf5d6c5bda487c035d08007c59be9ef3f008180801400020001000184ad9f7a400fed3f36bafc72a6e1f93f290a6b1bb616d13f0107178c52da85c63faaaca9bb08037c27b27f2fee3f39d1c6b52614eb3fe10b0494dcfcbc3fa364307c85c4e43f05a83b69b5b1ef3f6859fa5e990bd73fc968c6c4b334eb3f4f918d7971a5e43f030202b2cfb0dbabe8a19cdc01093a131ba50ad23f000501b7dcd18a95ad99bbb601410e9177707cd63f000202918eddf6cce599c9860176fd0cb48f26c63f000300010401f611c722b05cbd3f000101b502c3fdf0cba43f01030102392d0000105a4a6e6d7061c3a96d61c3a9734fc3a991c4c6cf078ef9f6c2f29aa1a709f1b04c2e3527d3a9ccfb880b0b691c08', 392.6792, 746.92194, 549.0572, NULL, NULL, NULL, 481.90463, 516.53827, NULL, NULL, 1.6963658, NULL, 2045878801, 'ZJnmpaémaésOé', 'StatusMissing HistogramSaturated RepeatedFrame AmplitudeMissing', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eea1-22a0-7bf3-8a1a-4b4a1a85b5f3', '2026-11-18 12:28:20+00', '0018-05-10 03:11:41.309213+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.4812411682389571, 3719426.034, NULL, 1.7177631, 'ESP32_002', 'S-7', NULL, NULL, 'A+', 'éB2Y_-éEoOXw_WI', '[]', '\x53510100960a998c', '\x53460200000004010003014afb5388b155e83fa814b2703a72da3f012e0991f2960ca93f13111674f97cf03f55cfc4c1a7ccde3f00084800ef457be23f1d08780854c2c43f0a66efd2d0b4db3f81b9b60c1788ee3fd7701296f2a9d43f63311f4135eae93f9802c9fdadfae43fa7c75ad625c6df3f0002010101010001efebc5f38159d13f000111c3a94232595f2dc3a9456f4f58775f57490001a9dfdb3f10355f5f5f59674555516d6d545274383580edc3a40b79f6627d25fe9ecc1f0d57f324014b7bf2dfc7ed0dcd91c401', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3029399168, '5___YgEUQmmTRt85', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eeab-d100-7a31-885c-2a0956b85626', '2026-11-18 12:40:00+00', '5016-02-25 11:20:57.785603+00', -285980.1361701267, 662931.3006026143, NULL, NULL, 0.8180903498282461, 10562.9436, 128, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.894273933464071, 1368720.405, NULL, 51.956177, 'ESP32_001', 'S-8', NULL, NULL, 'A+', '_4Bl3Fé', '[{"kind": "Tilt", "zones": [2, 3, 5, 8, 9, 10, 11, 13, 15, 19, 20, 21, 24, 27, 29, 31, 35, 36, 37, 39, 40, 41, 44, 48, 51, 53, 57, 59, 60, 62], "extent": null, "severity": "Major", "probability": 0.8228623006407927}, {"kind": "MissingProduct", "zones": [3, 4, 6, 12, 13, 15, 19, 25, 26, 27, 29, 32, 33, 34, 35, 37, 38, 41, 42, 43, 44, 45, 48, 49, 50, 51, 54, 56, 57, 63], "extent": null, "severity": "Major", "probability": 0.6155580743478193}]', '\x535101153505f44200feff4503c71b431db012414f028743000000c646b257431479c1419edd4b412b072d4300000000b6c487432fdd5d43f522864330399742f3c72b437789a242f6fe2dc51591804500feff4500feff458aa5b542e3f04a4349888443e968084300000000b1c9fd42dcc50343e09e9243b68a85438158f6415e7f074380b78742d1e06b433d978a4353eef042beedac42314014423cbe84436d348843ca991143d8f7f5426f2b9440ab3b2f43000000c600000000fd2b54439b98f641759b6242633fa0423aec5e43000000009dee7243fb3388430a3e15c56318874300000000000000c6000000c600feff4500feff45e2ce384300feff452e9c90c5000000000000ff420000ff420000ff424826b842542dbb420000ff422a38b8410000ff420000ff42bac37442c6faf442000000003cdef8420000ff420000ff420000ff420000ff42000000000000ff42000000000000ff42d04a74420000ff420000ff420000ff420000ff420000ff425d1828410000ff42000000000000ff420000ff420000ff420000ff42000000000000ff420000ff420000ff42000000000000ff420000000000000000000000000000ff420000ff420000ff42999a9041dacbe142b3312f42000000000000ff42668b0b420000ff420000ff42e9985b425307b84200000000aebc12420000ff420000ff420000ff420000ff420000ff42e3890a431dae734309263f436eee4543512c31427944194232c6ee425e69864354400c4300000000cd4693439b9939430000004a0000004a65354543c6a4eb48841d424349e5f641ef38b0410000000000000000ded22243a9d51a42ed849140ad9c5d434130aa424938694369ff5e42d3270c43e2136343d04a8840c4b494437651ce420000000000000000000000002ca59e4900000000676530429c48e64236f200437a5176435a83274100000000ed3791429c2fe242c09021436e4ce04984a06043d1ae0349000000000000004a54cb264300000000f7e38343646b634386611943219a4742000000009d679a42c7bf1043e4160c4348ed72424cd6884305050902050505050505050505050905050905ff09ff050905b70505090505fc050505090505050909050509090509050505de7d0505050505c905050509050500002b4300d02a460007494700ce86460025684700c83147001b644700f55d47006a3e4700d7524700000000000060404182e2c778a1c44001c20f7e98', '\x5346020122010107aed5410001cead28420119bea141017168ad4101d17c5042000001bca627400184fff541000192b134420185f4ee410171843e420001ce076e4201e797c3410000000001f917224200000001f9c53d42017e83fd41000125a09c410000000001bedb77c0000000000000011b3740400168025c41000001140a0241000001373ca74100000166023f41016b58eb4001e884474201d8b095410001c78f424200013610334200011181f9410001827cf34101ea3368410145236d4101832e708b707411c192b715c06eb7824001fb95e899263b2441b98828d67e5a6240000000000001303ca805332436b25ba0831139db704ec53056bdbbf621403bf831d972f2aa3f0f000001c0ef35d0cb2dea3f9fc249448a6aec3f01c0ef35d0cb2dea3f9fc249448a6aec3f005202d54808a1e63fd29cb288b47eea3fa639b579dccbea3f3d25e8856d96ea3f201e3536a083ec3fdefebd83fe4cd93ffc25433ccf0dd03f020501eedf849b879bbcd99701bb5f0ce9eeaed53f000a01dac5dcc0ce809a94f7011b57e0453b12e33f000000000401040401ef419fdcb76ce53fe0b2af7d5a3bf33f01d9ce2c2a3772ef3fe0399c6ceff2e93f44973c5ee49dec3f00f723f0aa9424e33f53d41569b10fd03f08bfeff785eac13fd2da49ef7069e93fd62d423b3457e03f8b95cd91749be73f472c5f3987ded23f1853689576a0ee3f020501acdee2c98af7c4945afea1cb51e354ea3f000201d8e0a2f0f2cdcfa78301969ac3d8a6b2e33f00030001000001b3622091a8a0ee3f0100010301085f34426c3346c3a9000120d34f42023463d2b083e40de4b4ff3f199c2a28c96c8a45fa98e59c9588d48c058f1290a7', 598.9291, 146.82799, NULL, NULL, 0.8880054, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3699431506, '4c', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eee1-38e0-794e-81d4-d4493b88a2dd', '2026-11-18 13:38:20+00', '9867-01-21 02:21:16.695131+00', NULL, NULL, NULL, NULL, NULL, 1447.95744, 64, NULL, -68270.11165140192, 473384.7090101719, -964410.0852499751, 453931.0149423325, 0.6507149834484657, NULL, 0.9824770651464833, 1758493.931, -22.413471, 4.685307, 'ESP32_002', 'S-13', NULL, NULL, 'C', NULL, '[{"kind": "Tilt", "zones": [4, 7, 8, 12, 15, 16, 17, 18, 19, 20, 23, 26, 27, 30, 32, 33, 34, 35, 37, 42, 45, 46, 49, 50, 53, 60, 61], "extent": null, "severity": "Critical", "probability": 0.14886350593850328}]', '\x5351011000f21a4700001f460017184700b57247001d044700907a4600fcf346000360470017644700084046000000000000504087bf266bd49f96400366d1e61f', '\x534602000101d7133b550ca525410142c7ca6c9d852b41000000000193cc07806ab72cc1000001ad601fac939016c101d7133b550ca52541f54be357e12268400142c7ca6c9d852b4111b995a63ad27340000000000193cc07806ab72cc188b60b81ac707d40000001ad601fac939016c113b3e229fded6740016af0828fd367894001ff4159842f81fa406af0828fd3678940000000017ee2a52b746e2dc1db3b034df0c1804001fdfa52c9e1aaf0c0fc207382ba7286400133c306d6a2e41c413c4f00b7081b7b4001f60a4d0facb41b41db8b5332d5cb6f4001f9b49d3aa8d2e43f86a54a4314d9e03f01f9b49d3aa8d2e43f86a54a4314d9e03f0012457891d932ee3f1846cc5093b6d73fc170967f3268d33f8ff69b0fae1bd13f71e78ccedddeef3f14bac2833e6bde3fcfa9a72a1930d03f030a01a5e5a4fafe9e96d2fb0164da7cbff4f3d73f000a00cefd8cf7abfae18dbd01395e28fb74a8e13f00020098d2b2d9aee39cdc0ac306ed1fc579eb3f008080040001010005000081f9fbbd7370ef3f001d7237f9aa3cef3f82450e29f9fec13ff76dbaac8125e43f7cd72b552f2ee13fab88d734d398eb3f625ea011ac3a703fb799811f1628dd3f0eaf31f55ee2d83f01050290a3fee4f4859993306871c998f50dc33f0001010100000001ca4eb3c10109ee9540152d2dc3a95f65633364c3a92dc3a950c3a95f49645fe5f7996c2b8e606750eff79ddaa364607917639aebf9c1c6067b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a33312c226772616465223a2243227d7d7df0e5bb0b', NULL, NULL, NULL, NULL, NULL, NULL, 718.34106, 433.68964, 536.2423, 254.36978, 0.5264989, NULL, 226917349, '--é_ec3dé-éPé_Id_', 'AnalogSaturation', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eeb6-7f60-7561-b345-a142e3f9155d', '2026-11-18 12:51:40+00', '4922-11-10 04:57:19.808112+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.48395729894661754, 0.2517851097436346, 1890870.441, NULL, NULL, 'ESP32_002', 'S-9', NULL, NULL, 'B', NULL, '[{"kind": "Oxidation", "zones": [0, 1, 2, 3, 9, 11, 15, 19, 22, 23, 26, 27, 28, 30, 31, 32, 34, 35, 40, 42, 43, 44, 48, 50, 51, 55, 57, 61, 63], "extent": null, "severity": "Critical", "probability": 0.5901711432455078}, {"kind": "MissingProduct", "zones": [0, 1, 3, 5, 7, 9, 10, 16, 17, 21, 22, 24, 27, 30, 32, 33, 37, 39, 40, 42, 43, 44, 45, 46, 47, 53, 55, 58, 60, 61, 63], "extent": null, "severity": "Critical", "probability": 0.6847057649282907}, {"kind": "MissingProduct", "zones": [0, 4, 5, 9, 11, 12, 13, 15, 16, 20, 21, 22, 23, 24, 25, 30, 31, 33, 35, 36, 37, 38, 39, 41, 43, 44, 45, 50, 56, 58, 60, 61], "extent": null, "severity": "Major", "probability": 0.20356151904874828}]', '\x5351024bff854a435e4589413c34fc42cb7b09436660854300000000590206439b5ec142d786814400feff4500000000c56c423f00feff4500feff4568fda942c11e7a4343174f434364bbc50000000000feff45f9875342253446432a51684230118743000000c6d6ff084300000000b33bd74100feff451172634322761845000000c6000000c6a00b5443a2ae4941b35c0e4200000000f3a70442f4bd8d43e9dbe34200000000ebd473428e1824415f94bc41000000c60241ba4248d84342dbaa84431552f142146b5643bb0faa4250108043c48051437ccac740b8145b428fd420431dfa27439b6960427d11b242902bf0428425b342000000c67b188f438a639b420000ff420000ff42000000000000ff423c8fea424b1b9f4279666d4202bfdc42000000000000ff420000ff4219528e42000000009c0744425caa0942d68a30420000ff422955bd4205fcf9420000ff420000ff4257fd9e410000ff420000ff429cb3eb42000000000000ff4204a4824100000000000000000000ff420000ff420000ff42913492420000ff42000000000000ff420000ff42a695f0426616a2410000ff420000ff420000ff4200000000584409420000ff420000ff42221a0a42ee27fb410000ff42000000000000ff420000ff429282e841000000000000ff420000ff420000ff420000ff4254e8a04212e48541a1a2d24200000000509109410000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000030a3944312d03a438f031f4300ffff433d5642431e49474300ffff43ace04d434fa57b4300ffff43a2cbd14258ba174375db174269999c41dbb3443f9e5f2e4210921f430000000062eeb942b4fe354378bbd142e5612b43f4908043fb522b4300000000adcfe14300ffff43a3e73e43262f8d42f04787432cb7ba424dc77543696389431019bc420000000053ce6243e87aee435a121f43faf75a4368e38f42a169b441b06aa7420000000033d28c4300000000a419914167d61f43c9f84243e4723341aa6d574300ffff43dde84f43000000002a5c874234a08943ee492a42abf7aa42b1a73942b1f98e42a2be3c43000000004ed449434408924300ffff4367591404', '\x534602000001cab7e80828f9de3faceafcb0b3ddda3f020000014f3506e17279e13fbbd2692e0bdce43f00e1fefd4a3f1dd03f002a9745a50a34e33f6f25a368698dd13fc70221f1efece93f68d5c98c6ce1e43fb86149a0cd09d83f90f2ae1bb1f6c63fd6bf1cef11b2ef3f9d95513e0eade63f030a028f94a2e6dda1c7c6a2015109e997aee2e23f000202ab8d8ccbb4b4bfd0b40151fd77101ce9e53f000201b1f4c69facdf8e823517ec84c94d0eca3f0000000000000000165f5f2d75c3a95679712d6a47432d732dc3a978627557b0e49fd80d879c3be4c057a644a4859a78a13c1b98a9c9d185077b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a372c226772616465223a2243227d7d7d9116030e', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.41978163, 3674731056, '__-uéVyq-jGC-s-éxbuW', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eec1-2dc0-7ff9-9f19-b9f8df2ec024', '2026-11-18 13:03:20+00', '7947-02-28 14:49:16.812633+00', NULL, NULL, NULL, NULL, NULL, 267.26363999999995, 0.5, NULL, NULL, NULL, NULL, NULL, NULL, 0.9909293967684708, 0.05887412299787738, 1454922.866, -10.606772, 88.70645, 'ESP32_001', 'S-10', NULL, NULL, 'REJECT', '-9Fé_vB_K8oaeé', '[{"kind": "MissingProduct", "zones": [0, 3, 5, 6, 8, 10, 11, 13, 14, 15, 22, 25, 26, 27, 28, 29, 34, 35, 36, 37, 38, 41, 43, 45, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 63], "extent": null, "severity": "Minor", "probability": 0.28527563860163574}]', '\x53510237000000c661b1b442460144c5b93a11420c60884328115b42f9d55a4378d88fc5dc5af94223e41242e9e015434ad10440657f464300feff45c649cc4200000000689444400ccd4143cc6a30437eb409411aca1343b1032042cca3174277f3b5402578124393f6cc426df7814300feff4596578242e3546642e8b1914200feff45650e8443daa2dd4200000000f73c3e430f218a4321280b43e321e944ce61924300feff45ad444842f57df5423235ff4200000000af59824347381f431dc4724342c828c3fe4cf04151726d4300000000000000005b3bdc4200000000e7035c430000000000feff45000000009db68743000000c691cbc242c4c3934300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000021725a499250834900000000c9114043a7aef542ccde36438268b642752e3643955cd34847b24a43c2e8fc4200000000aae32743634a8c430000000073846d42ea2a0a420000004a7ef7bf421c121142ec5a0943f87d9f49e2518c42a5a01e4385c24f430d60c2429b5edb421dda3843fd0f7543a4d95b43daff754366150e420000000000000000b8726e436fa27248dc7ba242728d8948fb85864347d684433ec46143f3e47f43f69792430000004a12da84430000004aca703f42000000005393db4100000000dd28a3420000000018f7da41000000000000000016890543a308c5416fa39143c23b9f41eca78042000000005975e9427b908a42000000000661874300000000033b3343098d594300ffff43a0d9a44183a48b40000000002181604311a45d4311a44f4358a50b433dec2d43000000001a766e43123ef343264a874300000000000000002c3cae43000000004ae8b141c936fc41000000004fdbf542000000004da6434289130443416a834382210f43000000003f002140805a10433db4c3425a9e6643b27b304300ffff4335754d43b369f34100000000bf8441431758594200ffff430362f24263c6e3436d0c05421f3c36437cdfbb4200ffff43c94cb042a8125243a682d84236ded84100000000b7e902409625e5427ea2844200000000afb4da425bf7054384800d430000000061a85d430505ff0509050505090505050505ffc8050905050505050505050905053d050505090505ff05ff050505050509ff0509050505050909099805090505ff0505ff003d764700400f45000d59470064344600d2844600fa004700eb424700b0304500986d4600c72947000000000000e03fad9e93de37b47040004d869b4f', '\x534603000001b77ff890b1b5ef3fb587a826c7ebe33f0001020001910d17c17749de3f4cd2246a5cdffe3f019ba350dceb75dc3ff804a85e2521c93faa8fb6c1bf24ae3f000d57a8f5ce4ac63f83724fb68ddfe33f71dc5456d29dde3fb25fd013499bea3fb91bd95c8051ee3f18254885ac81c13fa2f2b7bc50c7ca3f996a10cd8b3eeb3f010200e9da83f2c3cf8afd97013cee88c0f441d23f000000010200012b97909ada20d23f0001102d3946c3a95f76425f4b386f6165c3a90157b529c101b469b14211552d4b32675f2d53412dc3a966306cc3a9c9c7ea93016d288b64277b5ef3cd3930077d8a28dbf2b8e1b5057b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a31352c226772616465223a2243227d7d7d5531f7aa', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.6225315, 310027209, 'U-K2g_-SA-éf0lé', NULL, 'calibration');
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eecb-dc20-734d-9f75-bc063e505e8e', '2026-11-18 13:15:00+00', '3263-12-01 08:43:37.06914+00', -102977.00667538577, NULL, -805367.4659556847, -884130.7762743679, 0.9189441509786973, 12139.704, 32, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.6953284978035192, 1263454.538, NULL, 46.882313, 'ESP32_002', 'S-11', NULL, NULL, 'A', '-X0a5T1b__é__', '[{"kind": "MissingProduct", "zones": [0, 1, 3, 4, 8, 9, 11, 16, 17, 18, 20, 22, 24, 26, 27, 29, 31, 33, 34, 38, 40, 41, 51, 55, 59, 62, 63], "extent": null, "severity": "Minor", "probability": 0.6830746711799915}, {"kind": "Oxidation", "zones": [0, 1, 5, 6, 8, 12, 14, 15, 16, 18, 20, 27, 29, 30, 31, 32, 35, 37, 38, 40, 41, 42, 46, 48, 49, 50, 56, 57, 58, 59, 62], "extent": null, "severity": "Minor", "probability": 0.51371602524251}, {"kind": "Oxidation", "zones": [2, 4, 5, 6, 9, 10, 11, 15, 16, 20, 22, 23, 26, 28, 31, 33, 34, 35, 40, 43, 45, 46, 48, 49, 51, 52, 56, 57, 60, 62], "extent": null, "severity": "Major", "probability": 0.33642058818143217}]', '\x53510110007b154700d8a54600d735470014da4600e44c470038614600b3464700dc2e4700e6ca4600488a4600000000000040403108ac1cdab5c7400387966f2c', '\x5346020102010001cea9043f0001065f3c4201220e9b410132fcb441000000000187f8d44001bac32942014ea15a4201afb200420001dc20f64100000001eae6f340017198474201b12c09400001db7afa41018a203542000000000000019b87f84101492552410001366c0942011081484200018ba33540010f185f420116ae564200019b2a454201c85147410188723e42015c31d94100000000000001ff24224101d594234201232663420129620a410172f2cc41000167c0344201b10e4540000001aaf4224101228a194201e75632420139a6571b1024f9c0394d611dae337440000156be91eeee9328c1e1126ce8f8ba5f40017ed5738d45fb2ac1b66531ec4dfa7e40017ed5738d45fb2ac1b66531ec4dfa7e400000000000014cba6990fd67ed3f4e6bdb7d047bf93f014cba6990fd67ed3f4e6bdb7d047bf93f00849ec16dffd9e53f8f8943e5585ed63f9bc4df4fb6fdda3fdc5d91889436d53ff77853269763e03ff26ce6409000d03f94809f39d7ae993f010a01e5dfae82cba5addbab016104af97068aed3f0088c080080000030004010dbd68caaf30e13fcf2bf607820afb3f000aa5c951d94fe33f01a05fc18c2140e63fba89ddcf0ed0b50672f0efbc3fc41a2963449ed53f43b818d6dcc6e33ff1968b4a995ee83fa573e009ababe93f73b328ceeecfc43f1248fc79f1e7ee3f3cb137e8fdc1e83f0302009b96dceaeae880c4c8016435ae69bfdbe53f000a00e3a2d7c09eedd1834f4920fb965c70e03f000a01f49cc6a6e9a1da8d53742efc37ea87d53f000300010101b6c62a18b7b8eb3f01d8f3d736071ee73f0101b1a80f71f8e4e03f00010e2d583061355431625f5fc3a95f5f00017d873b4210514276542d2dc3a95f692d3336714636f9969fd90f7d022844a349705741fb7082cf6f281fca92bbda04fd8dafa9', 323.23, NULL, 126.92144, 495.644, 1.5925336, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 4213689209, 'QBvT--é_i-36qF6', 'NoReference WhiteDrift ReflectanceMissing', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eeeb-e740-7969-9721-c53a64477445', '2026-11-18 13:50:00+00', '1357-03-20 00:25:46.495395+00', -278637.8339392145, 96701.90920120312, NULL, 473281.6772715186, 0.6181634740116737, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.8114528196112694, 0.8742724804820194, 4077308.828, -8.856335, NULL, 'ESP32_001', 'S-14', NULL, NULL, 'A+', NULL, '[{"kind": "Oxidation", "zones": [0, 1, 2, 3, 4, 6, 9, 12, 13, 14, 15, 16, 17, 20, 21, 22, 24, 27, 29, 31, 32, 34, 35, 43, 44, 51, 52, 55, 57, 60, 61, 62], "extent": null, "severity": "Minor", "probability": 0.8494749679646781}]', '\x53510241185b66430000000000feff459d08b4421c824042c6dbd642000000c651bc38430000000086b13d436e8f73423161db42c335094200000000701006438e96ec423ca18143057b014132eced42acad70420b761f43b30b8643c0fd52430ce18242f7fbb6422c6770430a048b430e078743000000c6afa1b54500feff457678c542f5969e423d359341000000c6f2cbe542d01f8a43937fad42c368864226ad3943b43852431cc015420000000000feff45340ebe42d761ec45cf712d4258c5e542000000c6fab0374300feff45000000c6000000007bdc8343c7314f4382872c43e20c9344a7ac844200feff454435724399448743d9cbb24200000000000000c60000ff4200000000a7c291420000ff42a01fd2420000ff420000ff420000ff420000ff420000ff4200000000f0faa5410000ff420000ff424a2e9242b894f13f0000ff420000ff422f1d7a420000ff420aa1c84213097b420000000000000000bbb5a4420000ff420000ff420000ff420000ff42b8047f42c4a2e1420000ff42540fdc420000ff420000ff420000ff423116e241a942f542a0c5c33f00000000df7fa0420000ff42000000000000ff42e182a8420000ff420000ff420000ff420000ff42000000000000ff42c832b142f6828942ae62fb42000000000000ff42979ab84190a50541000000000000ff42766db242000000004f76d6420000ff42000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004c4876b7', '\x5346020117010175b1bd41018f06724100011d325f420154ce19420001559b80c000018611034201fe20fe4101b365ed41000000000115dcda410001836e2242013f00004201b9ff8d41000001b4f09a4000017e44664101c208d4410001b47eb5410001c52cb241000001d3c3504201f82b40420001bc3f5b42019804fa41000110ea4f4101a0e89bc001111f2241016193583f01a77ae03e0001e266073f00000138fa4b4001f9bcdabd00015c9391c000000000013f0a6a42014b84bb410000000001cd8adb410000015529f455b70111c1e9ab6544b5a18140018e8f168cde9bf74025dcf85f99b4854000013caa86b506e31c41915b50c56bed6040013caa86b506e31c41915b50c56bed6040000001081fe18883507e63cb0de2b1bc358ff65e34d8344a9a1040e91abc6eae05f33f05000001c2c70ec4fec7e33f143ebe41e384bd3f01c2c70ec4fec7e33f143ebe41e384bd3f00eca1c0ec5bcfbf3f6095966d0926d73fa8575de05a80e93f3d26dc41f99bd63f245ea40df3bbe43f7bfba7a1f580e23ff661bb6b5178e53f030a01bebae686ac9fffb6b2015db3d3523418e03f000501deedd9a9a09a9cc205c8b2d745db89ed3f000200cac3d4b5d9dcc2997c1881cda8e7deda3f00000001c6464fe76bf7e93f4c60acb588a0fb3f04010300000152c13e7a3469d63f63d8ed693db8e23ffa7f4d6065eee73f017cd1ee470afaeb3ff9f7d7f5089041f7b2ca0ce83fd1961595f30adf3f6dac4cee84fcdd3f1f0197f9bb53ee3f08cbe76888ace63f88c549595b27e13f4a364aa86495d53f600726935d86ee3f010a00dfe4cfcbda8186cc72e1b9c520e62eeb3f00030101000101b1bf3506648be93f0000018cb30dc100022d59cde0899c05d1a899fc07b93f57fcad6ac5fa1753849c979b980ff6dcdcbb', 564.2135, 694.5749, NULL, 135.4194, 0.115308955, NULL, NULL, NULL, NULL, NULL, NULL, 1.7266929, 1401057357, '-Y', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1eef6-95a0-7b68-887e-1d62dca6ead0', '2026-11-18 14:01:40+00', '5123-08-21 22:26:11.658862+00', 739975.3124008526, NULL, NULL, NULL, 0.3804541804469919, 5657.867119999999, 256, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.308906209150644, 1390886.076, 37.823112, 82.94538, 'ESP32_002', 'S-15', 'A', NULL, 'C', 'g6hNQ-_J-u', '[]', '\x535101100072f54600fc6e4700466f4700175f470076bf4600b8b14600c88e450093234700d02b4600e287460000000000007040b48993fbdd19b64000f49363b8', '\x53460301350100019e46164100018483694201f5f75b4201d38cc3410001b4d7304201ef581d4000000198dc70c0000001c48f924000000000000000000105fa034200000000000166433c4101f82ad640000113d6cf4101a52c094000011f4b58420001f0e0c54101546f55420000000000010cd20542010d4f0e40012811334201fb233e42000116dd02420001b23c7a41000001a339364201048e4d4200000121dfd54101f4caa7bf000132a07d41000118dc9341012a01f39f0e95264182d75fff96da8540000000000000013f87cd8c1a440a6ac9ffacd873795a68c65422c6d4740d40fa908447a341fe3f06000001315da97d5c59d83ff639bfa16711f63f01315da97d5c59d83ff639bfa16711f63f0103a094335b241de53f882fbf29e6c6ec3fce5503372944e43ff5c9b1b5821fd13f68030f65f8a2dc3f84f34a3492dbec3fd4e30b7c1a69d73f010500c0a4aaec81bafcd0553556704d44ced93f0000000001000001fafe1dc013d5e83f4ea7b004bce8e93f00153116a4510ee83f01a355758c1ec5d33f8988c59a0b619612eb4633d53f276e59e4cb1ae03f2aed88558e58af3f766574bbc5d9dc3fd77760d4b9abe63f96d38cf37bd2d33f21a049445d7eec3fba961bad2819e73f0000000103000187fa1e02bfd7de3f00010a6736684e512d5f4a2d7501de4a17420109e4a5421141c3a92d62595f2d6f2d4a312d56413464ebd4d688053b033340e9f1c47fe86a69727510056dbcf99c9705606fa8c5', 699.3237, NULL, NULL, NULL, 1.3792492, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1360374379, 'Aé-bY_-o-J1-VA4d', NULL, 'calibration');
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef01-4400-7d76-91db-e27210b00297', '2026-11-18 14:13:20+00', '4688-10-25 01:45:49.840172+00', 111280.80608847593, NULL, -945417.7018003563, 265408.610695454, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.8385651924569961, 0.597196375447538, 4131315.985, NULL, NULL, 'ESP32_001', 'S-16', 'A+', NULL, 'A', '--t4_éP_kUXéét', '[]', '\x53510100960a998c', '\x534602013500019d07bde50c2bfb40371d686b35cd834000015560526713da2cc1b338fccbf98b5140012b265a7102331041d78ea15d25257840012b265a7102331041d78ea15d25257840000000000000000104423cafd95448ec3ff0f0f1a65f4bec3f0781b4cfc0acc13f9b89db4f2b80d63f00c7ae23499ed23f30de58ab9dcbe93f75e8e7614ee88f3f020500f8b79aa1b19adba44bbbb4535b0745d73f000200f3b1b3aff1eea289ca0104455742c87ed33f00000001f855a5ab86d5ea3f275266c0960bd53f030103000158264fb32305e13fffefe24edd3bff3f01bc0b57c97fa3dc3f168644004336f63fff1af97d69d8e63f01fec7ba923b1ce33f96d7d79607ce09b4fe2f39d23f90a46b6703d2eb3f07c60038ca83d83f26264c3b1578e33f4c4dc4cabf61d23ffc0ac8c07235e63fab684575c41ad13f95f7388e0e36e33f00020001000185894297af1eee3f0167208e175904c33f0001112d2d74345fc3a9505f6b5558c3a9c3a9740000043131565fc6b6baa20dc0bb97af08f5bbe24880a1dfc86233ea91c2fbb10f7b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a36302c226772616465223a2242227d7d7d058c99ee', 633.65106, NULL, 70.18712, 386.32162, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.32883233, 3561921350, '11V_', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef0b-f260-758e-bc8e-217dfabbbbe3', '2026-11-18 14:25:00+00', '2591-07-17 03:58:10.340725+00', NULL, NULL, NULL, NULL, NULL, 3967.81616, 256, NULL, NULL, -573999.8943168774, 777469.6475449298, NULL, 0.4093387803035544, NULL, 0.14065886179961695, 2586842.196, 10.448838, NULL, 'ESP32_002', 'S-17', NULL, 'A+', 'C', 'l85F8_0uipY_é_U', '[{"kind": "Oxidation", "zones": [0, 1, 3, 5, 6, 7, 9, 11, 13, 14, 17, 18, 19, 20, 21, 29, 31, 32, 36, 42, 43, 47, 49, 50, 51, 52, 53, 56, 57, 58, 60, 61, 63], "extent": null, "severity": "Minor", "probability": 0.20388831510982441}, {"kind": "Tilt", "zones": [4, 6, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 24, 27, 29, 33, 34, 36, 39, 43, 47, 49, 52, 53, 56, 57, 58, 62, 63], "extent": null, "severity": "Critical", "probability": 0.6804967361096862}, {"kind": "Tilt", "zones": [1, 3, 5, 7, 8, 10, 14, 16, 20, 21, 24, 25, 29, 32, 35, 36, 37, 39, 40, 42, 43, 44, 46, 47, 48, 50, 52, 54, 55, 56, 60, 61, 62, 63], "extent": null, "severity": "Critical", "probability": 0.39656840866827975}]', '\x53510110008c5947008cd74600e8c6450090ba4500e97847000e834600722e470030094600c0314700bc644600000000000070409b38b9dfa1ffae400177aa66ff', '\x53460200010000017d0eeff8fc7c1ec10001fc0077a3b29625410185582ad2857a074101d9cccd5e697b0ec10000000000017d0eeff8fc7c1ec1fe281e1401f287400001fc0077a3b2962541685a3f56ad3874400185582ad2857a07414216168fbfa48e4001d9cccd5e697b0ec1f7c9d5d816ed724000000000000000000150028b4bfbb927412a4d01c42ba271400001d9e6e3c95f8421c1165af6b38e4a84400001d4d998489b32da3f64c9c9b57e1cff3f01d4d998489b32da3f64c9c9b57e1cff3f01040d100ba5fb89cd3f32865e648e49ec3f9a4d6b34fce0e63f98c49ac0a7f47a3fd2faa008d4e3e93f19f57c82afa1e03fbb87570717ce983f030502ed8ba8f1fcdafab80b9e587303577de13f00020286baa6f7bde3f5e745c646ef6dc50acd3f000a02d9feca95cde6d6d9aa014b485b08ffbae33f001100010000010fb60193ec40d63f1a170112f55ff83f004835a90d1c01c23f00647b662179c2e83f5e974002687fe03fe6c4d4c54e2eee3f048fa49b892ed23f8bc4e37be065ec3f37c74a1d9e3def3f036ad3742cffe83f9c72c33adc3cea3f030a00ebd5f9819a82a39fb7015c74b7260319ca3f000502d0d4eacfe292a299c701eb065417a1c6e53f000502aa8bc59992b7f7eaf1017dd976766061d93f00040001020136e690bb5e12eb3f01691e8402e9add23f0001106c383546385f30756970595fc3a95f5501712e274100115f6f38502d6836515f66352d38302d5a30d680b88e06bc1f33deaffd18d38d24c63ca2576bced4a8c0d1097b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a302c226772616465223a2242227d7d7de96426b2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 649.3197, 282.13568, NULL, 1.9444568, NULL, 1640890454, '_o8P-h6Q_f5-80-Z0', 'StatusMissing RimReference', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef16-a0c0-7b41-a049-83bc0de433cf', '2026-11-18 14:36:40+00', '7915-10-02 12:00:30.227633+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.1420268860499372, 0.8355435040324549, 3021879.502, 62.797596, NULL, 'ESP32_001', 'S-18', NULL, NULL, 'A+', NULL, '[{"kind": "Tilt", "zones": [4, 5, 7, 8, 9, 11, 15, 16, 17, 20, 22, 25, 27, 32, 34, 35, 36, 37, 39, 41, 42, 44, 45, 46, 47, 48, 50, 52, 53, 55, 58, 60, 61, 62, 63], "extent": null, "severity": "Minor", "probability": 0.054463337286529995}, {"kind": "Oxidation", "zones": [2, 4, 6, 9, 11, 20, 22, 23, 24, 25, 26, 27, 28, 29, 31, 34, 35, 37, 40, 41, 42, 47, 48, 49, 50, 51, 52, 54, 55, 61], "extent": null, "severity": "Major", "probability": 0.49928397343929054}]', '\x53510263000000c6c5b78b4300feff458ecf97c56c769142d1c39c419cf665435a51d34248d68043000000c67726f04517408f43f9e59144f7e387430b3971c5eb47934300000000232f83430000000000feff45b5069145945a8343a42f4c43a6cef2420fc469430f2f4b43485a2e437bacbb422c41444200feff4500feff450000000007f45f43bb0000434a402142f77b96c500feff4504cfb142000000c6c73e5342ce52624300feff458b61aa42bff1ee410962bf42e797c742916a77c5e4c98f426f3b8f4321840542dd0402437a3b0343000000009e9c344200000000373125438be22643f9f83f4300feff453993fe42d5652e43000000c6f8afab42a19f1a4300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000009550fc42245afc4200ffff4300000000fd0f3942d20d5743c1047043970ae5425624a341ea002d435bfccf421a29ea42243c25422a7e16432c012543d1c75942d72b884300000000486cc64286ddbc41d387954331ed8f4290c11a421024094317c7e24200000000280fc942b1c089439432784389ea89422170224299b81e433cb854439d200a432f688943000000000000000083c2e6405ae1db42a478f843bea1bf42550081436202ec41d4d7ef42b0d46e42c071544341dd73430000000085d75c4337d69d42159aaf4219c51743a34b8e4300ffff43ab334b428766fe42b7032b4215cedf4234e96143f10c8b432a03304200ffff43e5b39242b594be4299c84249', '\x534602000001895c5edfef2dc23f73bc7996e454f23f040102030000658c06bbc5bcea3f00a1da03b1a9d8e83f11675f540f97d43f69499b60d584e03fc1766ed34044cc3fa7d274bc839ad53fa71e9f69846de03f4d13083adee8d43f111df66229efef3f020500b097ced2d0d7fddaf401440df4589ee2ab3f000a01d494c0fecbe5e1ef2006ad55c444f4df3f0002010100000001bd307b4200126a5f49335fc3a95f3735305f6e5f752d6b51abd3d0e20c5a1fbca4ba2a14b82ded69ee9a6cfeeecef1f8a00b7b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a33312c226772616465223a2242227d7d7dbb576353', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.1457258, 3428067755, 'j_I3_é_750_n_u-kQ', NULL, NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef21-4f20-7b62-bb48-c36b6537f0a3', '2026-11-18 14:48:20+00', '5863-07-26 16:48:15.285509+00', -588833.7459852507, 470599.74496717995, 238441.40567719837, -595315.258588184, NULL, NULL, NULL, 184414.35761169353, NULL, -73241.93698658541, 536102.3306438901, -723487.4954824413, 0.6165355524611554, 0.8963984103337632, 0.0037514463852388194, 1332749.156, NULL, NULL, 'ESP32_002', 'S-19', NULL, 'A+', 'C', '_g78pTgv0é_ZL_3-kX', '[]', '\x53510100960a998c', '\x534602012600015ec7f17d43f821c150c9f12185834440012aadd8fa1eb91c4154725204868f704001deafd33e4b1b0d4128881d11d3cb634001a3ab6584e62a22c15ed5948bdc588c4001a3ab6584e62a22c15ed5948bdc588c400000013c100e8903c574d5c7686293c8eaa3567923837e0b401940937f14ad601b0640000000000000684740f41059e33fbf8570a9ee59d93fd7d476f27851d83f05ca4eb66e81d33fdd93bcef9010ea3fd7d66494a87ae63f9c88c5d39928ef3f010500abfccae8959282f03f3f3d4973d444ed3f0080824401000000010a25f20b4f5e0b410172f09f800eb72341000001124d491545f7f1c001153328a9283a16c1016bb51e431fe3fbc0000000010a25f20b4f5e0b41bc30cc6cc20179400172f09f800eb72341adef595e65508940000001124d491545f7f1c0453fdb95a9507e4001153328a9283a16c110a948ed17207140016bb51e431fe3fbc0dbec1cdcf44d7a400172a099746a878b4001b922dab8bfa20ac172a099746a878b40000001038563dcf2820641d01837e5806f684001ed274aa94c5c204146ca1659cfae5d40000152a5e5fd9ee1f1c075ef6e4310a0804001e2dfaffd3e1426c101f3d6947a85894001e58a54c4a8bae33f9af71a3385b9f63f01e58a54c4a8bae33f9af71a3385b9f63f010479001ad0eb15de3f03acfee5cb97e23f950acd6333b1dc3f6dbd6ea0b28ae93f564531d7b167cb3f9251e28e4130e43fcdfcb4ac3e18d03f02050298b7ecfa9cb7f4b929dca14ca22c01e63f00050184bd83acebfe818e5582f35eb3e6bde43f0080c00401a23c12b84bafec3f4ffdf671dfcefe3f010004000109fbcdbbeb8adb3f8f039d460477fb3fe28b31715abb6e3f0092df6e0a3298e43f59c6bea9bdc4ca3feee3c7e41775d03f034fdfa8d686e83fa4921cf87bf2e73f8abbdef59973d33ffe367b324184e93f2886d482e65dca3f00030101010400018e9b166f9bfa803f0001135f6737387054677630c3a95f5a4c5f332d6b58000015654c715fc3a95f5173676f44782dc3a96e5431c3a9b3e497f30495cf9c8e8836c12a94807c0fcf67ee1fe4c6c0fb047b227265706f72746564223a7b22617337333431223a7b2266726573686e6573735f696e646578223a35362c226772616465223a2241227d7d7d1ef0da1f', 41.0275, 264.9702, 158.36952, 907.10767, NULL, 195.48448, NULL, 532.00793, 118.73141, 816.6849, 1.4202931, 1.9255061, 1315303987, 'eLq_é_QsgoDx-énT1é', 'NearLimit WhiteDrift AnalogSaturation HistogramSaturated', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef2b-fd80-7369-b071-edfbf7c99f82', '2026-11-18 15:00:00+00', '6892-02-26 02:22:01.223868+00', NULL, -948212.8680245257, NULL, NULL, 0.44353191244745976, 19219.63008, 512, NULL, NULL, 188643.0786754025, NULL, -255666.8229441433, 0.780475116901452, 0.7213324444467853, 0.5387019262731266, 122605.133, -29.786678, 0.18420087, 'ESP32_001', 'S-20', NULL, 'A', 'REJECT', 'éébE0tu0__-I', '[{"kind": "Tilt", "zones": [1, 3, 6, 9, 11, 12, 14, 15, 16, 25, 29, 30, 32, 34, 40, 41, 42, 44, 46, 47, 52, 54, 55, 56, 57, 58, 60, 62], "extent": null, "severity": "Major", "probability": 0.07951014590089585}]', '\x53510110001a7b4700c05e4500c49b46005aa246002a9e4600b6ed46003b2d4700689b4600a0334500c0ae46000000000000804077103b53e8c4d240039e2bca71', '\x534602010701000001fd1d664200000001932a1142012a9d20c00001fc404e420000013c961142012a9e09420117f09fc0018a85a941000001681b1742000000000001dbbf614200000000000000000001f266084201a3d8b7bf018466674101d6f16142000129ab164100014798aa4100000122a73d410001f72081c001b7104a4201f331d141000001f929974101f5c2724100018d708040000001d9e344420001ba333142017a085342000184b23342000001ecb56dbce9ef2cc10d22630406088a400000000000000000015d6dacacd362dc3f4575c9eca774ec3f015d6dacacd362dc3f4575c9eca774ec3f0064fbbfa120a5e23fd62dcf1e6074ef3f204396ac840dee3f71d040ca87a2d63f7813171ad295e33f7c4bd8c9bad1b93f4c8fc33aad52d23f030500d9a3d6a3fbb5898da101e05ab5b1c5f7d53f000201cfe58dfd83ea95d96ea9a69829e739e23f000a01ecbae4f0eaeabdb4fc01a8a8e4ac0b9aee3f008080a002010001211ab8fef03e27410001831302e18a0114c10155fc798ee34126c1000182f31bc2b53e2bc1000001cdcc485eeef720410001211ab8fef03e27413a783ae9e29e81400001831302e18a0114c196347461052188400155fc798ee34126c17866bd2a43d27e40000182f31bc2b53e2bc15856ef8b70be8440000001cdcc485eeef7204146a1dc7d9ef557400168794138bbfc874001ac334f67a744224168794138bbfc8740000000000001c69120a1180707417d89e4eecbaa5f40012fbd639596350fc1bd46ad9b4fc87b400157dfcdf3a6f9e83fa3b0567dfe4ed93f0157dfcdf3a6f9e83fa3b0567dfe4ed93f0103f850ef500be7e23f2f6f40311645a33fb0828acd565fc53f40e626f37bd6ca3f0d8f156ddd11d33f9768458475ced53ff64ea7463d3be63f010500f8e8e9a0cdd2f5b8555db7c940b372e43f008040016f2a4ec72715e73f833fe3d3bbbfc23f0001030000015dd5e7d09c85e83ffc1895e36aa7bc3f3b5474d20b3de13f00bef2342badfae93f812a9e345aaddd3f048a9e78d8dadd3fc9276e7a8a46cd3f79262560b42eed3fc2a6786dda08d43fda397fe57884c63f28566602270eee3f010501cab48790d6e0b5e857853358e4c65ab43f000201000001000101010ec3a9c3a96245307475305f5f2d49011e4beec101279f3c3e055f39446a2defdda24b991a0edc028b39be96728463c770a74bcd9cbb3a88938e01', NULL, 833.0029, NULL, NULL, 0.8892402, NULL, NULL, 126.66869, NULL, 444.51944, 0.39544642, 0.14647625, 157855471, '_9Dj-', 'WhiteDrift MultiTarget BytesSwapped', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef36-abe0-74ab-9f2c-20929c345456', '2026-11-18 15:11:40+00', '5352-02-28 04:23:26.58475+00', NULL, NULL, NULL, NULL, NULL, 11033.686559999998, 8, NULL, NULL, 769565.0348895965, NULL, 387739.97228557366, 0.04831179797366869, 0.158128729475215, 0.149537522251854, 1908012.121, 59.641083, 63.038414, 'ESP32_002', 'S-21', NULL, NULL, 'REJECT', '5éWA52_', '[]', '\x535101100094c14600c8a445004d64470060e444002ea54600acef460060b546000d194700e91d4700baad4600000000000020405eb532e1d78cc540001ee30a08', '\x534602000101a293e85c723d2ac10140354e4179392cc1011d2b969d66dc2bc101cd020c39a5d2ebc001c0a62df14cd011c10001df992ff2b15d2bc1010d5d9993065a29c1000001a293e85c723d2ac11568d20322856a400140354e4179392cc1df6983a0ef2a7c40011d2b969d66dc2bc18cf0775e418b834001cd020c39a5d2ebc07317446e09e8864001c0a62df14cd011c1d1dc0bfca09475400001df992ff2b15d2bc1da3bdd6e24ee8840010d5d9993065a29c175343753cba2764000000000000000000001980cdd113a7c27410632406c258b61400155d49ee36faa1741782a53576d49874001a0a09df052bca83fcf8c82b2af1bfb3f01a0a09df052bca83fcf8c82b2af1bfb3f00065dea8349eaed3f2592874e0874d73fbc8472f57293e83fdcc443a070f3c63f5905e60e0348d93f2a02c1c0ce1fe23f9f8b9d9e287adf3f020501f9d5c692a8e7d7ed10dbf2f77ad069e03f000a01afb6bc84c2caca9f29b0b52bd894f3d43f0080800101e2b8d3ec8f3dc43f80c14a1afe17fa3f000004010b818d02ffe4e83fb9202e1cda4bec3f019aeafc0baf32e73f54e674166b8bec3f3ba671ba14c8e13f01e75ccca70b24c33ffac5be9f0a3d214c7f0ee1e83f856da12222f2e63f8d0472a13207da3f64816c7b5bceea3f67de33289e46d03f6adb80efeb0bca3fec56b2476324d73f1c434453a9ded83f00040100000101049e3cf0bfbbec3f0102010835c3a9574135325f0178906e420156277c420d6175396e7835424cc3a9712d75a6b886db0b3254884e136ae39ff3b7782dfb61b18fd9e8e78d07e13d982a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 140.34831, NULL, 745.1784, 1.6942594, 1.6308576, 3143736358, 'au9nx5BLéq-u', 'LowHeme', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef41-5a40-76ae-94ff-8a5d7ecd97b1', '2026-11-18 15:23:20+00', '2505-08-11 04:25:12.79299+00', NULL, NULL, NULL, NULL, NULL, 5491.3895999999995, 64, NULL, 475166.06374946877, NULL, -611549.7161486497, NULL, NULL, 0.5416998389281441, 0.3098680292402803, 3763870.84, NULL, 67.814186, 'ESP32_001', 'S-22', NULL, NULL, 'A+', NULL, '[{"kind": "Oxidation", "zones": [0, 2, 3, 4, 5, 10, 18, 21, 28, 31, 36, 39, 41, 43, 44, 46, 51, 52, 54, 55, 57, 58], "extent": null, "severity": "Minor", "probability": 0.8161373658864967}]', '\x5351025f000000001fef81436e551f42ba63d042565ba14224f80b43a89b8c432d61e2c308b28943cd8a944397f2c8424efca2414866cd42209b6040d9b73543000000c627f49142d48bc342cfca3643ce7d594490ce9045000000c620ed17430000000000feff45bda81dc5ddbf8443608866431027b045a24d4c42ce883743845e7243000000c60095fc42ea1d75c4a2af3243af298943000000c6ce1c64434ea98243a1280e43a1b3424389c75143d49dde42205d6e4236db9d426b8b6443465c284353245f42a8d39243e44654437301274356948b435bb02243ad778143000000002e0f244348a16d4300feff45885d6343000000c63e35724332776042000000c60000ff42000000000000ff420000ff42000000000000ff42a4b4bb42a49ed1420000ff42000000000000ff42d95124420000ff42000000000000ff42d03e0942997e31420000ff4205f5954200000000e5f790410000ff420000ff421e84e7420000ff420000ff420000000035145e420000ff420000ff420000ff420000ff42000000000000ff42000000000000ff420000ff42756476410000ff420000ff42567a0b420000ff420000ff42a7a1b141eb1f91420000ff420000ff420000ff420000000000000000bcb6d7400000ff420000ff420000ff42aaf5e241066f8c420000ff420000ff42000000000000ff42000000006ef434410000ff42656dfd420000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000ffff43fd628143c2cc434200000000123c764394171643ac003e43212b8e43c4768543d8e9ef42000000006ed17c40be677d40c6710543d7d608439e4cd643982a484300000000000000000e8d5e43b29008435dcaa2425b5ba542000000009c70c942000000005fc4d03e65e0ce42fe0d8e42300bf342a6387443f603464300000000eda391434779464300000000d44b05435c9959430000000001779d4200ffff4332374a4300ffff4300000000c4f67d4041582e4300ffff4360271c43405c1343553b7243e7ad2a43bb5e2e434a074c4304af4f43ca56b7426118b342db8882436a9d124330dc6a41892de14286630b438aeb0943485a16439a7b2f4305097aba0505050505fa090505050505050505050505050905050505ad05ff0505050581050505090505fe0905050509ff090505050505050505050509090909000036440080424700e960470040034500fd1b470017204700b3184700956e4700ef6c4700dea2460000000000005040855ad3bc6373b540035d459f6c', '\x534602000101ee38ef4b68d4284100016448183dbba008c10000011319640c43c722c10190b068c1157e13c10001460f2066a8d2f34001c9d0d37b05082e4101ee38ef4b68d42841ddf0d5f5e4ea704000016448183dbba008c1c31e8620dab37f400000011319640c43c722c10a8b4bd0b1d875400190b068c1157e13c14e3b6e8eff327d400001460f2066a8d2f340a6dcf56f7302854001c9d0d37b05082e419b35fa87c1a88640013066b5f804d5874001871c94c8401122413066b5f804d58740000000012b09ab6ebba922c1295de86b1b786740016e8a474178001d41a3f6ceee5c5e8840000000000018439a273b30e73fc0a33096063fed3fdc813fb00fc39b3fdc9f79dd9fd8d73fc2b4729260cfe13f55ebdad2fef0ed3ff41493c4336fd73f0305028ebfc2ecfedd88b7d9011226e64e1a9fba3f000500bad9dfd2e4b8b29ade01393f9caafcb1523f000a02e3cdb9909de4b29b25d22212a60e52e13f0080d08004012f3c8ee69a55e13fb302999e4f2ef53f04000501345abda3f4c9e43fc51a70a58e7adb3f01e0d4ded287c4d53fe9eac17865f1f33fdee2670050f1d43f01316eeab6e0d4d33fc598affb01cf695a6d94d8db3fd87007f74f9dd03f92ef61b943b4eb3fbc7b0d1128bde53f8489a6124c91d03ff568a0457c36e73f1d99363b3db7ec3fabfe21172bf7e23f010a00bd88908189d296ec06b9d5f01bcc1dea3f000301000000000001dda08742035a314788c0f8f705d03e89848adc5663c27aa9444b54b8f3f8b8e0820e688eae1d', NULL, NULL, NULL, NULL, NULL, NULL, 779.79535, NULL, 187.75334, NULL, NULL, 1.3238064, 1593712648, 'Z1G', 'LowSignal WhiteDrift RepeatedFrame', NULL);
INSERT INTO stored_before.sample_2026_11 VALUES ('01a1ef4c-08a0-7c47-9bfe-c6392d8cb455', '2026-11-18 15:35:00+00', '2108-07-01 12:01:53.977337+00', -916785.094608671, NULL, -961742.9312532995, NULL, NULL, 3299.6542799999997, 64, -320725.9840829627, NULL, NULL, NULL, 601553.9399110457, NULL, 0.8128245763072356, 0.7892694251525347, 2059654.516, 67.39569, 17.7476, 'ESP32_002', 'S-23', 'A+', NULL, 'A', 'lx_1tAPGB-F-', '[{"kind": "Oxidation", "zones": [0, 1, 3, 5, 6, 7, 9, 12, 13, 14, 15, 17, 18, 20, 26, 27, 28, 29, 30, 33, 34, 37, 39, 40, 55, 56, 59, 60, 61, 63], "extent": null, "severity": "Critical", "probability": 0.8180281522976276}, {"kind": "Tilt", "zones": [1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 14, 19, 20, 22, 24, 26, 28, 32, 33, 37, 43, 45, 47, 48, 49, 56, 57, 58, 60, 61], "extent": null, "severity": "Major", "probability": 0.7495319714603885}]', '\x53510113931a4a43520b274400feff4552948342d2f0b342464d894350996a42a0719642b5486d4310872443ba169e41949e3443e25d5a4300733043000000009c09d4428d369d457d98b341773bfc45a8c53643b32d44425e8ceb42e3b03343f5613845000000c672590343d127fb42000000c6be498842000000c6aa0f76437b5d874300000000e20a404200000000000000c6e2a868418bc02e43fb4c77434a60b54210c3354367d727439d0738438407034247f321c5000000c64a222542e8168f43d6009a456af1be42c023a442b7788243411518430000000083172b43859c034100feff45c333dd402ef4764300feff4512b95a4300feff45000000c64cc030430000ff420000ff420000ff420000ff42000000000000ff42d441dc420000ff423d24bd413bea03420000ff426e4cc842000000000000ff420000ff42b288db4155dc5a41026868425bfdaf410000ff420000ff423e2e5c42000000000000ff42778cde42000000007cd1c94200000000f99364420000ff420000ff42000000000000000001ba8142cde7e6429b0cd5410000000076bed54248a0c2420000ff420000ff42529799410000ff42a7df50420000ff42b8acee4208afd7420000ff423beb95420000ff420000ff420000ff420000ff420000ff42cb41b1420000ff420000ff42000000000000ff4262dc3942000000000000ff420000ff4241e0454200000000d3ad7943577caf40c4258a430000000090ceae4254fd074368fe7843152050434709bd49b5b75f430000004a0cb40043cb46034230634043cfda1f4900000000d65d1c4384448943000000008f811d4312e27243b01f4943474c8043dfc00243b7be5442000000008c964d43f6033442132fdc420b9f2f43841d7743e5272343adda2143358b2443e665aa483c3f19436b6c48422b3a764361610d43000000002f9053429945f842ac2aa64234257e43221f26439b1f7c43cf3b5b420000000030c4c741c6b3ce42cc90904360408e4957ef874302e9df49e35511430000004a346d7142fdd995439f0739439c77e73f4a782c43adf2ad4200000000f1a9954032ab5a430000000000ffff431f7a3843e8ea3743f22a734339460243a8fd1d426596cb439eb22d433424344300ffff433224d3428f97194200ffff43d4d0cb427186ab4200000000ac2f1743000000003277ff4348f3854332126f4378ba164357e8b8431e37954300ffff4324d2014100ffff435ff88b43085f2243dbb73e439396974200ffff43305a3a43a9c46442ad77ce4224329243bc6f0043e949c3429410ef40000000003d7684427108a94232e4a2439b5460420c6824432ff627433f6f84438d103643a34d9443000000003400954100000000febc1543ee14854300ffff43ae7a594300000000d0f23f43045c98410e7104434bd84643006352470068ce4600da5e4700697a47005a674700c0df44007f7a47003b0747008aec4600b8eb460000000000005040dac4c9fd4ec7a94002c051a79e', '\x534602010f0101c8bfc341016a18a14101cd48124200000000018b2fde41000000013d2bf6410000011256a3410178e3fd4101faf7913f01cdf9d641013dad80410150072a410001acb5db41000000000001e9ba9940016f83b54000000001d891fc40017cd00f42000001d93622400149036a4200000100145f3f0163033f420001a094ed4101e64a254201daa1a13f01ac6aea4100013f3c41420001617d6a41012e3c6642000001e968194201aa443442000001c50d27420001bb9f48420000018d45324201388c703062fa2bc14d95be5f6b108e400001833bcddc9d592dc10d531db149df8240000000000000000000010471ec3af7f5cce93f0854bc30d85ae13f13e2e15e5639893f5a5f20323168a83fdca85f06565dd93fc67c6d01b099c43f4300ca52197ae63f010500f8d3d09392a39ce06bbd061636a99ac53f00808090180101fb095bfb8eab24c101f6de8eabca0d044101230d7c23fcc520c1000199cb28e424862c4101056a12af6ccafd400000010a9986ced22701c10134e53053de4d1dc101fb095bfb8eab24c128ffc863c6197a4001f6de8eabca0d04414e1dbd351027804001230d7c23fcc520c155ecc119618c8240000199cb28e424862c4124cb94d6e55d604001056a12af6ccafd4080fa5033e40481400000010a9986ced22701c1c96e7f5a8f7e71400134e53053de4d1dc1e4aac6bc394685400000000001b571b3ef579313c1015c6a80fb6981400000000145053ce1a35b2241863fb64757ea714000000023af221ce6f7b43f00f1b20adde1d73f280d11fe05bcec3f20e4c3fa576fde3fd44b37075dcde33fc766ac11ae13e63fb1f2747b936fe23f020501b1988b83c09ed0f8d801ae158fdf70f4ed3f000502c7d283dad0f6eaf7bc01f110df0fe326e53f0080824001fffc93afa802ea3fa76a0d5e96bdf93f03000401dc521e557c06e53f7227642a7deaf03f013339fcf31d8ded3f464a9b4e453eea3ff87e08a2f942dd3f01526918f4b141e93f9fd28cc70599ea98a616ecca3f7625390a7dfad43f8326adf6e759e33ff5b2cae8b671e73fa209a95b0d73ec3f10d123cc0b67e83fd5565f1fdf24ed3fb86f55948225e23f020a02ebe5dbe0e7b480c0b901766b2a60492dea3f000501debde1aab184ea81371e5217792afce73f0004010101000001d4826e130cd2e33f00010c6c785f3174415047422d462d0198ca86420116fb8d410e384e2d56703358596d6a2d564750c9aaa2c70e3d1033071248f17938daf05fef65043bf4aa8fd6075b1022f3', 962.0524, NULL, 603.911, NULL, NULL, 557.2478, NULL, NULL, NULL, 286.6463, NULL, 1.608786, 3907556681, '8N-Vp3XYmj-VGP', 'NearLimit ZeroedOnFloor HistogramSaturated ReflectanceMissing AmplitudeMissing', NULL);


--
-- Data for Name: sample_hour; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sample_hour VALUES ('ESP32_001', '2026-11-18 11:00:00+00', 3, 0, 1, 2, 0, 0, 3, 2526749398, 2191803860, 0.6373180607523409, 0.9628010380646901, 1092560322, '2026-11-18 11:06:40+00', '2026-11-18 11:53:20+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_001', '2026-11-18 12:00:00+00', 2, 0, 0, 1, 0, 1, 0, 0, 0, NULL, NULL, 1070233797, '2026-11-18 12:16:40+00', '2026-11-18 12:40:00+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_001', '2026-11-18 13:00:00+00', 3, 0, 0, 0, 0, 1, 1, 811452820, 658455678, 0.8114528196112694, 0.8114528196112694, 874272480, '2026-11-18 13:03:20+00', '2026-11-18 13:50:00+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_001', '2026-11-18 14:00:00+00', 2, 0, 0, 0, 1, 1, 2, 980592078, 723363218, 0.1420268860499372, 0.8385651924569961, 1432739879, '2026-11-18 14:13:20+00', '2026-11-18 14:36:40+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_001', '2026-11-18 15:00:00+00', 2, 1, 0, 0, 0, 1, 2, 1263032283, 813759210, 0.5416998389281441, 0.7213324444467853, 848569955, '2026-11-18 15:00:00+00', '2026-11-18 15:23:20+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_002', '2026-11-18 11:00:00+00', 2, 1, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 463200093, '2026-11-18 11:18:20+00', '2026-11-18 11:41:40+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_002', '2026-11-18 12:00:00+00', 3, 0, 0, 2, 0, 1, 2, 1086248383, 596969217, 0.48395729894661754, 0.6022910839701602, 1407010115, '2026-11-18 12:05:00+00', '2026-11-18 12:51:40+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_002', '2026-11-18 13:00:00+00', 2, 0, 1, 0, 1, 0, 0, 0, 0, NULL, NULL, 1677805563, '2026-11-18 13:15:00+00', '2026-11-18 13:38:20+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_002', '2026-11-18 14:00:00+00', 3, 0, 2, 0, 0, 0, 1, 896398410, 803530110, 0.8963984103337632, 0.8963984103337632, 144410308, '2026-11-18 14:01:40+00', '2026-11-18 14:48:20+00');
INSERT INTO stored_before.sample_hour VALUES ('ESP32_002', '2026-11-18 15:00:00+00', 2, 1, 0, 0, 1, 0, 2, 970953305, 685688487, 0.158128729475215, 0.8128245763072356, 938806947, '2026-11-18 15:11:40+00', '2026-11-18 15:35:00+00');


--
-- Data for Name: sealed_field; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sealed_field VALUES ('user 7', 'name', '\x0707070707070707', '\x7365616c6564206279746573');


--
-- Data for Name: sqal_schema; Type: TABLE DATA; Schema: stored_before; Owner: -
--

INSERT INTO stored_before.sqal_schema VALUES (1, 3728893890, '2026-11-29 02:12:54.375764+00');
INSERT INTO stored_before.sqal_schema VALUES (2, 3739387358, '2026-11-29 02:12:54.375764+00');
INSERT INTO stored_before.sqal_schema VALUES (3, 1440611281, '2026-11-29 02:12:54.375764+00');
INSERT INTO stored_before.sqal_schema VALUES (4, 3739351406, '2026-11-29 02:12:54.375764+00');
INSERT INTO stored_before.sqal_schema VALUES (5, 3398595977, '2026-11-29 02:12:54.375764+00');
INSERT INTO stored_before.sqal_schema VALUES (6, 1390964983, '2026-11-29 02:12:54.375764+00');
INSERT INTO stored_before.sqal_schema VALUES (7, 623992903, '2026-11-29 02:12:54.375764+00');


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
-- Name: sample sample_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sample
    ADD CONSTRAINT sample_pkey PRIMARY KEY ("timestamp", id);


--
-- Name: sample_2026_11 sample_2026_11_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sample_2026_11
    ADD CONSTRAINT sample_2026_11_pkey PRIMARY KEY ("timestamp", id);


--
-- Name: sample_hour sample_hour_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sample_hour
    ADD CONSTRAINT sample_hour_pkey PRIMARY KEY (device_id, hour);


--
-- Name: sealed_field sealed_field_pkey; Type: CONSTRAINT; Schema: stored_before; Owner: -
--

ALTER TABLE ONLY stored_before.sealed_field
    ADD CONSTRAINT sealed_field_pkey PRIMARY KEY (subject, field);


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
-- Name: sample_of_device; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sample_of_device ON ONLY stored_before.sample USING btree (device_id, "timestamp", id);


--
-- Name: sample_2026_11_device_id_timestamp_id_idx; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sample_2026_11_device_id_timestamp_id_idx ON stored_before.sample_2026_11 USING btree (device_id, "timestamp", id);


--
-- Name: sample_hour_newest; Type: INDEX; Schema: stored_before; Owner: -
--

CREATE INDEX sample_hour_newest ON stored_before.sample_hour USING btree (hour);


--
-- Name: sample_2026_11_device_id_timestamp_id_idx; Type: INDEX ATTACH; Schema: stored_before; Owner: -
--

ALTER INDEX stored_before.sample_of_device ATTACH PARTITION stored_before.sample_2026_11_device_id_timestamp_id_idx;


--
-- Name: sample_2026_11_pkey; Type: INDEX ATTACH; Schema: stored_before; Owner: -
--

ALTER INDEX stored_before.sample_pkey ATTACH PARTITION stored_before.sample_2026_11_pkey;


--
-- PostgreSQL database dump complete
--

\unrestrict Xcbd88VQmQH1o6419dAm9gKslhVCef1PXitc3Vpa9EWaoReggbabxwzkdppH0nH

