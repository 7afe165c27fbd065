"""The vendors' own SDKs against the servers of `tests/servers`, in an environment of their own.

`check_*.py` are run by that environment's Python and import nothing of the project: they are what a vendor's user would
write, and say whether a server here is faithful. `test_vendor_sdks` makes the environment once, from `requirements.txt`,
and runs each of them beside its server. A vendor more is a line in `requirements.txt`, a script, and a row in the test.
"""
