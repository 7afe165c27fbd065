"""The composition root: everybody meets here, and nowhere else. No Qt.

companion   `Companion`, the app as the window and the command line press its buttons
settings_backend what the settings window needs: choices, keys, checks, devices, previews
remedies    what a card's button does; errands begins it and tells its faults
live_settings the settings of this run: changed at once, followed, saved
roles       who has which role, by the settings alone; shown_roles is who had it last, for the first frame
pool        who thinks, hears and speaks: providers with keys, addresses, policies and budget, as this turn's `Engines`
fallbacks   one role in one turn: the chosen engine and those ticked to stand in; request_size says how much it carries
warming     what the next turn needs, made ready while the person speaks; ahead is what opening needs
outgoing    what left this computer today; metered counts and pays speech to speech; spending keeps what calls cost
recovery    recordings without words: played, heard again, discarded, taken back
played      sound that is no answer: a preview, a recording
parts       what can be installed on top: what it is for, and pip in a process of its own
surroundings sleep, lock, clock and a key of the desktop; awake compares clocks, desktop listens on D-Bus
keys        the vault, opened at the first need
backing_up  backups by themselves, where they and their copies are, and one brought back
recall      what was said on other days, found and brought up; borrowed_vectors are a provider's, where one was chosen
insight_desk what the insights page shows, counted beside the loop
library     the base of `Companion` that reads the journal and locks it
locking     the app locked by hand, by idleness, with the screen and for sleep; and unlocked
crashes     what is left of a run that the system ended, and the plain start after two
spare_room  room on the disk set aside for the moment it is full
spare_key   eight words that open the journal where the keyring cannot
opening     the journal on disk before it is open
archive     the journal and its one owner: opened with the keyring or a passphrase, in memory until then or by choice
"""

import os

# numpy's threads wait for each other spinning: a message that care reads costs ten times the processor time, and on a busy
# computer takes longer than with one thread. numpy looks at it once, when it is loaded, and nothing loads it before this.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from companion.app.companion import Companion

__all__ = ["Companion"]
