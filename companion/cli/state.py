"""Commands about this computer and these settings: doctor, config."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from companion.cli.surroundings import Add, print_json, remark, run_loop, start_log
from companion.paths import Home


def declare(add: Add) -> None:
    doctor = add("doctor", "Look for what could be wrong with this computer or these settings.", _doctor)
    doctor.add_argument("--json", action="store_true")

    config = add("config", "Show the settings in force.", _config)
    config.add_argument("what", metavar="show", nargs="?", choices=["show"], default="show")
    config.add_argument("--json", action="store_true")


def _doctor(home: Home, args: argparse.Namespace) -> int:
    from companion.app.checkup import examine

    start_log(home, args)
    findings = run_loop(examine(home))
    if args.json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "ok     ", "hint": "hint   ", "problem": "PROBLEM"}[finding.level]
            print(f"{mark} {finding.subject}: {finding.detail}")
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def _config(home: Home, args: argparse.Namespace) -> int:
    from companion.settings import describe, load_settings

    loaded = load_settings(home)
    rows = describe(loaded)
    for problem in loaded.problems:
        remark(str(problem))
    if args.json:
        print_json({row.name: {"value": row.value, "source": row.source} for row in rows})
    else:
        for row in rows:
            print(f"{row.name} = {row.value}    # {row.source}")
    return 0
