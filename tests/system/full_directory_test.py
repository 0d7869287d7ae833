#!/usr/bin/python3
"""One user fills the directory of segments, or its file system: with very many files, with bytes, or with programs of
his own. Another user's programs still get their segments, and a program without one is told why.

The file systems are two tmpfs of the test's own: one of 1 GiB, as on a host, and one of 64 MiB, as in a container.
Called by: ctest, as full_directory_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import subprocess
import unittest

import agent_test_case
import live_agent
import mounts
import text_page
import user_case
from user_case import ATTACKER, VICTIM

MIB = 1 << 20
COUNT_ONE = b"counter\tfull_jobs_total\tHelp.\t1\n"
TOO_MANY = "this user has too many files there"
PAST_SHARE = "what is in the directory is a quarter of its small file system, which is left to others"
NO_SPACE = "No space left on device"


def setUpModule():
    mounts.enter_namespace()


class FullDirectory(user_case.UserCase):
    size = "1g"

    def setUp(self):
        agent_test_case.AgentTestCase.setUp(self)
        os.chmod(self.folder, 0o755)
        place = os.path.join(self.folder, "place")
        os.mkdir(place)
        mounts.tmpfs(self, place, f"mode=0777,size={self.size},nr_inodes=200000")
        self.agent = self.new_agent(*self.flags, name="place/segments")
        self.agent.log_path = os.path.join(self.folder, "log")
        self.start_agent()
        self.counted = 0

    def words_of_one(self, uid):
        """What NOTCH_DEBUG says to a program of that user that counts one and ends."""
        done = subprocess.run([agent_test_case.SPOKEN_WORKER], input=COUNT_ONE, capture_output=True, check=False,
                              timeout=60, user=uid, group=uid, extra_groups=[],
                              env=live_agent.environment(NOTCH_DIR=self.agent.directory, NOTCH_DEBUG="1",
                                                         NOTCH_SERVICE=f"user{uid}"))
        self.assertEqual((done.returncode, done.stdout), (0, b"ok\n"))
        return done.stderr.decode()

    def assert_refused(self, uid, why):
        words = self.words_of_one(uid)
        self.assertIn(f"no segment in {self.agent.directory}", words)
        self.assertIn(why, words)

    def assert_victim_is_exact(self, times=5):
        for _ in range(times):
            self.assertIn("notch: segment ", self.words_of_one(VICTIM))
        self.counted += times
        self.await_sample(self.counted, "full_jobs_total", f'service="user{VICTIM}"')

    def fill(self, left_bytes):
        """The attacker's, beside the directory, until so much is left of the file system."""
        path = os.path.join(os.path.dirname(self.agent.directory), "filler")
        with open(path, "wb") as file:
            os.fchown(file.fileno(), ATTACKER, ATTACKER)
            free = os.statvfs(path)
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - left_bytes)

    def figure(self, name):
        return self.agent.samples(name)[name, ""]

    def used_bytes(self):
        told = os.statvfs(self.agent.directory)
        return (told.f_blocks - told.f_bfree) * told.f_frsize


class ManyFiles(FullDirectory):
    FILES = 40_000

    def make_files(self, end):
        for number in range(self.FILES):
            path = os.path.join(self.agent.directory, f"{number}{end}")
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            os.chown(path, ATTACKER, ATTACKER)

    def assert_only_he_is_kept_out(self):
        self.assert_victim_is_exact()
        self.assert_refused(ATTACKER, TOO_MANY)
        self.restart_agent()  # which takes a census at the start, and then each minute
        live_agent.until(20, "the census", lambda: self.figure("notch_agent_directory_entries") >= self.FILES)
        self.assertGreater(self.figure("notch_agent_directory_largest_user_entries"), self.FILES * 0.95)
        self.assertEqual(self.agent.log().count(f"belong to uid {ATTACKER}: from 32768 on no program of that user"), 1)

    def test_of_any_name(self):
        self.make_files("")
        self.assert_only_he_is_kept_out()

    def test_of_segments_names(self):
        self.make_files(".notch")
        self.assert_only_he_is_kept_out()

    def test_among_the_victims_own(self):
        """The attacker's files are the newest, the oldest or between: no user can choose his share of the sample."""
        workers = [self.worker_of(VICTIM, "first") for _ in range(60)]
        for worker in workers:
            worker.say("counter", "first_total")
        self.make_files("")
        workers += [self.worker_of(VICTIM, "last") for _ in range(60)]
        for worker in workers[60:]:
            worker.say("counter", "last_total")
        self.await_sample(60, "first_total", 'service="first"')
        self.await_sample(60, "last_total", 'service="last"')
        self.assert_victim_is_exact()


class FullFileSystem(FullDirectory):
    def test_the_last_of_it_is_for_each_user_a_little(self):
        self.fill(40 * MIB)
        self.assert_victim_is_exact()
        hoard = os.path.join(self.agent.directory, "hoard")
        with open(hoard, "wb") as file:
            os.fchown(file.fileno(), ATTACKER, ATTACKER)
            os.posix_fallocate(file.fileno(), 0, 17 * MIB)
        self.assert_refused(ATTACKER, NO_SPACE)
        self.assert_victim_is_exact(10)


class SmallFileSystem(FullDirectory):
    size = "64m"
    SHARE = 16 * MIB

    def segment_bytes(self):
        """The memory of all segments, while no program starts or grows."""
        return sum(os.stat(os.path.join(self.agent.directory, name)).st_blocks * 512 for name in self.agent.segment_names())

    def assert_share_is_kept(self, least):
        """To the page: one program looks at a time. What the agent writes after the last look is on top."""
        self.assertLessEqual(self.segment_bytes(), self.SHARE)
        self.assertGreater(self.segment_bytes(), least)

    def test_a_file_system_of_its_own_is_all_the_directorys(self):
        own = os.path.join(self.folder, "own")
        os.mkdir(own)
        mounts.tmpfs(self, own, "mode=3777,size=8m")
        self.agent.directory = own
        self.assertGreater(self.start_until_refused(VICTIM), 250)
        self.assertGreater(self.used_bytes(), 7 * MIB)
        self.assert_refused(VICTIM, NO_SPACE)

    def start_until_refused(self, uid, most=2000):
        """Processes that live on; how many have a segment."""
        for number in range(most):
            before = self.agent.segment_names()  # the agent's own files come and go
            worker = self.worker_of(uid, "many")
            self.assertEqual(worker.say("counter", "many_total"), "ok")
            if self.agent.segment_names() == before:
                return number
        return most

    def test_many_programs_stop_at_a_quarter_and_the_rest_is_others(self):
        started = self.start_until_refused(ATTACKER)
        self.assertGreater(started, 100)
        self.assert_share_is_kept(self.SHARE - MIB)
        for _ in range(10):  # a program that tries again gets the same message
            self.assert_refused(ATTACKER, PAST_SHARE)
        self.await_sample(started, "many_total", 'service="many"')
        self.assert_victim_is_exact()
        self.fill(12 * MIB)  # as PostgreSQL would
        self.assert_victim_is_exact(10)

    def test_what_others_took_is_not_charged_to_it(self):
        self.fill(24 * MIB)
        started = self.start_until_refused(ATTACKER)
        self.assertGreater(started, 100)
        self.assert_refused(ATTACKER, PAST_SHARE)
        self.assert_share_is_kept(self.SHARE - MIB)

    def test_growth_is_held_to_it(self):
        """Rows of long labels in processes that have had a segment for long: a process without room for a row counts it as
        dropped, and goes on counting in the rows it has."""
        workers = [self.worker_of(ATTACKER, "many") for _ in range(40)]
        for row in range(400):
            for worker in workers:
                self.assertEqual(worker.say("counter", "many_total", 1, {"row": f"{row:04}" * 250}), "ok")
        self.assert_share_is_kept(self.SHARE - 2 * MIB)
        self.assertGreater(text_page.total(self.agent.samples("notch_agent_client_dropped_total"),
                                           "notch_agent_client_dropped_total"), 0)
        self.await_sample(len(workers), "many_total", f'service="many",row="{"0000" * 250}"')
        self.assert_victim_is_exact()


if __name__ == "__main__":
    unittest.main()
