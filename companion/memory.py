"""Gives freed memory back to the system. Recordings and models come and go in large pieces; called once, at the start."""

from __future__ import annotations

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's malloc.h."""
_LARGE = 256 * 1024
"""Bytes; a piece of this size or more has pages of its own, which go when it is freed."""


def give_back() -> None:
    """Fixes the size from which glibc keeps no freed memory for itself; elsewhere nothing happens.

    Left alone it raises that size to the largest piece it has seen freed, and what is below leaves holes between small
    pieces that stay: measured over 40 spoken turns, 150 MB instead of 88.
    """
    import ctypes
    from contextlib import suppress

    with suppress(OSError, TypeError, AttributeError):  # another C library, or none to be found by that name
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
