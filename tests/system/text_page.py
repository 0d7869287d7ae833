"""A page of text 0.0.4 as numbers. Values only. Called by: live_agent, storm_truth."""
import re

LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)$")


def samples(text, prefix=""):
    """The samples whose names start so: {(name, labels as they stand): value}."""
    found = {}
    for line in text.split("\n"):
        match = LINE.match(line)
        if line.startswith("#") or not match or not match.group(1).startswith(prefix):
            continue
        key = (match.group(1), match.group(2) or "")
        if key in found:
            raise AssertionError(f"{key} stands twice in one page")
        found[key] = float(match.group(3))
    return found


def total(found, name, part=""):
    """The sum of the name's samples whose labels have `part` in them; 0 without any."""
    return sum(value for (sample, labels), value in found.items() if sample == name and part in labels)
