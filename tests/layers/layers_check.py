#!/usr/bin/python3
"""Names each line that breaks a rule of the layers or of the house, as file:line: what is wrong.

Called by: ctest, or by hand: tests/layers/layers_check.py [ROOT]. Exit: 0 clean, 1 broken rules,
2 nothing to check. Run from a checkout it asks git which files there are.
"""

import os
import sys

import house_rules
import includes
import ordering_tags
import source_tree
import standard_headers


def check(root):
    """Every violation in the tree at root, as (path, line, what), in order."""
    found = []
    files = source_tree.read_tree(root)
    for file in files:
        for rule in (includes.violations, *house_rules.ALL):
            found += [(file.path, line, what) for line, what in rule(file)]
    found += ordering_tags.violations(files)
    found += standard_headers.violations(files)
    return len(files), sorted(found)


def main(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    root = argv[0] if argv else os.path.dirname(os.path.dirname(here))
    count, found = check(root)
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    print(f"{count} files, {len(found)} lines that break a rule")
    if not count:
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
