"""Every unit of the program has tests that are known. Called by: layers_check.

Invariants
  TU1  A unit's tests are the file called after it, UNIT_test, or those that include its header, or those that
       tests/units.txt names.
  TU2  The list names nothing that is not there, and no unit that has a test called after it.
"""

import os
import re

LIST = "tests/units.txt"
FOLDERS = ("shm", "client", "agent", "ebpf")
_TEST = re.compile(r"^tests/(.+_test)\.(?:cc|py)$")
_INCLUDE = re.compile(r'^\s*#\s*include\s*"((?:\w+/)*\w+)\.h"', re.M)


def _entries(lines):
    """(line number, folder, tests, units) of each entry; an entry goes on in lines that are indented."""
    folder, entry = "", None
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith(" ") and entry:
            entry[3].extend(line.split())
            continue
        if entry:
            yield entry
        entry = None
        if line.startswith("["):
            folder = line.strip("[] ")
        elif line and not line.startswith("#"):
            tests, _, units = line.partition(":")
            entry = (number, folder, tests.split(), units.split())


def violations(files):
    units = {file.path: file.name[:-len(".cc")] for file in files
             if file.path.endswith(".cc") and file.folder in FOLDERS}
    paths = [match[1].split("/") for match in (_TEST.match(file.path) for file in files) if match]
    tests = {"/".join(path[start:]) for path in paths for start in range(len(path))}
    included = {name for file in files if file.folder == "tests" and file.is_code for name in _INCLUDE.findall(file.text)}
    listed = {}
    for number, folder, holders, names in _entries(next((file.lines for file in files if file.path == LIST), [])):
        known = {name for path, name in units.items() if path.startswith(f"{folder}/")}
        for holder in holders:
            if holder not in tests:
                yield LIST, number, f"{holder}: there is no such file of tests"
        for name in names:
            listed[folder, name] = number
            if name not in known:
                yield LIST, number, f"{name}: {folder}/ has no such unit"
            elif f"{name}_test" in tests:
                yield LIST, number, f"{name}: has {name}_test, and need not be here"
    for path, name in sorted(units.items()):
        held = f"{name}_test" in tests or os.path.splitext(path)[0] in included
        if not held and (path.split("/")[0], name) not in listed:
            yield path, 1, f"no test is called {name}_test or includes its header, and {LIST} names none"
