#!/usr/bin/python3
"""The file systems that a directory of segments may be on, as real mounts. Where a mapping keeps a lock after close(),
every count is on the page; elsewhere program and agent refuse the directory and say so.
Called by: ctest, as directory_mounts_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import signal
import subprocess
import unittest

import agent_test_case
import live_agent
import mounts

NOTCHD, SPOKEN_WORKER = agent_test_case.NOTCHD, agent_test_case.SPOKEN_WORKER
COUNT_FIVE = b"counter\tmounts_jobs_total\tHelp.\t5\n"
FIRST, SECOND = "/run/notch", "/dev/shm/notch"
NOT_TRUSTED = "it belongs neither to root nor to this user"
OTHER_UID, USER_UID = 61001, 61002


def setUpModule():
    mounts.enter_namespace()


class MountedTestCase(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.folder, "place")
        os.mkdir(self.place)
        self.agent = self.new_agent(name="place/segments")

    def count_five(self, expect_in_errors="", user=0, **environment):
        """A process that counts five and ends, with NOTCH_DEBUG, which is to say these words."""
        done = subprocess.run([SPOKEN_WORKER], input=COUNT_FIVE, capture_output=True, check=False, user=user, group=user,
                              extra_groups=[], timeout=60,
                              env=live_agent.environment(**{"NOTCH_DEBUG": "1", "NOTCH_SERVICE": "shop", **environment}))
        self.assertEqual((done.returncode, done.stdout), (0, b"ok\n"))
        self.assertIn(expect_in_errors, done.stderr.decode())


class FileSystems(MountedTestCase):
    def assert_counts(self):
        """A living process is not taken for dead, and the dead are folded once."""
        self.agent.start_and_wait()
        worker = self.worker()
        for count in range(1, 5):
            worker.say("counter", "mounts_jobs_total", 1)
            self.await_sample(count, "mounts_jobs_total", 'service="shop"')
            self.await_a_sweep(count)
            self.await_sample(1, "notch_agent_segments", 'state="live"')
        worker.end()
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.await_sample(4, "mounts_jobs_total", 'service="shop"')
        self.assertEqual(self.agent.stop(), 0)

    def await_a_sweep(self, folded_before):
        """A sweep has been made once the agent has found the death of a process that ended since."""
        self.count_five(NOTCH_DIR=self.agent.directory, NOTCH_SERVICE="other")
        self.await_sample(5 * folded_before, "mounts_jobs_total", 'service="other"')
        self.await_sample(folded_before, "notch_agent_folds_total")

    def test_tmpfs(self):
        mounts.tmpfs(self, self.place)
        self.assert_counts()

    def test_bind_of_tmpfs(self):
        beside = os.path.join(self.folder, "beside")
        os.mkdir(beside)
        mounts.mount(self, self.place, "--bind", beside)
        self.assert_counts()

    def test_one_mounted_over_a_live_agents_directory(self):
        """Running programs are still counted below the mount, and new programs in it."""
        self.agent.start_and_wait()
        below = self.worker()
        below.say("counter", "mounts_jobs_total", 1)
        self.await_sample(1, "mounts_jobs_total", 'service="shop"')
        mounts.tmpfs(self, self.agent.directory, "mode=3777")
        self.await_sample(1, "notch_agent_directory_replacements_total")
        within = self.worker()
        within.say("counter", "mounts_jobs_total", 10)
        below.say("counter", "mounts_jobs_total", 1)
        self.await_sample(12, "mounts_jobs_total", 'service="shop"')
        below.end()
        within.end()
        live_agent.until(30, "the folds", self.agent.all_folded)
        self.assertEqual(self.agent.stop(), 0)
        self.agent.start_and_wait()
        self.await_sample(12, "mounts_jobs_total", 'service="shop"')

    def test_ext4(self):
        self.on_image("ext4")

    def test_xfs(self):
        self.on_image("xfs")

    def test_btrfs(self):
        self.on_image("btrfs")

    def on_image(self, kind):
        mounts.image(self, self.place, kind, self.folder)
        self.assert_counts()

    def test_overlayfs_is_refused_by_both(self):
        mounts.overlay(self, self.place, os.path.join(self.folder, "layers"))
        words = "a mapping does not keep its file's lock there"
        done = subprocess.run([NOTCHD, "--dir", self.agent.directory, "--listen", "127.0.0.1:0"], capture_output=True,
                              text=True, check=False, timeout=60, env=live_agent.environment())
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertIn(self.agent.directory, done.stderr)
        self.count_five(words, NOTCH_DIR=self.agent.directory)
        self.assertEqual(os.listdir(self.agent.directory), [])


class MountsOfUsers(MountedTestCase):
    """A user mounts a file system that never answers over a file or a folder of his own in the directory."""
    def setUp(self):
        super().setUp()
        os.mkdir(self.agent.directory)
        os.chmod(self.agent.directory, 0o3777)

    def mount_over(self, name, make=os.mkdir):
        path = os.path.join(self.agent.directory, name)
        make(path)
        os.chown(path, OTHER_UID, OTHER_UID)
        mounts.silent(self, path)

    def make_file(self, path):
        with open(path, "wb"):
            pass

    def assert_counts(self):
        self.count_five(NOTCH_DIR=self.agent.directory)
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.await_sample(5, "mounts_jobs_total", 'service="shop"')

    def test_one_over_a_segment_holds_up_no_sweep_and_no_page(self):
        self.agent.start_and_wait()
        self.agent.process.send_signal(signal.SIGSTOP)  # so that it finds the mount, and not the file below
        self.mount_over("silent.notch", self.make_file)
        self.agent.process.send_signal(signal.SIGCONT)
        self.await_sample(1, "notch_agent_rejected_segments_total", 'reason="not_a_file"')
        self.assert_counts()

    def test_one_that_was_there_before_holds_up_no_start(self):
        self.mount_over("silent.notch", self.make_file)
        self.agent.start_and_wait()
        self.await_sample(1, "notch_agent_rejected_segments_total", 'reason="not_a_file"')
        self.assert_counts()

    def test_one_in_the_place_of_a_new_ledger_keeps_none_from_being_written(self):
        self.mount_over("agent.ledger.new")
        self.agent.start_and_wait()
        self.assert_counts()
        self.assertEqual(self.agent.stop(), 0)
        self.agent.start_and_wait()
        self.await_sample(5, "mounts_jobs_total", 'service="shop"')

    def assert_refused_for(self, name):
        self.mount_over(name, self.make_file)
        self.agent.start()
        self.assertEqual(self.agent.process.wait(30), 3)
        self.assertIn(name, self.agent.log())

    def test_one_in_the_place_of_the_lock_ends_the_start_and_is_named(self):
        self.assert_refused_for("agent.lock")

    def test_one_in_the_place_of_the_ledger_ends_the_start_and_is_named(self):
        self.assert_refused_for("agent.ledger")


class Defaults(MountedTestCase):
    """Programs and agent without a named directory, in /run and /dev/shm as a container may have them."""
    def setUp(self):
        super().setUp()
        mounts.tmpfs(self, "/mnt")  # as the scratch folder will be hidden
        self.folder = "/mnt"
        self.agent = self.new_agent(name="log-beside-this")
        del self.agent.command[1:3]  # --dir and its value

    def assert_meet_in(self, directory):
        self.agent.directory = directory
        self.agent.start_and_wait()
        self.assertIn(f", segments in {directory}\n", self.agent.log())
        self.count_five(f"notch: segment {directory}/")
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.await_sample(5, "mounts_jobs_total", 'service="shop"')

    def own_shm(self):
        mounts.tmpfs(self, os.path.dirname(SECOND), "mode=1777")

    def overlaid_run(self):
        mounts.overlay(self, "/run", os.path.join(self.folder, "layers"))

    def test_run_on_tmpfs(self):
        mounts.tmpfs(self, "/run")
        self.assert_meet_in(FIRST)

    def test_run_of_an_image_is_passed_over_by_both(self):
        self.overlaid_run()
        self.own_shm()
        self.assert_meet_in(SECOND)
        self.assertFalse(os.path.exists(FIRST))

    def test_a_directory_left_in_the_run_of_an_image_is_passed_over_by_both(self):
        self.overlaid_run()
        self.own_shm()
        os.mkdir(FIRST)
        os.chmod(FIRST, 0o3777)
        self.assert_meet_in(SECOND)

    def test_a_program_does_not_write_for_another_user(self):
        """Otherwise the user who made the default directory first could read all that others count."""
        mounts.tmpfs(self, "/run")
        self.own_shm()
        os.mkdir(SECOND)
        os.chown(SECOND, OTHER_UID, OTHER_UID)
        os.chmod(SECOND, 0o3777)
        self.count_five(NOT_TRUSTED, user=USER_UID)
        self.assertEqual(os.listdir(SECOND), [])
        self.count_five(f"notch: segment {SECOND}/", user=OTHER_UID)
        self.count_five(f"notch: segment {SECOND}/", user=USER_UID, NOTCH_DIR=SECOND)

    def test_a_program_follows_no_link_of_another_user(self):
        mounts.tmpfs(self, "/run")
        self.own_shm()
        elsewhere = os.path.join(os.path.dirname(SECOND), "elsewhere")
        os.mkdir(elsewhere)
        os.symlink(elsewhere, SECOND)
        self.count_five("Not a directory")
        self.assertEqual(os.listdir(elsewhere), [])

    def test_an_agent_does_not_serve_from_another_users_directory(self):
        mounts.overlay(self, "/run", os.path.join(self.folder, "layers"))
        self.own_shm()
        os.mkdir(SECOND)
        os.chown(SECOND, OTHER_UID, OTHER_UID)
        self.agent.start()
        self.assertEqual(self.agent.process.wait(30), 3)
        self.assertIn(NOT_TRUSTED, self.agent.log())
        self.assertIn(SECOND, self.agent.log())
        self.assertEqual(os.listdir(SECOND), [])

    def test_where_only_root_makes_entries_the_owner_is_not_asked_for(self):
        mounts.tmpfs(self, "/run")
        os.mkdir(FIRST)
        os.chown(FIRST, OTHER_UID, OTHER_UID)
        os.chmod(FIRST, 0o3777)
        self.count_five(f"notch: segment {FIRST}/", user=USER_UID, NOTCH_SERVICE="other")
        self.assert_meet_in(FIRST)


if __name__ == "__main__":
    unittest.main()
