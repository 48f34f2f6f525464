/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_check - looks at the destination of a copy before a byte is written.
 *
 * A file that is there is overwritten only when it looks like an older image of
 * the same disk: plain, and of the same size.  What has a format of its own
 * (qcow2, an archive) or another size is somebody's by mistake, until --force
 * says otherwise.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "block/file.h"
#include "cmd/copy_impl.h"

/* Files that are no plain images, by what they begin with. */
static const struct format {
	const char *name;
	size_t at;
	size_t length;
	const char *magic;
} formats[] = {
	{ "a qcow2 image", 0, 4, "QFI\xfb" },
	{ "a VMDK image", 0, 4, "KDMV" },
	{ "a VMDK description", 0, 21, "# Disk DescriptorFile" },
	{ "a VHDX image", 0, 8, "vhdxfile" },
	{ "a VHD image", 0, 8, "conectix" },
	{ "a VDI image", 0x40, 4, "\x7f\x10\xda\xbe" },
	{ "a QED image", 0, 4, "QED" },
	{ "compressed by gzip", 0, 2, "\x1f\x8b" },
	{ "compressed by zstd", 0, 4, "\x28\xb5\x2f\xfd" },
	{ "compressed by xz", 0, 6,
	    "\xfd"
	    "7zXZ" },
	{ "compressed by bzip2", 0, 3, "BZh" },
	{ "compressed by lz4", 0, 4, "\x04\x22\x4d\x18" },
	{ "a tar archive", 257, 5, "ustar" },
	{ "a program", 0, 4,
	    "\x7f"
	    "ELF" },
};

/* What it is, or NULL: nothing that is known. */
static const char *
format_of(const char *path)
{
	char head[512];
	ssize_t n = -1;
	size_t i;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		n = pread(fd, head, sizeof(head), 0);
		close(fd);
	}
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (n >= (ssize_t)(f->at + f->length) &&
		    memcmp(head + f->at, f->magic, f->length) == 0)
			return f->name;
	}
	return NULL;
}

/* The file is somebody's, and not for us. */
static int
refuse(const struct endpoint *e, uint64_t have, uint64_t want,
    const char *format, struct error *err)
{
	const char *name = endpoint_name(e);

	if (format != NULL)
		return error_set(err, ERROR_FAILED,
		    "%s is %s, no plain image: nothing was written (--force "
		    "overwrites it)",
		    name, format);
	if (want == UINT64_MAX)
		return error_set(err, ERROR_FAILED,
		    "%s is there already, with %" PRIu64
		    " bytes: nothing was written (--force overwrites it)",
		    name, have);
	return error_set(err, ERROR_FAILED,
	    "%s has %" PRIu64 " bytes, %" PRIu64
	    " are wanted: nothing was written (--force overwrites it and gives "
	    "it that size)",
	    name, have, want);
}

int
copy_check_file(const struct copy_arguments *args, struct endpoint *e,
    uint64_t want, struct copy_room *ret, struct error *err)
{
	uint64_t have = endpoint_bdev(e)->size;
	bool fits = args->has_range ? have >= want : have == want;
	const char *format = NULL;

	*ret = (struct copy_room){ .size = have, .empty = endpoint_created(e) };
	if (endpoint_kind(e) != ENDPOINT_FILE || endpoint_created(e))
		return 0;
	if (have > 0)
		format = format_of(args->destination);
	if (have > 0 && (format != NULL || !fits) && !args->force)
		return refuse(e, have, want, format, err);
	if (fits)
		return 0;
	ret->resize = true;
	ret->size = want;
	/* A part of it is all that may be touched. */
	ret->empty = !args->has_range || want == UINT64_MAX;
	return 0;
}

int
copy_make_room(
    struct endpoint *e, const struct copy_room *room, struct error *err)
{
	if (!room->resize)
		return 0;
	if (room->empty && endpoint_resize(e, 0, err) < 0)
		return -1;
	return endpoint_resize(e, room->size, err);
}

int
copy_check_base(const struct copy_arguments *args, const struct endpoint *e,
    const struct copy_room *room, struct error *err)
{
	if (args->base == NULL || !(room->empty || room->resize))
		return 0;
	return error_set(err, ERROR_FAILED,
	    "--base: %s %s, and does not hold what did not change since (leave "
	    "--base out, and all is copied)",
	    endpoint_name(e),
	    room->resize ? "is to be given another size" : "is new");
}

int
copy_check_range(const struct copy_arguments *args, struct endpoint *source,
    uint64_t *ret_offset, uint64_t *ret_length, struct error *err)
{
	const struct bdev *from = endpoint_bdev(source);

	*ret_offset = args->has_range ? args->offset : 0;
	*ret_length = args->has_range ? args->length : from->size;
	if (from->stream)
		return 0;
	if (*ret_offset > from->size || *ret_length > from->size - *ret_offset)
		return error_set(err, ERROR_USAGE,
		    "--range: %s ends at %" PRIu64 ", the range at %" PRIu64,
		    endpoint_name(source), from->size,
		    *ret_offset + *ret_length);
	return 0;
}

int
copy_check_path(const struct copy_arguments *args, struct endpoint *source,
    struct error *err)
{
	const char *path = args->destination;

	if (endpoint_kind_of(path) != ENDPOINT_FILE ||
	    !file_same(endpoint_bdev(source), path))
		return 0;
	return error_set(err, ERROR_USAGE,
	    "%s is the source as well, or a part of it, or it of that", path);
}

int
copy_check_same(const struct endpoint *source,
    const struct endpoint *destination, struct error *err)
{
	if (!endpoint_same(source, destination))
		return 0;
	return error_set(err, ERROR_USAGE, "%s is the source as well (%s)",
	    endpoint_name(destination), endpoint_identity(source));
}

int
copy_check_ends(struct endpoint *destination, const struct copy_room *room,
    uint64_t offset, uint64_t length, struct error *err)
{
	const struct bdev *to = endpoint_bdev(destination);

	if (to->read_only)
		return error_set(err, ERROR_IO, "%s is write protected",
		    endpoint_name(destination));
	if (!to->stream && length != UINT64_MAX &&
	    (offset > room->size || length > room->size - offset))
		return error_set(err, ERROR_FAILED,
		    "%s is too small: it has %" PRIu64 " bytes, %" PRIu64
		    " are wanted (--range OFFSET:LENGTH copies a part)",
		    endpoint_name(destination), room->size, offset + length);
	return 0;
}
