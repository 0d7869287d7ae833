#!/usr/bin/python3
"""The table in tests/README.md: what the checks said, one row a kernel. Values only, but for reading the logs.
Called by: run, as table.py LOG_FOLDER..., each a kernel's; table_test.
"""
import os
import sys

KERNEL = "kernel"  # the check that names it: release, processors, clock source
# Heading, and the check whose words stand below it.
CHECKS = (("counts", "counting_mode"), ("probes", "probes"), ("`notch run`", "http_times"), ("threads", "threads"),
          ("forks", "forks"), ("storm", "storm"))
HEADINGS = (KERNEL, "clock source", *(heading for heading, _ in CHECKS), "passed", "minutes")


def line(cells):
    return "| " + " | ".join(cells) + " |"


def head():
    return [line(HEADINGS), "|" + "---|" * len(HEADINGS)]


def row(checks, took_s):
    """Of lines NAME, OUTCOME, SEEN with tabs between."""
    said = {name: (outcome, seen) for name, outcome, seen in (each.split("\t") for each in checks)}
    release, _, source = (said.get(KERNEL, ("", ""))[1].split(", ") + ["", ""])[:3]
    outcomes = [outcome for outcome, _ in said.values() if outcome != "skipped"]
    failed = [name for name, (outcome, _) in said.items() if outcome == "FAILED"]
    passed = f"{outcomes.count('passed')} of {len(outcomes)}" + (f": not {', '.join(failed)}" if failed else "")
    words = ["" if name in failed else said.get(name, ("", ""))[1] for _, name in CHECKS]
    return line([release.removesuffix("-cloud-amd64").partition("+")[0], source.removeprefix("clock source "), *words, passed,
                 f"{took_s / 60:.0f}"])


def main(folders):
    print("\n".join(head()))
    for folder in folders:
        with open(os.path.join(folder, "checks"), encoding="utf-8") as checks, \
                open(os.path.join(folder, "took_s"), encoding="ascii") as took_s:
            print(row(checks.read().splitlines(), int(took_s.read())))


if __name__ == "__main__":
    main(sys.argv[1:])
