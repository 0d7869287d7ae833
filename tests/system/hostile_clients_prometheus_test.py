#!/usr/bin/python3
"""What a user can do to the agent's port (hostile_clients.py), from the scrapers' own address, while real Prometheus
servers scrape (hostile_case.py).
Called by: ctest, as hostile_clients_prometheus_test.py NOTCHD SPOKEN_WORKER.
"""
import base64
import ctypes
import os
import unittest

import hostile_case
import live_agent

CUT = "notch_agent_http_cut_connections_total"
PASSWORD = "right"
ROWS_OF_16_KIB = 300  # a page of 5 MB


class Attacker(hostile_case.Attacker):
    def clients(self, act, count):
        self.run("hostile_clients.py", act, self.case.agent.port, count)

    def slow_readers_of_a_large_page(self):
        """Forty, as many as are answered at one time."""
        self.run("hostile_files.py", "long_labels", ROWS_OF_16_KIB)
        self.case.await_rows("long_total", ROWS_OF_16_KIB)
        cut = self.more(CUT, 'reason="requests"')
        self.clients("slow_reader", 40)
        return cut

    def requests_that_never_end(self):
        """Six hundred, more connections than the agent keeps."""
        cut = self.more(CUT, 'reason="connections"', 50)
        self.clients("hoarder", 600)
        return cut

    def wrong_passwords(self):
        """Sixty at a time."""
        refused = self.more("notch_agent_http_unauthorized_total", "", 120)
        self.clients("wrong_password", 60)
        return refused

    def pages_whose_names_read_like_the_scrapers(self):
        """Eight at a time."""
        answered = self.more("notch_agent_http_requests_total", 'code="200"', 1000)
        self.clients("key_of_anothers_page", 8)
        return answered


class Readers(hostile_case.HostileCase):
    def await_rows(self, name, rows):
        live_agent.until(20, f"{rows} rows of {name}", lambda: len(self.agent.samples(name)) >= rows, 0.2)

    def test_no_scrape_fails_whatever_else_reads(self):
        self.attack_by_groups(Attacker, ((Attacker.slow_readers_of_a_large_page,), (Attacker.requests_that_never_end,)))


class Passwords(hostile_case.HostileCase):
    prometheus_lines = f"  basic_auth: {{username: scraper, password: {PASSWORD}}}\n"

    def new_agent(self, *flags, **names):
        config = os.path.join(self.folder, "web.yml")
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
        crypt.restype = ctypes.c_char_p
        hashed = crypt(PASSWORD.encode(), b"$2b$10$abcdefghijklmnopqrstuu").decode()
        with open(config, "w", encoding="ascii") as file:
            file.write(f"basic_auth_users:\n  scraper: {hashed}\n")
        agent = super().new_agent("--web.config.file", config, *flags, **names)
        agent.headers = {"Authorization": "Basic " + base64.b64encode(f"scraper:{PASSWORD}".encode()).decode()}
        return agent

    def test_no_scrape_fails_whatever_passwords_are_tried(self):
        self.attack_by_groups(Attacker, ((Attacker.wrong_passwords,),))


class PageKeys(hostile_case.HostileCase):
    prometheus_lines = "  params: {'name[]': [shop_orders_total, shop_jobs_total, shop_wait_seconds, shop_visits_total]}\n"

    def test_each_scraper_has_its_own_page(self):
        self.attack_by_groups(Attacker, ((Attacker.pages_whose_names_read_like_the_scrapers,),))


if __name__ == "__main__":
    unittest.main()
