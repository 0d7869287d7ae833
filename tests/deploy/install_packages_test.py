#!/usr/bin/python3
"""deploy/install-packages with dpkg-query, apt-get and sudo replaced by stand-ins. Called by: ctest."""

import os
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
SUDO_REFUSES = "#!/bin/bash\nexit 1\n"
SUDO_AGREES = '#!/bin/bash\n[[ $1 == -n ]] && shift\necho "sudo $*" >>"$CALLS"\n"$@"\n'


class InstallPackages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o777)
        self.folder = folder.name
        self.calls = os.path.join(self.folder, "calls")
        self.stand_in("dpkg-query", DPKG_QUERY)
        self.stand_in("apt-get", APT_GET)
        self.stand_in("sudo", SUDO_REFUSES)

    def stand_in(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def run_script(self, *argv, missing="", refused="none-of-them", as_root=True):
        if as_root and os.geteuid() != 0:
            print("skipped: install_packages_test: what root does needs root")
            self.skipTest("needs root")
        user = {} if as_root or os.geteuid() != 0 else {"user": NOBODY}
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "MISSING": missing,
                       "REFUSED": refused, "CALLS": self.calls}
        return subprocess.run([SCRIPT, *argv], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, env=environment, cwd="/", **user)

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
        self.assertIn("sudo env DEBIAN_FRONTEND=noninteractive apt-get", self.apt_calls()[1])

    def test_a_failing_apt_is_an_error_of_its_own(self):
        run = self.run_script("build", missing="cmake", refused="cmake")
        self.assertEqual(run.returncode, 5)

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
                name = text.strip()
                if not name or name.startswith("["):
                    continue
                self.assertTrue(why.strip(), f"line {number}: {name} does not say why")
                self.assertNotIn(name, seen, f"line {number}")
                seen.add(name)
        self.assertIn("cmake", seen)


if __name__ == "__main__":
    sys.exit(unittest.main())
