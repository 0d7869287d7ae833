#!/usr/bin/python3
"""Names each line that breaks a rule of the layers or of the house, as file:line: what is wrong.

Called by: ctest, tests/check, or by hand: tests/layers/layers_check.py [ROOT] [--since COMMIT]. Exit: 0 clean,
1 broken rules, 2 nothing to check. Run from a checkout it asks git which files there are. With --since, rules of
one file at a time are held against the files alone that changed since; those across files against all.
"""

import argparse
import os
import sys

import caller_names
import client_order
import house_rules
import includes
import invariant_codes
import ordering_tags
import source_tree
import standard_headers
import tested_units


def check(root, since=None):
    """Every violation in the tree at root, as (path, line, what), in order."""
    found = []
    files = source_tree.read_tree(root)
    changed = since and source_tree.changed_since(root, since)
    for file in files:
        if since and file.path not in changed:
            continue
        for rule in (includes.violations, client_order.violations, *house_rules.ALL):
            found += [(file.path, line, what) for line, what in rule(file)]
    found += ordering_tags.violations(files)
    found += invariant_codes.violations(files)
    found += caller_names.violations(files)
    found += standard_headers.violations(files)
    if os.path.isdir(os.path.join(root, "tests", "layers")):  # else it is no tree of the project's
        found += tested_units.violations(files)
    return len(files), sorted(found)


def main(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument("--since", metavar="COMMIT")
    given = parser.parse_args(argv)
    count, found = check(given.root, given.since)
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    print(f"{count} files, {len(found)} lines that break a rule")
    if not count:
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
