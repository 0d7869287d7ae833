#!/usr/bin/python3
"""Which of ctest's entries a name means, and what has to be built for them.

Called by: tests/run, as chosen_tests.py BUILD_FOLDER NAME...; prints an expression for ctest -R in the first line,
then a target of Ninja a line. Exit: 2 where a name means nothing.

Invariants
  CH1  A name is an entry's, a test file's or a source's with or without folder and ending, or a folder's of tests/.
  CH2  Every file below the build folder that an entry's command names is built; all of it, where it names a folder, or
       where ctest runs another entry first.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys

ADD_TEST = re.compile(r"^add_test\(\[=\[(.+?)\]=\] (.+)\)$", re.M)
NEEDS_ANOTHER = re.compile(r"^set_tests_properties\(\[=\[(.+?)\]=\] PROPERTIES .*\bFIXTURES_REQUIRED\b", re.M)
ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def entries_of(build):
    """{entry: (its folder below the build folder, its command)}, as CMake wrote them down."""
    entries = {}
    for folder, _, names in os.walk(build):
        if "CTestTestfile.cmake" in names:
            with open(os.path.join(folder, "CTestTestfile.cmake"), encoding="utf-8") as file:
                text = file.read()
            home = os.path.relpath(folder, build)
            for name, command in ADD_TEST.findall(text):
                entries[name] = (home, [re.sub(r"\\(.)", r"\1", part) for part in ARGUMENT.findall(command)])
            for name in NEEDS_ANOTHER.findall(text):
                entries[name][1].append(build)
    return entries


def entries_named(name, entries):
    """The entries that a name means (CH1)."""
    name = name.removeprefix("./").rstrip("/")
    if name in entries:
        return {name}
    folder = name if f"{name}/".startswith("tests/") else f"tests/{name}"
    inside = {entry for entry, (home, _) in entries.items() if f"{home}/".startswith(f"{folder}/")}
    if inside:
        return inside
    stem = os.path.splitext(os.path.basename(name))[0]
    files = {f"{stem}{end}.{kind}" for end in ("", "_test") for kind in ("cc", "py")}
    by_file = {entry for entry, (_, command) in entries.items()
               if files & {os.path.basename(part.removeprefix("--file=")) for part in command}}
    return by_file or {entry for entry in (stem, f"{stem}_test") if entry in entries}


def targets_for(command, build, outputs):
    """What Ninja has to make before the command is run (CH2)."""
    targets = set()
    for part in command:
        for path in re.findall(re.escape(build) + r"(?:/[^\s;:=]*)?", part):
            path = os.path.relpath(path, build)
            if path in outputs:
                targets.add(path)
            elif path == "." or any(output.startswith(f"{path}/") for output in outputs):
                return {"all"}
    return targets


def outputs_of(build):
    told = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], capture_output=True, text=True, check=True)
    return {line.partition(": ")[0] for line in told.stdout.splitlines()}


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("names", nargs="+")
    given = parser.parse_args(argv)
    build = os.path.abspath(given.build)
    entries = entries_of(build)
    chosen = set()
    for name in given.names:
        found = entries_named(name, entries)
        if not found:
            stem = os.path.splitext(os.path.basename(name))[0].removesuffix("_test")
            near = difflib.get_close_matches(f"{stem}_test", entries)
            print(f"no test is called {name}" + (f"; there is {', '.join(near)}" if near else ""), file=sys.stderr)
            return 2
        chosen |= found
    outputs = outputs_of(build)
    targets = set().union(*(targets_for(entries[entry][1], build, outputs) for entry in chosen))
    print("^(" + "|".join(re.escape(entry) for entry in sorted(chosen)) + ")$")
    print("\n".join(["all"] if "all" in targets else sorted(targets)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
