"""The journal room: every turn and every recording, sealed on this machine.

keys        the data key and the slots that wrap it (`keyslots.json`): keyring, passphrase
database    opening the encrypted file, telling damage, absence and strangers apart
migrations  the schema, one list of statements per version
writer      the one thread that writes; jobs in order, bounded
tables      the open database and that thread: reading, and writing in one transaction
rows        rows as records, and a `Selection` as a condition
listing     `journal.list`: pages, days, labels
changing    `journal.changing`: titles, moods, labels, words, deleting with undo (merging: one reflection of several)
exchanging  `journal.exchange`: reflections as entries, for exports, and entries of imports in one transaction
finding     `journal.finding`: words (index, query), meaning (vectors), in order (ranking)
backups     made, checked, thinned and restored: backed_sounds lie beside them, backup_folders knows where any were made,
            salvage reads what a damaged file or a copy that went apart still holds
moving      everything of a journal in memory into the one on disk
spool       recordings under way and waiting, as sealed one-second records
beginning   the keys of a home before its journal is open
store       `open_journal`, `open_in_memory` and `SqlJournal`, the `Journal` of `companion.ports`

Order of opening: read slots -> unlock and check the key -> look at the file read-only (identity, schema, quick check)
-> copy it where it is of an older version -> open for writing, or only for reading where a newer version wrote it. A file
that does not pass is left exactly as it is. Every page of a large one is read after it was opened.
"""
