"""protoc's module for a .proto file among the tests: an independent reader of what our programs write.
Called by: protobuf_page, otlp_collector.
"""
import functools
import importlib
import os
import shutil
import subprocess
import sys
import tempfile


@functools.cache
def module_of(path):
    if shutil.which("protoc") is None:
        sys.exit("protoc is missing: install the Debian package protobuf-compiler")
    folder, name = os.path.split(path)
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(["protoc", f"--proto_path={folder}", f"--python_out={made}", name], check=True)
        sys.path.insert(0, made)
        try:
            return importlib.import_module(name.replace(".proto", "_pb2"))
        except ImportError:
            sys.exit("protobuf for /usr/bin/python3 is missing: install python3-protobuf")
        finally:
            sys.path.remove(made)
