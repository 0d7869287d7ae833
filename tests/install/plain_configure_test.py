#!/usr/bin/python3
"""What a stranger's `cmake -B build` makes of the project, without a preset: an optimised build in which no compiler's warning
is an error, and of the client alone nothing but the client. Called by: ctest, as plain_configure_test.py SOURCE_DIR.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE_DIR = sys.argv.pop(1)


class PlainConfigure(unittest.TestCase):
    def configured(self, *options):
        """The cache's variables and the compilers' commands of a build folder that was configured with these options."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        done = subprocess.run(["cmake", "-S", SOURCE_DIR, "-B", folder.name, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(os.path.join(folder.name, "CMakeCache.txt"), encoding="utf-8") as file:
            pairs = (line.strip().partition("=") for line in file if ":" in line and "=" in line)
            cache = {name.partition(":")[0]: value for name, _, value in pairs}
        with open(os.path.join(folder.name, "compile_commands.json"), encoding="utf-8") as file:
            return cache, json.load(file)

    def test_is_optimised_and_takes_no_warning_for_an_error(self):
        cache, commands = self.configured()
        self.assertEqual(cache["CMAKE_BUILD_TYPE"], "RelWithDebInfo")
        own = [entry["command"] for entry in commands if "/agent/" in entry["file"]]
        self.assertTrue(own)
        for command in own:
            self.assertIn(" -O2 ", command)
            self.assertNotIn(" -Werror", command)

    def test_of_the_client_alone_leaves_out_what_runs_the_agent(self):
        _, commands = self.configured("-DNOTCH_BUILD_AGENT=OFF")
        folders = {os.path.relpath(entry["file"], SOURCE_DIR).split(os.sep)[0] for entry in commands}
        self.assertEqual(folders, {"shm", "client"})

    def test_no_preset_takes_a_warning_for_an_error(self):
        with open(os.path.join(SOURCE_DIR, "CMakePresets.json"), encoding="utf-8") as file:
            presets = json.load(file)["configurePresets"]
        self.assertNotIn("NOTCH_WARNINGS_AS_ERRORS", {name for preset in presets for name in preset.get("cacheVariables", {})})


if __name__ == "__main__":
    sys.exit(unittest.main())
