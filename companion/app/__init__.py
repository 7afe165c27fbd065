"""The composition root: everybody meets here, and nowhere else. No Qt.

companion   `Companion`, the app as the window and the command line press its buttons
settings_backend what the settings window needs: choices, keys, checks, devices, previews
remedies    what a card's button does
roles       who has which role, by the settings alone: what the first frame shows
staff       who thinks, hears and speaks: providers with their keys, addresses and policies, as this turn's `Engines`
crew        one role in one turn: the chosen engine and those ticked to stand in; load says how much a request carries
outgoing    what left this computer today; booked does it for speech to speech; spending adds up what calls cost
recovery    recordings without words: played, heard again, discarded, taken back
played      sound that is no answer: a preview, a recording
surroundings sleep, lock, clock and a key of the desktop; awake compares clocks, desktop listens on D-Bus
archive     the journal and its one owner: opened with the keyring or a passphrase, in memory until then or by choice
"""

from companion.app.companion import Companion

__all__ = ["Companion"]
