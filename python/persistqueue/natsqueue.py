"""Queues on a NATS server or cluster, for any number of machines."""

from __future__ import annotations

from persistqueue._acknowledged import Acknowledged
from persistqueue._async_acknowledged import AsyncAcknowledged
from persistqueue._nats import OnNats, Working
from persistqueue._puts import AsyncPuts, Puts
from persistqueue._remote import Blocking, ForTasks

__all__ = ["AsyncNatsAckQueue", "AsyncNatsQueue", "NatsAckQueue", "NatsQueue"]


class NatsQueue(OnNats, Blocking, Puts):
    __doc__ = f"First in, first out.\n\n{OnNats.__doc__}"

    _KIND = "queue"


class NatsAckQueue(Working, OnNats, Blocking, Acknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    Takes what `NatsQueue` takes, and:

    - `lease`: for how many seconds a `get` holds an item. JetStream has one for a whole queue, set
      where the queue is made. As long as its holder lives where it is None, and then at most 30 s.
    - `max_attempts`: how often an item is delivered; behind that it is a dead letter.
    - `backoff`: for how many seconds an item rests behind its first `nack`; twice as long behind
      each further one, at most an hour.

    What JetStream does not have is a `ValueError`: see docs/nats.md.
    """

    _KIND = "ack_queue"


class AsyncNatsQueue(OnNats, ForTasks, AsyncPuts):
    __doc__ = f"First in, first out. The first call connects.\n\n{OnNats.__doc__}"

    _KIND = "queue"


class AsyncNatsAckQueue(Working, OnNats, ForTasks, AsyncAcknowledged):
    """First in, first out; an item stays until `ack`. The first call connects.

    Takes what `NatsAckQueue` takes.
    """

    _KIND = "ack_queue"
