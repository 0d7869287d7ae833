#!/usr/bin/python3
"""The documents: every link between them leads to a file and a heading that are there, the README can be read in
one go, and each folder of sources has one. Called by: ctest.
"""

import os
import re
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "layers"))

import source_tree  # noqa: E402  (found through the line above)

MOST_README_LINES = 150
FOLDERS = ("shm", "client", "client/preload", "client/examples", "agent", "agent/host", "ebpf", "deploy", "bench", "tests")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^(```.*?^```|    .*?$)|`[^`\n]*`", re.M | re.S)


def anchors_of(text):
    """What the headings of a document are linked by, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    words = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in words}


def broken_links(root):
    """(document, link) of each link that leads nowhere. Addresses of the network are not tried."""
    for path in source_tree.paths_of(root):
        if not path.endswith(".md"):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        for link in _LINK.findall(_CODE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            leads_to = os.path.join(root, os.path.dirname(path), target) if target else os.path.join(root, path)
            if not os.path.exists(leads_to):
                yield path, link
            elif anchor:
                with open(leads_to, encoding="utf-8") as file:
                    if anchor not in anchors_of(file.read()):
                        yield path, link


class Documents(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        self.assertEqual(list(broken_links(ROOT)), [])

    def test_a_link_to_nothing_is_found(self):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "a.md"), "w", encoding="utf-8") as file:
                file.write("# A heading, of `words`\n[x](a.md#a-heading-of-words) [x](#a-heading)\n[x](b.md) `[x](c.md)`\n")
            self.assertEqual(list(broken_links(root)), [("a.md", "#a-heading"), ("a.md", "b.md")])

    def test_the_readme_is_short(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), MOST_README_LINES)

    def test_each_folder_says_what_is_in_it(self):
        self.assertEqual([folder for folder in FOLDERS if not os.path.exists(os.path.join(ROOT, folder, "README.md"))], [])


if __name__ == "__main__":
    sys.exit(unittest.main())
