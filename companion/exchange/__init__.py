"""The exchange room: other journals' files in, `Entry` values out; and the other way round.

tree        the files of a folder, an archive or a single file, within limits and without leaving it
texts       bytes to text, HTML and marked-up text to plain text, tags in text
times       moments, zones and days as other programs and people write them, in many languages
reading     what is found in a file: entries, what is skipped and why
formats/    a file per format; `recognise` finds out which one it is from the files themselves
lines       an entry as one line of JSON and back: our own format, and what the reading process sends
child       the process that reads, with limits to memory and time and no network
importing   the app's end of it: starts it, holds what comes, tells what would come in
writing/    exports: Markdown, JSON Lines, Day One

Nothing here knows the journal; `companion.journal.exchanging` keeps and gives entries.
"""
