#!/usr/bin/python3
"""The manual pages and both completions have the same options, defaults, exit codes and commands as --help, and no others.
Called by: ctest, as documented_options_test.py NOTCHD NOTCH.
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

DEPLOY = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy"))
NOTCHD, NOTCH = sys.argv.pop(1), sys.argv.pop(1)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]")


def helped(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout


def options_of(help_text):
    """{long option: default or None}, of the lines that begin with one."""
    found = {}
    for line in help_text.splitlines():
        match = re.match(r"  ((?:-\w,)?--\S+)(?: [A-Z]\S*?(?:=(?P<default>\S+))?)?(?:\s|$)", line)
        if match:
            default = match["default"] and re.sub(r"^\[(.*)\]$", r"\1", match["default"])  # newer CLI11's brackets
            found.update((name, default) for name in OPTION.findall(match[1]))
    return found


def exit_codes_of(help_text):
    return set(re.findall(r"(?<=[ ,\n])(\d+) (?=[a-z-])", help_text.partition("Exit codes:")[2]))


class ManualPage:
    def __init__(self, name):
        with open(os.path.join(DEPLOY, "man", name), encoding="utf-8") as file:
            text = file.read().replace("\\-", "-").replace("\\fR", "").replace("\\:", "").replace("\\e", "\\")
        self.sections = dict(re.findall(r'^\.SH "?([A-Z ]+?)"?\n(.*?)(?=^\.SH |\Z)', text, re.M | re.S))

    def paragraphs(self, section):
        """(tag line, text) of each .TP."""
        return re.findall(r"^\.TP\n(.*)\n((?:(?!\.TP).*\n?)*)", self.sections.get(section, ""), re.M)

    def options(self):
        return {name: text for tag, text in self.paragraphs("OPTIONS") for name in OPTION.findall(tag)}

    def exit_codes(self):
        return set(re.findall(r"\d+", " ".join(tag for tag, _ in self.paragraphs("EXIT STATUS"))))

    def commands(self):
        return {tag.split()[1] for tag, _ in self.paragraphs("COMMANDS")}


def commands():
    """The tool's, as its help lists them."""
    listed = helped(NOTCH).partition("Commands:\n")[2].partition("\n\n")[0]
    return {line.split()[0] for line in listed.splitlines()}


def programs():
    """(manual page, command line) of each."""
    yield "notchd.8", [NOTCHD]
    yield "notch.1", [NOTCH]
    for command in sorted(commands()):
        yield f"notch-{command}.1", [NOTCH, command]


class Manual(unittest.TestCase):
    def test_the_options_are_those_of_help(self):
        for page, command in programs():
            with self.subTest(page=page):
                wanted = options_of(helped(*command))
                self.assertTrue(wanted)
                self.assertEqual(set(ManualPage(page).options()), set(wanted))

    def test_the_defaults_are_those_of_help(self):
        for page, command in programs():
            with self.subTest(page=page):
                for name, default in options_of(helped(*command)).items():
                    if default is not None:
                        self.assertIn(f"Default: {default}.", ManualPage(page).options()[name], name)

    def test_the_exit_codes_are_those_of_help(self):
        for page, command in programs():
            with self.subTest(page=page):
                self.assertEqual(ManualPage(page).exit_codes(), exit_codes_of(helped(*command)))

    def test_help_as_a_word_tells_the_same(self):
        def told(*command):
            return subprocess.run([NOTCH, *command], capture_output=True, text=True, check=False, timeout=60)

        self.assertEqual(told("help").stdout, helped(NOTCH))
        self.assertEqual(told("help", "help").stdout, helped(NOTCH))
        for command in sorted(commands()):
            self.assertEqual(told("help", command).stdout, helped(NOTCH, command))
        for wrong in (("help", "nothing"), ("help", "run", "ready")):
            done = told(*wrong)
            self.assertEqual((done.returncode, done.stdout), (2, ""), wrong)
            self.assertIn("notch --help lists the commands", done.stderr)

    def test_every_command_has_a_page_and_stands_in_the_tools(self):
        self.assertEqual(ManualPage("notch.1").commands(), commands())
        pages = {name for name in os.listdir(os.path.join(DEPLOY, "man")) if name.startswith("notch-")}
        self.assertEqual(pages, {f"notch-{command}.1" for command in commands()})

    def test_troff_finds_nothing_wrong(self):
        if shutil.which("groff") is None:
            print("skipped: documented_options_test: groff is not installed")
            self.skipTest("no groff")
        for page, _ in programs():
            done = subprocess.run(["groff", "-man", "-ww", "-Kutf8", "-Tutf8", os.path.join(DEPLOY, "man", page)],
                                  capture_output=True, text=True, check=True, timeout=60)
            self.assertEqual(done.stderr, "", page)


class Completion(unittest.TestCase):
    def test_the_options_are_those_of_help(self):
        tool = {name for command in [[], *([command] for command in sorted(commands()))]
                for name in options_of(helped(NOTCH, *command))}
        for name, wanted in (("notchd", set(options_of(helped(NOTCHD)))), ("notch", tool)):
            for shell in ("bash", "zsh"):
                with self.subTest(name=name, shell=shell):
                    with open(os.path.join(DEPLOY, "completion", f"{name}.{shell}"), encoding="utf-8") as file:
                        code = re.sub(r"^\s*#.*|\s# .*", "", file.read(), flags=re.M)
                    # A pattern of several, --limit.*, is none.
                    code = re.sub(r"--[a-z]+\.\*", "", code)
                    self.assertEqual(set(OPTION.findall(code)), wanted)

    def test_bash_completes_what_is_begun(self):
        library = "/usr/share/bash-completion/bash_completion"
        if not os.path.exists(library):
            print("skipped: documented_options_test: bash-completion is not installed")
            self.skipTest("no bash-completion")
        for line, wanted in (("notchd --web.s", ["--web.systemd-socket"]), ("notchd --log.level w", ["warn"]),
                             ("notch r", ["ready", "run"]), ("notch he", ["help"]), ("notch help re", ["ready"]), ("notch ready --a", ["--address"]), ("notch run --modules io,ma", ["io,malloc", "io,malloc_live"]),
                             ("notch run --lib", ["--library"]), ("notch run -- --lib", [])):
            with self.subTest(line=line):
                words = line.split(" ")
                script = (f"source {library}; source {DEPLOY}/completion/{words[0]}.bash; COMP_LINE='{line}'; "
                          f"COMP_POINT={len(line)}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
                          f"_{words[0]} {words[0]} '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
                done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=False,
                                      timeout=60)
                self.assertEqual(done.stdout.split(), wanted, done.stderr)


if __name__ == "__main__":
    unittest.main()
