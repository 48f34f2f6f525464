#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""nbd-splice - reads of every size at once, against a file with what they must
bring: large and aligned ones, which go from socket to socket, among others.

usage: nbd-splice.py URI FILE read|stall SEED
  read   over four connections, many in flight
  stall  asks for far more than anybody holds, takes nothing for a while, then
         everything
"""
import random
import select
import sys

import nbd

uri, path, what, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
with open(path, "rb") as f:
    want = f.read()
rng = random.Random(seed)


def any_range():
    kind = rng.randrange(4)
    if kind == 0:  # aligned to any block, and to what is worth splicing
        length = 65536 * rng.randrange(1, 17)
        offset = 4096 * rng.randrange((len(want) - length) // 4096 + 1)
    elif kind == 1:
        length = rng.choice([4096, 65536 - 4096, 65536 + 4096, 1 << 20])
        offset = 4096 * rng.randrange((len(want) - length) // 4096 + 1)
    elif kind == 2:
        length = rng.randrange(1, 300000)
        offset = rng.randrange(len(want) - length + 1)
    else:
        length = rng.choice([2 << 20, (1 << 20) + 4096])
        offset = 4096 * rng.randrange((len(want) - length) // 4096 + 1)
    return offset, length


def check(buf, offset, length):
    if buf.to_bytearray() != want[offset:offset + length]:
        sys.exit(f"{length} bytes at {offset} are wrong")


def run(handles, ranges, depth):
    """Every range by any of the handles, so many at once on each."""
    flying = {h: [] for h in handles}
    while ranges or any(flying.values()):
        for h in handles:
            while ranges and len(flying[h]) < depth:
                offset, length = ranges.pop()
                buf = nbd.Buffer(length)
                flying[h].append(
                    (h.aio_pread(buf, offset), buf, offset, length))
            done = [c for c in flying[h] if h.aio_command_completed(c[0])]
            for c in done:
                flying[h].remove(c)
                check(*c[1:])
        for h in handles:
            h.poll(0)
        busy = [h.aio_get_fd() for h in handles if flying[h]]
        if busy:
            select.select(busy, [], [], 0.05)


def connect():
    h = nbd.NBD()
    h.connect_uri(uri)
    return h


if what == "read":
    run([connect() for _ in range(4)], [any_range() for _ in range(120)], 8)
else:
    h = connect()
    asked = []
    for i in range(100):
        offset = (i << 18) % (len(want) - (1 << 18) + 1)
        buf = nbd.Buffer(1 << 18)
        asked.append((h.aio_pread(buf, offset), buf, offset, 1 << 18))
    print("asked", flush=True)
    sys.stdin.readline()
    for c in asked:
        while not h.aio_command_completed(c[0]):
            h.poll(-1)
        check(*c[1:])
    print("all right")
