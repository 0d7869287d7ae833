"""A delimited protobuf page, decoded by protoc's generated module from a .proto that stands beside our tests.
Called by: exposition_agreement_test, tests/agent/exposition_judges.
"""
import functools
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROTO = pathlib.Path(os.path.abspath(__file__)).parent.parent / "agent" / "client_model.proto"


@functools.cache
def _model():
    if shutil.which("protoc") is None:
        sys.exit("protoc is missing: install the Debian package protobuf-compiler")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"--proto_path={PROTO.parent}", f"--python_out={folder}", PROTO.name], check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("client_model_pb2")
        except ImportError:
            sys.exit("protobuf for /usr/bin/python3 is missing: install python3-protobuf")
        finally:
            sys.path.remove(folder)


def families(page):
    """{name: MetricFamily}; a page that does not end with a message's end, or says what the .proto does not
    know, is an AssertionError."""
    model = _model()
    from google.protobuf.internal.decoder import _DecodeVarint
    at, found = 0, {}
    while at < len(page):
        length, at = _DecodeVarint(page, at)
        family = model.MetricFamily.FromString(page[at:at + length])
        at += length
        assert not family.UnknownFields(), f"{family.name} has fields that are not in {PROTO.name}"
        assert family.name not in found, f"{family.name} is on the page twice"
        found[family.name] = family
    assert at == len(page), f"the last message ends {at - len(page)} bytes behind the page"
    return found


def exemplar_of(message):
    """(labels, value, seconds, nanoseconds)"""
    return ({pair.name: pair.value for pair in message.label}, message.value,
            message.timestamp.seconds, message.timestamp.nanos)
