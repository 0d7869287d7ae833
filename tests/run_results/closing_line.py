#!/usr/bin/python3
"""Adds up what ctest found over several presets, and says it in one closing line.

Called by: tests/run, with ctest's JUnit files and the steps that are no tests (a build, clang-tidy).

Invariants
  CG1  A test that did not run is failed, unless it asked to be skipped and said why.
  CG2  A test disabled in CMake is skipped, and "disabled" is its reason.
  CG3  The slowest tests are named, so that a run's length can be watched, and any longer than SHORT_S that is not
       labelled long: a machine that is busy with other things makes any test slow, so that fails nothing.
  CG4  The exit code is 0 only if something passed and nothing failed.
"""

import argparse
import collections
import re
import sys
import xml.etree.ElementTree as ElementTree

Outcome = collections.namedtuple("Outcome", "preset name verdict reason seconds", defaults=(0.0,))

SLOWEST = 10  # tests that are listed with how long they took
SHORT_S = 45  # what takes longer, and is not labelled long, is named

# What tests/main.cc prints, and what other programs may: "skipped: NAME: reason".
SKIP_LINE = re.compile(r"^skip(?:ped)?: (.+)$", re.MULTILINE | re.IGNORECASE)
# XML 1.0 has no place for these; a test's output may hold them.
NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def outcome_of(preset, case):
    """One ctest entry's verdict: passed, failed or skipped, with the reason of the latter two."""
    name = case.get("name")
    status = case.get("status")
    output = case.findtext("system-out") or ""
    seconds = float(case.get("time") or 0)
    if status == "run":
        return Outcome(preset, name, "passed", "", seconds)
    if status == "disabled":
        return Outcome(preset, name, "skipped", "disabled")
    refusal = case.find("skipped")
    message = refusal.get("message", "") if refusal is not None else ""
    if status == "notrun" and message.startswith("SKIP_"):
        told = SKIP_LINE.findall(output) or output.strip().splitlines()[-1:]
        if told:
            return Outcome(preset, name, "skipped", "; ".join(told))
        return Outcome(preset, name, "failed", "skipped without saying why")
    return Outcome(preset, name, "failed", message, seconds)


def read_results(preset, path):
    """All outcomes of one JUnit file, and the tests skipped inside programs that passed."""
    with open(path, encoding="utf-8", errors="replace") as file:
        root = ElementTree.fromstring(NOT_XML.sub("?", file.read()))
    outcomes, inside = [], []
    for case in root.iter("testcase"):
        outcome = outcome_of(preset, case)
        outcomes.append(outcome)
        if outcome.verdict == "passed":
            for reason in SKIP_LINE.findall(case.findtext("system-out") or ""):
                inside.append(Outcome(preset, outcome.name, "skipped", reason))
    return outcomes, inside


def print_list(title, outcomes):
    """One line per test and reason, with the presets it holds for."""
    presets = {}
    for outcome in outcomes:
        presets.setdefault((outcome.name, outcome.reason), []).append(outcome.preset)
    if presets:
        print(title)
    for (name, reason), where in presets.items():
        print(f"  {name} ({', '.join(dict.fromkeys(where))})" + (f": {reason}" if reason else ""))


def print_slowest(outcomes, known_long):
    timed = sorted((o for o in outcomes if o.seconds), key=lambda o: -o.seconds)
    if timed:
        print("Slowest:")
    for outcome in timed[:SLOWEST]:
        print(f"  {outcome.seconds:7.1f} s  {outcome.name} ({outcome.preset})")
    slow = [o for o in timed if o.seconds > SHORT_S and o.name not in known_long]
    if slow:
        print(f"Over {SHORT_S} s, and not labelled long: "
              + ", ".join(f"{o.name} ({o.preset})" for o in slow))


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", action="append", default=[], metavar="PRESET=FILE")
    parser.add_argument("--passed", action="append", default=[], metavar="PRESET: STEP")
    parser.add_argument("--failed", action="append", default=[], metavar="PRESET: STEP")
    parser.add_argument("--skipped", action="append", default=[], metavar="PRESET: STEP: WHY")
    parser.add_argument("--long", action="append", default=[], metavar="TEST", help="is labelled long")
    return parser.parse_args(argv)


def main(argv):
    given = arguments(argv)
    outcomes = [Outcome(*step.split(": ", 1), "passed", "") for step in given.passed]
    outcomes += [Outcome(*step.split(": ", 1), "failed", "") for step in given.failed]
    for step in given.skipped:
        preset, name, reason = step.split(": ", 2)
        outcomes.append(Outcome(preset, name, "skipped", reason))
    inside = []
    for results in given.results:
        preset, _, path = results.partition("=")
        try:
            found, skipped_inside = read_results(preset, path)
        except (OSError, ElementTree.ParseError) as error:
            found, skipped_inside = [Outcome(preset, "ctest", "failed", f"no results: {error}")], []
        outcomes += found
        inside += skipped_inside

    count = collections.Counter(outcome.verdict for outcome in outcomes)
    print_slowest(outcomes, given.long)
    print_list("Skipped inside programs that passed:", inside)
    print_list("Skipped:", [o for o in outcomes if o.verdict == "skipped"])
    print_list("Failed:", [o for o in outcomes if o.verdict == "failed"])
    if not outcomes:
        print("No test was found.")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 0 if count["passed"] and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
