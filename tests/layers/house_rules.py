"""What every file keeps to, besides its includes. Called by: layers_check.

Each rule takes a SourceFile and yields (line number, what is wrong).
"""

import ast
import itertools
import os
import re

import code_text

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
MAX_PROSE_COLUMNS = 140
MEASURED = "bench/RESULTS.md"  # written by bench/run: its rows are as long as they are

# The wrapper of the segment's orders, and the public handle whose add must be inline.
MEMORY_ORDER_HOMES = ("shm/memory_order.h", "client/include/notch/cell.h")

_MEMORY_ORDER = re.compile(r"\bmemory_order(?:_\w+|\s*::\s*\w+)?\b|\b__ATOMIC_[A-Z]+\b")
_UNTELLING_NAME = re.compile(r"(?:^|[_\-.])(?:utils?|managers?|helpers?)(?=[_\-.]|$)")
_GLOB = re.compile(r"\bfile\s*\(\s*GLOB(?:_RECURSE)?\b|\baux_source_directory\s*\(", re.IGNORECASE)
# Split, so that this file does not hold what it looks for.
# Spelled with brackets, so that this file does not hold what it looks for.
_SCRATCH = re.compile(r'["\'][/]dev[/]shm(?:[/][^"\']*X{6})?["\']|\bmkd[t]emp\(|\bT[e]mpDir\(')
SCRATCH_HOMES = ("tests/scratch_directory.h", "tests/system/scratch.py", "bench/scratch_directory.h",
                 "bench/agent_cost", "bench/preload_bench.py")
_UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
_FOREIGN_WORDS = re.compile("|".join((
    r"(?<![\w.}])/wo" r"rk(?![\w-])",
    r"\.\./sha" r"red\b",
    r"\brese" r"arch/\w+\.md\b",
    r"\b(?:deb|security|ftp)\.deb" r"ian\.org\b",
    r"\bregistry\.npm" r"js\.org\b",
    r"\bpypi\." r"org\b|\bpython" r"hosted\.org\b",
    r"\bcrates\." r"io\b|\bproxy\.gol" r"ang\.org\b|\bdocker\." r"io\b",
)))
CALLED = ("shm/", "client/", "agent/")
FOR_EVERYONE = ("client/include/", "client/examples/")
_CALLERS = re.compile(r"\b(?:called|expanded|filled|included|made|read|run|used|written)\b[^.]*\bby\b", re.IGNORECASE)
_DATA = re.compile(r"/(?:golden|corpus|testdata|crashers)/")


def _is_prose_or_code(file):
    return bool(file.is_code or file.is_cmake or file.is_python or file.is_shell)


def memory_order(file):
    if not file.is_code or file.path in MEMORY_ORDER_HOMES or file.path.endswith(".bpf.c"):
        return
    for number, line in enumerate(code_text.bare(file.text).split("\n"), 1):
        # The wrapper's own name in an include is not an order; includes are strings, blanked.
        match = None if line.lstrip().startswith("#") else _MEMORY_ORDER.search(line)
        if match:
            yield number, f"{match.group()}: memory orders are spelled in shm/memory_order.h"


def file_length(file):
    if _is_prose_or_code(file) and len(file.lines) > MAX_FILE_LINES:
        yield MAX_FILE_LINES + 1, f"{len(file.lines)} lines; a file has at most {MAX_FILE_LINES}"


def prose_width(file):
    if not file.path.endswith(".md") or file.path == MEASURED:
        return
    for number, line in enumerate(file.lines, 1):
        if len(line) > MAX_PROSE_COLUMNS:
            yield number, f"{len(line)} columns; prose has at most {MAX_PROSE_COLUMNS}, tables too"


def _python_functions(file):
    try:
        tree = ast.parse(file.text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield code_text.Function(node.name, node.lineno, node.end_lineno)


def _shell_functions(file):
    begun = None
    for number, line in enumerate(file.lines, 1):
        match = re.match(r"(?:function\s+)?([\w-]+)\s*(?:\(\))\s*[{(]\s*$", line)
        if match:
            begun = (match.group(1), number)
        elif begun and re.match(r"[})]", line):
            yield code_text.Function(*begun, number)
            begun = None


def function_length(file):
    if file.is_code:
        functions = code_text.functions_of(file.text)
    elif file.is_python:
        functions = _python_functions(file)
    elif file.is_shell:
        functions = _shell_functions(file)
    else:
        return
    for function in functions:
        lines = function.last - function.first + 1
        if lines > MAX_FUNCTION_LINES:
            yield function.first, (f"{function.name}() has {lines} lines; "
                                   f"a function has at most {MAX_FUNCTION_LINES}")


def telling_name(file):
    if _UNTELLING_NAME.search(file.name):
        yield 1, "a file is named after the noun it defines, not util, manager or helper"


def no_globs(file):
    if file.is_cmake:
        for number, line in enumerate(file.lines, 1):
            if _GLOB.search(line.split("#")[0]):
                yield number, "globs; files are listed"


def own_words(file):
    if file.path == "LICENSE" or _DATA.search("/" + file.path):
        return
    for number, line in enumerate(file.lines, 1):
        match = _FOREIGN_WORDS.search(line)
        if match:
            yield number, f"{match.group()}: the project speaks of itself only"


def nothing_unfinished(file):
    if file.path == "LICENSE" or _DATA.search("/" + file.path):
        return
    for number, line in enumerate(file.lines, 1):
        match = _UNFINISHED.search(line)
        if match:
            yield number, f"{match.group()}: finish it or leave it out"


def scratch_folder(file):
    """A folder from elsewhere could stay behind without anyone's notice."""
    if file.folder not in ("tests", "bench") or file.path in SCRATCH_HOMES:
        return
    if not (file.is_code or file.is_python):
        return
    for number, line in enumerate(file.lines, 1):
        if _SCRATCH.search(line):
            yield number, f"makes a folder of its own; {SCRATCH_HOMES[0]} or {SCRATCH_HOMES[1]} gives one"


def head_comment(file):
    """A file says at its top what it is; an empty one has nothing to say."""
    if not _is_prose_or_code(file):
        return
    lines = [(number, line.strip()) for number, line in enumerate(file.lines, 1) if line.strip()]
    if lines and lines[0][1].startswith("#!"):
        lines.pop(0)
    if not lines:
        return
    marks = ("//", "/*") if file.is_code else ("#", '"""', 'r"""')
    if file.path.endswith(".cc") and lines[0][1] == f'#include "{file.path[:-3]}.h"':
        return  # its header has said it
    if not lines[0][1].startswith(marks):
        yield lines[0][0], "the file does not begin with a comment that says what it is"


def named_callers(file):
    """A header, or a source without one, says who uses it; a public header is for everyone."""
    if not file.is_code or not file.path.startswith(CALLED) or file.path.startswith(FOR_EVERYONE):
        return
    stem = os.path.splitext(file.path)[0]
    if not file.path.endswith(".h") and f'#include "{stem}.h"' in file.lines:
        return
    head = list(itertools.takewhile(lambda line: line.strip().startswith(("//", "/*", "*")), file.lines))
    if head and not _CALLERS.search(" ".join(line.strip(" /*") for line in head)):
        yield 1, 'the comment at the top does not say who uses this: "Called by: ..."'


KEYED_HASH_HOME = "agent/files/keyed_hash.h"
_UNKEYED = re.compile(r"\bstd::unordered_(?:multi)?(?:map|set)<\s*(?:const\s+)?std::(?:string|string_view)\b|"
                      r"\bstd::hash<\s*std::(?:string|string_view)\b")


def keyed_tables(file):
    """A table of what writers chose has a hash that they cannot make collide."""
    if file.folder not in ("agent", "shm") or not file.is_code or file.path == KEYED_HASH_HOME:
        return
    for number, line in enumerate(code_text.bare(file.text).split("\n"), 1):
        match = _UNKEYED.search(line)
        if match:
            yield number, f"{match.group()}: NameMap, NameSet and keyed_hash() of {KEYED_HASH_HOME} instead"


ALL = (memory_order, file_length, prose_width, function_length, telling_name, no_globs, own_words,
       nothing_unfinished, scratch_folder, head_comment, named_callers,
       keyed_tables)
