-- Makes the user under which Grafana reads the database of SQAL: it reads six tables and views, and
-- can change nothing. Run it once, and again after a restore:
--
--   psql "$DATABASE_URL" -v password_file=/etc/grafana/sqal-password -f postgres-reader.sql
--
-- Add `-v schema=…` if the tables are not in the schema `public`. The user that runs this file owns
-- the tables, and may create users.
\set ON_ERROR_STOP on
\set password `cat :'password_file'`
\if :{?schema}
\else
\set schema public
\endif

SELECT 'CREATE ROLE sqal_grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sqal_grafana') \gexec

-- A dashboard that is left open must not slow the line down: at most ten connections, and no query
-- over 15 seconds.
ALTER ROLE sqal_grafana LOGIN PASSWORD :'password' CONNECTION LIMIT 10;
ALTER ROLE sqal_grafana SET default_transaction_read_only = on;
ALTER ROLE sqal_grafana SET statement_timeout = '15s';
ALTER ROLE sqal_grafana SET search_path = :"schema";

GRANT USAGE ON SCHEMA :"schema" TO sqal_grafana;
SET search_path = :"schema";
GRANT SELECT ON sample_hour, sensor_samples, graded_samples, "TaskFailure", bug_metrics, bug_reports TO sqal_grafana;
