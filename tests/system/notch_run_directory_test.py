#!/usr/bin/python3
"""notch run's messages about the directory in which the program will count, which the library itself would not print:
a directory is missing, read-only, or not open to the users that a program becomes. In each case the message is true:
the program then has no segment, or a segment of that user.
Called by: ctest, as notch_run_directory_test.py NOTCH.
"""
import os
import subprocess
import sys
import unittest

import live_agent
import mounts
import scratch

NOTCH = sys.argv.pop(1)
FIRST, SECOND = "/run/notch", "/dev/shm/notch"
USER_UID = 61001
PLAIN = ("dd", "if=/dev/zero", "of=/dev/null", "count=1", "status=none")
AS_USER = ("setpriv", f"--reuid={USER_UID}", "--clear-groups", *PLAIN)


def setUpModule():
    mounts.enter_namespace()


class DirectoryCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder_of(self)
        os.chmod(self.folder, 0o755)
        self.place = os.path.join(self.folder, "place")
        os.mkdir(self.place)

    def make_directory(self, path, mode=0o3777):
        os.mkdir(path)
        os.chmod(path, mode)
        return path

    def words_of(self, *command, flags=(), **changes):
        """What is said; the program runs in any case."""
        done = subprocess.run([NOTCH, "run", *flags, "--", *command], capture_output=True, text=True, check=False,
                              timeout=60, env=live_agent.environment(**changes))
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        return done.stderr

    def owners_in(self, directory):
        return sorted(os.stat(os.path.join(directory, name)).st_uid for name in os.listdir(directory))


class NamedDirectories(DirectoryCase):
    def test_of_one_that_is_fine_nothing_is_said(self):
        directory = self.make_directory(os.path.join(self.place, "segments"))
        self.assertEqual(self.words_of(*PLAIN, NOTCH_DIR=directory), "")
        self.assertEqual(self.words_of(*AS_USER, NOTCH_DIR=directory), "")
        self.assertEqual(self.owners_in(directory), [0, 0, USER_UID])

    def test_one_that_is_missing(self):
        missing = os.path.join(self.place, "missing")
        self.assertEqual(self.words_of(*PLAIN, NOTCH_DIR=missing),
                         f"notch: NOTCH_DIR {missing}: No such file or directory (is the agent started?): nothing is measured\n")

    def test_one_on_a_read_only_mount_names_the_units_setting(self):
        mounts.tmpfs(self, self.place, "mode=3777")
        subprocess.run(["mount", "-o", "remount,ro", self.place], check=True)
        said = (f"{self.place}: Read-only file system (in a unit of systemd with ProtectSystem=strict: "
                f"ReadWritePaths={self.place}): ")
        self.assertEqual(self.words_of(*PLAIN, NOTCH_DIR=self.place), f"notch: NOTCH_DIR {said}nothing is measured\n")
        self.assertEqual(self.words_of(*PLAIN, flags=("--dir", self.place)),
                         f"notch: --dir {said}running it without metrics\n")
        self.assertEqual(os.listdir(self.place), [])

    def test_one_where_no_lock_is_kept(self):
        mounts.overlay(self, self.place, os.path.join(self.folder, "layers"))
        said = self.words_of(*PLAIN, NOTCH_DIR=self.place)
        self.assertIn("a mapping does not keep its file's lock there", said)
        self.assertEqual(os.listdir(self.place), [])

    def test_one_that_is_not_open_to_a_later_user(self):
        for path, mode, above in (("closed", 0o700, 0o755), ("below", 0o3777, 0o700)):
            with self.subTest(path):
                folder = self.make_directory(os.path.join(self.place, path + "-folder"), above)
                directory = self.make_directory(os.path.join(folder, path), mode)
                self.assertEqual(self.words_of(*AS_USER, NOTCH_DIR=directory),
                                 f"notch: NOTCH_DIR {directory} is not open to all users: programs that setpriv "
                                 "executes as another user are not measured; workers that only change their user are\n")
                self.assertEqual(self.owners_in(directory), [0], "setpriv's own alone")
                self.assertEqual(self.words_of(*PLAIN, NOTCH_DIR=directory), "", "a program that stays who it is")

    def test_what_is_switched_off_needs_no_directory(self):
        missing = os.path.join(self.place, "missing")
        self.assertEqual(self.words_of(*PLAIN, NOTCH_DIR=missing, NOTCH_DISABLED="1"), "")
        self.assertEqual(self.words_of(*PLAIN, NOTCH_DIR=missing, NOTCH_PRELOAD="none"), "")
        self.assertEqual(self.words_of(*PLAIN, flags=("--modules", "none"), NOTCH_DIR=missing), "")


class DefaultDirectories(DirectoryCase):
    """In /run and /dev/shm of the test's own."""
    def setUp(self):
        super().setUp()
        mounts.tmpfs(self, "/run")
        mounts.tmpfs(self, os.path.dirname(SECOND), "mode=1777")

    def test_none_of_them(self):
        self.assertEqual(self.words_of(*PLAIN), f"notch: {FIRST}, {SECOND}: No such file or directory (is the agent started?): "
                                                "nothing is measured\n")

    def test_the_first(self):
        self.make_directory(FIRST)
        self.assertEqual(self.words_of(*PLAIN), "")
        self.assertEqual(self.owners_in(FIRST), [0])

    def test_the_first_read_only(self):
        self.make_directory(FIRST)
        subprocess.run(["mount", "-o", "remount,ro", "/run"], check=True)
        self.assertEqual(self.words_of(*PLAIN), f"notch: {FIRST}: Read-only file system (in a unit of systemd with "
                                                f"ProtectSystem=strict: ReadWritePaths={FIRST}): nothing is measured\n")
        self.assertEqual(os.listdir(FIRST), [])

    def test_the_second(self):
        self.make_directory(SECOND)
        self.assertEqual(self.words_of(*PLAIN), "")
        self.assertEqual(self.owners_in(SECOND), [0])

    def test_the_second_of_another_user(self):
        self.make_directory(SECOND)
        os.chown(SECOND, USER_UID, USER_UID)
        self.assertIn(f"notch: {SECOND}: it belongs neither to root nor to this user", self.words_of(*PLAIN))
        self.assertEqual(os.listdir(SECOND), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
