"""The composition root: everybody meets here, and nowhere else. No Qt.

companion   `Companion`, the app as the window and the command line press its buttons
workbench   what the settings window needs: choices, keys, checks, devices, previews
roles       who has which role, by the settings alone: what the first frame shows
pool        who thinks, hears and speaks: providers with keys, addresses, policies and budget, as this turn's `Engines`
fallbacks   one role in one turn: the chosen engine and those ticked to stand in; request_size says how much it carries
outgoing    what left this computer today; metered counts and pays speech to speech; spending keeps what calls cost
recovery    recordings without words: played, heard again, discarded, taken back
surroundings sleep, lock, clock and a key of the desktop; awake compares clocks, desktop listens on D-Bus
archive     the journal: opened with the keyring or a passphrase, in memory until then
"""

from companion.app.companion import Companion

__all__ = ["Companion"]
