#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
#
# mixes.py FUSE-SERVE FOLDER - direct and buffered users of one file at the same
# time, one by one in the orders in which an older page could stay in the page
# cache.  coherence.c meets them by chance.  FUSE-SERVE is mounted on FOLDER for
# each.
import atexit
import ctypes
import mmap
import os
import struct
import subprocess
import sys
import threading
import time

PAGE = 4096
OLD, NEW = b"\0", b"n"
IO_SETUP, IO_DESTROY, IO_GETEVENTS, IO_SUBMIT = 206, 207, 208, 209  # x86-64
if os.uname().machine == "aarch64":
    IO_SETUP, IO_DESTROY, IO_GETEVENTS, IO_SUBMIT = 0, 1, 4, 2
LIMIT = 60  # seconds
libc = ctypes.CDLL(None, use_errno=True)
failed = 0


def check(what, got, wanted):
    global failed
    if got != wanted:
        print(f"{what}: got {got!r}, wanted {wanted!r}")
        failed += 1


def wait_for(what, condition):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.001)


class Disk:
    """A device of zeros, mounted."""

    def __init__(self):
        self.serve = subprocess.Popen(
            [sys.argv[1], "1M", sys.argv[2]],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(self.give_up)
        self.path = sys.argv[2] + "/lun-0"
        assert self.serve.stdout.readline() == "ready\n"

    def say(self, word):
        print(word, file=self.serve.stdin, flush=True)
        return self.serve.stdout.readline()

    def open(self, flags):
        return os.open(self.path, flags)

    def open_two(self, first, flags):
        """A direct handle and a cached one with these flags."""
        if first == "direct":
            direct = self.open(os.O_RDWR | os.O_DIRECT)
            return direct, self.open(flags)
        cached = self.open(flags)
        return self.open(os.O_RDWR | os.O_DIRECT), cached

    def wait_held(self, n=1):
        """So many requests wait at the device."""
        wait_for(
            f"{n} held", lambda: self.say("stats").endswith(f" held {n}\n")
        )

    def end(self, *handles):
        for handle in handles:
            os.close(handle)
        self.serve.terminate()
        check("the end of fuse-serve", self.serve.wait(LIMIT), 0)

    def give_up(self):
        if self.serve.poll() is None:
            self.say("pass")
            self.say("lazy")
            self.serve.wait()


class Writer(threading.Thread):
    """Writes with write(2) while others look."""

    def __init__(self, handle, data, offset):
        super().__init__(daemon=True)
        self.job = (handle, data, offset)
        self.start()

    def run(self):
        try:
            check("bytes written", os.pwrite(*self.job), len(self.job[1]))
        except OSError as error:
            check("bytes written", error, len(self.job[1]))

    wait = threading.Thread.join


class AsyncWrite:
    """One write of io_submit(2)."""

    def __init__(self, handle, data, offset):
        self.length = len(data)
        self.context = ctypes.c_ulong(0)
        self.call(IO_SETUP, 1, ctypes.byref(self.context))
        # aio_data, aio_key and flags, opcode IOCB_CMD_PWRITE, priority,
        # descriptor, buffer, length, offset, and what is not used
        self.iocb = ctypes.create_string_buffer(
            struct.pack(
                "=QQHhIQQq24x",
                0,
                0,
                1,
                0,
                handle,
                ctypes.addressof(ctypes.c_char.from_buffer(data)),
                self.length,
                offset,
            )
        )
        iocbs = ctypes.c_void_p(ctypes.addressof(self.iocb))
        check("submitted", self.call(IO_SUBMIT, self.context, 1, ctypes.byref(iocbs)), 1)

    @staticmethod
    def call(*arguments):
        result = libc.syscall(*arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), "asynchronous I/O")
        return result

    def wait(self):
        event = ctypes.create_string_buffer(32)
        limit = struct.pack("=qq", LIMIT, 0)
        if self.call(IO_GETEVENTS, self.context, 1, 1, event, limit) != 1:
            sys.exit("an asynchronous write is not answered")
        check("bytes written", struct.unpack("=QQqq", event.raw)[2], self.length)
        self.call(IO_DESTROY, self.context)


def aligned(content, length):
    buf = mmap.mmap(-1, PAGE)
    buf.write(content * length)
    return memoryview(buf)[:length]


def direct_write(first, start):
    """A page that is read while a direct write is under way does not stay."""
    disk = Disk()
    direct, cached = disk.open_two(first, os.O_RDONLY)
    disk.say("writes")
    write = start(direct, aligned(NEW, PAGE), 0)
    disk.wait_held()
    check("while it is under way", os.pread(cached, PAGE, 0), OLD * PAGE)
    disk.say("pass")
    write.wait()
    name = f"{start.__name__}, {first} first"
    check(f"after a direct write ({name})", os.pread(cached, PAGE, 0), NEW * PAGE)
    disk.end(direct, cached)


def open_beside_write(flags):
    """An open drops no page whose write(2) is under way."""
    disk = Disk()
    cached = disk.open(os.O_RDWR)
    mapping = mmap.mmap(cached, PAGE)
    check("before", mapping[:1], OLD)
    disk.say("writes")
    writer = Writer(cached, NEW * 512, 0)
    disk.wait_held()
    other = disk.open(flags)
    check("while it is under way", mapping[:1], NEW)
    disk.say("pass")
    writer.wait()
    check(f"after an open ({flags:#o})", mapping[:1], NEW)
    mapping.close()
    disk.end(cached, other)


def direct_beside_store(first):
    """A dirty page does not land on top of a direct write."""
    disk = Disk()
    direct, cached = disk.open_two(first, os.O_RDWR)
    mapping = mmap.mmap(cached, PAGE)
    mapping[:1] = NEW
    os.pwrite(direct, aligned(NEW, 512), 512)
    mapping.flush()
    content = aligned(OLD, PAGE)
    os.preadv(direct, [content], 0)
    check("the store", bytes(content[:1]), NEW)
    check("the direct write beside it", bytes(content[512:513]), NEW)
    mapping.close()
    disk.end(direct, cached)


def answer_without_page():
    """A direct write is answered although a read of its page is not."""
    disk = Disk()
    direct, cached = disk.open_two("direct", os.O_RDONLY)
    disk.say("stall")
    write = AsyncWrite(direct, aligned(NEW, PAGE), 0)
    disk.wait_held(1)
    reader = threading.Thread(target=os.pread, args=(cached, 1, 0), daemon=True)
    reader.start()
    disk.wait_held(2)
    disk.say("reads")
    write.wait()
    disk.wait_held(1)
    disk.say("pass")
    reader.join()
    wait_for("the direct write", lambda: os.pread(cached, 1, 0) == NEW)
    disk.end(direct, cached)


def first_cached_open():
    """Pages from before direct writes are not found again."""
    disk = Disk()
    direct = disk.open(os.O_RDWR | os.O_DIRECT)
    cached = disk.open(os.O_RDONLY)
    check("before", os.pread(cached, 1, 0), OLD)
    os.close(cached)
    wait_for("RELEASE", lambda: " open 1 " in disk.say("stats"))
    os.pwrite(direct, aligned(NEW, PAGE), 0)
    for flags in (os.O_RDONLY, os.O_RDWR):
        cached = disk.open(flags)
        check("after a direct write alone", os.pread(cached, 1, 0), NEW)
        os.close(cached)
    disk.end(direct)


# Linux 6.2 has what direct handles need to bypass the cache altogether.
release = tuple(map(int, os.uname().release.split(".")[:2]))
for order in ("direct", "cached"):
    direct_write(order, Writer)
    if release >= (6, 2):
        direct_write(order, AsyncWrite)
for mode in (os.O_RDONLY, os.O_RDWR, os.O_RDONLY | os.O_DIRECT):
    open_beside_write(mode)
for order in ("direct", "cached"):
    direct_beside_store(order)
first_cached_open()
# Later kernels wait for the page themselves.
if (6, 2) <= release < (6, 18):
    answer_without_page()
sys.exit(failed != 0)
