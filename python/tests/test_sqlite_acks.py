"""Queues with acknowledgements, as the contract has them sentence by sentence; cases 32 to 37."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from persistqueue import (
    AckStatus,
    Empty,
    FIFOSQLiteAckQueue,
    FILOSQLiteAckQueue,
    SQLiteAckQueue,
    UniqueAckQ,
)

KINDS = [SQLiteAckQueue, FILOSQLiteAckQueue, UniqueAckQ]


def counts(queue: SQLiteAckQueue) -> dict[str, int]:
    return {
        "size": queue.size,
        "unack": queue.unack_count(),
        "acked": queue.acked_count(),
        "ready": queue.ready_count(),
        "failed": queue.ack_failed_count(),
    }


def test_names_and_statuses_are_those_of_the_original() -> None:
    assert FIFOSQLiteAckQueue is SQLiteAckQueue
    assert issubclass(FILOSQLiteAckQueue, SQLiteAckQueue)
    assert issubclass(UniqueAckQ, SQLiteAckQueue)
    statuses = [AckStatus.inited, AckStatus.ready, AckStatus.unack, AckStatus.acked]
    assert statuses == ["0", "1", "2", "5"]
    assert AckStatus.ack_failed == "9"


@pytest.mark.parametrize("kind", KINDS)
def test_each_item_is_settled_once_and_counted(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    numbers = [queue.put(f"item {index}") for index in range(4)]
    assert numbers == [1, 2, 3, 4]
    items = [queue.get() for _ in range(4)]
    assert counts(queue) == {"size": 0, "unack": 4, "acked": 0, "ready": 0, "failed": 0}
    assert queue.active_size() == 4
    assert queue.ack(items[0]) in numbers
    assert queue.ack_failed(items[1]) in numbers
    assert queue.nack(items[2]) in numbers
    assert counts(queue) == {"size": 1, "unack": 1, "acked": 1, "ready": 1, "failed": 1}
    assert queue.active_size() == 2
    assert queue.get() == items[2]


def test_raw_and_id_name_an_item_always(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    for item in "abc":
        queue.put(item)
    raw = queue.get(raw=True)
    assert (raw["pqid"], raw["data"]) == (1, "a")
    assert isinstance(raw["timestamp"], float)
    assert queue.ack(raw) == 1
    assert queue.get(id=3) == "c"
    assert queue.ack(id=3) == 3
    assert queue.get(id={"pqid": 2, "data": "b", "timestamp": 0.0}) == "b"
    assert queue.nack(id={"pqid": 2}) == 2


def test_what_is_in_a_raw_item_names_it_too(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put_many([["a"], ["b"]])
    queue.get(raw=True)
    raw = queue.get(raw=True)
    assert queue.ack(raw["data"]) == 2
    assert queue.ack(["a"]) is None
    assert queue.acked_count() == 1


def test_an_id_may_be_written_in_digits(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put_many("ab")
    assert queue.get(id="2") == "b"
    assert queue.ack(id="2") == 2
    for wrong in ("", "-1", "1.0", "1 OR 1", "\N{SUPERSCRIPT TWO}"):
        with pytest.raises(TypeError):
            queue.get(block=False, id=wrong)
    with pytest.raises(ValueError, match="number"):
        queue.ack(id="9" * 30)


def test_update_takes_a_raw_item_without_its_time(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("a")
    assert queue.update({"pqid": 1, "data": "b"}) == 1
    assert queue.update({"pqid": 7, "data": "c"}, id=1) == 1
    assert queue.get() == {"pqid": 7, "data": "c"}


def test_the_next_in_order_is_the_one_behind(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    for item in "abc":
        queue.put(item)
    assert queue.get(id=1, next_in_order=True) == "b"
    assert queue.get(id=2, next_in_order=True) == "c"
    assert queue.get(id=3, next_in_order=True) == "a"
    with pytest.raises(ValueError, match="id"):
        queue.get(next_in_order=True)
    with pytest.raises(ValueError, match="next_in_order"):
        queue.get(id=1, next_in_order="yes")  # type: ignore[arg-type]


def test_an_item_or_an_id_must_be_named_and_not_both(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    for settle in (queue.ack, queue.nack, queue.ack_failed):
        with pytest.raises(ValueError, match="either"):
            settle()
        with pytest.raises(ValueError, match="either"):
            settle("a", id=1)


def test_case_32_opening_elsewhere_takes_nothing_from_a_live_worker(tmp_path: Path) -> None:
    worker = SQLiteAckQueue(str(tmp_path))
    worker.put("a")
    item = worker.get()
    other = SQLiteAckQueue(str(tmp_path))
    with pytest.raises(Empty):
        other.get(block=False)
    other.resume_unack_tasks()
    assert other.unack_count() == 1
    assert worker.ack(item) == 1


def test_what_a_closed_queue_held_comes_back_at_the_next_opening(tmp_path: Path) -> None:
    with SQLiteAckQueue(str(tmp_path)) as queue:
        queue.put("a")
        queue.get()
    assert SQLiteAckQueue(str(tmp_path), auto_resume=False).unack_count() == 1
    assert SQLiteAckQueue(str(tmp_path)).get(block=False) == "a"


def test_case_33_items_are_matched_by_identity(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put([1])
    queue.put([1])
    first, second = queue.get(), queue.get()
    assert first == second
    assert queue.ack(second) == 2
    assert queue.ack(first) == 1


def test_case_33_a_payload_that_looks_like_a_row_is_a_payload(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("innocent")
    queue.put({"pqid": 1})
    innocent, lookalike = queue.get(), queue.get()
    assert queue.ack(lookalike) == 2
    assert queue.unack_count() == 1
    assert queue.ack({"pqid": 1}) is None, "an item that was never held"
    assert queue.ack(innocent) == 1


def test_case_34_a_get_and_an_ack_cost_the_same_beside_many_rows(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path), durability="process", ttl=600)

    def cost() -> float:
        queue.put_many(range(100))
        start = time.process_time()
        for _ in range(100):
            assert queue.ack(id=queue.get(raw=True)) is not None
        return time.process_time() - start

    few = min(cost() for _ in range(3))
    queue.put_many([[number] for number in range(40_000)])
    items = queue.get_many(40_000)
    queue.ack_many(items[:30_000])
    many = min(cost() for _ in range(3))
    assert many < 5 * few, f"{few * 10:.2f} ms each, then {many * 10:.2f} ms"


def test_case_35_a_nack_wakes_a_blocked_get(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("a")
    item = queue.get()
    got: list[Any] = []
    getter = threading.Thread(target=lambda: got.append(queue.get(timeout=10)))
    getter.start()
    time.sleep(0.05)
    start = time.monotonic()
    queue.nack(item)
    getter.join()
    assert got == ["a"]
    assert time.monotonic() - start < 1


def test_case_35_twice_or_too_late_is_refused_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("a")
    item = queue.get()
    assert queue.nack(item) == 1
    with caplog.at_level(logging.WARNING):
        for again in (queue.nack, queue.ack, queue.ack_failed):
            assert again(item) is None
            assert again(id=1) is None
            assert again(id=99) is None
    assert len(caplog.records) == 9
    assert counts(queue) == {"size": 1, "unack": 0, "acked": 0, "ready": 1, "failed": 0}


def test_case_36_a_settled_item_is_not_delivered_again(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("a")
    queue.ack(queue.get())
    with pytest.raises(Empty):
        queue.get(block=False, id=1)
    assert queue.size == 0


def test_case_36_acked_rows_are_cleared_as_asked(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path), durability="process")
    for index in range(30):
        queue.put(index)
        (queue.ack if index % 3 else queue.ack_failed)(id=queue.get(raw=True)["pqid"])
    queue.clear_acked_data(max_delete=0, keep_latest=10)
    assert (queue.acked_count(), queue.ack_failed_count()) == (10, 10)
    queue.clear_acked_data(max_delete=2, keep_latest=0)
    assert queue.acked_count() == 8
    queue.clear_acked_data(keep_latest=0, clear_ack_failed=True)
    assert (queue.acked_count(), queue.ack_failed_count()) == (0, 0)


def test_case_37_an_acked_value_can_be_put_again(tmp_path: Path) -> None:
    queue = UniqueAckQ(str(tmp_path))
    assert queue.put("a") == 1
    assert queue.put("a") is None
    queue.ack(queue.get())
    assert queue.put("a") == 2
    assert queue.get(block=False) == "a"


def test_case_37_a_poison_item_is_put_away(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path), max_attempts=2)
    queue.put("poison")
    queue.put("good")
    assert queue.nack(queue.get()) == 1
    assert queue.nack(queue.get()) == 1
    assert queue.get() == "good"
    [letter] = queue.dead_letters()
    assert letter["data"] == "poison"
    assert queue.dead_count() == 1
    assert queue.requeue_dead() == 1
    assert queue.get() == "poison"


def test_a_lease_ends_and_the_late_ack_is_refused(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path), lease=0.05)
    queue.put(["a"])
    late = queue.get()
    again = queue.get(timeout=5)
    assert again == late
    assert queue.ack(late) is None
    assert queue.extend(again, lease=10)
    assert queue.ack(again) == 1


def test_an_item_comes_after_its_delay(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    start = time.monotonic()
    queue.put("late", delay=0.1)
    with pytest.raises(Empty):
        queue.get(block=False)
    assert queue.delayed_count() == 1
    item = queue.get(timeout=5)
    assert time.monotonic() - start >= 0.1
    queue.nack(item, delay=0.05)
    with pytest.raises(Empty):
        queue.get(block=False)
    assert queue.get(timeout=5) == "late"


def test_an_item_that_waits_too_long_is_a_dead_letter(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("stale", ttl=0.02)
    time.sleep(0.05)
    with pytest.raises(Empty):
        queue.get(block=False)
    assert queue.dead_count() == 1
    assert queue.drop_dead() == 1


def test_a_nack_to_the_back_gives_a_new_number(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put_many("ab")
    assert queue.nack(queue.get(), to_back=True) == 3
    assert [queue.get(), queue.get()] == ["b", "a"]


def test_many_are_put_taken_and_acked_at_once(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    assert queue.put_many(["a", "b", "c"]) == [1, 2, 3]
    items = queue.get_many(10)
    assert items == ["a", "b", "c"]
    assert queue.ack_many(items[:2], ids=[3, 4]) == [1, 2, 3, None]
    assert queue.acked_count() == 3


def test_rows_are_listed_with_their_status(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path))
    queue.put("a")
    queue.put("b")
    queue.ack(queue.get())
    listed = [(row["id"], row["data"], row["status"]) for row in queue.queue()]
    assert listed == [(1, "a", 5), (2, "b", 0)]


def test_acked_rows_need_not_be_kept(tmp_path: Path) -> None:
    queue = SQLiteAckQueue(str(tmp_path), keep_acked=False)
    queue.put("a")
    queue.ack(queue.get())
    assert queue.acked_count() == 0
    assert queue.queue() == []


def test_auto_commit_cannot_be_switched_off(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="always commits"):
        queue = SQLiteAckQueue(str(tmp_path), auto_commit=False)
    assert queue.auto_commit is True
