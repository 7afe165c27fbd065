"""The journal's schema: one tuple of statements per version, never changed once released. Runs on the writer thread.

Turns follow each other by `place`, then by id (AUTOINCREMENT: never used twice), not by the clock, which may jump; `place`
is 0 but where reflections were merged. `heard_text` is what the model is shown next time; `reply_state` stays `partial`
when the app ends in the middle of an answer. A session whose `deleted_at` is set is hidden from every reader and goes for
good some days later; its turns, labels and recordings go with it. A turn deleted by itself is moved into such a session,
which says in `taken_from` where it was; one that was merged is hidden like that too, as long as `merged_into` is there, so
that it is not imported again. `uid` names a row for good, also in an export. Readers of `session` ask for
`deleted_at IS NULL`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

NEW_UID = "lower(hex(randomblob(16)))"
"""In SQL: a name that nothing else has, 32 hexadecimal digits."""
_DUE = "INSERT OR IGNORE INTO passage_due SELECT name, new.id FROM meaning_model"


def _indexed(table: str, *columns: str) -> tuple[str, ...]:
    """An index of words (FTS5) over columns of a table, which follows every change of them.

    What is deleted leaves the index itself, and not only a note that it is gone.
    """
    index, names = f"{table}_index", ", ".join(columns)
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("old", "new"))
    is_other = " OR ".join(f"old.{name} IS NOT new.{name}" for name in columns)
    remove = f"INSERT INTO {index} ({index}, rowid, {names}) VALUES ('delete', old.id, {old});"
    add = f"INSERT INTO {index} (rowid, {names}) VALUES (new.id, {new});"
    return (
        f"""CREATE VIRTUAL TABLE {index} USING fts5 (
            {names}, content='{table}', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
        )""",
        f"INSERT INTO {index} ({index}, rank) VALUES ('secure-delete', 1)",
        f"CREATE TRIGGER {table}_indexed AFTER INSERT ON {table} BEGIN {add} END",
        f"CREATE TRIGGER {table}_unindexed AFTER DELETE ON {table} BEGIN {remove} END",
        f"CREATE TRIGGER {table}_reindexed AFTER UPDATE OF {names} ON {table} WHEN {is_other} BEGIN {remove} {add} END",
        f"INSERT INTO {index} ({index}) VALUES ('rebuild')",
    )


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
    (
        """CREATE TABLE batch (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            format TEXT NOT NULL,
            name TEXT NOT NULL,
            undone_at REAL
        ) STRICT""",
        "ALTER TABLE session ADD COLUMN uid TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE session ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE session ADD COLUMN summary TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE session ADD COLUMN mood_before INTEGER CHECK (mood_before BETWEEN -3 AND 3)",
        "ALTER TABLE session ADD COLUMN mood_after INTEGER CHECK (mood_after BETWEEN -3 AND 3)",
        "ALTER TABLE session ADD COLUMN mood_word TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE session ADD COLUMN starred INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE session ADD COLUMN deleted_at REAL",
        "ALTER TABLE session ADD COLUMN taken_from INTEGER",
        "ALTER TABLE session ADD COLUMN merged_into INTEGER",
        "ALTER TABLE session ADD COLUMN source TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE session ADD COLUMN batch_id INTEGER REFERENCES batch (id)",
        "ALTER TABLE turn ADD COLUMN uid TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE turn ADD COLUMN said_text TEXT",
        "ALTER TABLE turn ADD COLUMN edited_at REAL",
        "ALTER TABLE turn ADD COLUMN place INTEGER NOT NULL DEFAULT 0",
        f"UPDATE session SET uid = {NEW_UID}",
        f"UPDATE turn SET uid = {NEW_UID}",
        "CREATE UNIQUE INDEX session_by_uid ON session (uid)",
        "CREATE UNIQUE INDEX turn_by_uid ON turn (uid)",
        "CREATE UNIQUE INDEX session_by_source ON session (source) WHERE source <> ''",
        "CREATE INDEX session_by_time ON session (started_at, id)",
        "CREATE INDEX session_deleted ON session (deleted_at) WHERE deleted_at IS NOT NULL",
        "CREATE INDEX session_of_batch ON session (batch_id) WHERE batch_id IS NOT NULL",
        "DROP INDEX turn_of_session",
        "CREATE INDEX turn_of_session ON turn (session_id, place, id)",
        """CREATE TABLE label (
            session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('tag', 'person')),
            name TEXT NOT NULL,
            PRIMARY KEY (session_id, kind, name)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX label_by_name ON label (kind, name)",
        """CREATE TABLE kept_sound (
            take_id TEXT NOT NULL PRIMARY KEY,
            turn_id INTEGER NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
            side TEXT NOT NULL CHECK (side IN ('said', 'answer')),
            seconds REAL NOT NULL,
            kept_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX sound_of_turn ON kept_sound (turn_id)",
    ),
    (
        # Words: user_text and reply_text of every turn, and the titles; the tables themselves are the content.
        *_indexed("turn", "user_text", "reply_text"),
        *_indexed("session", "title"),
        # Meaning: vectors per passage and model, and the turns that still want them.
        "CREATE TABLE meaning_model (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
        """CREATE TABLE passage (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
            model TEXT NOT NULL,
            part INTEGER NOT NULL,
            vector BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX passage_of_turn ON passage (turn_id)",
        """CREATE TABLE passage_due (
            model TEXT NOT NULL,
            turn_id INTEGER NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
            PRIMARY KEY (model, turn_id)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX due_of_turn ON passage_due (turn_id)",
        f"CREATE TRIGGER turn_added_for_meaning AFTER INSERT ON turn BEGIN {_DUE}; END",
        f"""CREATE TRIGGER turn_changed_for_meaning AFTER UPDATE OF user_text ON turn
            WHEN old.user_text IS NOT new.user_text
            BEGIN DELETE FROM passage WHERE turn_id = old.id; {_DUE}; END""",
        # What may be brought up again: by itself a trace of what was, and what the person pinned, put right or forbade.
        """CREATE TABLE memory (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER UNIQUE REFERENCES turn (id) ON DELETE CASCADE,
            text TEXT,
            at REAL NOT NULL,
            offset_s INTEGER,
            told_at REAL,
            pinned INTEGER NOT NULL DEFAULT 0,
            forgotten INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
    ),
    # How long reflections took is read without a page of their words.
    ("CREATE INDEX turn_times ON turn (session_id, at, reply_at)",),
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
