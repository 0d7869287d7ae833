#!/usr/bin/python3
"""vsftpd as root starts it, with processes of different users and a filter of system calls. It serves every byte, and the
page's counts of files agree with the transfers in its log. Called by: ctest, as ftp_server_test.py NOTCHD LIBRARY NOTCH.
"""
import ftplib
import io
import os
import pwd
import random
import re
import signal
import unittest

import live_agent
import server_case

CONFIGURATION = """listen=YES
listen_ipv6=NO
background=NO
listen_address=127.0.0.1
listen_port={port}
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root={folder}/site
write_enable=YES
anon_upload_enable=YES
xferlog_enable=YES
xferlog_std_format=YES
xferlog_file={folder}/xferlog
secure_chroot_dir={folder}/empty
connect_from_port_20=NO
{more}
"""
TRANSFER = re.compile(r" (\d+) (/\S+) b _ ([oi]) a ")


class Session(ftplib.FTP):
    """Counts what passes on the connection of commands."""

    sent = said = 0

    def putline(self, line):
        self.sent += len(line) + 2
        super().putline(line)

    def getline(self):
        line = super().getline()
        self.said += len(line) + 2
        return line


class Vsftpd(server_case.ServerCase):
    def setUp(self):
        super().setUp()
        self.port = live_agent.free_port()
        account = pwd.getpwnam("ftp")
        for name in ("empty", "site", "site/up"):
            os.mkdir(self.path(name))
        os.chown(self.path("site/up"), account.pw_uid, account.pw_gid)
        self.large = random.Random(1).randbytes(3000000)
        with open(self.path("site/large"), "wb") as file:
            file.write(self.large)
        self.write("site/small", "hello")

    def transfer(self):
        """Transfers in both directions, with connections from either side; returns the bytes in and out."""
        came, went = 0, 0
        for passive in (True, False):
            session = Session(timeout=20)
            session.connect("127.0.0.1", self.port)
            session.login()
            session.set_pasv(passive)
            for name, content in (("large", self.large), ("small", b"hello")):
                got = io.BytesIO()
                session.retrbinary("RETR " + name, got.write)
                self.assertEqual(got.getvalue(), content)
                went += len(content)
            names = session.nlst()
            self.assertEqual(sorted(names), ["large", "small", "up"])
            went += sum(len(name) + 2 for name in names)
            with self.assertRaises(ftplib.error_perm):
                session.retrbinary("RETR absent", got.write)
            up = f"up/{int(passive)}"
            session.storbinary("STOR " + up, io.BytesIO(self.large[:1234567]))
            session.quit()
            with open(self.path("site/" + up), "rb") as file:
                self.assertEqual(file.read(), self.large[:1234567])
            os.remove(self.path("site/" + up))
            came, went = came + 1234567 + session.sent, went + session.said
        return came, went

    def run_server(self, bare, more=""):
        """Gives what came in and went out, and besides what the log says of each transfer and how the server ended."""
        configuration = self.write("vsftpd.conf", CONFIGURATION.format(folder=self.folder, port=self.port, more=more))
        server = self.start(["/usr/sbin/vsftpd", configuration], self.port, bare)
        moved = self.transfer()
        live_agent.until(20, "the sessions are over", lambda: not self.children(server))
        self.stop(server, signal.SIGTERM)
        transfers = [TRANSFER.search(line).groups() for line in self.lines("xferlog")]
        return moved, (transfers, server.returncode, self.lines("server.out"))

    def children(self, server):
        with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
            return file.read()

    def hold(self, more=""):
        _, bare = self.run_server(True, more)
        for name in ("xferlog", "server.out"):
            os.remove(self.path(name))
        (came, went), own = self.run_server(False, more)
        self.assertEqual(own, bare)
        transfers = own[0]
        self.assertEqual(len(transfers), 8)
        samples = self.page()
        files = {operation: self.count(samples, "libc_io_bytes_total", kind="file", operation=operation)
                 for operation in ("read", "write")}
        sizes = {way: sum(int(size) for size, _, to in transfers if to == way) for way in "oi"}
        self.assertEqual(files["read"], sizes["o"] + os.path.getsize(self.path("vsftpd.conf")))
        self.assertEqual(files["write"], sizes["i"] + os.path.getsize(self.path("xferlog")))
        http = {name for name, _ in samples if "http" in name and not name.startswith("notch_")}
        self.assertEqual(sum(value for (name, _), value in samples.items() if name in http), 0, http)
        return samples, came, went

    def test_processes_of_different_rights(self):
        self.hold()

    # Where no process asks another, all bytes on sockets are those of clients.
    def test_one_process_a_session(self):
        samples, came, went = self.hold("one_process_model=YES")
        self.assertEqual(self.count(samples, "libc_io_bytes_total", kind="socket", operation="write"), went)
        self.assertEqual(self.count(samples, "libc_io_bytes_total", kind="socket", operation="read") +
                         self.count(samples, "libc_net_bytes_total", operation="receive"), came)
        self.assertEqual(self.count(samples, "libc_net_accepts_total"), 2 + 4)
        self.assertEqual(self.count(samples, "libc_net_connects_total"), 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
