#!/usr/bin/python3
"""Clients that take the agent's page slowly or not at all, more of them than it answers at one time: its memory stays
bounded, and a scraper that reads gets its page meanwhile.
Called by: ctest, as slow_readers_test.py NOTCHD SPOKEN_WORKER.
"""
import re
import secrets
import socket
import threading
import time
import unittest

import agent_test_case
import live_agent

PAGE_ROWS, LABELS, LABEL_BYTES = 110, 15, 1000  # six lines a row
READERS = 40       # as many as the agent answers at one time
HELD_MB = 64
REQUEST = "GET {} HTTP/1.1\r\nHost: agent\r\n\r\n"


class SlowReaders(agent_test_case.AgentTestCase):
    flags = ("--web.max-held-bytes", str(HELD_MB << 20))

    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()
        worker = self.worker()
        for row in range(PAGE_ROWS):
            labels = {f"label_{i}": secrets.token_hex(LABEL_BYTES // 2) for i in range(LABELS)}
            self.assertEqual(worker.say("histogram", "big_size_bytes", row, labels), "ok")
        self.page_bytes = len(live_agent.until(30, "the large page", self.whole_page))
        self.assertGreater(self.page_bytes, 8 << 20)
        self.stop_reading = threading.Event()
        self.addCleanup(self.stop_reading.set)

    def whole_page(self):
        page = self.agent.scrape("/metrics?collect[]=segments")
        return page if page.count("big_size_bytes_count{") == PAGE_ROWS else None

    def peak_mb(self):
        """The most memory the agent ever had."""
        with open(f"/proc/{self.agent.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) >> 10

    def slow_reader(self, path):
        """Connected, with its request sent; its socket holds next to nothing that was not read."""
        reader = socket.socket()
        self.addCleanup(reader.close)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(20)
        reader.connect(("127.0.0.1", self.agent.port))
        reader.sendall(REQUEST.format(path).encode())
        return reader

    def occupy(self, count=READERS):
        """So many readers, each of a page that it shares with nobody."""
        readers = []
        for i in range(count):
            readers.append(self.slow_reader(f"/metrics?name[]=big_size_bytes&name[]=other_{i}"))
            live_agent.until(20, "the beginning of an answer", lambda: readers[-1].recv(1))
        return readers

    def assert_scrapes_are_answered(self, times=5):
        for _ in range(times):
            begun = time.monotonic()
            answer = self.agent.get()
            self.assertEqual(answer.status, 200, answer.body[:200])
            self.assertGreater(len(answer.body), self.page_bytes)
            self.assertLess(time.monotonic() - begun, 10)
            time.sleep(0.3)

    def test_readers_that_never_read_shut_nobody_out_and_hold_little_memory(self):
        self.occupy()
        time.sleep(1.5)
        print("peak", self.peak_mb(), "page", self.page_bytes >> 20)
        self.assert_scrapes_are_answered()


if __name__ == "__main__":
    unittest.main()
