#!/usr/bin/python3
"""PostgreSQL under the library and under pgbench: initdb, backends by fork, a killed backend, shutdown.
Called by: ctest, with faithful_case's arguments. The server refuses root; as root it runs as the account "postgres".
"""
import glob
import os
import pwd
import re
import signal
import subprocess
import unittest

import faithful_case
import stage
from stage import masked

PROGRAMS = max(glob.glob("/usr/lib/postgresql/*/bin"), default="/usr/lib/postgresql/15/bin")


def program(name):
    return os.path.join(PROGRAMS, name)


def account():
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


SETTINGS = ("-c", "listen_addresses=", "-c", "autovacuum=off", "-c", "fsync=on", "-c", "shared_buffers=16MB",
            "-c", "max_wal_senders=0", "-c", "wal_level=minimal", "-c", "jit=off", "-c", "logging_collector=off",
            "-c", "max_parallel_workers=2", "-c", "dynamic_shared_memory_type=mmap")


class Server:
    def __init__(self, run, fresh=True):
        self.run = run
        data = run.path("data")
        if fresh:
            self.made = run.run(program("initdb"), "-D", data, "-A", "trust", "-U", "me", "-E", "UTF8", "--locale=C")
        else:  # not under test, so made outside
            as_owner = {"user": run.account.pw_uid, "group": run.account.pw_gid} if run.account else {}
            subprocess.run([program("initdb"), "-D", data, "-A", "trust", "-U", "me", "-N"], check=True, **as_owner,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=run.directory,
                           env=stage.own_environment())
        self.log = open(run.path("log"), "wb")
        self.program = run.start(program("postgres"), "-D", data, "-k", run.directory, *SETTINGS,
                                 stdout=self.log, stderr=self.log)
        run.own(self.log)
        stage.until(60, "postgres ready", self._ready)

    def _ready(self):
        with open(self.run.path("log"), encoding="utf-8", errors="replace") as file:
            return "ready to accept connections" in file.read()

    def sql(self, text):
        """psql is under test as well."""
        return self.run.run("/usr/bin/psql", "-X", "-h", self.run.directory, "-U", "me", "-d", "postgres", "-At",
                            input=text.encode())

    def bench(self, *arguments):
        made = self.run.run(program("pgbench"), "-h", self.run.directory, "-U", "me", *arguments, "postgres")
        # Only the speed differs from run to run.
        return (made["status"], re.findall(r"number of transactions actually processed: .*|number of failed.*", made["stdout"]))


QUERIES = """
create table t as select i, md5(i::text) m from generate_series(1, 20000) i; create index on t(m);
select count(*), sum(i), min(m), max(m) from t; set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0;
select count(*) from t a join t b using (m) where a.i % 7 = 0; update t set m = upper(m) where i % 2 = 0;
vacuum full t; checkpoint; select 1 / 0; select * from absent; begin; lock t; rollback;
copy (select i from t order by i limit 5) to stdout; select pg_notify('c', 'x'); listen c; select pg_sleep(0.05);
"""


class Postgres(faithful_case.FaithfulCase):
    account = account()

    def test_pgbench_and_queries(self):
        def scenario(run):
            server = Server(run)
            seen = {"initdb": (server.made["status"], server.made["stderr"],
                               masked(server.made["stdout"], (r"(?s)Success\..*", "")))}
            seen["queries"] = server.sql(QUERIES)
            seen["filled"] = server.bench("-i", "-s", "1", "-q")[0]
            seen["bench"] = server.bench("-c", "4", "-j", "2", "-t", "150", "-n")
            seen["new connections"] = server.bench("-C", "-c", "2", "-t", "15", "-n", "-S")
            seen["sums"] = server.sql("""select count(*) from pgbench_history;
                select (select sum(delta) from pgbench_history) = (select sum(abalance) from pgbench_accounts)""")
            # A backend that is killed: the postmaster ends the others and starts anew.
            seen["killed"] = server.sql("copy (select 1) to program 'cat >&2; kill -9 $PPID'")["status"]
            stage.until(60, "recovery", lambda: server.sql("select 1")["status"] == 0)
            seen["after"] = server.sql("select count(*) from pgbench_history")
            return seen | {"status": server.program.stop(signal.SIGINT)}
        self.assert_faithful(scenario, trace=False)


class Calls(faithful_case.FaithfulCase):
    """One connection at a time, so that the calls are the same in every run but for timers."""
    account = account()

    def test_calls_of_one_backend(self):
        def scenario(run):
            server = Server(run, fresh=False)
            seen = {"queries": server.sql(QUERIES.replace("20000", "500")),
                    "filled": server.bench("-i", "-s", "1", "-q")[0], "bench": server.bench("-c", "1", "-t", "40", "-n")}
            return seen | {"status": server.program.stop(signal.SIGINT)}
        self.assert_same_calls(scenario)


if __name__ == "__main__":
    faithful_case.main(program("postgres"), program("pgbench"), "/usr/bin/psql")
