#!/usr/bin/python3
"""deploy/install-packages with dpkg-query, apt-get and sudo replaced by stand-ins. Called by: ctest."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy")
SCRIPT = os.path.realpath(os.path.join(DEPLOY, "install-packages"))
NOBODY = 65534

# Says of every name it is asked that it is installed, but for $MISSING.
DPKG_QUERY = """#!/bin/bash
status=0
for name in "${@:3}"; do
  if [[ " $MISSING " == *" $name "* ]]; then status=1; else echo "installed $name"; fi
done
exit $status
"""
APT_GET = '#!/bin/bash\necho "$@" >>"$CALLS"\n[[ $* != *" $REFUSED"* ]]\n'
# Asks what a package's script asks before it starts a server.
APT_GET_STARTS = '#!/bin/bash\n/usr/sbin/policy-rc.d x start\necho "policy says $?" >>"$CALLS"\n'
# As apt-cache policy: a name that is merely provided by another package has no candidate.
APT_CACHE = """#!/bin/bash
if [[ " KNOWN " == *" $2 "* ]]; then echo "  Candidate: 1"; else echo "  Candidate: (none)"; fi
"""
SUDO_REFUSES = "#!/bin/bash\nexit 1\n"
SUDO_AGREES = '#!/bin/bash\n[[ $1 == -n ]] && shift\necho "sudo $*" >>"$CALLS"\n"$@"\n'


class InstallPackages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o777)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "sbin"))
        # A copy: another user may not be able to reach the repository.
        os.mkdir(os.path.join(self.folder, "deploy"))
        self.script, _ = (shutil.copy(os.path.join(DEPLOY, name), os.path.join(self.folder, "deploy"))
                          for name in ("install-packages", "packages.txt"))
        self.calls = os.path.join(self.folder, "calls")
        self.stand_in("dpkg-query", DPKG_QUERY)
        self.stand_in("apt-get", APT_GET)
        self.stand_in("sudo", SUDO_REFUSES)

    def stand_in(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def own_sbin(self):
        """What gives a command an empty /usr/sbin, where its file for services goes. Nothing if that cannot be."""
        mount = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /usr/sbin && exec "$@"',
                 os.path.join(self.folder, "sbin")]
        can = os.geteuid() == 0 and subprocess.run([*mount, "true"], capture_output=True, check=False).returncode == 0
        return mount if can else []

    def run_script(self, *argv, missing="", refused="none-of-them", as_root=True):
        if as_root and os.geteuid() != 0:
            print("skipped: install_packages_test: what root does needs root")
            self.skipTest("needs root")
        user = {} if as_root or os.geteuid() != 0 else {"user": NOBODY}
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "MISSING": missing,
                       "REFUSED": refused, "CALLS": self.calls}
        return subprocess.run([*(self.own_sbin() if as_root else []), self.script, *argv], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, env=environment, cwd="/", **user)

    def run_with_policy(self, policy, missing):
        """As run_script("test"), with a /usr/sbin of its own that holds `policy`; and what it holds afterwards."""
        path = os.path.join(self.folder, "sbin", "policy-rc.d")
        if policy is not None:
            self.stand_in("sbin/policy-rc.d", policy)
        if not self.own_sbin():
            print("skipped: install_packages_test: a /usr/sbin of the test's own needs root and mount namespaces")
            self.skipTest("no mount namespace")
        run = self.run_script("test", missing=missing)
        if not os.path.exists(path):
            return run, None
        with open(path, encoding="utf-8") as file:
            after = file.read()
        os.unlink(path)
        return run, after

    def apt_calls(self):
        if not os.path.exists(self.calls):
            return []
        with open(self.calls, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_nothing_missing_installs_nothing(self):
        run = self.run_script("build", "test", "bench", as_root=False)
        self.assertEqual((run.returncode, run.stdout, self.apt_calls()), (0, "", []))

    def test_installs_what_is_missing_and_only_that(self):
        run = self.run_script("build", "test", missing="cmake strace")
        self.assertEqual(run.returncode, 0, run.stderr)
        update, install = self.apt_calls()
        self.assertTrue(update.endswith(" update"))
        self.assertTrue(install.endswith(" install -y --no-install-recommends cmake strace"))

    def test_where_nothing_is_installed_everything_is_missing(self):
        self.stand_in("dpkg-query", "#!/bin/bash\nexit 1\n")
        run = self.run_script("--list", "build", as_root=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("cmake", run.stdout.split())
        self.assertGreater(len(run.stdout.split()), 10)

    def test_one_of_several_names_is_enough(self):
        for missing in ("clang", "clang-14"):
            with self.subTest(missing=missing):
                run = self.run_script("--list", "test", missing=missing, as_root=False)
                self.assertEqual((run.returncode, run.stdout), (0, ""))

    def test_of_several_names_apt_knows_one_is_installed(self):
        for known, installed in (("clang", "clang"), ("clang-14", "clang-14"), ("clang-14 clang", "clang-14"),
                                 ("neither", "clang-14")):
            with self.subTest(known=known):
                self.stand_in("apt-cache", APT_CACHE.replace("KNOWN", known))
                run = self.run_script("--list", "test", missing="clang clang-14", as_root=False)
                self.assertEqual((run.returncode, run.stdout), (0, f"{installed}\n"))

    def test_a_section_not_named_is_left_alone(self):
        self.assertEqual(self.run_script("build", missing="libbenchmark-dev").returncode, 0)
        self.assertEqual(self.apt_calls(), [])

    def test_list_installs_nothing(self):
        run = self.run_script("--list", "build", missing="cmake", as_root=False)
        self.assertEqual((run.returncode, run.stdout, self.apt_calls()), (0, "cmake\n", []))

    def test_without_root_or_sudo_it_says_what_is_missing(self):
        run = self.run_script("build", missing="cmake", as_root=False)
        self.assertEqual((run.returncode, self.apt_calls()), (3, []))
        self.assertIn("neither root nor sudo", run.stderr)
        self.assertIn("cmake", run.stderr)

    def test_goes_through_sudo(self):
        self.stand_in("sudo", SUDO_AGREES)
        run = self.run_script("build", missing="cmake", as_root=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("sudo env DEBIAN_FRONTEND=noninteractive apt-get", " ".join(self.apt_calls()))

    def test_a_failing_apt_is_an_error_of_its_own(self):
        run = self.run_script("build", missing="cmake", refused="cmake")
        self.assertEqual(run.returncode, 5)

    def test_no_server_is_started_by_its_installation(self):
        self.stand_in("apt-get", APT_GET_STARTS)
        run, policy = self.run_with_policy(None, missing="postgresql")
        self.assertEqual((run.returncode, policy), (0, None), run.stderr)
        self.assertEqual(self.apt_calls(), ["policy says 101", "policy says 101"])

    def test_the_machines_own_policy_is_left_alone_and_in_force(self):
        self.stand_in("apt-get", APT_GET_STARTS)
        run, policy = self.run_with_policy("#!/bin/sh\nexit 104\n", missing="postgresql")
        self.assertEqual((run.returncode, policy), (0, "#!/bin/sh\nexit 104\n"), run.stderr)
        self.assertEqual(self.apt_calls(), ["policy says 104", "policy says 104"])

    def test_the_policy_goes_however_the_installation_ends(self):
        for how, code in (("exit 1", 5), ("kill -TERM $PPID; sleep 0.1", 143), ("kill -INT $PPID; sleep 0.1", 130),
                          ("kill -HUP $PPID; sleep 0.1", 129)):
            with self.subTest(how=how):
                self.stand_in("apt-get", f"#!/bin/bash\n{how}\n")
                run, policy = self.run_with_policy(None, missing="postgresql")
                self.assertEqual((run.returncode, policy), (code, None), run.stderr)

    def test_what_a_killed_installation_left_goes_with_the_next(self):
        self.stand_in("apt-get", "#!/bin/bash\nkill -KILL $PPID\n")
        run, left = self.run_with_policy(None, missing="postgresql")
        self.assertEqual(run.returncode, -signal.SIGKILL)
        self.assertIn("exit 101", left)
        self.stand_in("apt-get", APT_GET_STARTS)
        run, policy = self.run_with_policy(left, missing="postgresql")
        self.assertEqual((run.returncode, policy), (0, None), run.stderr)

    def test_with_nothing_to_install_no_policy_is_made(self):
        sbin = os.path.join(self.folder, "sbin")
        before = os.stat(sbin).st_mtime_ns
        self.assertEqual(self.run_script("build").returncode, 0)
        self.assertEqual(os.stat(sbin).st_mtime_ns, before)

    def test_a_system_without_dpkg_is_told_what_to_do_by_hand(self):
        programs = os.path.join(self.folder, "programs")
        os.mkdir(programs)
        for name in ("awk", "bash", "cat", "dirname", "sed", "sort"):
            os.symlink(os.path.join("/usr/bin", name), os.path.join(programs, name))
        run = subprocess.run(["/bin/bash", SCRIPT, "build"], capture_output=True, text=True, check=False, env={"PATH": programs})
        self.assertEqual((run.returncode, run.stdout), (4, ""))
        for told in ("libdeflate-dev", "cmake --preset release", "--programs build/release/bin"):
            self.assertIn(told, run.stderr)
        with open(os.path.join(DEPLOY, "README.md"), encoding="utf-8") as file:
            self.assertIn("\n## Distributions\n", file.read())
        self.assertIn('deploy/README.md, "Distributions"', run.stderr)

    def test_wrong_usage(self):
        for argv in ([], ["nosuch"], ["--nosuch", "build"]):
            with self.subTest(argv=argv):
                self.assertEqual(self.run_script(*argv, as_root=False).returncode, 2)


class PackageList(unittest.TestCase):
    def test_each_package_stands_once_and_says_why(self):
        seen = set()
        with open(os.path.join(DEPLOY, "packages.txt"), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                text, _, why = line.partition("#")
                if not text.strip() or text.startswith("["):
                    continue
                self.assertTrue(why.strip(), f"line {number}: {text} does not say why")
                names = tuple(name.strip() for name in text.split("|"))
                for name in names:
                    self.assertRegex(name, r"^[a-z0-9][a-z0-9+.-]+$", f"line {number}")
                self.assertNotIn(names[0], seen, f"line {number}")
                seen.add(names[0])
        self.assertIn("cmake", seen)


if __name__ == "__main__":
    sys.exit(unittest.main())
