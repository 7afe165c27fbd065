"""The settings window: one page per file, every change live at once. Main thread.

dialog     the window: search, list of pages, the page that is shown
host       what it asks of the app
page       what a page is, and how pages are found
form       a row for one declared setting: label, control, help, check and save
role_page  who thinks, hears or speaks: cards, key, model, address
card       one provider as a button; chips   flowing row of small buttons
stand_ins  who may stand in when the chosen one fails
key_row    a provider's key: paste, test, keep, remove
models     the models of this computer: fetch, use, remove, import
trial      a language model of this computer is tried before it is chosen
devices    lists of microphones and speakers, a level, a button that plays a voice
pages/     one file per page, each with a `PAGE`
"""
