"""The journal room: every turn and every recording, sealed on this machine.

keys        the data key and the slots that wrap it (`keyslots.json`): keyring, passphrase
database    opening the encrypted file, telling damage, absence and strangers apart
migrations  the schema, one list of statements per version
writer      the one thread that writes; jobs in order, bounded
spool       recordings under way and waiting, as sealed one-second records
store       `open_journal`, `open_in_memory` and `SqlJournal`, the `Journal` of `companion.ports`

Order of opening: read slots -> unlock and check the key -> look at the file read-only (identity, schema, quick check)
-> open for writing. A file that does not pass is left exactly as it is.
"""
