#!/usr/bin/python3 -S
# A page by CGI. Called by: app_servers_test.py, from http.server.
import os
import sys

length = int(os.environ.get("CONTENT_LENGTH") or 0)
body = sys.stdin.buffer.read(length)
answer = str(len(body)) if length else "hello\n" * 100
sys.stdout.write("Content-Type: text/plain\r\n\r\n" + ("" if os.environ["REQUEST_METHOD"] == "HEAD" else answer))
