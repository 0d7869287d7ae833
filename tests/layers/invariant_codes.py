"""The numbered invariants at the top of files: each has a code that means one thing in the whole tree.
Called by: layers_check.

Invariants
  IV1  A file's codes are letters of its own, 2 to 4, with numbers that count up from 1: no other file has those
       letters, so no code stands for two invariants.
  IV2  What looks like a code in a comment or a document is one that a file defines, or one of FOREIGN.
  IV3  A comment cites each code: in a test, or beside the code that keeps it. A citation is outside of the comments
       at the tops of product files, where invariants only speak of each other. LIST names the codes that nothing
       cites yet; what is cited leaves it.
"""

import ast
import collections
import re

import code_text

LIST = "tests/layers/uncited_invariants.txt"
PRODUCT = ("shm", "client", "agent", "ebpf")
FOLDERS = PRODUCT + ("bench", "tests")
FOREIGN = frozenset("CLI11 IPV6 PM2 RE2 XXH3".split())  # names of other people's that have the form of a code

_DEFINITION = re.compile(r"(?://|#| \*)? {2,6}([A-Z]{1,4})(\d{1,2})  (?=\S)")
_CODE = re.compile(r"(?<![\w/.\-])([A-Z]{2,4})(\d{1,2})(?:(?: to |-)\1(\d{1,2}))?(?!\w)")


def _head_length(file):
    """How many lines the comment at a file's top has, with the blank ones in it and behind it."""
    if file.is_python:
        begun = False
        for number, line in enumerate(file.lines):
            quotes = line.count('"""')
            if begun and quotes or quotes > 1:
                return number + 1
            begun = begun or bool(quotes)
            if not begun and line.strip() and not line.startswith("#"):
                return number
        return len(file.lines)
    marks = ("//", "/*", "*") if file.is_code else ("#",)
    return next((number for number, line in enumerate(file.lines)
                 if line.strip() and not line.strip().startswith(marks)), len(file.lines))


def _docstrings(text):
    """(line number, line) of each line of a Python docstring."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            first = node.body[0].value
            yield from enumerate(first.value.split("\n"), first.lineno)


def _words(file):
    """(line number, text) of everything in a file that is written for people."""
    if file.is_code:
        yield from enumerate(code_text.comments(file.text).split("\n"), 1)
    elif file.path.endswith(".md"):
        yield from enumerate(file.lines, 1)
    elif file.is_python or file.is_shell or file.is_cmake:
        if file.is_python:
            yield from _docstrings(file.text)
        for number, line in enumerate(file.lines, 1):
            if re.search(r"(?:^|\s)# ", line):
                yield number, line[line.index("# "):]


def _definitions(files):
    """{letters: {path: [(line number, number)]}} over the whole tree."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for file in files:
        if file.folder in FOLDERS and (file.is_code or file.is_python or file.is_shell):
            for number, line in enumerate(file.lines[:_head_length(file)], 1):
                match = _DEFINITION.match(line)
                if match:
                    found[match[1]][file.path].append((number, int(match[2])))
    return found


def _references(files, definitions):
    """(path, line number, code, whether it is a citation) of every code in words, definitions themselves left out."""
    defined_at = {(path, number) for places in definitions.values() for path, lines in places.items() for number, _ in lines}
    for file in files:
        if not _CODE.search(file.text):
            continue
        head = _head_length(file)
        for number, line in _words(file):
            for match in _CODE.finditer(line):
                if (file.path, number) in defined_at and line[:match.start()].strip(" /*#") == "":
                    continue
                cites = file.folder == "tests" or file.folder in FOLDERS and number > head
                for one in range(int(match[2]), int(match[3] or match[2]) + 1):
                    yield file.path, number, f"{match[1]}{one}", cites and not file.path.endswith(".md")


def _untidy(definitions):
    for letters, places in sorted(definitions.items()):
        owner = next(iter(places))
        for path, lines in places.items():
            if len(letters) < 2:
                yield path, lines[0][0], f"{letters}{lines[0][1]}: an invariant's code begins with 2 to 4 letters of the file's own"
            elif path != owner:
                yield path, lines[0][0], f"{letters}{lines[0][1]}: the codes with {letters} are {owner}'s"
            for wanted, (number, got) in enumerate(lines, 1):
                if got != wanted:
                    yield path, number, f"{letters}{got} stands where {letters}{wanted} is due"


def violations(files):
    """Yields (path, line number, what is wrong) over the whole tree."""
    definitions = _definitions(files)
    yield from _untidy(definitions)
    places = {f"{letters}{number}": (path, line) for letters, paths in definitions.items()
              for path, lines in paths.items() for line, number in lines}
    cited = set()
    for path, line, code, cites in _references(files, definitions):
        if cites:
            cited.add(code)
        if code not in places and code not in FOREIGN:
            yield path, line, f"{code} is no invariant's code"
    listed = {}
    for number, line in enumerate(next((file.lines for file in files if file.path == LIST), []), 1):
        if not line.startswith("#"):
            listed.update((code, number) for code in line.partition(":")[2].split())
    for code, (path, line) in places.items():
        if code not in cited and code not in listed and path.split("/")[0] in PRODUCT:
            yield path, line, f"no test and no source cites {code}"
    for code, number in listed.items():
        if code not in places:
            yield LIST, number, f"{code}: there is no such invariant"
        elif code in cited:
            yield LIST, number, f"{code}: is cited, and need not be here"
