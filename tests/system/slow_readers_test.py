#!/usr/bin/python3
"""More clients than the agent serves at one time read its page slowly or not at all, or keep connections idle. The
agent's memory stays bounded, and a scraper that reads gets its page meanwhile.
Called by: ctest, as slow_readers_test.py NOTCHD SPOKEN_WORKER.
"""
import http.client
import pathlib
import re
import resource
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
HOARDED = 600      # more than the connections it keeps
REQUEST = "GET {} HTTP/1.1\r\nHost: agent\r\n{}\r\n"


class SlowReaders(agent_test_case.AgentTestCase):
    other_port = live_agent.free_port()
    flags = ("--web.max-held-bytes", str(HELD_MB << 20), "--listen", f"[::1]:{other_port}")

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

    def slow_reader(self, path, lines="", source="127.0.0.1"):
        """A client that has sent its request; its socket buffers almost no unread bytes."""
        reader = socket.socket()
        self.addCleanup(reader.close)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(20)
        reader.bind((source, 0))
        reader.connect(("127.0.0.1", self.agent.port))
        reader.sendall(REQUEST.format(path, lines).encode())
        return reader

    def occupy(self, count=READERS):
        """This many readers, each with a page of its own."""
        readers = []
        for i in range(count):
            readers.append(self.slow_reader(f"/metrics?name[]=big_size_bytes&name[]=other_{i}"))
            self.assertEqual(readers[-1].recv(1), b"H")
        return readers

    def assert_scrapes_are_answered(self, times=4, from_elsewhere=False):
        for _ in range(times):
            begun = time.monotonic()
            status, body = self.scraped(*(("::1", self.other_port) if from_elsewhere else ("127.0.0.1", self.agent.port)))
            self.assertEqual(status, 200, body[:200])
            self.assertGreater(len(body), self.page_bytes)
            self.assertLess(time.monotonic() - begun, 10)
            time.sleep(0.3)

    def scraped(self, address, port):
        connection = http.client.HTTPConnection(address, port, timeout=30)
        try:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def assert_little_is_held(self):
        """The pages being sent, one more, and the memory of two that is kept for later pages."""
        if re.search(rb"__[at]san_init", pathlib.Path(self.agent.command[0]).read_bytes()):
            print("skipped: slow_readers_test: memory: a sanitizer's run time keeps what is freed")
            return
        self.assertLess(self.peak_mb(), HELD_MB + 6 * (self.page_bytes >> 20))

    def cut(self, reason):
        return self.agent.samples("notch_agent_http_cut_connections_total").get(
            ("notch_agent_http_cut_connections_total", f'reason="{reason}"'), 0)

    def test_readers_that_never_read_shut_nobody_out_and_hold_little_memory(self):
        self.occupy()
        time.sleep(1.5)
        self.assert_scrapes_are_answered()
        self.assert_little_is_held()
        self.assertGreater(self.cut("page_memory"), 0)

    def test_readers_that_ask_for_gzip_or_close_their_half_are_no_other(self):
        for i in range(READERS):
            reader = self.slow_reader(f"/metrics?name[]=big_size_bytes&name[]=zipped_{i}", "Accept-Encoding: gzip\r\n")
            self.assertEqual(reader.recv(1), b"H")
            reader.shutdown(socket.SHUT_WR)
        time.sleep(1.5)
        self.assert_scrapes_are_answered()
        self.assert_little_is_held()

    def test_readers_of_one_page_share_it_and_give_their_places_up(self):
        for reader in [self.slow_reader("/metrics?name[]=big_size_bytes") for _ in range(READERS)]:
            self.assertEqual(reader.recv(1), b"H")
        time.sleep(1.5)
        self.assert_scrapes_are_answered()
        self.assert_little_is_held()
        self.assertGreater(self.cut("requests"), 0)

    def test_readers_that_go_on_slowly_give_their_places_up_too(self):
        self.go_on_reading(self.occupy())
        time.sleep(1.5)
        self.assert_scrapes_are_answered()
        self.assert_little_is_held()

    def test_readers_from_many_loopback_addresses_give_their_places_up_too(self):
        """Any user of the host can connect from each of them."""
        path = "/metrics?name[]=big_size_bytes"
        readers = [self.slow_reader(path, source=f"127.0.1.{i}") for i in range(1, READERS + 1)]
        for reader in readers:
            self.assertEqual(reader.recv(1), b"H")
        self.go_on_reading(readers)
        time.sleep(1.5)
        self.assert_scrapes_are_answered()
        self.assertGreater(self.cut("requests"), 0)

    def go_on_reading(self, readers):
        reading = threading.Thread(target=self.read_slowly, args=(readers,))
        reading.start()
        self.addCleanup(reading.join)
        self.addCleanup(self.stop_reading.set)

    def read_slowly(self, readers):
        """A few hundred kilobytes a second each."""
        for reader in readers:
            reader.setblocking(False)
        while not self.stop_reading.wait(0.1):
            for reader in readers:
                try:
                    reader.recv(32 << 10)
                except OSError:
                    pass

    def test_responses_that_nobody_waits_for_give_their_places_up(self):
        for _ in range(READERS + 5):
            reader = self.slow_reader("/")
            reader.setblocking(False)
            try:
                while True:
                    reader.send(REQUEST.format("/", "").encode() * 100)
            except BlockingIOError:
                pass
        time.sleep(1.5)
        # A reader's next request follows its last at once, so another client of its address may find no place.
        self.assert_scrapes_are_answered(from_elsewhere=True)


class Hoarders(agent_test_case.AgentTestCase):
    """More connections than the agent keeps, none of which is being answered."""
    scraper_port = live_agent.free_port()
    flags = ("--listen", f"[::1]:{scraper_port}")

    def setUp(self):
        super().setUp()
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.agent.start_and_wait()
        self.scraper = http.client.HTTPConnection("::1", self.scraper_port, timeout=20)
        self.addCleanup(self.scraper.close)
        self.assert_the_scraper_is_answered()
        self.kept_port = self.scraper.sock.getsockname()[1]

    def assert_the_scraper_is_answered(self):
        self.scraper.request("GET", "/metrics")
        answer = self.scraper.getresponse()
        self.assertEqual((answer.status, answer.read()[:1]), (200, b"#"))

    def hoard(self, what):
        for _ in range(HOARDED):
            hoarder = socket.create_connection(("127.0.0.1", self.agent.port), timeout=20)
            self.addCleanup(hoarder.close)
            if what:
                hoarder.sendall(what.encode())

    def assert_all_are_served(self):
        # This connection is accepted after all of the hoarders'.
        cut = self.agent.samples("notch_agent_http_cut_connections_total")
        self.assertGreater(cut["notch_agent_http_cut_connections_total", 'reason="connections"'], 50)
        self.assert_the_scraper_is_answered()
        self.assertEqual(self.scraper.sock.getsockname()[1], self.kept_port, "it was not cut meanwhile")

    def test_connections_that_say_nothing_cost_no_other_address_one(self):
        self.hoard("")
        self.assert_all_are_served()

    def test_requests_that_never_end_cost_no_other_address_one(self):
        self.hoard("GET /metrics HTTP/1.1\r\nHost: agent\r\nX-Slow: a")
        self.assert_all_are_served()

    def test_idle_connections_cost_no_other_address_one(self):
        self.hoard(REQUEST.format("/-/healthy", ""))
        self.assert_all_are_served()

    def test_connections_that_are_never_closed_cost_no_other_address_one(self):
        self.hoard(REQUEST.format("/-/healthy", "Connection: close\r\n"))
        self.assert_all_are_served()


if __name__ == "__main__":
    unittest.main()
