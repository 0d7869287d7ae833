"""Mounts that only the test process and the programs that it starts can see.
Called by: directory_mounts_test, directory_loss_test, directory_users_test.
"""
import ctypes
import os
import shutil
import stat
import subprocess
import unittest

CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV = 2, 4


def enter_namespace():
    """Skips the whole program if this process may not have mounts of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        raise unittest.SkipTest("not root: cannot mount")
    if libc.unshare(CLONE_NEWNS) != 0:
        raise unittest.SkipTest("no mount namespace: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def mount(test, path, *arguments):
    """Until the test ends; skips it where this machine has no such file system."""
    done = subprocess.run(["mount", *arguments, path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        test.skipTest(f"mount {' '.join(arguments)}: {done.stderr.strip()}")
    test.addCleanup(subprocess.run, ["umount", "-l", path], check=True)


def tmpfs(test, path, options="mode=0755"):
    mount(test, path, "-t", "tmpfs", "-o", options, "none")


def overlay(test, path, layers):
    """An overlay at the path, its layers in the folder `layers`."""
    parts = {name: os.path.join(layers, name) for name in ("lower", "upper", "work")}
    for part in parts.values():
        os.makedirs(part)
    options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**parts)
    mount(test, path, "-t", "overlay", "-o", options, "none")


def image(test, path, kind, folder):
    """A fresh file system of that kind at the path, in an image of 320 MiB without content."""
    make = shutil.which("mkfs." + kind)
    if make is None:
        test.skipTest(f"no mkfs.{kind}")
    file = os.path.join(folder, kind + ".image")
    with open(file, "wb") as made:
        made.truncate(320 << 20)
    subprocess.run([make, "-q", file], check=True, capture_output=True)
    mount(test, path, "-o", "loop", file)


def silent(test, path):
    """Over a file or a folder, as fusermount makes it for a user: a file system that never answers a call, until the
    test ends."""
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        test.skipTest(f"/dev/fuse: {error}")
    owner = os.stat(path)
    options = (f"fd={device},rootmode={stat.S_IFMT(owner.st_mode):o},user_id={owner.st_uid},group_id={owner.st_gid},"
               "allow_other")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"silent", path.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()) != 0:
        os.close(device)
        test.skipTest("mount of fuse: " + os.strerror(ctypes.get_errno()))
    test.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
    test.addCleanup(os.close, device)  # first: whoever waits gets an error
