#!/usr/bin/python3
"""What a user can put into the directory of segments (hostile_files.py), while real Prometheus servers scrape
(hostile_case.py): no scrape fails, and another user's programs, new ones too, are counted exactly.
Called by: ctest, as hostile_files_prometheus_test.py NOTCHD SPOKEN_WORKER Files, and Rows.
"""
import os
import shutil
import signal
import unittest

import hostile_case
import mounts
import scratch
import user_case

SUBORDINATE, RANGE = 300_000, 65_536  # of the user of the last of ROWS
MOST_DEAD, MOST_SERIES, MOST_PAGE_BYTES = 10_000, 20_000, 8_000_000
EMPTY_FILES = 40_000
CHOSEN_BITS = 13


def setUpModule():
    mounts.enter_namespace()


class Attacker(hostile_case.Attacker):
    def files(self, act, *arguments, **identity):
        self.run("hostile_files.py", act, *arguments, **identity)

    def rejected_after(self, reason, by, act, *arguments):
        condition = self.more_rejected(reason, by)
        self.files(act, *arguments)
        return condition

    def left_out_after(self, reason, by, act, *arguments):
        condition = self.more_left_out(reason, by)
        self.files(act, *arguments)
        return condition

    def empty_files_of_one_hash(self):
        """The same files each time."""
        before = len(os.listdir(self.case.agent.directory))
        condition = self.more_rejected("too_short", EMPTY_FILES * 9 // 10) if before < EMPTY_FILES // 2 else None
        self.files("empty_files_of_one_hash", EMPTY_FILES)
        return condition

    def files_that_are_no_segments(self):
        others = self.more_rejected("many_links", 100), self.more_rejected("newer_version", 50)
        rejected = self.rejected_after("not_a_file", 400, "files_that_are_no_segments", 100)
        return lambda: rejected() and all(condition() for condition in others)

    def names_of_the_agents_files(self):
        self.files("names_of_the_agents_files")

    def a_mount_over_a_file_of_his(self):
        condition = self.more_rejected("not_a_file")
        self.case.mount_over(f"silent-{len(self.case.kept_names)}.notch", self.uid)
        return condition

    def three_that_make_and_remove_files_without_pause(self):
        for _ in range(3):
            self.files("come_and_go")
        self.afterwards.append(lambda: min(map(int, self.last_words)) >= 1000)

    def segments_cut_off_one_after_another(self):
        return self.rejected_after("truncated", 200, "cut_off", 500)

    def holes_behind_the_check_of_memory(self):
        return self.rejected_after("not_backed", 1, "holes", 32)

    def sparse_files_of_16_gib(self):
        return self.rejected_after("address_space_per_uid", 1, "sparse", 3000)

    def label_text_shared_by_offset(self):
        return self.left_out_after("page_bytes", 1500, "long_labels", 2000)

    def names_of_families_beyond_counting(self):
        return self.left_out_after("family_limit_per_uid", 2500, "families", 2, 2500)

    def rows_of_chosen_text(self):
        self.files("chosen_rows", CHOSEN_BITS)
        return lambda: self.case.rows_of("chosen_total") >= 1 << CHOSEN_BITS

    def rows_of_his_dead(self):
        """One more than are kept."""
        self.afterwards.append(self.more("notch_agent_overflowed_rows_total"))
        self.files("dead_rows", MOST_DEAD + 1)
        return lambda: self.case.rows_of("many_rows_total") > MOST_DEAD

    def room_that_comes_and_goes(self):
        return self.left_out_after("series_limit", MOST_SERIES, "room_that_comes_and_goes", MOST_SERIES * 3 // 4)

    def dead_rows_of_his_subordinate_users(self):
        self.afterwards.append(self.more("notch_agent_overflowed_rows_total", "", MOST_DEAD))
        for number in range(8):
            uid = SUBORDINATE + number
            self.files("dead_rows", MOST_DEAD // 4, user=uid, group=uid)
        return lambda: self.case.rows_of("many_rows_total") >= 2 * MOST_DEAD


FILES = (
    (Attacker.empty_files_of_one_hash, Attacker.files_that_are_no_segments),
    (Attacker.names_of_the_agents_files, Attacker.a_mount_over_a_file_of_his, Attacker.segments_cut_off_one_after_another,
     Attacker.holes_behind_the_check_of_memory),
    (Attacker.three_that_make_and_remove_files_without_pause, Attacker.label_text_shared_by_offset,
     Attacker.names_of_families_beyond_counting),
    (Attacker.sparse_files_of_16_gib,),
)
ROWS = (
    (Attacker.rows_of_chosen_text, Attacker.rows_of_his_dead),
    (Attacker.room_that_comes_and_goes,),
    (Attacker.dead_rows_of_his_subordinate_users,),
)


class FilesCase(hostile_case.HostileCase):
    flags = ("--limit.dead-rows-per-uid", str(MOST_DEAD), "--limit.series-per-uid", str(MOST_SERIES),
             "--limit.page-bytes-per-uid", str(MOST_PAGE_BYTES))

    def setUp(self):
        self.kept_names = set()
        self.give_subordinate_uids(hostile_case.FIRST_ATTACKER + len(ROWS) - 1)
        super().setUp()

    def start_agent(self):
        if not os.path.exists(self.agent.directory):
            self.make_directory()
        super().start_agent()
        for name in ("agent.lock", "agent.ledger"):
            self.assertTrue(os.path.isfile(os.path.join(self.agent.directory, name)), name)

    def make_directory(self):
        """As its first agent finds it: a user was there before."""
        os.mkdir(self.agent.directory)
        os.chown(self.agent.directory, user_case.AGENT, user_case.AGENT)
        os.chmod(self.agent.directory, 0o3777)
        for name in ("agent.lock", "agent.ledger", "agent.ledger.new", "agent.ledger.other-boot", "agent.ledger.broken"):
            path = os.path.join(self.agent.directory, name)
            os.makedirs(os.path.join(path, "not-empty"))
            os.chown(path, user_case.ATTACKER, user_case.ATTACKER)

    def give_subordinate_uids(self, uid):
        """A setting for programs that this process starts."""
        folder = scratch.folder_of(self)
        for path, line in (("/etc/passwd", f"hostile:x:{uid}:{uid}::/:/bin/false\n"),
                           ("/etc/subuid", f"hostile:{SUBORDINATE}:{RANGE}\n")):
            copy = os.path.join(folder, os.path.basename(path))
            shutil.copy(path, copy)
            with open(copy, "a", encoding="utf-8") as file:
                file.write(line)
            mounts.mount(self, path, "--bind", copy)
        os.chmod(folder, 0o755)

    def rows_of(self, family):
        return len(self.agent.samples(family))

    def mount_over(self, name, uid):
        """As fusermount does for a user; the agent is held so that it finds the mount, and not the file below."""
        path = os.path.join(self.agent.directory, name)
        self.kept_names.add(name)
        self.agent.process.send_signal(signal.SIGSTOP)
        try:
            with open(path, "wb"):
                os.chown(path, uid, uid)
            mounts.silent(self, path)
        finally:
            self.agent.process.send_signal(signal.SIGCONT)


class Files(FilesCase):
    def test_no_scrape_fails_whatever_a_user_puts_there(self):
        self.attack_by_groups(Attacker, FILES)


class Rows(FilesCase):
    def test_no_scrape_fails_whatever_his_segments_hold(self):
        self.attack_by_groups(Attacker, ROWS)


if __name__ == "__main__":
    unittest.main()
