"""A header's plain list of callers, "Called by: a, b.", names only units and folders that include it.
Called by: layers_check. What is written in other words is not judged.
"""

import collections
import itertools
import os
import re

FOLDERS = ("shm", "client", "agent", "ebpf")
_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([\w/.]+)[">]', re.M)
_LIST = re.compile(r"\bCalled by: (\w+(?:, \w+)*)\.(?:\s|$)")


def _names_of(path):
    """What an includer may be called: its unit, or a folder that it is in."""
    folder, name = os.path.split(path)
    return {name.split(".")[0], *folder.split("/")}


def violations(files):
    """Yields (path, line number, what is wrong) over the whole tree."""
    includers = collections.defaultdict(set)
    for file in files:
        if file.is_code or file.path.endswith(".def"):
            for header in _INCLUDE.findall(file.text):
                includers[header].add(file.path)
    for file in files:
        if file.folder not in FOLDERS or not file.path.endswith(".h"):
            continue
        head = itertools.takewhile(lambda line: line.startswith(("//", "/*", " *")), file.lines)
        match = _LIST.search(" ".join(line.strip(" /*") for line in head))
        if not match:
            continue
        paths = includers[file.path] - {os.path.splitext(file.path)[0] + ".cc"}
        known = set().union(*map(_names_of, paths)) if paths else set()
        for name in match[1].split(", "):
            if name not in known:
                yield file.path, 1, f"{name} does not include this, and so does not call it"
