"""What all queues in databases share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from persistqueue._handover import pickled
from persistqueue._serializer import serializer_name

MEMORY = ":memory:"


class InDatabase:
    """A queue in a database."""

    _KIND: ClassVar[str]
    # What only queues with acknowledgements are opened with.
    _work: dict[str, Any] | None = None
    # What it was opened with; None until it is open.
    _arguments: dict[str, Any] | None = None
    _leave: Callable[[], None]

    def _given(
        self, place: dict[str, Any], name: str, serializer: Any, **options: Any
    ) -> dict[str, Any]:
        return {
            "place": place,
            "kind": self._KIND,
            "name": str(name),
            "serializer": serializer,
            "serializer_name": serializer_name(serializer),
            "spell": self._speller(serializer),
            "work": self._work,
            **options,
        }

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]] | None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        # Handed to another process, it opens the same one there.
        state = pickled(self.__dict__, self._arguments)
        if state["_arguments"].get("path") == MEMORY:
            raise ValueError("a queue in memory cannot be handed to another process")
        return state

    def __del__(self) -> None:
        if self._arguments is not None:
            self._leave()
