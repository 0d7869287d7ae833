#!/usr/bin/python3
"""The Debian packages as cpack makes them: their names, dependencies and contents, and lintian's verdict.
Called by: ctest, as packages_test.py BUILD_FOLDER PACKAGES_FOLDER; leaves the packages in PACKAGES_FOLDER for chroot_test.
"""
import glob
import os
import shutil
import subprocess
import sys
import unittest

BUILD, PACKAGES = sys.argv.pop(1), sys.argv.pop(1)
NAMES = {"libnotch-dev", "libnotch1", "notch-agent", "notch-preload", "notch-tools"}


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def package(name):
    """The path of its file."""
    (path,) = glob.glob(os.path.join(PACKAGES, f"{name}_*.deb"))
    return path


def field(name, what):
    return output_of("dpkg-deb", "-f", package(name), what).strip()


def files(name):
    """{path from /: mode and owner}, folders left out."""
    lines = [line.split(maxsplit=5) for line in output_of("dpkg-deb", "-c", package(name)).splitlines()]
    return {line[5].split(" -> ")[0].removeprefix("."): f"{line[0]} {line[1]}" for line in lines if line[0][0] != "d"}


def setUpModule():
    shutil.rmtree(PACKAGES, ignore_errors=True)
    output_of("cpack", "-G", "DEB", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", PACKAGES)


class Packages(unittest.TestCase):
    def test_there_are_five(self):
        self.assertEqual({os.path.basename(path).split("_")[0] for path in glob.glob(f"{PACKAGES}/*.deb")}, NAMES)

    def test_lintian_finds_no_error(self):
        # A first upload to Debian would close a bug there; this is not one. Scripts of two lines that call ldconfig are
        # CPack's, beside the trigger.
        # Lintian now and then leaves its tables in the folder for temporary files, and no failure tells.
        os.mkdir(f"{PACKAGES}/lintian")
        done = subprocess.run(
            ["lintian", "--fail-on", "error,warning", "--suppress-tags",
             "initial-upload-closes-no-bugs,maintscript-calls-ldconfig", "--allow-root",
             *map(package, sorted(NAMES))], capture_output=True, text=True, check=False, timeout=300,
            env={**os.environ, "TMPDIR": f"{PACKAGES}/lintian"})
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_what_they_want(self):
        version = f"(= {field('libnotch1', 'Version')})"
        self.assertIn(f"libnotch1 {version}", field("libnotch-dev", "Depends"))
        self.assertIn(f"notch-preload {version}", field("notch-tools", "Depends"))
        for library in ("libc6", "libssl3", "libyaml-cpp0.", "libsystemd0", "systemd | systemd-standalone-sysusers"):
            self.assertIn(library, field("notch-agent", "Depends"))
        # Loaded into programs that have nothing to do with Notch: libc alone.
        for name in ("libnotch1", "notch-preload"):
            self.assertRegex(field(name, "Depends"), r"\Alibc6 \(>= [\d.]+\)\Z")

    def test_programs_that_link_it_will_want_it(self):
        shown = output_of("dpkg-deb", "-I", package("libnotch1"), "shlibs")
        self.assertRegex(shown, r"\Alibnotch 1 libnotch1 \(>= \d+\.\d+\.\d+\)\n\Z")

    def test_what_is_in_them(self):
        triplet = output_of("cc", "-print-multiarch").strip() or "."
        for name, wanted in (
                ("notch-agent", ("/usr/bin/notchd", "/etc/default/notchd", "/usr/lib/systemd/system/notchd.service",
                                 "/usr/lib/systemd/system/notchd.socket", "/usr/lib/tmpfiles.d/notch.conf",
                                 "/usr/lib/sysusers.d/notch.conf", "/usr/share/man/man8/notchd.8.gz")),
                ("notch-tools", ("/usr/bin/notch", "/usr/share/man/man1/notch.1.gz",
                                 "/usr/share/bash-completion/completions/notch")),
                ("notch-preload", (f"/usr/lib/{triplet}/notch/libnotch_preload.so",
                                   f"/usr/lib/{triplet}/notch/libnotch_preload_tls.so")),
                ("libnotch1", (f"/usr/lib/{triplet}/libnotch.so.1",)),
                ("libnotch-dev", ("/usr/include/notch.h", f"/usr/lib/{triplet}/libnotch.a",
                                  f"/usr/lib/{triplet}/pkgconfig/notch.pc"))):
            with self.subTest(name=name):
                found = files(name)
                self.assertLessEqual({*wanted, f"/usr/share/doc/{name}/copyright"}, set(found))
                self.assertEqual({owner for owner in found.values() if not owner.endswith(" root/root")}, set())
                self.assertEqual([path for path, mode in found.items() if mode[8] == "w" and mode[0] != "l"], [])

    def test_none_is_made_where_nothing_tells_what_it_depends_on(self):
        if os.geteuid() != 0:
            print("skipped: packages_test: to hide a program needs root")
            self.skipTest("needs root")
        for program in ("dpkg-shlibdeps", "file"):
            with self.subTest(program):
                done = subprocess.run(
                    ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null "/usr/bin/$0" && exec "$@"', program,
                     "cpack", "-G", "DEB", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", f"{PACKAGES}/none"],
                    capture_output=True, text=True, check=False, timeout=300)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"{program} is missing", done.stderr)
                self.assertEqual(glob.glob(f"{PACKAGES}/none/*.deb"), [])

    def test_no_file_is_in_two(self):
        seen = [path for name in NAMES for path in files(name)]
        self.assertEqual(len(seen), len(set(seen)))

    def test_every_installed_component_is_packaged(self):
        """What cmake --install lays down for a host is in some package: a new program, library or header too."""
        with open(os.path.join(BUILD, "CPackConfig.cmake"), encoding="utf-8") as file:
            packaged = set(file.read().partition('set(CPACK_COMPONENTS_ALL "')[2].partition('"')[0].split(";"))
        built = set()
        for path in glob.glob(os.path.join(BUILD, "**", "cmake_install.cmake"), recursive=True):
            with open(path, encoding="utf-8") as file:
                built |= {part.partition('"')[0] for part in file.read().split('CMAKE_INSTALL_COMPONENT STREQUAL "')[1:]}
        self.assertEqual(built, packaged)


if __name__ == "__main__":
    if shutil.which("lintian") is None:
        print("skipped: packages_test: lintian is not installed")
        sys.exit(77)
    unittest.main()
