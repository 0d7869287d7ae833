"""C and C++ source as the source checks need it: without comments and strings, line by line as
before; and the functions in it. Called by: layers_check's rules.

Invariants
  TX1  bare() and comments() keep every line break and every column, so that positions in them are the file's.
  TX2  functions_of() counts the outermost body only: what a lambda or a local class holds is its.
"""

import collections
import re

Function = collections.namedtuple("Function", "name first last")

# In this order: a raw string may hold a quote, a string may hold //, a comment may hold a quote.
_NOT_CODE = re.compile(
    r'R"(?P<mark>[^()\s\\"]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'"
    r"|//(?:\\\n|[^\n])*"
    r"|/\*.*?\*/",
    re.DOTALL)
_BLANK = re.compile(r"[^\n]")


def bare(text):
    """The text with comments, strings and characters blanked out."""
    return _NOT_CODE.sub(lambda match: _BLANK.sub(" ", match.group()), text)


def comments(text):
    """The comments of the text, with all else blanked out."""
    kept, last = [], 0
    for match in _NOT_CODE.finditer(text):
        end = match.start() if match.group().startswith(("//", "/*")) else match.end()
        kept += [_BLANK.sub(" ", text[last:end]), text[end:match.end()]]
        last = match.end()
    return "".join(kept) + _BLANK.sub(" ", text[last:])


def _without_directives(code):
    """Blanks preprocessor lines, and all branches of an #if but the first, so braces balance."""
    kept, depth, dead, continued = [], 0, None, False
    for line in code.split("\n"):
        stripped = line.strip()
        if stripped.startswith("#") or continued:
            if not continued:
                word = stripped[1:].strip()
                if word.startswith("if"):
                    depth += 1
                elif word.startswith("el") and dead is None:
                    dead = depth
                elif word.startswith("endif"):
                    dead = None if dead == depth else dead
                    depth -= 1
            continued = stripped.endswith("\\")
            kept.append("")
        else:
            kept.append("" if dead is not None else line)
    return "\n".join(kept)


_TYPE = re.compile(r"(?:(?:typedef|static|inline|constexpr|const)\s+)*"
                   r"(?:namespace|class|struct|union|enum|extern)\b")
_ACCESS = re.compile(r"\s*(?:public|private|protected)\s*:")
_NAME = re.compile(r"(operator\s*[^\s(]+|[~\w:]+)\s*\(")
_QUALIFIED_END = re.compile(r"\)\s*(?:const|noexcept|override|final|\s)*$")
_MEMBER_LIST = re.compile(r"\)[^;{}()]*[^:]:[^:]")


def _declaration(head):
    """The head without what may stand before any declaration: an access word, template<...>."""
    head = _ACCESS.sub("", head).strip()
    while head.startswith("template"):
        depth = 0
        for position, letter in enumerate(head):
            depth += {"<": 1, ">": -1}.get(letter, 0)
            if letter == ">" and depth == 0:
                head = head[position + 1:].strip()
                break
        else:
            return head
    return head


def _is_function(head):
    """Whether the words before a brace, since the last statement, introduce a function's body."""
    head = _declaration(head)
    if "(" not in head or head.endswith(("=", ",", "(")):
        return False
    # "struct alignas(8) Cell {" is a type; "struct Cell Row::cell() const {" is a function.
    return not _TYPE.match(head) or bool(_QUALIFIED_END.search(head))


def _is_member_brace(head):
    """Whether a brace initialises a member in a constructor's list: "Row::Row(int n) : n_{"."""
    head = _declaration(head)
    return bool(_MEMBER_LIST.search(head)) and not _TYPE.match(head) and head[-1] not in ")}"


def functions_of(text):
    """Each function with a body: its name and the lines of its first and last brace."""
    code = _without_directives(bare(text))
    found, depth, body, member, start, line = [], 0, None, None, 0, 1
    for position, letter in enumerate(code):
        if letter == "\n":
            line += 1
        elif letter == "{":
            head = code[start:position]
            if body is None and member is None:
                if _is_member_brace(head):
                    member = depth
                elif _is_function(head):
                    name = _NAME.search(head)
                    body = (depth, name.group(1) if name else "?", line)
            depth += 1
            start = start if member is not None else position + 1
        elif letter == "}":
            depth -= 1
            if body is not None and body[0] == depth:
                found.append(Function(body[1], body[2], line))
                body = None
            start = start if member is not None else position + 1
            member = None if member == depth else member
        elif letter == ";":
            start = position + 1
    return found
