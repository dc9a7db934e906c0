"""`serializers.Signed` and `serializers.Encrypted`: what they accept and what they refuse."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path
from typing import Any

import custom_serializer
import pytest
from every_kind import EVERY, LOCAL, ON_SERVER, Raw
from helpers import drain, old_folder, persistq

import persistqueue
from persistqueue import Queue, SQLiteQueue, UniqueQ, UntrustedError, serializers
from persistqueue.exceptions import UndecodableError
from persistqueue.serializers import Encrypted, Signed

OLD, NEW = b"old" * 11, b"new" * 11
ITEM = {"a": [1, None, "text"]}
PROTECTIONS = [Signed, Encrypted]


def protections(kind: str) -> list[Any]:
    return [Signed] if "Unique" in kind else PROTECTIONS


CASES = [(kind, protection) for kind in EVERY for protection in protections(kind)]


@pytest.mark.parametrize(("kind", "protection"), CASES)
def test_items_come_back_from_every_kind(place: Any, kind: str, protection: Any) -> None:
    serializer = protection(keys=[OLD], context="jobs")
    EVERY[kind].put(place, ITEM, serializer)
    assert EVERY[kind].look(place, serializer) == 1
    assert EVERY[kind].get(place, serializer) == ITEM


@pytest.mark.parametrize(("kind", "protection"), CASES)
def test_what_another_key_made_is_refused_in_every_kind(
    place: Any, kind: str, protection: Any
) -> None:
    EVERY[kind].put(place, ITEM, protection(keys=[NEW]))
    with pytest.raises(UntrustedError) as raised:
        EVERY[kind].get(place, protection(keys=[OLD]))
    assert raised.value.reason == "unknown key"
    assert raised.value.key in str(raised.value)
    assert where(place) in str(raised.value)


def where(place: Any) -> str:
    return str(place) if isinstance(place, Path) else place.get("database", place["name"])


@pytest.mark.parametrize("kind", ["Queue", "SQLiteQueue", "AsyncQueue", "PDict"])
@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_changed_item_is_refused(place: Any, kind: str, protection: Any) -> None:
    serializer = protection(keys=[OLD])
    changed = bytearray(serializer.dumps(ITEM))
    changed[-1] ^= 1
    EVERY[kind].put(place, bytes(changed), Raw())
    with pytest.raises(UntrustedError) as raised:
        EVERY[kind].get(place, serializer)
    assert raised.value.reason == "forged"


@pytest.mark.parametrize("kind", ["Queue", "SQLiteQueue", "AsyncQueue", "PDict"])
@pytest.mark.parametrize("protection", PROTECTIONS)
def test_an_item_for_another_context_is_refused(place: Any, kind: str, protection: Any) -> None:
    EVERY[kind].put(place, ITEM, protection(keys=[OLD], context="invoices"))
    with pytest.raises(UntrustedError, match="another context"):
        EVERY[kind].get(place, protection(keys=[OLD], context="orders"))


@pytest.mark.parametrize("kind", ["Queue", "SQLiteQueue", "AsyncQueue", "AsyncSQLiteQueue"])
def test_protection_begins_in_a_queue_that_holds_items(place: Any, kind: str) -> None:
    EVERY[kind].put(place, "of before")
    with pytest.raises(UntrustedError) as raised:
        EVERY[kind].get(place, Signed(keys=[OLD]))
    assert raised.value.reason == "unprotected"
    signed = Signed(keys=[OLD], accept_unsigned=True)
    EVERY[kind].put(place, "since", signed)
    encrypted = Encrypted(signed, keys=[OLD], accept_unencrypted=True)
    EVERY[kind].put(place, "at last", encrypted)
    with persistqueue_open(kind, place, encrypted) as queue:
        assert drain_any(queue) == ["of before", "since", "at last"]


def persistqueue_open(kind: str, place: Path, serializer: Any) -> Any:
    of_folder = "SQLite" not in kind
    return (Queue if of_folder else SQLiteQueue)(
        str(place), serializer=serializer, **({} if of_folder else {"name": "jobs"})
    )


def drain_any(queue: Any) -> list[Any]:
    return [queue.get(timeout=5) for _ in range(queue.qsize())]


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_key_is_changed_without_a_pause(tmp_path: Path, protection: Any) -> None:
    with Queue(tmp_path, serializer=protection(keys=[OLD])) as queue:
        queue.put("with the old key")
    with Queue(tmp_path, serializer=protection(keys=[NEW, OLD])) as queue:
        queue.put("with the new key")
        assert queue.get() == "with the old key"
        queue.task_done()
    with Queue(tmp_path, serializer=protection(keys=[NEW])) as queue:
        assert drain(queue) == ["with the new key"]


def test_after_a_refused_item_the_next_one_comes(tmp_path: Path) -> None:
    serializer = Signed(keys=[OLD])
    LOCAL["Queue"].put(tmp_path, pickle.dumps("planted"), Raw())
    LOCAL["Queue"].put(tmp_path, "signed", serializer)
    with Queue(tmp_path, serializer=serializer) as queue:
        with pytest.raises(UntrustedError, match="not signed"):
            queue.get_nowait()
        assert drain(queue) == ["signed"]


@pytest.mark.parametrize("kind", ["Queue", "AsyncQueue", "SQLiteQueue", "PDict", "AsyncPDict"])
@pytest.mark.parametrize("protection", PROTECTIONS)
def test_without_the_protection_the_error_says_what_is_missing(
    place: Any, kind: str, protection: Any
) -> None:
    EVERY[kind].put(place, ITEM, protection(keys=[OLD]))
    with pytest.raises(UndecodableError, match=f"{protection.__name__.lower()}: open it with"):
        EVERY[kind].get(place)


def test_a_unique_queue_knows_signed_items_again(tmp_path: Path) -> None:
    serializer = Signed(keys=[OLD])
    with UniqueQ(str(tmp_path), serializer=serializer) as queue:
        for item in [{"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}, "other"]:
            queue.put(item)
        assert queue.size == 2


def test_a_unique_queue_knows_items_of_before_signing(tmp_path: Path) -> None:
    with UniqueQ(str(tmp_path)) as queue:
        queue.put("item")
    with UniqueQ(str(tmp_path), serializer=Signed(keys=[OLD], accept_unsigned=True)) as queue:
        queue.put("item")
        assert queue.size == 1


@pytest.mark.parametrize("kind", [kind for kind in EVERY if "Unique" in kind])
def test_a_unique_queue_cannot_be_encrypted(place: Any, kind: str) -> None:
    with pytest.raises(ValueError, match="cannot be encrypted"):
        EVERY[kind].open(place, Signed(Encrypted(keys=[OLD]), keys=[OLD]))


class Later:
    """A serializer for tasks."""

    async def dumps(self, value: Any) -> bytes:
        await asyncio.sleep(0)
        return json.dumps(value).encode()

    async def loads(self, data: bytes) -> Any:
        await asyncio.sleep(0)
        return json.loads(data)

    async def dump(self, value: Any, fp: Any) -> None:
        fp.write(await self.dumps(value))

    async def load(self, fp: Any) -> Any:
        return await self.loads(fp.read())


@pytest.mark.parametrize("kind", [kind for kind in LOCAL if kind.startswith("Async")])
def test_the_serializer_inside_may_be_asynchronous(place: Any, kind: str) -> None:
    serializer = Signed(Later(), keys=[OLD])
    EVERY[kind].put(place, ITEM, serializer)
    assert EVERY[kind].get(place, serializer) == ITEM


INSIDE = [serializers.json, serializers.msgpack, serializers.cbor2, custom_serializer, json]


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("kind", ["Queue", "SQLiteQueue"])
def test_any_serializer_may_be_inside(place: Any, kind: str, inside: Any) -> None:
    if inside is json and kind == "Queue":
        pytest.skip("the standard library's json writes text, which goes into databases only")
    serializer = Signed(inside, keys=[OLD])
    EVERY[kind].put(place, {"a": "text"}, serializer)
    assert EVERY[kind].get(place, serializer) == {"a": "text"}


@pytest.mark.parametrize("inside", [serializers.pickle, custom_serializer])
def test_a_folder_of_persist_queue_1_goes_on_signed(tmp_path: Path, inside: Any) -> None:
    def folder(name: str) -> Path:
        path = tmp_path / name
        if inside is serializers.pickle:
            old_folder(path, ["a", "b"])
            return path
        path.mkdir()
        chunk = b"'a'\n'b'\n"
        (path / "q00000").write_bytes(chunk)
        info = {"chunksize": 9, "size": 2, "tail": [0, 0, 0], "head": [0, 2, len(chunk)]}
        (path / "info").write_bytes(repr(info).encode() + b"\n")
        return path

    accepting = Signed(inside, keys=[OLD], accept_unsigned=True)
    with Queue(folder("accepted"), serializer=accepting) as queue:
        assert drain(queue) == ["a", "b"]
    # Of what was not signed nothing is read, be it the items or, with a serializer that only Python
    # knows, where they begin and end.
    with pytest.raises(persistqueue.PersistQueueError):
        Queue(folder("refused"), serializer=Signed(inside, keys=[OLD])).get(timeout=5)


def test_a_queue_is_handed_over_and_inspected_with_its_keys(tmp_path: Path) -> None:
    serializer = Signed(serializers.json, keys=[NEW, OLD], context="jobs", accept_unsigned=True)
    with Queue(tmp_path, serializer=serializer) as queue:
        queue.put("item")
        with pickle.loads(pickle.dumps(queue)) as other:
            assert other.peek() == "item"
            assert repr(other.serializer) == repr(serializer)
            other.put("another")
    with Queue.inspect(tmp_path, serializer) as view:
        assert list(view.items()) == ["item", "another"]
    with (
        Queue.inspect(tmp_path, Signed(serializers.json, keys=[OLD])) as view,
        pytest.raises(UntrustedError, match=str(tmp_path)),
    ):
        view.peek()


def test_a_dictionary_is_handed_over_with_its_keys(tmp_path: Path) -> None:
    with persistqueue.PDict(str(tmp_path), "d", serializer=Signed(keys=[OLD])) as dictionary:
        dictionary["key"] = ITEM
        with pickle.loads(pickle.dumps(dictionary)) as other:
            assert other["key"] == ITEM


def test_no_key_is_shown() -> None:
    for protection in PROTECTIONS:
        serializer = protection(keys=[b"K" * 32])
        assert "KKK" not in repr(serializer) + str(vars(serializer)["_protection"])


def test_keys_that_are_none_are_refused() -> None:
    with pytest.raises(TypeError, match="list"):
        Signed(keys=OLD)
    for keys, text in [([], "at least one"), ([b"short"], "5 bytes"), ([OLD, OLD], "twice")]:
        with pytest.raises(ValueError, match=text):
            Signed(keys=keys)


def test_the_command_moves_signed_items_unread(tmp_path: Path) -> None:
    serializer = Signed(keys=[OLD])
    LOCAL["Queue"].put(tmp_path / "a", ITEM, serializer)
    assert "no pickle" in persistq("peek", tmp_path / "a", "--json")
    persistq("copy", tmp_path / "a", tmp_path / "b")
    assert LOCAL["Queue"].get(tmp_path / "b", serializer) == ITEM


def test_the_command_takes_a_refused_item_away_unread(tmp_path: Path) -> None:
    LOCAL["Queue"].put(tmp_path, b"planted", Raw())
    LOCAL["Queue"].put(tmp_path, "signed", Signed(keys=[OLD]))
    assert persistq("get", tmp_path, "--serializer", "raw") == "planted\n"
    assert LOCAL["Queue"].get(tmp_path, Signed(keys=[OLD])) == "signed"


def test_large_items_come_back() -> None:
    for protection in PROTECTIONS:
        serializer = protection(keys=[OLD])
        assert serializer.loads(serializer.dumps("x" * 1_000_000)) == "x" * 1_000_000


def test_what_must_hold_for_every_kind_is_tried_with_every_class() -> None:
    classes = {name.split()[0] for name in EVERY}
    exported = {
        name
        for name in persistqueue.__all__
        if name.endswith(("Queue", "Q", "PDict")) and not name.startswith(("FIFO", "AsyncFIFO"))
    }
    assert classes == exported
    assert ON_SERVER
