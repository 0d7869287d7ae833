"""A delimited protobuf page, decoded by protoc's generated module from a .proto file among the tests.
Called by: exposition_agreement_test, tests/agent/exposition_judges.
"""
import pathlib

import proto_module

PROTO = pathlib.Path(__file__).resolve().parent.parent / "agent" / "expose" / "client_model.proto"


def families(page):
    """{name: MetricFamily}; a page that ends within a message, or has a field that the .proto does not
    know, raises AssertionError."""
    model = proto_module.module_of(str(PROTO))
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
