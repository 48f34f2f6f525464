/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_impl - what the files of `luntap copy` share: copy.c takes the arguments
 * apart, copy_run.c opens both ends, copies and closes them, copy_check.c looks
 * at the destination before, copy_records.c keeps what is kept beside the data.
 */
#ifndef CMD_COPY_IMPL_H
#define CMD_COPY_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "cmd/endpoint.h"
#include "cmd/options.h"
#include "cmd/progress.h"
#include "cmd/transfer.h"
#include "front/copy.h"
#include "front/journal.h"
#include "front/manifest.h"
#include "front/mapfile.h"

struct copy_arguments {
	const char *source;
	const char *destination;
	enum copy_sparse sparse;
	enum copy_offload offload;
	bool assume_zero;
	bool verify;
	bool force;
	bool skip_errors;
	bool has_range;
	uint64_t offset; /* --range */
	uint64_t length;
	uint64_t rate;
	unsigned depth;
	uint32_t chunk; /* 0: not given */
	enum progress_mode progress;
	bool has_digest;
	enum hash_alg digest;
	const char *journal;
	const char *manifest;
	const char *base;
	const char *mapfile;
};

/* What is kept beside the data. */
struct copy_records {
	void *owner; /* of copy_run.c */
	const struct copy_arguments *args;
	const struct log *log;
	const char *source_name;
	uint32_t chunk;
	struct hash hash;
	struct journal *journal;
	struct manifest *manifest;
	struct manifest *base;
	struct mapfile *mapfile;
	bool bad;			  /* zeros stand for a part of it */
	bool bad_news;			  /* for the mapfile */
	uint8_t zero_hash[MANIFEST_HASH]; /* of a whole chunk */
};

/* How a destination is before the first byte comes. */
struct copy_room {
	uint64_t size; /* UINT64_MAX: it grows */
	bool empty;    /* it holds nothing */
	bool resize;   /* it will be so only after copy_make_room() */
};

/*
 * A destination that is a file is open: one that was there has to be a plain
 * image of the size that is wanted, or empty, or args->force says that it may
 * be overwritten whatever it is.  want: UINT64_MAX when that is not known.  0,
 * or -1 with err.  Nothing is changed.
 */
int copy_check_file(const struct copy_arguments *, struct endpoint *,
    uint64_t want, struct copy_room *ret, struct error *err);
/* Whether what the base does not have copied can be there.  0, or -1 with
 * err. */
int copy_check_base(const struct copy_arguments *,
    const struct endpoint *destination, const struct copy_room *,
    struct error *err);
/* The first that changes anything: no check may come later.  0, or -1 with
 * err. */
int copy_make_room(
    struct endpoint *, const struct copy_room *, struct error *err);
/* What of the source is wanted, as front/copy.h has it.  0, or -1 with err. */
int copy_check_range(const struct copy_arguments *, struct endpoint *source,
    uint64_t *ret_offset, uint64_t *ret_length, struct error *err);
/* Whether a path as destination leads to another file than the source.  0, or
 * -1 with err. */
int copy_check_path(
    const struct copy_arguments *, struct endpoint *source, struct error *err);
/* Both ends are open: whether they are two.  0, or -1 with err. */
int copy_check_same(const struct endpoint *source,
    const struct endpoint *destination, struct error *err);
/* Whether what is wanted may be written there.  0, or -1 with err. */
int copy_check_ends(struct endpoint *destination, const struct copy_room *,
    uint64_t offset, uint64_t length, struct error *err);

/* Opens the files, and sets the callbacks and resume of config, whose offset,
 * length, chunk and zeroed are set; an older manifest may change the chunk, and
 * a journal what is zeroed.  The records are ctx of the callbacks.  0, or -1
 * with err; copy_records_free() follows in any case. */
int copy_records_open(struct copy_records *, struct loop *,
    struct endpoint *source, struct endpoint *destination,
    const struct copy_room *, struct copy_config *config, struct error *err);
/* Notes in base and manifest that what they say of the destination will not be
 * true any more.  0, or -1 with err. */
int copy_records_begin(const struct copy_records *, struct error *err);
/* All was copied, or has stopped (ok == false): writes what is to be kept, and
 * prints the digest.  done: so many bytes of the range, without a gap.  0, or -1
 * with err. */
int copy_records_close(
    struct copy_records *, bool ok, uint64_t done, struct error *err);
/* Bytes that zeros stand for, of this run or an earlier one; this run says that
 * there are so many of it. */
uint64_t copy_records_bad(const struct copy_records *, uint64_t now);
void copy_records_free(struct copy_records *);

/* The whole of it: the exit code. */
int copy_run(struct options *, struct copy_arguments *);

#endif
