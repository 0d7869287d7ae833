"""The project's own files, as the source checks see them. Called by: layers_check, tests/style.

Invariants
  TR1  A file git would commit is seen, whether it is committed yet or not; build output never is.
"""

import os
import subprocess

CODE = (".h", ".cc", ".c")


class SourceFile:
    """One file: its path from the root, and its text, read once."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), "rb") as file:
            self.bytes = file.read()
        self.text = self.bytes.decode("utf-8", errors="replace")
        self.lines = self.text.splitlines()

    @property
    def name(self):
        return os.path.basename(self.path)

    @property
    def folder(self):
        return self.path.split("/")[0] if "/" in self.path else ""

    @property
    def is_code(self):
        return self.path.endswith(CODE)

    @property
    def is_cmake(self):
        return self.name == "CMakeLists.txt" or self.path.endswith(".cmake")

    @property
    def is_python(self):
        return self.path.endswith(".py") or self._starts_with_interpreter("python")

    @property
    def is_shell(self):
        return self.path.endswith(".sh") or self._starts_with_interpreter("bash", "/sh")

    @property
    def is_yaml(self):
        return self.path.endswith((".yml", ".yaml"))

    @property
    def is_binary(self):
        return b"\0" in self.bytes

    def _starts_with_interpreter(self, *names):
        first = self.lines[0] if self.lines else ""
        return first.startswith("#!") and any(name in first for name in names)


def paths_of(root):
    """Every path of the tree, sorted; asks git, and walks the folders where there is no git."""
    git = ["git", "-C", root, "-c", f"safe.directory={root}", "ls-files", "-z", "--cached",
           "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(git, check=True, capture_output=True).stdout.decode()
        return sorted(path for path in set(listed.split("\0")) if path
                      and os.path.isfile(os.path.join(root, path)))
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk(root))


def _walk(root):
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in (".git", "build", "__pycache__")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def changed_since(root, base):
    """The paths that differ from where the branch left base, committed or not, and those git does not know yet."""
    def ask(*words):
        git = ["git", "-C", root, "-c", f"safe.directory={root}", *words]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout

    left = ask("merge-base", base, "HEAD").strip()
    listed = (ask("diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", left)
              + ask("ls-files", "--others", "--exclude-standard", "-z"))
    return {path for path in listed.split("\0") if path}


def read_tree(root):
    files = [SourceFile(root, path) for path in paths_of(root)
             if not os.path.islink(os.path.join(root, path))]
    return [file for file in files if not file.is_binary]
