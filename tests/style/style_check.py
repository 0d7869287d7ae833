#!/usr/bin/python3
"""Runs a tool over the project's files of one kind: clang-format over C and C++, shellcheck over
shell, yamllint over YAML. Called by: ctest, tests/check, or by hand: tests/style/style_check.py format|shell|yaml [--fix]
[--since COMMIT].

Exit: 0 clean, 1 the tool complained or found no file, 77 the tool is not installed.
"""

import argparse
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "layers"))

import source_tree  # noqa: E402  (found through the line above)

# Kind: the tool, its arguments to check, its arguments to mend, which files it reads.
KINDS = {
    "format": ("clang-format-14", ["--dry-run", "-Werror"], ["-i"], lambda file: file.is_code),
    "shell": ("shellcheck", ["--external-sources"], None, lambda file: file.is_shell),
    "yaml": ("yamllint", ["--strict", "-c", os.path.join(HERE, "yamllint.yml")], None, lambda file: file.is_yaml),
}


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--fix", action="store_true", help="mend the files, where the tool can")
    parser.add_argument("--root", default=ROOT, help="the tree to check")
    parser.add_argument("--since", metavar="COMMIT", help="only what changed since; nothing may have")
    given = parser.parse_args(argv)

    tool, check, mend, reads = KINDS[given.kind]
    if given.fix and mend is None:
        parser.error(f"{tool} mends nothing")
    if not shutil.which(tool):
        print(f"skipped: {given.kind}: {tool} is not installed")
        return 77
    paths = [file.path for file in source_tree.read_tree(given.root) if reads(file)]
    if given.since:
        changed = source_tree.changed_since(given.root, given.since)
        paths = [path for path in paths if path in changed]
        if not paths:
            return 0
    if not paths:
        print(f"no file for {tool} under {given.root}")
        return 1
    print(f"{tool}: {len(paths)} files", flush=True)
    return 1 if subprocess.run([tool, *(mend if given.fix else check), *paths],
                               cwd=given.root, check=False).returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
