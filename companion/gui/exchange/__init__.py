"""The dialogs of imports and exports: neither is modal, both tell how far they are, can be stopped, and can be undone.

host       what they ask of the app
steps      what both are made of: pages, one at a time, and work that ends with the dialog
importing  choose a file -> what would come in -> keeping -> "Imported 412 reflections", with undo
exporting  choose a form -> writing -> where it is
"""
