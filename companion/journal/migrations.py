"""The journal's schema: one tuple of statements per version, never changed once released. Runs on the writer thread.

Order is the row id's (AUTOINCREMENT: never used twice), not the clock's, which may jump. `heard_text` is what the model is
shown next time; `reply_state` stays `partial` when the app ends in the middle of an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE identity (
            journal_id TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT""",
        """CREATE TABLE session (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            started_at REAL NOT NULL,
            practice TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE turn (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            at REAL NOT NULL,
            user_text TEXT NOT NULL,
            reply_text TEXT NOT NULL DEFAULT '',
            heard_text TEXT NOT NULL DEFAULT '',
            reply_state TEXT NOT NULL DEFAULT 'partial',
            reply_at REAL,
            engines TEXT NOT NULL DEFAULT '{}',
            timeline_ms TEXT NOT NULL DEFAULT '{}',
            cost_usd REAL
        ) STRICT""",
        "CREATE INDEX turn_of_session ON turn (session_id, id)",
    ),
    (  # seconds ahead of UTC where it was said; NULL: kept before this version, shown in the computer's own time zone
        "ALTER TABLE session ADD COLUMN offset_s INTEGER",
        "ALTER TABLE turn ADD COLUMN offset_s INTEGER",
    ),
)


def schema_version(connection: Connection) -> int:
    """The version the file was left at; 0 for a file without tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: Connection) -> None:
    """Brings the schema up to date, one transaction per version: a kill leaves the old version or the new one."""
    for version in range(schema_version(connection), len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
