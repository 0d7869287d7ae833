#!/usr/bin/python3
"""The packages are installed, used, upgraded, removed and purged in a minimal Debian. Called by: ctest, as
chroot_test.py PACKAGES_FOLDER, after packages_test has made them; needs root and the machine's Debian mirror.

All its mounts are in a mount namespace of its own, which ends with the process.
"""
import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import live_agent
import scratch

PACKAGES = sys.argv[1]
OUTSIDE_PROGRAM = os.path.join(HERE, "..", "install", "pkgconfig_project", "main.c")
NEWER = "9:1.0-1"


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
                          **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def mirror():
    """(address, suite) this machine's apt gets Debian itself from."""
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                    "Created-By: Packages").splitlines():
        address, suite, component = line.split()
        if component == "main" and re.fullmatch(r"[a-z]+", suite):
            return address, suite
    return None


class Chroot:
    def __init__(self, folder):
        self.root = os.path.join(folder, "root")

    def make(self):
        address, suite = mirror()
        run("debootstrap", "--variant=minbase", suite, self.root, address)
        shutil.copy("/etc/resolv.conf", self.path("etc/resolv.conf"))
        run("mount", "-t", "proc", "proc", self.path("proc"))

    def leave(self):
        """So that the folder can be removed."""
        subprocess.run(["umount", "--lazy", self.path("proc")], capture_output=True, check=False)

    def path(self, below):
        return os.path.join(self.root, below.lstrip("/"))

    def has(self, below):
        return os.path.lexists(self.path(below))

    def run(self, *command):
        return run("chroot", self.root, *command, env={"PATH": "/usr/sbin:/usr/bin:/usr/local/bin", "LC_ALL": "C.UTF-8",
                                                       "DEBIAN_FRONTEND": "noninteractive"})

    def apt(self, *arguments):
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", *arguments)

    def named_notch(self):
        """Every path, without dpkg's database and the directories of segments."""
        found = run("find", self.root, "-xdev", "-path", self.path("proc"), "-prune", "-o", "-name", "*notch*", "-print")
        return {path.removeprefix(self.root) for path in found.split() if not path.startswith(self.path("packages"))}


def make_newer(folder):
    """The same packages, as their next version; in a folder of their own."""
    newer = os.path.join(folder, "newer")
    for path in glob.glob(os.path.join(PACKAGES, "*.deb")):
        tree = os.path.join(folder, "tree")
        run("dpkg-deb", "-R", path, tree)
        control = os.path.join(tree, "DEBIAN", "control")
        with open(control, encoding="utf-8") as file:
            text = file.read()
        version = re.search(r"^Version: (.*)$", text, re.M)[1]
        with open(control, "w", encoding="utf-8") as file:
            file.write(text.replace(f"Version: {version}", f"Version: {NEWER}").replace(f"(= {version})", f"(= {NEWER})"))
        os.makedirs(newer, exist_ok=True)
        run("dpkg-deb", "-b", tree, os.path.join(newer, os.path.basename(path)))
        shutil.rmtree(tree)
    return newer


class Life(unittest.TestCase):
    """The steps of an installation's life, in order: each step needs the state that the former one left."""

    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.chroot = Chroot(self.folder)
        self.agent = None

    def tearDown(self):
        self.stop_agent()
        self.chroot.leave()

    def stop_agent(self):
        if self.agent is not None:
            self.agent.end()
            self.agent = None

    def start_agent(self):
        """By hand, in the chroot, as the package's user."""
        self.agent = live_agent.Agent("notchd", "/run/notch")
        self.agent.log_path = os.path.join(self.folder, "log")
        self.agent.command = ["chroot", "--userspec=notch:notch", self.chroot.root, *self.agent.command]
        self.agent.start_and_wait()

    def page_has(self, words):
        live_agent.until(20, f"{words} on the page", lambda: words in self.agent.get().body.decode())

    def test_it(self):
        self.chroot.make()
        self.installed()
        self.agent_runs_as_its_user()
        self.linked_program_counts()
        self.untouched_program_counts()
        self.upgraded()
        self.removed()
        self.purged()

    def install(self, folder, *flags):
        target = self.chroot.path("packages")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore=lambda _, names: [name for name in names if not name.endswith(".deb")])
        names = [f"/packages/{name}" for name in sorted(os.listdir(target))]
        self.assertEqual(len(names), 5)
        self.chroot.apt("install", *flags, *names)

    def installed(self):
        self.chroot.apt("install", "systemd-standalone-sysusers", "systemd-standalone-tmpfiles")
        self.install(PACKAGES)
        self.assertTrue(self.chroot.has("/etc/systemd/system/multi-user.target.wants/notchd.service"))
        self.assertFalse(self.chroot.has("/etc/systemd/system/sockets.target.wants/notchd.socket"))
        uid, gid = (int(self.chroot.run("id", flag, "notch")) for flag in ("-u", "-g"))
        found = os.stat(self.chroot.path("/run/notch"))
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid), (0o3777, uid, gid))

    def agent_runs_as_its_user(self):
        self.start_agent()
        self.assertEqual(os.stat(f"/proc/{self.agent.process.pid}").st_uid, os.stat(self.chroot.path("/run/notch")).st_uid)

    def linked_program_counts(self):
        """Built here against the chroot's libnotch-dev, run there with its libnotch1."""
        (folder,) = glob.glob(self.chroot.path("/usr/lib/*/pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", "notch", env={**os.environ, "PKG_CONFIG_LIBDIR": folder})
        run("cc", "-std=c11", OUTSIDE_PROGRAM, "-o", self.chroot.path("/usr/local/bin/outside"), *flags.split())
        self.chroot.run("outside")
        self.page_has('outside_started_total{service="outside"} 1')

    def untouched_program_counts(self):
        self.chroot.run("notch", "run", "--service", "reader", "--", "cat", "/etc/passwd")
        self.page_has('libc_io_bytes_total{service="reader"')

    def upgraded(self):
        with open(self.chroot.path("/etc/default/notchd"), "a", encoding="utf-8") as file:
            file.write('NOTCHD_OPTIONS="--log.level warn"\n')
        self.chroot.run("rm", "/etc/systemd/system/multi-user.target.wants/notchd.service")  # as if an administrator had disabled it
        self.install(make_newer(self.folder))
        self.assertEqual(self.chroot.run("dpkg-query", "-W", "-f", "${Version}", "notch-agent"), NEWER)
        with open(self.chroot.path("/etc/default/notchd"), encoding="utf-8") as file:
            self.assertIn("--log.level warn", file.read())
        self.assertFalse(self.chroot.has("/etc/systemd/system/multi-user.target.wants/notchd.service"))
        # What was counted before is still there for the agent that is started next.
        self.stop_agent()
        self.start_agent()
        self.page_has('outside_started_total{service="outside"} 1')

    def removed(self):
        self.stop_agent()
        self.chroot.apt("remove", "notch-agent")
        self.assertFalse(self.chroot.has("/usr/bin/notchd"))
        self.assertTrue(self.chroot.has("/etc/default/notchd"))
        self.assertTrue(self.chroot.has("/run/notch/ledger") or os.listdir(self.chroot.path("/run/notch")))

    def purged(self):
        self.chroot.apt("purge", "notch-agent", "notch-tools", "notch-preload", "libnotch-dev", "libnotch1")
        self.assertEqual(self.chroot.named_notch(), set())
        self.assertIn("nologin", self.chroot.run("getent", "passwd", "notch"))  # the user stays


def why_not():
    """What is missing for this test, or an empty string."""
    if os.geteuid() != 0:
        return "a chroot needs root"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed"
    if mirror() is None:
        return "this machine's apt knows no Debian mirror"
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        return "no mount namespace can be made here"
    return ""


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: chroot_test: {reason}")
        sys.exit(77)
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv,
                              "--inside"])
    unittest.main(argv=sys.argv[:1])
