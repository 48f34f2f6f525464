# SPDX-License-Identifier: BSD-2-Clause
"""
nbd-odd URI BLOCK - requests that are allowed and rare, and some that are not,
with libnbd, whose own checks are off.
"""

import errno
import random
import sys

import nbd

uri, block = sys.argv[1], int(sys.argv[2])
MIB = 1 << 20


def open_one():
    h = nbd.NBD()
    h.set_strict_mode(0)
    h.set_uri_allow_local_file(True)
    h.add_meta_context("base:allocation")
    h.connect_uri(uri)
    return h


def fails(want, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except nbd.Error as e:
        assert e.errnum == want, (e.errnum, want, e.string)
    else:
        raise AssertionError("no error")


h = open_one()
size = h.get_size()
rng = random.Random(5)

# Any offset and length, against a copy here.
copy = bytearray(rng.randbytes(2 * MIB))
h.pwrite(copy, 0)
for _ in range(300):
    at = rng.randrange(len(copy) - 1)
    length = rng.choice((1, 2, 511, 512, 513, 4095, 4097, 70001))
    length = min(length, len(copy) - at)
    what = rng.randrange(5)
    if what == 0:
        copy[at:at + length] = bytes(length)
        h.zero(length, at, flags=rng.choice((0, nbd.CMD_FLAG_NO_HOLE,
                                             nbd.CMD_FLAG_FUA)))
    elif what < 3:
        data = rng.randbytes(length)
        copy[at:at + length] = data
        h.pwrite(data, at, flags=rng.choice((0, nbd.CMD_FLAG_FUA)))
    else:
        assert h.pread(length, at) == copy[at:at + length], (at, length)
assert h.pread(len(copy), 0) == copy
h.flush()

# One byte, and as much as one request may carry; the last byte.
big = rng.randbytes(32 * MIB)
h.pwrite(big, size - len(big))
assert h.pread(len(big), size - len(big)) == big
assert h.pread(1, size - 1) == big[-1:]
h.pwrite(b"z", size - 1)
assert h.pread(2, size - 2) == big[-2:-1] + b"z"

# What cannot be done is refused, and the connection goes on.
fails(errno.EINVAL, h.pread, 2, size - 1)
fails(errno.EINVAL, h.pread, 1, size)
fails(errno.EINVAL, h.pread, 512, (1 << 63) - 512)
fails(errno.ENOSPC, h.pwrite, b"xy", size - 1)
fails(errno.ENOSPC, h.pwrite, b"x", 1 << 62)
fails(errno.ENOSPC, h.zero, 2 * MIB, size - MIB)
fails(errno.EINVAL, h.trim, 2 * MIB, size - MIB)
fails(errno.EINVAL, h.pread, 512, 0, flags=1 << 9)
fails(errno.EINVAL, h.pwrite, b"x" * 512, 0, flags=1 << 9)
assert h.pread(1, size - 1) == b"z"
assert h.pread(len(copy), 0) == copy

# Zeros over all of it, at once and far more than one request of the LUN; the
# old content may stay after a trim, but not change.
h.zero(size - 3, 2)
assert h.pread(MIB, 0) == copy[:2] + bytes(MIB - 2)
assert h.pread(MIB, size - MIB) == bytes(MIB - 1) + b"z"
if h.can_trim():
    h.pwrite(copy, 0)
    h.trim(MIB, 1)
    back = h.pread(2 * MIB, 0)
    assert back[:1] == copy[:1] and back[MIB + 1:] == copy[MIB + 1:]
    assert all(a == b or a == 0 for a, b in zip(back, copy))
    h.trim(size, 0)

# Structured answers: only whole with DF, and a hole where there is one.
chunks = []
h.pread_structured(MIB, MIB, lambda data, at, kind, error:
                   chunks.append((at, len(data), kind)),
                   flags=nbd.CMD_FLAG_DF)
assert len(chunks) == 1 and chunks[0][:2] == (MIB, MIB), chunks

# Many at once, each with its own answer.
cookies = {}
for i in range(200):
    buffer = nbd.Buffer(block)
    cookies[h.aio_pread(buffer, i * block)] = (i, buffer)
want = h.pread(200 * block, 0)
while cookies:
    for cookie in [c for c in cookies if h.aio_command_completed(c)]:
        i, buffer = cookies.pop(cookie)
        assert buffer.to_bytearray() == want[i * block:(i + 1) * block]
    if cookies:
        h.poll(1000)

# Connections see each other's completed writes, and one's flush covers all.
others = [open_one() for _ in range(4)]
for i, other in enumerate(others):
    other.pwrite(bytes([i + 1]) * 5000, i * 5000)
others[0].flush()
assert h.pread(20000, 0) == b"".join(bytes([i + 1]) * 5000 for i in range(4))
for other in others:
    other.shutdown()
h.shutdown()
