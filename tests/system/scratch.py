"""A test puts its files into a folder of its own on tmpfs. Called by: the tests of this folder,
of tests/shm, tests/headers and tests/preload.

The folder is in NOTCH_SCRATCH, where tests/run looks for files that were left; without that variable it is in /dev/shm.
The folder's name has the name of its test.
"""
import os
import sys
import tempfile

ROOT = os.environ.get("NOTCH_SCRATCH", "/dev/shm")


def folder():
    """To be used in a with statement, or cleaned up."""
    return tempfile.TemporaryDirectory(prefix=os.path.basename(sys.argv[0]) + "-", dir=ROOT)


def folder_of(test):
    """The path of a folder that goes with the test case."""
    made = folder()
    test.addCleanup(made.cleanup)
    return made.name
