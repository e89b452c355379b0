"""How far the archive of PostgreSQL's WAL is behind: what it has not got is lost with the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The last file that was archived says nothing of what waits: it may be a history or a backup's label, archived after
# WAL that is newer. A failure after the last success does.
_STATE: Final = text(
    "SELECT current_setting('archive_mode') <> 'off', "
    "has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE'), "
    "CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') "
    "THEN extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset)) END "
    "FROM pg_stat_archiver"
)
_WAITING: Final = text(
    "SELECT extract(epoch FROM clock_timestamp() - min(modification)) "
    "FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
)


def unarchived_seconds(connection: Connection) -> float | None:
    """For how long the oldest WAL has waited for the archive; 0 where none waits, None where none is archived.

    What the server still writes to does not wait: `archive_timeout` bounds that, and an idle server has nothing in it.
    A role without `pg_monitor` may not see what waits: then only an archive_command that fails shows, as the time since
    it last succeeded, and one that hangs does not.
    """
    if connection.dialect.name != "postgresql":
        return None
    archives, may_look, failing = connection.execute(_STATE).one()
    if not archives:
        return None
    waited = connection.execute(_WAITING).scalar_one() if may_look else failing
    return 0.0 if waited is None else float(waited)
