"""The welcome: five calm pages inside the window before the first reflection, to be skipped, gone on with and seen again.

    view         the pages as one: turning, focus, the buttons below
    page         what all pages share
    host         what they ask of the app
    begin        what this is and is not, and where words go
    engines      ears and a voice for this computer, here already or fetched
    microphone   the microphone and the voice, tried
    thinker      who thinks
    journal      how the journal is locked, or that nothing is kept

`view` and `begin` come with the first frame of a first start, so they load nothing that it does not paint.
"""
