#!/usr/bin/python3
"""The directory of a live agent is removed, moved away and back, emptied, replaced by one that the agent must not use, or
taken by another agent. The agent goes on and says so; no count is lost, and none counts twice.
Called by: ctest, as directory_removed_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import shutil
import signal
import stat
import subprocess
import unittest

import agent_test_case
import live_agent

AGENT, OTHER = 61038, 61039
JOBS = ("removed_jobs_total", 'service="shop"')
PRESENT = "notch_agent_directory_present"
REPLACEMENTS = "notch_agent_directory_replacements_total"


class RemovedTestCase(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.agent.directory

    def counting(self, value):
        """A living process that has counted this amount."""
        worker = self.worker()
        self.assertEqual(worker.say("counter", JOBS[0], value), "ok")
        return worker

    def jobs(self):
        return self.agent.samples(JOBS[0]).get(JOBS)

    def await_replacements(self, times):
        self.await_sample(times, REPLACEMENTS)
        self.await_sample(1, PRESENT)
        self.await_sample(1, "notch_agent_directory_watched")

    def end_all(self, *workers):
        for worker in workers:
            worker.end()
        live_agent.until(30, "the folds", self.agent.all_folded)

    def assert_kept_over_a_restart(self, value):
        """All processes have died, and the ledger with their counts is where the next agent finds it."""
        self.assertEqual(self.jobs(), value)
        self.assertEqual(self.agent.segment_names(), [])
        self.agent.kill()
        self.agent.start_and_wait()
        self.await_sample(value, *JOBS)
        self.assertNotIn("broken", self.agent.log())

    def remove(self):
        shutil.rmtree(self.directory)


class Removed(RemovedTestCase):
    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()
        self.end_all(self.counting(100))
        self.stays = self.counting(20)
        self.await_sample(120, *JOBS)

    def go_on(self, replacements=1):
        """The former process goes on counting, another starts, and both die: 1 + 3 more."""
        self.await_replacements(replacements)
        self.assertEqual(stat.S_IMODE(os.stat(self.directory).st_mode), 0o3777)
        before = self.jobs()
        self.stays.say("counter", JOBS[0], 1)
        self.assertEqual(self.jobs(), before + 1)
        comes = self.counting(3)
        self.await_sample(before + 4, *JOBS)
        self.assertEqual(len(self.agent.segment_names()), 1)
        self.end_all(self.stays, comes)
        self.assert_kept_over_a_restart(before + 4)

    def test_the_directory(self):
        self.remove()
        self.go_on()
        self.assertIn(f"{self.directory} was removed or replaced", self.agent.log())
        self.assertIn(f"segments are in {self.directory} again", self.agent.log())

    def test_and_made_again_by_another(self):
        """As systemd does with a RuntimeDirectory."""
        self.remove()
        os.mkdir(self.directory)
        os.chmod(self.directory, 0o3777)
        self.go_on()

    def test_and_all_die_before_the_next_sweep(self):
        self.agent.process.send_signal(signal.SIGSTOP)
        self.remove()
        self.stays.say("counter", JOBS[0], 5)
        self.stays.end()
        self.agent.process.send_signal(signal.SIGCONT)
        self.await_replacements(1)
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.assert_kept_over_a_restart(125)

    def test_again_and_again(self):
        workers = []
        for times in range(1, 6):
            self.remove()
            self.await_replacements(times)
            workers.append(self.counting(1000))
            self.await_sample(120 + 1000 * times, *JOBS)
        self.end_all(self.stays, *workers)
        self.assert_kept_over_a_restart(5120)

    def test_its_files_alone(self):
        """rm -r /run/notch/*: the lock and the ledger too."""
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        self.go_on()

    def test_its_lock_alone(self):
        os.unlink(os.path.join(self.directory, "agent.lock"))
        self.await_replacements(1)
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            subprocess.run([agent_test_case.NOTCHD, "--dir", self.directory, "--listen", "127.0.0.1:0"], check=True,
                           timeout=30, capture_output=True, env=live_agent.environment())
        self.assertEqual(refused.exception.returncode, 3)
        self.assertIn(f"process {self.agent.process.pid} is the agent", refused.exception.stderr.decode())
        self.end_all(self.stays)
        self.assert_kept_over_a_restart(120)

    def test_its_lock_and_another_agent_takes_it(self):
        """Both read what runs; only the one that has the lock writes to the ledger, and neither writes over the other."""
        other = self.new_agent()
        other.directory, other.log_path = self.directory, self.directory + ".other.log"
        self.agent.process.send_signal(signal.SIGSTOP)
        os.unlink(os.path.join(self.directory, "agent.lock"))
        other.start_and_wait()
        self.agent.process.send_signal(signal.SIGCONT)
        live_agent.until(20, "the refusal", lambda: "is the agent of" in self.agent.log())
        self.stays.say("counter", JOBS[0], 1)
        self.stays.end()
        self.assertEqual([agent.samples(JOBS[0]) for agent in (self.agent, other)], [{JOBS: 121}] * 2)
        self.agent.kill()
        live_agent.until(30, "the other's fold", other.all_folded)
        self.agent = other
        self.assert_kept_over_a_restart(121)

    def test_its_ledger_alone(self):
        os.unlink(os.path.join(self.directory, "agent.ledger"))
        self.await_sample(1, "notch_agent_ledger_replacements_total")
        self.assertIn(f"the ledger in {self.directory} was removed", self.agent.log())
        self.end_all(self.stays)
        self.assert_kept_over_a_restart(120)

    def test_its_ledger_replaced_by_an_older_one(self):
        ledger = os.path.join(self.directory, "agent.ledger")
        shutil.copy(ledger, ledger + ".copy")
        self.end_all(self.stays)
        os.rename(ledger + ".copy", ledger)
        with open(ledger, "rb") as file:
            older = file.read()
        self.await_sample(1, "notch_agent_ledger_replacements_total")
        with open(ledger + ".replaced", "rb") as file:
            self.assertEqual(file.read(), older)
        self.assert_kept_over_a_restart(120)


class Moved(RemovedTestCase):
    def setUp(self):
        super().setUp()
        self.away = self.directory + ".away"
        self.agent.start_and_wait()
        self.end_all(self.counting(100))
        self.stays = self.counting(20)
        self.await_sample(120, *JOBS)
        os.rename(self.directory, self.away)
        self.await_replacements(1)

    def test_away(self):
        """What runs is read where it is now, and its file removed there."""
        comes = self.counting(3)
        self.await_sample(123, *JOBS)
        self.stays.end()
        live_agent.until(30, "its file's end",
                         lambda: not [name for name in os.listdir(self.away) if name.endswith(".notch")])
        self.end_all(comes)
        self.assert_kept_over_a_restart(123)

    def test_away_and_back(self):
        comes = self.counting(3)
        self.await_sample(123, *JOBS)
        self.remove()
        os.rename(self.away, self.directory)
        self.await_replacements(2)
        self.stays.say("counter", JOBS[0], 1)
        last = self.counting(5)
        self.await_sample(129, *JOBS)
        self.end_all(self.stays, comes, last)
        self.assert_kept_over_a_restart(129)

    def test_away_and_back_when_what_it_held_has_died(self):
        """The agent takes the former directory again, and not the ledger in it, which is older than its own."""
        self.end_all(self.stays)
        self.remove()
        os.rename(self.away, self.directory)
        self.await_replacements(2)
        self.end_all(self.counting(5))
        self.assert_kept_over_a_restart(125)


class RemovedByProcess(RemovedTestCase):
    flags = ("--per-process", "--linger", "1s")

    def test_the_directory(self):
        self.agent.start_and_wait()
        first = self.counting(20)
        live_agent.until(20, "its row", lambda: len(self.agent.samples(JOBS[0])) == 1)
        self.remove()
        self.await_replacements(1)
        second = self.counting(3)
        live_agent.until(20, "both rows", lambda: len(self.agent.samples(JOBS[0])) == 2)
        first.say("counter", JOBS[0], 1)
        self.assertEqual(sorted(self.agent.samples(JOBS[0]).values()), [3, 21])
        self.end_all(first, second)
        self.assertEqual(self.agent.samples(JOBS[0]), {})
        self.assertEqual(self.agent.segment_names(), [])


class NotToBeUsed(RemovedTestCase):
    """The agent must not or cannot use what is at the path: running programs are still counted."""
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        parent = os.path.join(self.folder, "parent")
        os.mkdir(parent)
        os.chown(parent, AGENT, AGENT)
        self.parent = parent
        self.agent = self.new_agent(name="parent/segments")
        self.agent.log_path = os.path.join(self.folder, "agent.log")
        self.directory = self.agent.directory
        self.agent.start(user=AGENT, group=AGENT, extra_groups=[])
        live_agent.until(30, "the agent's first page", self.agent.answers)
        self.end_all(self.counting(100))
        self.stays, self.dies = self.counting(20), self.counting(4)
        self.await_sample(124, *JOBS)

    def assert_refused(self, words):
        """The page is right, dead processes are folded, and the log says why new programs are not seen."""
        live_agent.until(20, words, lambda: words in self.agent.log())
        self.await_sample(0, PRESENT)
        self.stays.say("counter", JOBS[0], 1)
        self.assertEqual(self.jobs(), 125)
        self.dies.end()
        self.await_sample(1, "notch_agent_segments", 'state="live"')
        self.await_sample(0, "notch_agent_segments", 'state="dead"')
        self.assertEqual(self.jobs(), 125)

    def assert_comes_back(self):
        self.await_replacements(1)
        self.end_all(self.counting(8), self.stays)
        self.assertEqual(self.jobs(), 133)
        self.assertEqual(self.agent.segment_names(), [])
        self.agent.kill()
        self.agent.start(user=AGENT, group=AGENT, extra_groups=[])
        self.await_sample(133, *JOBS)

    def test_a_link(self):
        elsewhere = os.path.join(self.folder, "elsewhere")
        os.mkdir(elsewhere)
        os.chmod(elsewhere, 0o3777)
        os.chmod(self.parent, 0o555)  # so that it is not made anew in between
        self.remove()
        os.symlink(elsewhere, self.directory)
        self.assert_refused(f"cannot open the directory {self.directory}")
        self.assertEqual(os.listdir(elsewhere), [])
        os.unlink(self.directory)
        os.chmod(self.parent, 0o755)
        self.assert_comes_back()

    def test_a_directory_of_another_user(self):
        os.chmod(self.parent, 0o555)
        self.remove()
        os.mkdir(self.directory)
        os.chmod(self.directory, 0o3777)
        os.chown(self.directory, OTHER, OTHER)
        self.assert_refused(f"belongs to uid {OTHER}")
        self.assertEqual(os.listdir(self.directory), [])
        os.rmdir(self.directory)
        os.chmod(self.parent, 0o755)
        self.assert_comes_back()

    def test_a_directory_of_other_files(self):
        os.chmod(self.parent, 0o555)
        self.remove()
        os.mkdir(self.directory, 0o755)
        with open(os.path.join(self.directory, "hosts"), "wb"):
            pass
        self.assert_refused("holds hosts")
        os.unlink(os.path.join(self.directory, "hosts"))
        os.chmod(self.directory, 0o3777)
        os.chown(self.directory, AGENT, AGENT)
        self.assert_comes_back()

    def test_nothing_as_the_parent_is_gone(self):
        shutil.rmtree(self.parent)
        self.assert_refused(f"cannot create {self.directory}")
        os.mkdir(self.parent)
        os.chown(self.parent, AGENT, AGENT)
        self.assert_comes_back()

    def test_nothing_as_it_may_not_be_made(self):
        """As in /run, where root alone makes entries: whoever makes it gives it to the agent."""
        os.chown(self.parent, 0, 0)
        self.remove()
        self.assert_refused(f"cannot create {self.directory}")
        os.mkdir(self.directory)
        os.chmod(self.directory, 0o3777)
        os.chown(self.directory, AGENT, AGENT)
        self.assert_comes_back()

    def test_one_that_another_agent_has_taken(self):
        os.chmod(self.parent, 0o555)
        self.remove()
        other = self.new_agent(name="parent/segments")
        other.log_path = os.path.join(self.folder, "other.log")
        os.mkdir(self.directory)
        os.chmod(self.directory, 0o3777)
        os.chown(self.directory, AGENT, AGENT)
        self.agent.process.send_signal(signal.SIGSTOP)
        other.start(user=AGENT, group=AGENT, extra_groups=[])
        live_agent.until(30, "the other's first page", other.answers)
        self.agent.process.send_signal(signal.SIGCONT)
        self.assert_refused(f"process {other.process.pid} is the agent of {self.directory}")
        self.assertEqual(other.stop(), 0)
        self.assert_comes_back()


if __name__ == "__main__":
    unittest.main()
