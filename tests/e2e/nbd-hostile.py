# SPDX-License-Identifier: BSD-2-Clause
"""
nbd-hostile SOCKET WHAT [N [CA-FILE]] - NBD clients that do what no client should, byte by
byte (the NBD specification, doc/proto.md).

  garbage            random bytes, in each phase
  oversized_options  that say they are larger than any may be
  oversized          the same, and requests
  clear              asks for TLS and goes on in the clear
  drop_early         breaks off while options or answers are under way
  drop               the same, and in the middle of writes
  half_close         closes its side with more requests under way than are taken
                     at once, and wants to be answered
  goodbye            with TLS (N is 1): asks for a lot, says that it goes, and
                     never reads; the server has to close it
  unread             N clients, with TLS when there is a CA-FILE, that ask for
                     more and more and never read an answer; says "full" when
                     the server takes no more of any, and holds on until the
                     standard input ends

All but the last end with 0 when the server has closed each of these connections
by itself.
"""

import os
import random
import select
import socket
import ssl
import struct
import sys
import time

IHAVEOPT = b"IHAVEOPT"
REQUEST, MIB = 0x25609513, 1 << 20
EXPORT_NAME, LIST, STARTTLS, INFO, GO, META, BAD = 1, 3, 5, 6, 7, 10, 99
READ, WRITE, DISC, TRIM = 0, 1, 2, 4


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(path)
    return s


def exactly(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        assert part, "the server has closed"
        data += part
    return data


def greet(s, flags=3):
    assert exactly(s, 16) == b"NBDMAGIC" + IHAVEOPT
    exactly(s, 2)
    s.sendall(struct.pack(">I", flags))


def option(number, data=b"", length=None):
    return IHAVEOPT + struct.pack(
        ">II", number, len(data) if length is None else length) + data


def request(kind, offset, length, flags=0, cookie=7):
    return struct.pack(">IHHQQI", REQUEST, flags, kind, cookie, offset, length)


def use_export(s):
    """To transmission, on the default export."""
    s.sendall(option(EXPORT_NAME))
    size, _ = struct.unpack(">QH", exactly(s, 10))
    return size


def enter(s):
    greet(s)
    return use_export(s)


def send_some(s, data):
    """Sends what the server takes: it may have closed already."""
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        pass


def closed(s):
    """The server says what it will, and ends the connection."""
    got = 0
    try:
        while True:
            part = s.recv(MIB)
            if not part:
                break
            got += len(part)
            assert got < 64 * MIB
    except ConnectionResetError:
        pass
    s.close()
    return got


def garbage(path):
    rng = random.Random(11)
    for i in range(60):
        s = connect(path)
        if i % 3 == 1:
            greet(s)
        elif i % 3 == 2:
            enter(s)
        send_some(s, rng.randbytes(rng.randrange(1, 100000)))
        closed(s)


def oversized_options(path):
    for number in (EXPORT_NAME, LIST, STARTTLS, INFO, GO, META, BAD):
        for length in (0xffffffff, 0x7fffffff, 1 << 20, 5000):
            s = connect(path)
            greet(s)
            send_some(s, option(number, b"x" * 3000, length))
            closed(s)
    name = b"n" * 5000
    for data in (struct.pack(">I", 0xffffffff) + b"lun",
                 struct.pack(">I", len(name)) + name + b"\0\0",
                 struct.pack(">I", 0) + b"\xff\xff"):
        s = connect(path)
        greet(s)
        send_some(s, option(GO, data))
        closed(s)


def oversized(path):
    oversized_options(path)
    for kind in (READ, WRITE, TRIM, 77):
        for length in (0xffffffff, 1 << 31, 33 * MIB):
            s = connect(path)
            enter(s)
            send_some(s, request(kind, 0, length) + b"y" * 100000)
            closed(s)


def clear(path):
    """What comes in the clear must not be taken for what came by TLS."""
    more = option(EXPORT_NAME) + request(READ, 0, 512)
    for pause in (False, True):
        for n in (1, 5, len(more)):
            s = connect(path)
            greet(s)
            if pause:
                s.sendall(option(STARTTLS))
                assert exactly(s, 20)[12:16] == b"\0\0\0\1"
                s.sendall(more[:n])
                if n < 6:
                    s.shutdown(socket.SHUT_WR)
            else:
                s.sendall(option(STARTTLS) + more[:n])
            # The answer to STARTTLS and an alert of TLS, and nothing else.
            assert closed(s) < 100


def drop_early(path):
    talk = option(GO, struct.pack(">I", 0) + b"\0\0")
    for n in range(0, len(talk), 3):
        s = connect(path)
        greet(s)
        s.sendall(talk[:n])
        s.close()
    for n in range(20):
        s = connect(path)
        enter(s)
        s.sendall(request(READ, 0, 8 * MIB) * (n + 1))
        s.recv(1 + 1000 * n)
        s.close()


def drop(path):
    drop_early(path)
    talk = request(WRITE, 0, 100000) + b"\xee" * 100000
    for n in (1, 27, 28, 29, 5000, 99999, 100027):
        s = connect(path)
        enter(s)
        s.sendall(talk[:n])
        s.close()


def half_close(path):
    s = connect(path)
    enter(s)
    s.sendall(b"".join(request(WRITE, i * 512, 512, cookie=i) + bytes([i]) * 512
                       for i in range(200)) +
              request(READ, 0, 200 * 512, cookie=200))
    s.shutdown(socket.SHUT_WR)
    replies = {}
    for i in range(201):
        magic, error, cookie = struct.unpack(">IIQ", exactly(s, 16))
        assert (magic, error) == (0x67446698, 0), (magic, error)
        replies[cookie] = exactly(s, 200 * 512) if cookie == 200 else b""
    assert sorted(replies) == list(range(201))
    assert len(replies[200]) == 200 * 512
    assert s.recv(1) == b""


def turn_to_tls(s, ca_file):
    s.sendall(option(STARTTLS))
    assert exactly(s, 20)[12:16] == b"\0\0\0\1"
    context = ssl.create_default_context(cafile=ca_file)
    return context.wrap_socket(s, server_hostname="localhost")


def ask(s, data):
    """How much of it the server takes."""
    try:
        return s.send(data)
    except (BlockingIOError, ssl.SSLWantWriteError):
        return 0


def unread(path, n, ca_file=None):
    clients = []
    for _ in range(n):
        s = connect(path)
        greet(s)
        if ca_file:
            s = turn_to_tls(s, ca_file)
        size = use_export(s)
        s.setblocking(False)
        clients.append(s)
    data = request(READ, size - 4 * MIB, 4 * MIB) * 64
    asked = 0
    quiet = 0
    while quiet < 20:
        more = sum(ask(s, data) for s in clients)
        quiet = 0 if more else quiet + 1
        asked += more
        time.sleep(0.1 if quiet else 0)
    print("full", asked // 28, flush=True)
    sys.stdin.read()


def goodbye(path, ca_file):
    s = connect(path)
    greet(s)
    s = turn_to_tls(s, ca_file)
    use_export(s)
    s.sendall(request(READ, 0, 4 * MIB) * 2 + request(DISC, 0, 0))
    end = select.poll()
    end.register(s.fileno(), select.POLLRDHUP)
    end.poll()


def main():
    path, what = sys.argv[1:3]
    if what == "unread":
        unread(path, int(sys.argv[3]), *sys.argv[4:])
    elif what == "goodbye":
        goodbye(path, sys.argv[4])
    else:
        {
            "garbage": garbage,
            "oversized": oversized,
            "oversized_options": oversized_options,
            "clear": clear,
            "drop": drop,
            "drop_early": drop_early,
            "half_close": half_close,
        }[what](path)
    os._exit(0)


main()
