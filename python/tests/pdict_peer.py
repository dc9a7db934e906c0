"""Run by persist-queue 1.1.0's Python: does with a dictionary what each line of JSON says.

A line is [name of an operation, key, value]; keys and values are Python literals. The answer is
the repr of what came out.
"""

from __future__ import annotations

import ast
import json
import sys

from persistqueue import PDict


def play(dictionary: PDict, operation: str, key: object, value: object) -> object:
    if operation == "set":
        dictionary[key] = value
        return None
    if operation == "get":
        return dictionary.get(key, "missing")
    if operation == "in":
        return key in dictionary
    if operation == "del":
        del dictionary[key]
        return None
    if operation == "len":
        return len(dictionary)
    if operation == "count":
        # What a program that shares a counter with nobody does for a while.
        for _ in range(value):
            dictionary[key] = dictionary.get(key, 0) + 1
        return dictionary[key]
    raise ValueError(operation)


def main() -> None:
    dictionary = PDict(sys.argv[1], sys.argv[2])
    for line in sys.stdin:
        operation, key, value = json.loads(line)
        answer = play(dictionary, operation, ast.literal_eval(key), ast.literal_eval(value))
        print(repr(answer), flush=True)


if __name__ == "__main__":
    main()
