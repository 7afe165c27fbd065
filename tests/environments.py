"""Python environments apart from the product's, for other people's programs that tests are held against.

Made once and kept in the user's cache, named after what is in them, so that the next run starts at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def environment(name: str, *packages: str) -> Path:
    """The python of an environment with `packages`, as pip takes them. Takes minutes the first time."""
    mark = hashlib.sha256("\n".join((sys.version, *packages)).encode()).hexdigest()[:12]
    # Tests have an empty home; what takes minutes to make is kept in the real one.
    kept = Path(os.environ.get("COMPANION_TEST_CACHE", "") or Path(_real_home()) / ".cache/companion-tests")
    folder = kept / f"{name}-{mark}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, env=_as_outside())
        (folder / "ready").touch()
    return python


def _real_home() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_dir


def _as_outside() -> dict[str, str]:
    """pip reads its configuration from the home."""
    return {**os.environ, "HOME": _real_home()}
