#!/usr/bin/python3
"""deploy/show-alerts answers as Slack and PagerDuty do, because Alertmanager sends a message again after any other answer.
Called by: ctest.
"""

import http.client
import json
import os
import subprocess
import sys
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "show-alerts")


class Answers(unittest.TestCase):
    def setUp(self):
        self.listener = subprocess.Popen([SCRIPT, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.listener.stdout.close)
        self.addCleanup(self.listener.wait)
        self.addCleanup(self.listener.terminate)
        self.address = self.listener.stdout.readline().split()[-1]

    def post(self, message):
        """(status, body) of the answer to `message`"""
        connection = http.client.HTTPConnection(self.address, timeout=20)
        self.addCleanup(connection.close)
        connection.request("POST", "/any", json.dumps(message))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_slack_is_answered_with_its_word(self):
        message = {"channel": "#alerts", "attachments": [{"title": "PagerDuty is named", "text": "two\nlines"}]}
        self.assertEqual(self.post(message), (200, "ok"))
        self.assertEqual([self.listener.stdout.readline() for _ in range(3)],
                         ["alert: Slack #alerts PagerDuty is named\n", "       two\n", "       lines\n"])

    def test_a_message_without_a_channel_is_shown_without(self):
        self.assertEqual(self.post({"attachments": [{"title": "down", "text": ""}]}), (200, "ok"))
        self.assertEqual(self.listener.stdout.readline(), "alert: Slack down\n")

    def test_pagerduty_is_answered_with_its_status(self):
        status, body = self.post({"event_action": "trigger", "payload": {"summary": "down"}})
        self.assertEqual((status, json.loads(body)["status"]), (202, "success"))
        self.assertEqual(self.listener.stdout.readline(), "alert: PagerDuty trigger down\n")

    def test_what_is_neither_is_refused(self):
        self.assertEqual(self.post(["neither"])[0], 400)


if __name__ == "__main__":
    sys.exit(unittest.main())
