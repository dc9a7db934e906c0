"""What turns items into bytes and back: `pickle` (the default), `json`, `msgpack` and `cbor2`.

`Signed` and `Encrypted` are serializers around one of them or another one. Any object with
`dump(value, fp)` and `load(fp)` is a serializer too. Whether the packages behind `msgpack` and
`cbor2` are installed is only asked when one of the two is used.
"""

from persistqueue.serializers import cbor2, json, msgpack, pickle
from persistqueue.serializers._protected import Encrypted, Signed

__all__ = ["Encrypted", "Signed", "cbor2", "json", "msgpack", "pickle"]
