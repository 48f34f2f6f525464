#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
#
# corners.py FILE - what a file that is a disk does at its edges: the end,
# truncation, holes, attributes, mappings.  FILE is writable, not thin, and at
# least 1 MiB long; its content is lost.
import ctypes
import errno
import mmap
import os
import stat
import sys

path = sys.argv[1]
size = os.stat(path).st_size
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
KEEP, PUNCH, COLLAPSE, ZERO = 1, 2, 8, 16
failed = 0


def check(what, got, wanted):
    global failed
    if got != wanted:
        print(f"{what}: got {got!r}, wanted {wanted!r}")
        failed += 1


def fails(what, wanted, function, *args):
    try:
        got = function(*args)
        check(what, got, errno.errorcode[wanted])
    except OSError as e:
        check(what, errno.errorcode[e.errno], errno.errorcode[wanted])


def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, mode, offset, length) < 0:
        raise OSError(ctypes.get_errno(), "fallocate")
    return 0


def aligned(n, byte):
    m = mmap.mmap(-1, n)
    m.write(bytes([byte]) * n)
    return m


def the_end(kind, flags):
    fd = os.open(path, os.O_RDWR | flags)
    page = aligned(8192, 0x5A)
    check(f"{kind} write across the end", os.pwrite(fd, page, size - 4096), 4096)
    fails(f"{kind} write at the end", errno.ENOSPC, os.pwrite, fd, page, size)
    fails(f"{kind} write behind the end", errno.ENOSPC, os.pwrite, fd, page, size + 65536)
    check(f"{kind} read across the end", os.preadv(fd, [page], size - 4096), 4096)
    check(f"{kind} content at the end", bytes(page[:4096]), b"\x5a" * 4096)
    check(f"{kind} read at the end", os.preadv(fd, [page], size), 0)
    check(f"{kind} read behind the end", os.preadv(fd, [page], size + 4096), 0)
    check(f"{kind} size afterwards", os.fstat(fd).st_size, size)
    os.close(fd)


def odd_ranges(kind, flags):
    fd = os.open(path, os.O_RDWR | flags)
    os.pwrite(fd, aligned(16384, 0), 0)
    for offset, length in ((1, 1), (511, 2), (513, 1000), (4095, 4098), (9001, 1)):
        os.pwrite(fd, b"\xa5" * length, offset)
        check(f"{kind} {length} bytes at {offset}", os.pread(fd, length + 2, offset - 1),
              b"\0" + b"\xa5" * length + b"\0")
        os.pwrite(fd, b"\0" * length, offset)
    os.close(fd)


def truncation():
    os.truncate(path, size)
    for n in (0, 1, size - 512, size + 512):
        fails(f"truncate to {n}", errno.EINVAL, os.truncate, path, n)
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, b"kept", 0)
    os.ftruncate(fd, size)
    fails("ftruncate to 0", errno.EINVAL, os.ftruncate, fd, 0)
    os.close(fd)
    fd = os.open(path, os.O_RDWR | os.O_TRUNC)
    check("size after O_TRUNC", os.fstat(fd).st_size, size)
    check("content after O_TRUNC", os.pread(fd, 4, 0), b"kept")
    os.close(fd)
    with open(path, "wb", buffering=0) as f:
        f.write(b"more")
    with open(path, "rb") as f:
        check("content after O_TRUNC and write", f.read(8)[:4], b"more")
        check("end after O_TRUNC", f.seek(0, os.SEEK_END), size)


def allocation():
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, b"\xff" * 65536, 0)
    check("allocate", fallocate(fd, 0, 0, size), 0)
    check("allocate keep", fallocate(fd, KEEP, 0, size), 0)
    fails("allocate behind the end", errno.ENOSPC, fallocate, fd, 0, 0, size + 1)
    check("punch", fallocate(fd, PUNCH | KEEP, 4096, 8192), 0)
    check("punch unaligned", fallocate(fd, PUNCH | KEEP, 20001, 3), 0)
    check("zero", fallocate(fd, ZERO, 32768, 4096), 0)
    check("zero keep", fallocate(fd, ZERO | KEEP, 40960, 1), 0)
    data = os.pread(fd, 65536, 0)
    want = bytearray(b"\xff" * 65536)
    for a, n in ((4096, 8192), (20001, 3), (32768, 4096), (40960, 1)):
        want[a:a + n] = bytes(n)
    check("content after punching", data == bytes(want), True)
    direct = os.open(path, os.O_RDONLY | os.O_DIRECT)
    page = aligned(65536, 1)
    os.preadv(direct, [page], 0)
    check("content after punching, direct", bytes(page) == bytes(want), True)
    os.close(direct)
    check("punch across the end", fallocate(fd, PUNCH | KEEP, size - 512, 4096), 0)
    check("punch behind the end", fallocate(fd, PUNCH | KEEP, size, 4096), 0)
    fails("zero across the end", errno.ENOSPC, fallocate, fd, ZERO, size - 512, 4096)
    fails("collapse", errno.EOPNOTSUPP, fallocate, fd, COLLAPSE, 0, 4096)
    check("punch after a refusal", fallocate(fd, PUNCH | KEEP, 0, 512), 0)
    check("size", os.fstat(fd).st_size, size)
    check("SEEK_DATA", os.lseek(fd, 1000, os.SEEK_DATA), 1000)
    check("SEEK_HOLE", os.lseek(fd, 1000, os.SEEK_HOLE), size)
    fails("SEEK_DATA at the end", errno.ENXIO, os.lseek, fd, size, os.SEEK_DATA)
    fails("SEEK_HOLE at the end", errno.ENXIO, os.lseek, fd, size, os.SEEK_HOLE)
    os.close(fd)


def attributes():
    st = os.stat(path)
    check("mode", stat.filemode(st.st_mode), "-rw-------")
    check("owner", st.st_uid, os.getuid())
    check("blocks", st.st_blocks, size // 512)
    os.chmod(path, 0o600)
    fails("chmod", errno.EPERM, os.chmod, path, 0o644)
    os.chown(path, os.getuid(), -1)
    fails("chown", errno.EPERM, os.chown, path, 12345, -1)
    os.utime(path, (1000, 2000))
    st = os.stat(path)
    check("times", (st.st_atime, st.st_mtime), (1000, 2000))
    with open(path, "r+b", buffering=0) as f:
        f.write(b"x")
        check("a write changes mtime", os.fstat(f.fileno()).st_mtime > 2000, True)
        fails("getxattr", errno.EOPNOTSUPP, os.getxattr, path, "user.x")
    check("access", os.access(path, os.R_OK | os.W_OK), True)
    check("access to execute", os.access(path, os.X_OK), False)


def mapping():
    fd = os.open(path, os.O_RDWR)
    m = mmap.mmap(fd, 65536)
    m[1000:1004] = b"mapd"
    m.flush()
    direct = os.open(path, os.O_RDONLY | os.O_DIRECT)
    page = aligned(4096, 0)
    os.preadv(direct, [page], 0)
    check("a direct reader sees a mapped store", page[1000:1004], b"mapd")
    os.pwrite(fd, b"bufd", 2000)
    check("the mapping sees a write", m[2000:2004], b"bufd")
    writer = os.open(path, os.O_WRONLY | os.O_DIRECT)
    m[5000:5004] = b"dirt"  # the page is dirty when the direct write comes
    os.pwrite(writer, aligned(512, 0x44), 4096)
    check("the mapping sees a direct write", m[4096:4100], b"DDDD")
    check("a store beside it stays", m[5000:5004], b"dirt")
    os.close(writer)
    m.close()
    os.preadv(direct, [page], 4096)
    check("munmap wrote it", page[5000 - 4096:5004 - 4096], b"dirt")
    check("and did not undo the direct write", page[:4], b"DDDD")
    os.close(direct)
    os.close(fd)


def copying():
    src = os.open(path, os.O_RDONLY)
    dst = os.open(path, os.O_WRONLY)
    os.pwrite(dst, b"\x77" * 65536, 0)
    done = 0
    while done < 65536:
        done += os.copy_file_range(src, dst, 65536 - done, done, 131072 + done)
    check("copy_file_range", os.pread(src, 65536, 131072), b"\x77" * 65536)
    os.close(src)
    os.close(dst)


def sync():
    for flags in (os.O_SYNC, os.O_DSYNC, os.O_SYNC | os.O_DIRECT):
        fd = os.open(path, os.O_RDWR | flags)
        check("synchronous write", os.pwrite(fd, aligned(4096, 3), 0), 4096)
        os.fsync(fd)
        os.fdatasync(fd)
        os.close(fd)


the_end("buffered", 0)
the_end("direct", os.O_DIRECT)
odd_ranges("buffered", 0)
odd_ranges("direct", os.O_DIRECT)
truncation()
allocation()
attributes()
mapping()
copying()
sync()
sys.exit(failed != 0)
