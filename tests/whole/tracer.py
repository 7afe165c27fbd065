"""The system's tracer, which tells and disturbs a program's calls; named, with what to install, where it is not there."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def need_strace() -> None:
    """Leaves the test out where no program may be traced; in CI that is a fault."""
    probe = ["strace", "-e", "trace=none", "true"]
    if shutil.which("strace") is None or subprocess.run(probe, check=False, capture_output=True).returncode:
        says = "no strace here that may look: sudo apt-get install --no-install-recommends strace"
        if os.environ.get("CI"):
            pytest.fail(says)
        pytest.skip(says)
