-- Copyright (C) Evolu Auth Authors
--
-- Tells listeners on the channel "evolu_keys" when an instance of Evolution API
-- comes, goes, or gets another name, token or client.  For the tables' owner:
--
--     psql -X -v ON_ERROR_STOP=1 -d evolution -f evolu-keys-notify.sql
--
-- Where the tables are in another schema than "public" (the "?schema=" of
-- DATABASE_CONNECTION_URI), add -v schema=NAME.  May be run again.  To remove it:
--
--     DROP FUNCTION evolu_keys_notify() CASCADE;

\if :{?schema}
\else
    \set schema public
\endif

BEGIN;

SET LOCAL search_path TO :"schema";

-- The payload is empty: who listens reads the table, tokens stay in there.

CREATE OR REPLACE FUNCTION evolu_keys_notify() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('evolu_keys', '');
    RETURN NULL;
END
$$;

-- Once a statement, and not for what changes all the time, as connectionStatus.

DROP TRIGGER IF EXISTS evolu_keys_notify ON "Instance";

CREATE TRIGGER evolu_keys_notify
    AFTER INSERT OR DELETE OR UPDATE OF name, token, "clientName"
    ON "Instance"
    FOR EACH STATEMENT EXECUTE FUNCTION evolu_keys_notify();

DROP TRIGGER IF EXISTS evolu_keys_notify_truncate ON "Instance";

CREATE TRIGGER evolu_keys_notify_truncate
    AFTER TRUNCATE
    ON "Instance"
    FOR EACH STATEMENT EXECUTE FUNCTION evolu_keys_notify();

COMMIT;
