-- The service is no superuser: the audit's triggers hold for it too.
\getenv password LEDGER_PASSWORD
CREATE ROLE onestop LOGIN PASSWORD :'password';
CREATE DATABASE onestop OWNER onestop;
-- Else it does not see an archive that hangs (docs/runbooks/Restore.md).
GRANT pg_monitor TO onestop;
