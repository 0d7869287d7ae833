#!/usr/bin/python3
"""Makes a program of the uses that the public headers show in their head comments: one function each.

usage: header_uses.py FOLDER LANGUAGE OUTPUT

LANGUAGE is c or cc; OUTPUT gets the source, whose function run_uses_LANGUAGE() runs every use. A header that is for users and
shows none ends this with exit code 1. Called by: the build, from tests/headers/CMakeLists.txt.
"""

import os
import re
import sys

_USE = re.compile(r"^(?://| \*) Use\b.*:\n((?:(?://|  ?\*)(?:   .*)?\n| \*   .*\*/\n)+)", re.M)
_NOT_FOR_USERS = "Not for users"


def headers_of(folder):
    for path, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(path, name), folder)


def use_of(text):
    """The lines of code that the comment shows, or None."""
    match = _USE.search(text)
    if match is None:
        return None
    lines = [re.sub(r"\s*\*/$", "", line) for line in match.group(1).splitlines()]
    return [re.sub(r"^(//|\s?\*)(   )?", "", line) for line in lines]


def is_of(language, text):
    return ('extern "C"' in text) == (language == "c")


def source_of(language, uses):
    lines = ["/* Made by header_uses.py. */"]
    for header, use in uses:
        lines.append(f"#include <{header}>")
        lines += [line for line in use if line.startswith("#include")]
    if language == "cc":
        lines += ["#include <notch/registry.h>", 'extern "C" void run_uses_cc();']
    else:
        lines.append("void run_uses_c(void);")
    for number, (header, use) in enumerate(uses):
        body = [line for line in use if not line.startswith("#include")]
        lines += [f"/* {header} */", f"static void use_{number}({'void' if language == 'c' else ''}) {{", *body, "}"]
    lines.append(f"void run_uses_{language}({'void' if language == 'c' else ''}) {{")
    lines += [f"  use_{number}();" for number in range(len(uses))]
    return "\n".join([*lines, "}", ""])


def main(folder, language, output):
    uses = []
    for header in headers_of(folder):
        with open(os.path.join(folder, header), encoding="utf-8") as file:
            text = file.read()
        use = use_of(text)
        if use is None and _NOT_FOR_USERS not in text:
            print(f"{header}: shows no use, and does not say that it is not for users")
            return 1
        if use is not None and is_of(language, text):
            uses.append((header, use))
    # Behind a seal() a process may have no room for the definitions of the others.
    uses.sort(key=lambda use: any("seal(" in line for line in use[1]))
    with open(output, "w", encoding="utf-8") as file:
        file.write(source_of(language, uses))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
