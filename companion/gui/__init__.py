"""The window: everything that knows Qt. It reads events and presses the app's buttons; it decides nothing about a turn.

Rooms: `theme` (tokens, fonts, one style sheet), `icons`; `window` (wiring), `topbar`, `talk` (the round button),
`talkarea`, `composer`, `transcript`, `markdown`, `clean`, `notices`, `journal`, `statusline`, `keys`; `host` (what the
window needs of the app); `staged` (a scripted host), `screenshots`, `gallery`; `settings/` (the dialog).
"""
