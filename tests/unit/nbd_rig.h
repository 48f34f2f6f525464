/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbd_rig - the NBD server against clients whose every byte the test writes and
 * reads, in virtual time, over disks that complete their requests when the test
 * says so.
 */
#ifndef TESTS_NBD_RIG_H
#define TESTS_NBD_RIG_H

#include "base/be.h"
#include "nbd/nbd.h"
#include "nbd/nwire.h"
#include "prng.h"
#include "unit.h"

#define RIG_DISKS 2
#define RIG_SIZE  (UINT64_C(8) << 30) /* of a disk */
#define RIG_MEM	  ((size_t)40 << 20)  /* the part of it that is remembered */

struct disk {
	struct bdev bdev; /* first */
	uint8_t *mem;
	struct bdev_req_queue queue;
	/* Fills a pipe that a READ offers; NULL: memory is asked for. */
	size_t (*fill)(struct kpipe *, const uint8_t *, size_t);
	size_t short_by; /* it says that all is there, but these are not */
	bool manual;	 /* requests wait for disk_complete() */
	int error;	 /* of every request while not 0 */
	/* What it answers to EXTENTS, as often as it fits. */
	struct bdev_extent extents[4];
	unsigned extents_n;
	/* The requests, in the order of their submission. */
	struct seen {
		enum bdev_op op;
		uint32_t flags;
		uint64_t offset, length;
		unsigned extents_max;
	} seen[64];
	unsigned seen_n;
};

struct rig {
	struct nbd_config config;
	struct nbd *nbd;
	struct disk disks[RIG_DISKS];
	uint64_t now;
	struct prng chance;
	/* Empties a pipe that the server sends. */
	void (*drain)(struct kpipe *, uint8_t *, size_t);
	struct log log;
	char line[1024]; /* logged last, of level info or above */
};

struct client {
	struct rig *rig;
	struct nconn *nc;
	enum nwire_mode mode;
	size_t chunk; /* bytes that one step moves at the most; 0: all */
	bool deaf;    /* takes nothing of what is sent to it */
	unsigned wakes;
	uint64_t cookie; /* of the last request */
	/* Sent and not yet taken; received and not yet looked at. */
	uint8_t *out, *in;
	size_t out_len, out_room, in_len, in_room;
	uint8_t *taken; /* by client_take() last */
};

/* Exports: "first" (also "", thin) and "second" (plain, described). */
void rig_init(struct rig *);
void rig_start(struct rig *); /* after the test changed config and disks */
void rig_fini(struct rig *);
unsigned disk_complete(struct disk *);
unsigned disk_waiting(const struct disk *);
/* Completes the nth request that waits. */
void disk_complete_nth(struct disk *, unsigned n);

void client_init(struct client *, struct rig *);
void client_attach(struct client *, struct rig *, const char *name);
void client_fini(struct client *);
/* Moves bytes and completes requests until nothing moves any more. */
void client_pump(struct client *);
void client_bytes(struct client *, const void *data, size_t len);
/* The next n bytes that came, or NULL; valid until the next call. */
const uint8_t *client_take(struct client *, size_t n);
bool client_closed(struct client *, struct error *ret_why);

/* Checks the greeting and answers it. */
void client_greet(struct client *, uint32_t flags);
void client_option(
    struct client *, uint32_t option, const void *data, size_t len);
/* The next answer, which must be to this option; its data in ret_data. */
struct nwire_answer client_answer(
    struct client *, uint32_t option, const uint8_t **ret_data);
/* Option and one answer of this type. */
void client_ask(struct client *, uint32_t option, const void *data, size_t len,
    uint32_t type);
/* The data of INFO and GO; returns the length. */
size_t info_data(uint8_t *p, const char *name, const uint16_t *infos, size_t n);
/* The data of LIST_META_CONTEXT and SET_META_CONTEXT. */
size_t meta_data(
    uint8_t *p, const char *name, const char *const *queries, uint32_t n);
/* LIST_META_CONTEXT or SET_META_CONTEXT; found: base:allocation is answered. */
void client_meta(struct client *, uint32_t option, const char *name,
    const char *const *queries, uint32_t n, bool found);
/* The connection has ended, with this in the error and in the log. */
void assert_dropped(struct client *, const char *why);
/* Greets, negotiates the mode (and base:allocation unless simple), and enters
 * transmission; returns the transmission flags. */
uint16_t client_go(struct client *, enum nwire_mode, const char *name);

/* Sends a request, with payload for WRITE (NULL: none is sent). */
uint64_t client_request(struct client *, uint16_t type, uint16_t flags,
    uint64_t offset, uint64_t length, const void *payload);

struct reply {
	struct nwire_reply head;
	uint32_t error;	     /* of either kind */
	const uint8_t *data; /* READ: the bytes; chunk: what follows the offset
				or the context ID; valid until the next call */
	size_t len;
};

/* The next reply; false: none is here.  read_len: bytes of data that a simple
 * reply without error is followed by. */
bool client_reply(struct client *, size_t read_len, struct reply *ret);
/* Request and reply, which must have its cookie; returns the error. */
uint32_t client_do(struct client *, uint16_t type, uint16_t flags,
    uint64_t offset, uint64_t length, const void *payload, struct reply *ret);

#endif
