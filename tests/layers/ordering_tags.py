"""Every release names its acquire by a shared [tag: x], and the other way round; one release defines the tag.
Called by: layers_check.

Invariants
  OT1  An operation is what shm/memory_order.h defines; its order is the one its body spells, or
       that of the operation it calls. Nothing is listed here twice.
  OT2  A tag belongs to the operation in whose statement it stands, or above which its comment ends.
       A tag with neither names its side by a word of its comment, release or acquire; without such a
       word it is a mention, and no side.
  OT3  A tag of the product has both sides in the product. What tests write down is a tag of the
       product's, as a test stands for one of its sides.
  OT4  A tag has one definition, in the comment above a release: "[tag: x] Publishes WHAT; else INTERLEAVING", which
       is what another thread could do without this order. All other places point to it by the tag.
"""

import collections
import re

import code_text

HOME = "shm/memory_order.h"
PRODUCT = ("shm/", "client/", "agent/", "ebpf/")

_TAG = re.compile(r"\[tag: ([^\]]*)\]")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*$")
_SPELLED = re.compile(r"\bmemory_order(?:_|::)(release|acquire|acq_rel)\b")
_SIDE_WORD = re.compile(r"\b(release|acquire)s?\b", re.IGNORECASE)
_INCLUDES_HOME = re.compile(r'^\s*#\s*include\s*"' + re.escape(HOME) + '"', re.MULTILINE)

_DEFINITION = re.compile(r"Publishes\b(.*?); else\b(.*)")
LEAST_WORDS = (2, 5)  # of what is published, and of what could happen else

Side = collections.namedtuple("Side", "tag side path line words")


def operations(files):
    """Name of each operation to the sides it is: {"publish": {"release"}, ...}."""
    home = next((file for file in files if file.path == HOME), None)
    if home is None:
        return {}
    lines = code_text.bare(home.text).split("\n")
    sides = {}
    for function in code_text.functions_of(home.text):
        body = "\n".join(lines[function.first - 1:function.last])
        spelled = set(_SPELLED.findall(body))
        if "acq_rel" in spelled:
            spelled = {"release", "acquire"}
        for name, known in sides.items():
            if re.search(rf"\b{name}\(", body.split("{", 1)[-1]):
                spelled = spelled | known
        if spelled:
            sides[function.name] = spelled
    return sides


class _Lines:
    """A file's lines, with and without what is not code; numbered from 0."""

    def __init__(self, file):
        self.whole = file.text.split("\n")
        self.code = [line.strip() for line in code_text.bare(file.text).split("\n")]

    def is_comment(self, number):
        return 0 <= number < len(self.whole) and not self.code[number] and (
            self.whole[number].strip().startswith(("//", "/*", "*")))

    def comment_around(self, number):
        first = last = number
        while self.is_comment(first - 1):
            first -= 1
        while self.is_comment(last + 1):
            last += 1
        return range(first, last + 1)

    def statement(self, number):
        """The lines of the statement at a line of code, and of the comment that ends above it."""
        first = last = number
        while first > 0 and self.code[first - 1] and self.code[first - 1][-1] not in ";{}:":
            first -= 1
        while last + 1 < len(self.code) and not re.search(r"[;{]", self.code[last]):
            last += 1
        while self.is_comment(first - 1):
            first -= 1
        return range(first, last + 1)


def _tags_in(lines, numbers):
    """Each tag with its line, also one that a line break tore."""
    for number in numbers:
        for match in _TAG.finditer(lines.whole[number]):
            yield match.group(1), number
        if "[tag:" in _TAG.sub("", lines.whole[number]):
            yield "", number


def _words_behind(lines, tag, at):
    """What the comment says from the tag on; nothing for a tag behind code."""
    if not lines.is_comment(at):
        return ""
    words = " ".join(lines.whole[number].strip(" /*") for number in lines.comment_around(at) if number >= at)
    return words.partition(f"[tag: {tag}]")[2].partition("[tag:")[0].strip()


def _sides_of(file, known):
    """The file's sides and mentions (side None), and the lines of operations without a tag."""
    lines = _Lines(file)
    sides, bare_operations, claimed = [], [], set()
    if known and file.path != HOME and _INCLUDES_HOME.search(file.text):
        call = re.compile(rf"(?<![\w.>])({'|'.join(known)})\(")
        for number, code in enumerate(lines.code):
            for match in call.finditer(code):
                tags = list(_tags_in(lines, lines.statement(number)))
                if not tags:
                    bare_operations.append((number, match.group(1)))
                for tag, at in tags:
                    claimed.add(at)
                    words = _words_behind(lines, tag, at)
                    sides += [Side(tag, side, file.path, at, words) for side in known[match.group(1)]]
    for tag, at in _tags_in(lines, range(len(lines.whole))):
        if at in claimed:
            continue
        words = " ".join(lines.whole[number] for number in lines.comment_around(at))
        named = {word.lower() for word in _SIDE_WORD.findall(words)}
        side = named.pop() if len(named) == 1 else None
        sides.append(Side(tag, side, file.path, at, _words_behind(lines, tag, at)))
    return sides, bare_operations


def _undefined(product):
    """What is wrong with the definitions: none, too many, by no release, or too few words."""
    releases, defined = {}, collections.defaultdict(set)
    for place in sorted(set(product), key=lambda place: (place.path, place.line)):
        if place.side == "release":
            releases.setdefault(place.tag, place)
        if place.words.startswith("Publishes"):
            defined[place.tag].add((place.path, place.line, place.words))
    at_releases = {(place.path, place.line) for place in product if place.side == "release"}
    for tag, first in releases.items():
        if tag not in defined:
            yield first.path, first.line + 1, f"[tag: {tag}] has no release with its definition: Publishes ...; else ..."
    for tag, places in defined.items():
        for path, line, words in sorted(places)[1:]:
            yield path, line + 1, f"[tag: {tag}] has another definition"
        for path, line, words in sorted(places):
            parts = _DEFINITION.match(words)
            if (path, line) not in at_releases:
                yield path, line + 1, f"[tag: {tag}] is defined above what is no release"
            elif not parts or any(len(part.split()) < least for part, least in zip(parts.groups(), LEAST_WORDS)):
                yield path, line + 1, f"[tag: {tag}] says what it publishes, and what could happen else"


def violations(files):
    """Yields (path, line number, what is wrong) over the whole tree."""
    known = operations(files)
    product, tests = [], []
    for file in files:
        if not file.is_code or not file.path.startswith(PRODUCT + ("tests/",)):
            continue
        sides, untagged = _sides_of(file, known)
        if file.path.startswith("tests/"):
            tests += sides
            continue
        product += sides
        for number, operation in untagged:
            yield file.path, number + 1, f"{operation}() without a [tag: name] of its partner's"
    yield from _undefined(product)
    both = collections.defaultdict(set)
    for place in product:
        both[place.tag].add(place.side)
    for place in sorted(set(product + tests), key=lambda place: (place.path, place.line)):
        if not _NAME.match(place.tag):
            yield place.path, place.line + 1, "a tag is [tag: name], on one line, in lower case"
        elif place.tag not in both:
            yield place.path, place.line + 1, f"[tag: {place.tag}] is no tag of the product's"
        elif place in product:
            for side in sorted({"release", "acquire"} - both[place.tag]):
                yield place.path, place.line + 1, f"[tag: {place.tag}] has no {side} side"
