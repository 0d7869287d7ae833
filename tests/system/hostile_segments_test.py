#!/usr/bin/python3
"""Files that no correct client writes are in the live agent's directory: the agent counts each by its reason, no page
breaks, and the numbers of correct programs stay right.
Called by: ctest, as hostile_segments_test.py NOTCHD SPOKEN_WORKER.
"""
import fcntl
import os
import random
import socket
import struct
import time
import unittest

import agent_test_case

HEADER_BYTES = 4096
# Offsets of the header's fields.
MAJOR, BYTE_ORDER, CATALOGUE, CATALOGUE_USED, VALUES_OFFSET = 8, 12, 32, 48, 56
CELL_CAPACITY, CELLS_COMMITTED, UID = 80, 88, 132
SEED = int(os.environ.get("NOTCH_SEED", time.time_ns() % 2**32))


class HostileSegments(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()
        self.honest = self.worker("honest")
        self.honest.say("counter", "honest_jobs_total", 42)
        (self.honest_name,) = self.agent.segment_names()
        self.await_sample(42, "honest_jobs_total", 'service="honest"')

    def path(self, name):
        return os.path.join(self.agent.directory, name)

    def victim(self):
        """A worker of its own, and the path of its segment."""
        before = set(self.agent.segment_names())
        worker = self.worker("victim")
        worker.say("counter", "victim_jobs_total", 5)
        worker.say("histogram", "victim_size_bytes", 5)
        (name,) = set(self.agent.segment_names()) - before
        self.await_sample(5, "victim_jobs_total", 'service="victim"')
        return worker, self.path(name)

    def place(self, name, content, size=0):
        """A file under a segment's name, locked as by a living writer, complete once it is there."""
        hidden = self.path("." + name + ".new")
        file = open(hidden, "wb")
        self.addCleanup(file.close)
        fcntl.flock(file, fcntl.LOCK_SH)
        file.write(content)
        file.truncate(max(size, len(content)))
        file.flush()
        os.rename(hidden, self.path(name))

    def honest_bytes(self):
        """The honest segment's header and catalogue without its values, and its whole size."""
        with open(self.path(self.honest_name), "rb") as file:
            return bytearray(file.read(64 * 1024)), os.fstat(file.fileno()).st_size

    def cell_capacity(self):
        return struct.unpack_from("<Q", self.honest_bytes()[0], CELL_CAPACITY)[0]

    def assert_rejected(self, reason, times=1):
        self.await_sample(times, "notch_agent_rejected_segments_total", f'reason="{reason}"')
        self.assert_sound()

    def assert_sound(self, lint=True):
        self.assert_pages_sound(lint)
        self.assertEqual(self.agent.samples("honest_"), {("honest_jobs_total", 'service="honest"'): 42})

    def test_what_is_no_segment_is_rejected(self):
        for name, content, reason in (
                ("empty", b"", "too_short"), ("short", b"NOTCHSEG", "too_short"),
                ("zeros", bytes(HEADER_BYTES * 4), "being_built"),
                ("garbage", random.Random(SEED).randbytes(100_000), "not_a_segment")):
            with self.subTest(name):
                self.place(name + ".notch", content)
        self.assert_rejected("too_short", 2)
        self.assert_rejected("not_a_segment", 1)
        self.assert_rejected("being_built", 1)

    def test_a_claim_in_the_header_that_is_not_true_is_rejected(self):
        for name, offset, form, value, reason in (
                ("uid", UID, "<I", os.geteuid() + 1, "wrong_owner"),
                ("major", MAJOR, "<H", 2, "newer_version"),
                ("old", MAJOR, "<H", 0, "older_version"),
                ("order", BYTE_ORDER, "<I", 0x04030201, "other_byte_order"),
                ("values", VALUES_OFFSET, "<Q", 2**63, "bad_geometry"),
                ("used", CATALOGUE_USED, "<Q", 2**40, "not_backed"),
                ("cells", CELLS_COMMITTED, "<Q", self.cell_capacity(), "not_backed")):
            with self.subTest(name):
                content, size = self.honest_bytes()
                struct.pack_into(form, content, offset, value)
                before = self.agent.samples("notch_agent_rejected").get(
                    ("notch_agent_rejected_segments_total", f'reason="{reason}"'), 0)
                self.place(name + ".notch", content, size)
                self.assert_rejected(reason, before + 1)
                os.unlink(self.path(name + ".notch"))

    def test_what_is_no_regular_file_of_one_name_is_rejected(self):
        os.mkdir(self.path("folder.notch"))
        os.symlink("/etc/passwd", self.path("link.notch"))
        os.mkfifo(self.path("pipe.notch"))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path("socket.notch"))
            self.assert_rejected("not_a_file", 4)
        content, size = self.honest_bytes()
        self.place("first.txt", content, size)
        os.link(self.path("first.txt"), self.path("second.notch"))
        self.assert_rejected("many_links")

    def test_a_segment_cut_off_under_the_map_is_let_go(self):
        worker, path = self.victim()
        os.truncate(path, HEADER_BYTES)
        self.agent.scrape()
        self.assert_rejected("truncated")
        worker.end()
        # What it had counted stands still: sums do not go back.
        self.assertEqual(self.agent.samples("victim_jobs")["victim_jobs_total", 'service="victim"'], 5)

    def test_a_catalogue_that_turns_to_garbage_is_let_go(self):
        _, path = self.victim()
        with open(path, "r+b") as file:
            used = struct.unpack("<Q", os.pread(file.fileno(), 8, CATALOGUE_USED))[0]
            os.pwrite(file.fileno(), struct.pack("<Q", used + 64), CATALOGUE_USED)
        self.assert_rejected("bad_record")

    def test_random_bytes_in_a_living_segment_break_no_page(self):
        print(f"seed {SEED}", flush=True)
        source = random.Random(SEED)
        for _ in range(40):
            worker, path = self.victim_of_many()
            with open(path, "r+b") as file:
                data = os.pread(file.fileno(), HEADER_BYTES * 4, 0)
                catalogue, used = (struct.unpack_from("<Q", data, at)[0] for at in (CATALOGUE, CATALOGUE_USED))
                for _ in range(8):
                    at = source.choice((source.randrange(HEADER_BYTES), catalogue + source.randrange(used)))
                    os.pwrite(file.fileno(), source.randbytes(source.choice((1, 2, 4, 8))), at)
            self.assertIsNotNone(self.agent.scrape())
            worker.say("counter", "victim_more_total")
            worker.end()
        self.assert_sound(lint=False)  # names with a random byte are not to its taste

    def victim_of_many(self):
        before = set(self.agent.segment_names())
        worker = self.worker("victim")
        worker.say("counter", "victim_jobs_total", 5, {"route": "/"})
        worker.say("native_histogram", "victim_wait_seconds", 5, {"route": "/"})
        (name,) = set(self.agent.segment_names()) - before
        return worker, self.path(name)


if __name__ == "__main__":
    unittest.main()
