"""The window: everything that knows Qt. It reads events and presses the app's buttons; it decides nothing about a turn.

Rooms: `theme` (tokens, fonts, one style sheet), `icons`, `labels`, `announce`; `window` (wiring), `rail`, `topbar`,
`talkpage` (`talkarea`, `talk`: the round button, `composer`, `keys`), `transcript` on `reading` and `typesetting`,
`markdown`, `clean`, `links`, `notices`, `journal` with `waiting` (recordings without words), `statusline`, `placement`;
`host` (what the window needs of the app); `staged` (a scripted app), `screenshots`, `gallery`; `main` and `shell` (the
start); `settings/` (the dialog).
"""

from __future__ import annotations

import builtins

import PySide6.QtCore  # noqa: F401 - it sets what is taken back here

# The binding reads the source of each module that is imported after it, and keeps the lines, in case one asks for other
# names of Qt (`from __feature__ import snake_case`). Nobody here does, and nearly everything is imported after it.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
