"""A private voice companion for reflection.

Rooms: `flow`, `events`, `ports`, `errors` (words); `paths`, `log`, `tasks`, `net`, `pcm` (ground); `audio`, `providers`,
`conversation`, `journal`, `settings`, `vault` (organs); `app` (wiring); `gui`, `cli` (faces). A file imports only from
lower floors.
"""

__version__ = "0.1.0"
