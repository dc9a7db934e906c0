"""`persistqueue.serializers`: the four modules by themselves."""

from __future__ import annotations

import io
import json as std_json
import pickle as std_pickle
import struct
from typing import Any

import pytest
from helpers import require, run_python

from persistqueue import serializers

NAMES = ["pickle", "msgpack", "cbor2", "json"]


VALUE = {"b": [1, None, True], "a": "text é", "c": {"z": 1.5, "y": -1}}


pytestmark = pytest.mark.timeout(60)


def module(name: str) -> Any:
    if name in ("msgpack", "cbor2"):
        require(name)
    return getattr(serializers, name)


def listed(value: Any) -> Any:
    """The value with tuples as lists: msgpack, as in persist-queue, gives arrays as tuples."""
    if isinstance(value, dict):
        return {key: listed(each) for key, each in value.items()}
    return [listed(each) for each in value] if isinstance(value, list | tuple) else value


def test_serializers_are_reached_as_attributes_without_a_further_import() -> None:
    run_python("import persistqueue; persistqueue.serializers.json.dumps(1)")
    run_python("import persistqueue.serializers as s; s.pickle, s.msgpack, s.cbor2, s.json")


@pytest.mark.parametrize("name", NAMES)
def test_dumps_and_loads_are_inverse(name: str) -> None:
    dumped = module(name).dumps(VALUE)
    assert isinstance(dumped, bytes)
    assert listed(module(name).loads(dumped)) == VALUE


@pytest.mark.parametrize("name", NAMES)
def test_dump_and_load_are_inverse_on_a_stream_of_several(name: str) -> None:
    stream = io.BytesIO()
    for number in range(3):
        module(name).dump({"number": number}, stream)
    stream.seek(0)
    assert [module(name).load(stream)["number"] for _ in range(3)] == [0, 1, 2]
    assert stream.read() == b""


@pytest.mark.parametrize("name", NAMES)
def test_sort_keys_makes_equal_dicts_equal_bytes(name: str) -> None:
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert module(name).dumps(one, sort_keys=True) == module(name).dumps(other, True)
    assert module(name).dumps(one) != module(name).dumps(other)
    streams = io.BytesIO(), io.BytesIO()
    module(name).dump(one, streams[0], sort_keys=True)
    module(name).dump(other, streams[1], True)
    assert streams[0].getvalue() == streams[1].getvalue()


@pytest.mark.parametrize("name", ["msgpack", "cbor2"])
def test_binary_streams_are_framed_by_a_little_endian_length(name: str) -> None:
    stream = io.BytesIO()
    module(name).dump(VALUE, stream)
    payload = module(name).dumps(VALUE)
    assert stream.getvalue() == struct.pack("<I", len(payload)) + payload


def test_json_streams_are_framed_by_a_newline() -> None:
    stream = io.BytesIO()
    serializers.json.dump(VALUE, stream)
    assert stream.getvalue() == serializers.json.dumps(VALUE) + b"\n"
    assert std_json.loads(stream.getvalue()) == VALUE


def test_pickle_uses_protocol_four() -> None:
    assert serializers.pickle.protocol == 4
    stream = io.BytesIO()
    serializers.pickle.dump(VALUE, stream)
    assert stream.getvalue() == serializers.pickle.dumps(VALUE) == std_pickle.dumps(VALUE, 4)


def test_msgpack_and_cbor2_write_what_their_packages_read() -> None:
    value = {"a": [1, "é", b"b"]}
    assert module("msgpack").dumps(value) == b"\x81\xa1a\x93\x01\xa2\xc3\xa9\xc4\x01b"
    assert module("cbor2").dumps(value) == b"\xa1aa\x83\x01b\xc3\xa9Ab"


@pytest.mark.parametrize("name", ["msgpack", "cbor2"])
def test_a_missing_package_is_told_only_when_used_with_the_extra_to_install(name: str) -> None:
    code = """
import io, re, sys
name = sys.argv[1]
sys.modules[name] = None
import persistqueue, persistqueue.serializers
serializer = getattr(persistqueue.serializers, name)
for use in (lambda: serializer.dumps(1), lambda: serializer.dump(1, io.BytesIO())):
    try:
        use()
    except ImportError as error:
        assert name in str(error), error
        assert re.search(r"\\[\\w+\\]", str(error)), error
    else:
        raise SystemExit("no ImportError")
persistqueue.serializers.json.dumps(1)
"""
    run_python(code, name)
