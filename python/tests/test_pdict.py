"""PDict is a real mutable mapping, made from the database and never from the dict that it is."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from pathlib import Path

import pytest
from helpers import ending, in_thread, run_python, start_python

import persistqueue
from persistqueue import PDict
from persistqueue.exceptions import ClosedError, LockedError

pytestmark = pytest.mark.timeout(60)

# In a process of its own: two copies of SQLite in one process do not see each other's locks.
SQLITE = """
import sqlite3, sys
connection = sqlite3.connect(f"{sys.argv[1]}/data.db", isolation_level=None)
connection.execute(sys.argv[2])
print("done", flush=True)
"""
STORED = {"b": 1, "a": [2], "c": None}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder")


@pytest.fixture
def pdict(path: str) -> PDict:
    made = PDict(path, "d")
    made.update(STORED)
    return made


def run_sqlite(path: str, statement: str) -> None:
    run_python(SQLITE, path, statement)


def test_pdict_is_where_persist_queue_has_it_and_takes_what_it_took(path: str) -> None:
    from persistqueue.pdict import PDict as InModule

    assert persistqueue.PDict is InModule
    PDict(path, "d", True)["a"] = 1
    assert PDict(path=path, name="d", multithreading=False)["a"] == 1
    assert (Path(path) / "data.db").exists()


def test_pdict_new_parameters_are_keyword_only(path: str) -> None:
    with pytest.raises(TypeError):
        PDict(path, "d", False, "disk")  # type: ignore[misc]
    for level in ("process", "disk", 0.5):
        PDict(path, "d", durability=level, timeout=1)["a"] = 1
    with pytest.raises(ValueError, match="durability"):
        PDict(path, "d", durability="memory")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        PDict(path, "d", timeout=-1)


def test_pdict_is_a_dict_and_a_mutable_mapping(pdict: PDict) -> None:
    assert isinstance(pdict, dict)
    assert isinstance(pdict, MutableMapping)
    assert isinstance(pdict, Mapping)


def test_pdict_keeps_what_was_set_after_reopening(path: str, pdict: PDict) -> None:
    pdict.close()
    again = PDict(path, "d")
    assert again == STORED
    assert list(again) == list(STORED)


def test_pdict_missing_key_is_a_key_error_with_the_text_of_persist_queue(pdict: PDict) -> None:
    for key in ("x", 1, None, (1, "a")):
        with pytest.raises(KeyError) as raised:
            pdict[key]
        assert raised.value.args == (f"Key: {key} not exists.",)


def test_pdict_keys_values_items_and_iteration_give_what_is_stored(pdict: PDict) -> None:
    assert list(pdict) == list(pdict.keys()) == ["b", "a", "c"]
    assert list(pdict.values()) == [1, [2], None]
    assert list(pdict.items()) == list(STORED.items())
    assert list(reversed(pdict)) == ["c", "a", "b"]
    assert list(reversed(pdict.keys())) == ["c", "a", "b"]
    assert list(reversed(pdict.values())) == [None, [2], 1]
    assert list(reversed(pdict.items())) == [("c", None), ("a", [2]), ("b", 1)]


def test_pdict_views_are_live_and_sets(pdict: PDict) -> None:
    keys, values, items = pdict.keys(), pdict.values(), pdict.items()
    pdict["d"] = 4
    assert (len(keys), len(values), len(items)) == (4, 4, 4)
    assert keys & {"a", "x"} == {"a"}
    assert keys == {"a", "b", "c", "d"}
    assert "d" in keys and 4 in values and ("d", 4) in items and ("d", 5) not in items
    assert repr(values) == "Values([1, [2], None, 4])"


def test_pdict_keeps_the_iterators_of_persist_queue(pdict: PDict) -> None:
    assert list(pdict.iterkeys()) == ["b", "a", "c"]
    assert list(pdict.itervalues()) == [1, [2], None]
    assert list(pdict.iteritems()) == list(STORED.items())


def test_pdict_iterates_over_more_than_a_page_while_it_changes(pdict: PDict) -> None:
    pdict.clear()
    pdict.update((number, number) for number in range(1000))
    met = []
    for key in pdict:
        met.append(key)
        del pdict[key]
    assert met == list(range(1000))
    assert not pdict


def test_pdict_pages_end_where_values_are_large(pdict: PDict) -> None:
    pdict.update(dict.fromkeys(range(5), b"x" * 700_000))
    assert [len(value) for value in list(pdict.values())[3:]] == [700_000] * 5


def test_pdict_dict_and_double_star_give_the_stored_items(pdict: PDict) -> None:
    assert dict(pdict) == {**pdict} == STORED
    assert dict(**pdict) == STORED
    merged: dict = {"b": 0, "z": 0}
    merged.update(pdict)
    assert merged == {**STORED, "z": 0}
    first, *rest = pdict
    assert (first, rest) == ("b", ["a", "c"])


def test_pdict_json_of_a_plain_copy_gives_the_stored_items(pdict: PDict) -> None:
    assert json.loads(json.dumps(dict(pdict))) == STORED
    assert json.loads(json.dumps(pdict.copy())) == STORED


def test_pdict_copy_is_a_plain_dict(pdict: PDict) -> None:
    copied = pdict.copy()
    assert type(copied) is dict
    assert copied == STORED
    copied["a"] = 0
    assert pdict["a"] == [2]


def test_pdict_copied_by_the_module_copy_is_the_same_dictionary(pdict: PDict) -> None:
    for other in (copy.copy(pdict), copy.deepcopy(pdict)):
        assert type(other) is PDict
        other["new"] = 1
        assert pdict.pop("new") == 1


def test_pdict_equals_what_holds_the_same(pdict: PDict, path: str) -> None:
    same, other = PDict(path, "d"), PDict(path, "other")
    for equal in (STORED, pdict, same):
        # From either side: the dict that it is has to keep out of both.
        for left, right in ((pdict, equal), (equal, pdict)):
            assert left == right
            assert (left != right) is False
    for different in ({}, other, {**STORED, "a": [3]}, 1, None):
        for left, right in ((pdict, different), (different, pdict)):
            assert left != right
            assert (left == right) is False
    with pytest.raises(TypeError):
        hash(pdict)


def test_pdict_merges_with_the_bar(pdict: PDict) -> None:
    assert pdict | {"a": 0} == {"b": 1, "a": 0, "c": None}
    assert {"a": 0, "z": 0} | pdict == {"z": 0, **STORED}
    assert type(pdict | {}) is type({} | pdict) is dict
    with pytest.raises(TypeError):
        pdict | [("a", 0)]
    same = pdict
    same |= {"z": 26}
    same |= [("y", 25)]
    assert same is pdict
    assert dict(pdict) == {**STORED, "z": 26, "y": 25}


def test_pdict_repr_shows_what_is_stored(pdict: PDict) -> None:
    assert repr(pdict) == str(pdict) == repr(STORED)
    pdict.close()
    assert repr(pdict).startswith("<closed PDict 'd'")


def test_pdict_in_len_and_bool(pdict: PDict) -> None:
    assert "c" in pdict and "x" not in pdict
    assert len(pdict) == 3 and pdict
    pdict.clear()
    assert len(pdict) == 0 and not pdict


def test_pdict_get_gives_the_value_or_the_default(pdict: PDict) -> None:
    assert pdict.get("a") == [2]
    assert pdict.get("c", 5) is None
    assert pdict.get("x") is None
    assert pdict.get("x", 5) == pdict.get("x", default=5) == 5


def test_pdict_refuses_what_a_dict_refuses(pdict: PDict) -> None:
    for use in (pdict.get, pdict.pop, pdict.setdefault, pdict.__contains__, pdict.__delitem__):
        with pytest.raises(TypeError, match="unhashable"):
            use([1])
    with pytest.raises(TypeError):
        pdict.pop("a", 1, 2)
    with pytest.raises(TypeError):
        pdict.update(1)
    assert pdict == STORED


def test_pdict_keys_that_cannot_be_stored_are_refused_and_never_there(pdict: PDict) -> None:
    for key in (object(), math.nan, frozenset([1]), (1, object())):
        with pytest.raises(TypeError, match="a key cannot be"):
            pdict[key] = 1
        with pytest.raises(TypeError, match="a key cannot be"):
            pdict.update({"new": 1, key: 1})
        assert key not in pdict
        assert pdict.get(key) is None
        assert pdict.pop(key, 0) == 0
        with pytest.raises(KeyError):
            del pdict[key]
    assert pdict == STORED


def test_pdict_a_value_that_cannot_be_pickled_sets_nothing(pdict: PDict) -> None:
    with pytest.raises((TypeError, AttributeError)):
        pdict.update({"new": 1, "a": in_thread, "bad": lambda: 0})
    with pytest.raises((TypeError, AttributeError)):
        pdict["a"] = lambda: 0
    assert pdict == STORED


def test_pdict_a_value_that_does_not_load_is_not_removed(path: str, pdict: PDict) -> None:
    run_sqlite(path, "UPDATE dict_d SET data = x'00' WHERE key = 'c'")
    for take in (pdict.popitem, lambda: pdict.pop("c"), lambda: pdict["c"]):
        with pytest.raises(Exception, match=r"."):
            take()
    assert list(pdict) == list(STORED)
    assert pdict["a"] == [2]


def test_pdict_keys_that_are_equal_are_one_key(pdict: PDict) -> None:
    pdict.clear()
    for equal in ((1, 1.0, True), ((1, (0,)), (1.0, (False,))), (0, -0.0), (2**70, float(2**70))):
        for value, key in enumerate(equal):
            pdict[key] = value
            assert len(pdict) == 1
        assert [pdict[key] for key in equal] == [len(equal) - 1] * len(equal)
        pdict.clear()


def test_pdict_keys_come_back_as_they_were_set(pdict: PDict) -> None:
    keys = [
        "",
        "a",
        "1",
        "\0",
        "é",
        "\ud800",
        "None",
        b"",
        b"1",
        b"\xffpq\0",
        b"\xffpq\x001",
        1,
        -5,
    ]
    keys += [0.1, 1e-7, math.inf, -math.inf, 10**20, 10**400, None, (), (1,), ("1", 1, None, b"1")]
    keys += [("\ud800", "é'\""), ((), (0.5, ("x",)))]
    pdict.clear()
    for value, key in enumerate(keys):
        pdict[key] = value
    assert list(pdict) == keys
    assert list(map(type, pdict)) == list(map(type, keys))
    assert [pdict[key] for key in keys] == list(range(len(keys)))


def test_pdict_a_date_is_its_text_as_in_persist_queue(pdict: PDict) -> None:
    pdict[date(2020, 1, 2)] = "day"
    pdict[datetime(2020, 1, 2, 3, 4, 5)] = "moment"
    assert pdict["2020-01-02"] == pdict[date(2020, 1, 2)] == "day"
    assert pdict["2020-01-02 03:04:05"] == pdict[datetime(2020, 1, 2, 3, 4, 5)] == "moment"


def test_pdict_of_many_threads_one_sets_a_default_and_one_pops(path: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pdict = PDict(path, "d")
    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(lambda number: pdict.setdefault("key", number), range(64)))
        assert set(values) == {pdict["key"]}
        popped = list(threads.map(lambda _: pdict.pop("key", None), range(64)))
    assert sorted(value is None for value in popped) == [False] + [True] * 63


def test_pdict_closed_raises_and_with_closes(path: str) -> None:
    with PDict(path, "d") as pdict:
        pdict["a"] = 1
    for use in (len, list, bool, dict, lambda closed: closed["a"], lambda closed: closed.clear()):
        with pytest.raises(ClosedError):
            use(pdict)
    pdict.close()


def test_pdict_in_memory_belongs_to_one_object() -> None:
    one, other = PDict(":memory:", "d"), PDict(":memory:", "d")
    one["a"] = 1
    assert dict(one) == {"a": 1}
    assert not other
    assert not Path(":memory:").exists()


def test_pdict_waits_for_a_lock_as_long_as_its_timeout(path: str) -> None:
    pdict = PDict(path, "d", timeout=0.1)
    with ending(start_python(SQLITE + "input()", path, "BEGIN IMMEDIATE")) as (other,):
        assert other.stdout.readline() == "done\n"
        with pytest.raises(LockedError):
            pdict["a"] = 1
        assert "a" not in pdict
        other.communicate("\n", timeout=10)
    pdict["a"] = 1


def test_pdict_shrink_disk_usage_gives_the_bytes_back(path: str) -> None:
    pdict = PDict(path, "d")
    pdict["a"] = b"x" * 5_000_000
    del pdict["a"]
    pdict.shrink_disk_usage()
    assert sum(file.stat().st_size for file in Path(path).iterdir()) < 2_000_000
    assert pdict == {}


def test_pdict_can_be_subclassed(path: str) -> None:
    class Counter(PDict):
        def __missing__(self, key: str) -> int:
            raise AssertionError("persist-queue never called it")

        def add(self, key: str) -> None:
            self[key] = self.get(key, 0) + 1

    counter = Counter(path, "d")
    counter.add("a")
    counter.add("a")
    assert counter == {"a": 2}
