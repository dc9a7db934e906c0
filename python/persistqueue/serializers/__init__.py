"""What turns items into bytes and back: `pickle` (the default), `json`, `msgpack` and `cbor2`.

Any object with `dump(value, fp)` and `load(fp)` is a serializer too. Whether the packages behind
`msgpack` and `cbor2` are installed is only asked when one of the two is used.
"""

from persistqueue.serializers import cbor2, json, msgpack, pickle

__all__ = ["cbor2", "json", "msgpack", "pickle"]
