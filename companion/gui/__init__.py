"""The window: everything that knows Qt. It reads events and presses the app's buttons; it decides nothing about a turn.

Rooms: `theme` (tokens, fonts, one style sheet), `icons`, `labels`, `announce`; `window` (wiring), `rail`, `topbar`,
`talkpage` (`talkarea`, `talk`: the round button, `composer`, `keys`), `transcript` on `reading` and `typesetting`,
`markdown`, `clean`, `links`, `notices`, `journal` with `waiting` (recordings without words), `statusline`, `placement`;
`host` (what the window needs of the app); `staged` (a scripted app), `screenshots`, `gallery`; `main` and `shell` (the
start); `settings/` (the dialog).
"""
