"""Case 38 of what persist-queue 1.1.0 gets wrong, part by part."""

from __future__ import annotations

from pathlib import Path

import pytest

from persistqueue import PDict


@pytest.fixture
def pdict(tmp_path: Path) -> PDict:
    made = PDict(str(tmp_path), "d")
    made["a"] = 1
    return made


def test_failing_38_repr_shows_what_is_stored(pdict: PDict) -> None:
    assert repr(pdict) == "{'a': 1}"


def test_failing_38_equality_compares_what_is_stored(pdict: PDict) -> None:
    assert pdict == {"a": 1}
    assert pdict != {}


def test_failing_38_pop_gives_the_value_and_removes_it(pdict: PDict) -> None:
    assert pdict.pop("a") == 1
    assert "a" not in pdict
    assert pdict.pop("a", 5) == 5
    with pytest.raises(KeyError, match="Key: a not exists"):
        pdict.pop("a")
    pdict.update(b=2, c=3)
    assert [pdict.popitem(), pdict.popitem()] == [("c", 3), ("b", 2)]
    with pytest.raises(KeyError):
        pdict.popitem()


def test_failing_38_update_stores(pdict: PDict) -> None:
    pdict.update({"b": 2}, c=3)
    pdict.update([("a", 0)])
    pdict.update()
    assert dict(pdict) == {"a": 0, "b": 2, "c": 3}


def test_failing_38_setdefault_stores(pdict: PDict) -> None:
    assert pdict.setdefault("a", 5) == 1
    assert pdict.setdefault("b", 5) == 5
    assert pdict.setdefault("c") is None
    assert dict(pdict) == {"a": 1, "b": 5, "c": None}


def test_failing_38_clear_removes_what_is_stored(pdict: PDict) -> None:
    pdict.clear()
    assert len(pdict) == 0
    assert "a" not in pdict


def test_failing_38_a_number_and_its_text_are_two_keys(pdict: PDict) -> None:
    pdict[1] = "number"
    pdict["1"] = "text"
    assert (pdict[1], pdict["1"]) == ("number", "text")
    assert list(pdict) == ["a", 1, "1"]
    del pdict["1"]
    assert pdict[1] == "number"
    assert "1" not in pdict


def test_failing_38_deleting_a_missing_key_is_a_key_error(pdict: PDict) -> None:
    with pytest.raises(KeyError) as raised:
        del pdict["x"]
    assert raised.value.args == ("Key: x not exists.",)
