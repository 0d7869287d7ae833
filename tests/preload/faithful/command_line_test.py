#!/usr/bin/python3
"""Common programs of the command line under the library: bash, perl, tar, gzip, sqlite3, git, coreutils.
Called by: ctest, with faithful_case's arguments and a class.
"""
import os
import subprocess
import time
import unittest

import faithful_case
from stage import masked

SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class Bash(faithful_case.FaithfulCase):
    def test_pipes_subshells_and_traps(self):
        script = r"""
            trap 'echo bye' EXIT
            trap 'echo usr1' USR1
            echo one | tr a-z A-Z | cat; (exit 3); echo "status $?"
            for i in 1 2 3; do (echo "sub $i"; exit $i) || echo "ended $?"; done
            kill -USR1 $$; cat <<< "here"; diff <(seq 5) <(seq 6); echo "diff $?"
            printf '%s\n' a b c > list; while read -r line; do echo "<$line>"; done < list
            exec 7>kept; echo kept >&7; exec 7>&-; cat kept; ls -l /proc/self/fd | wc -l
            /bin/true & wait $!; echo "waited $?"; sh -c 'kill -9 $$'; echo "killed $?"; exec cat list"""

        def scenario(run):
            seen = run.run("bash", "-c", script)
            return seen | {"stderr": masked(seen["stderr"], (r"\d+ Killed", "PID Killed")), "files": run.files()}
        self.assert_faithful(scenario)

    def test_thousands_of_forks(self):
        def scenario(run):
            count = 40 if run.traced else 2000
            return run.run("bash", "-c", f"""
                for ((i = 0; i < {count}; i++)); do (echo $i); done | tail -n 1
                for ((i = 0; i < {count // 10}; i++)); do x=$(echo $i); /bin/true; done; echo $x""")
        self.assert_faithful(scenario)


class Perl(faithful_case.FaithfulCase):
    def test_files_sockets_and_children(self):
        script = r"""
            use Socket; $| = 1;
            socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die;
            my $pid = fork; if (!$pid) { close $a; while (<$b>) { print "child $_" } exit 7 }
            close $b; syswrite $a, "line $_\n" for 1..1000; close $a; waitpid $pid, 0; print $? >> 8, "\n";
            open my $f, ">", "out"; print $f "x" x 100000 for 1..20; close $f; print -s "out", "\n";
            my %h; $h{$_ % 977} .= "y" for 1..100000; print scalar(keys %h), "\n";
            open my $g, "<", "absent" or print "errno ", $! + 0, " $!\n"; local $SIG{ALRM} = sub { print "alarm\n" };
            alarm 1; sleep 3; print `echo from a shell`; exec "sh", "-c", "exit 5";"""
        self.assert_faithful(lambda run: run.run("perl", "-e", script) | {"files": run.files()})


class Archive(faithful_case.FaithfulCase):
    def test_tar_and_gzip_there_and_back(self):
        def scenario(run):
            source = os.path.join(SOURCES, "tests")
            made = run.run("tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--exclude=__pycache__", "-czf",
                           "all.tar.gz", "-C", source, ".", environment={"GZIP": "-n"})
            listed = run.run("tar", "-tzf", "all.tar.gz")
            os.mkdir(run.path("out"))
            taken = run.run("tar", "-xzf", "all.tar.gz", "-C", "out")
            zipped = run.run("gzip", "-kn9", "out/README.md")
            tested = run.run("gzip", "-t", "all.tar.gz")
            cut = run.run("gzip", "-dc", input=b"\x1f\x8bnot a gzip file")
            return {"made": made, "listed": listed, "taken": taken, "zipped": zipped, "tested": tested, "cut": cut,
                    "files": run.files()}
        self.assert_faithful(scenario)


class Sqlite(faithful_case.FaithfulCase):
    def test_bulk_insert_index_and_damage(self):
        def scenario(run):
            rows = 2000 if run.traced else 200000
            script = f"""
                pragma journal_mode=wal; create table t(i integer primary key, s text);
                with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows})
                  insert into t select i, hex(i * 7919 % 65536) || '-' || i from n;
                create index by_s on t(s); select count(*), sum(length(s)) from t; pragma integrity_check;
                delete from t where i % 3 = 0; vacuum; select count(*) from t where s like 'A%';
                pragma wal_checkpoint; .backup copy.db"""
            bulk = run.run("sqlite3", "all.db", input=script.encode())
            single = run.run("sqlite3", "one.db", input=b"create table t(i);" +
                             b"".join(b"insert into t values(%d);" % i for i in range(100)) + b"select sum(i) from t;")
            with open(run.path("bad.db"), "wb") as file:
                file.write(b"SQLite format 3\0" + b"\xff" * 5000)
            bad = run.run("sqlite3", "bad.db", "select * from t")
            return {"bulk": bulk, "single": single, "bad": bad, "dump": run.run("sqlite3", "all.db", ".dump")["stdout"]}
        self.assert_faithful(scenario)


class Git(faithful_case.FaithfulCase):
    """Of this project's own repository's last commits where it is one, else of one made of its sources."""

    def setUp(self):
        super().setUp()
        self.origin = os.path.join(self.folder, "origin.git")
        git = ("git", "-c", "user.name=n", "-c", "user.email=e", "-c", "safe.directory=*")
        clone = subprocess.run([*git, "clone", "-q", "--bare", "--depth=30", f"file://{os.path.realpath(SOURCES)}", self.origin],
                               check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if clone.returncode != 0:
            work = os.path.join(self.folder, "sources")
            subprocess.run(["cp", "-r", os.path.join(SOURCES, "tests"), work], check=True)
            for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "all")):
                subprocess.run([*git, "-C", work, *command], check=True)
            subprocess.run([*git, "clone", "-q", "--bare", work, self.origin], check=True)

    def make_index_certain(self, work):
        """Files as young as the index, in seconds, are read again by the next command: how many would be a matter of time."""
        time.sleep(1.1)
        for command in (("read-tree", "HEAD"), ("update-index", "--refresh")):
            subprocess.run(["git", "-c", "safe.directory=*", "-C", work, *command], check=True, stdout=subprocess.DEVNULL)

    def test_clone_log_commit_gc_fsck(self):
        fixed = {"GIT_CONFIG_COUNT": "4", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                 "GIT_CONFIG_KEY_1": "pack.threads", "GIT_CONFIG_VALUE_1": "1",
                 "GIT_CONFIG_KEY_2": "gc.auto", "GIT_CONFIG_VALUE_2": "0",
                 "GIT_CONFIG_KEY_3": "index.threads", "GIT_CONFIG_VALUE_3": "1",
                 "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "1700000000 +0000",
                 "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_COMMITTER_DATE": "1700000000 +0000"}

        def scenario(run):
            seen = {}
            for name, command in (
                    ("clone", ("clone", "--no-local", self.origin, "work")),
                    ("log", ("-C", "work", "log", "--stat", "-n", "20")),
                    ("commit", ("-C", "work", "commit", "--allow-empty", "-m", "empty")),
                    ("diff", ("-C", "work", "diff", "HEAD~1", "--stat")),
                    ("gc", ("-C", "work", "gc", "--aggressive", "--quiet")),
                    ("fsck", ("-C", "work", "fsck", "--full")),
                    ("push", ("-C", "work", "push", "--dry-run", "origin", "HEAD:refs/heads/other")),
                    ("absent", ("-C", "work", "checkout", "no-such-branch"))):
                seen[name] = run.run("git", *command, environment=fixed)
                if name in ("clone", "commit"):
                    self.make_index_certain(run.path("work"))
                seen[name]["stderr"] = masked(seen[name]["stderr"], (r".*[\r].*", ""))
            return seen
        self.assert_faithful(scenario)


if __name__ == "__main__":
    faithful_case.main("bash", "perl", "tar", "gzip", "sqlite3", "git")
