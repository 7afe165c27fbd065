"""Settings: declared once, layered, and never a reason not to start.

    declared   every setting: a field with its label, help, unit, range and page is the whole declaration
    tree       all of them by their dotted names
    field      what such a field is, and how it checks a value
    layers     defaults < settings.<COMPANION_ENV>.yaml < settings.yaml < environment; loading, saving, describing
    read_before what the file meant when it was read last, so that a start needs no parser
    saver      changes on their way to the file while the app runs: one write at a time
    address    what a person types as a server address, made plain

Loading never raises: a fault costs one field its value and becomes a `SettingsProblem`. A secret is never read from or
written to a file. Importing this package costs no YAML parser (`companion.yaml_file`); it is loaded when a file exists.
"""

from companion.settings.declared import Settings
from companion.settings.field import Field, Page
from companion.settings.layers import Described, Loaded, SettingsProblem, describe, load_settings, save
from companion.settings.tree import all_fields, block_fields, changed, find_field, value_of

__all__ = [
    "Described",
    "Field",
    "Loaded",
    "Page",
    "Settings",
    "SettingsProblem",
    "all_fields",
    "block_fields",
    "changed",
    "describe",
    "find_field",
    "load_settings",
    "save",
    "value_of",
]
