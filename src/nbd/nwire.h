/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nwire - the numbers and headers of the NBD protocol (the NBD specification,
 * doc/proto.md of NetworkBlockDevice/nbd; extended headers: its branch
 * extension-ext-header).  Both roles: the engine gets what its clients put.
 *
 *   request   magic 4 | flags 2 | type 2 | cookie 8 | offset 8 | length 4 or 8
 *   simple    magic 4 | error 4 | cookie 8
 *   chunk     magic 4 | flags 2 | type 2 | cookie 8 |
 *             length 4, or with extended headers: offset 8, length 8
 *   option    magic 8 | option 4 | length 4
 *   answer    magic 8 | option 4 | type 4 | length 4
 *
 * No function here checks lengths: the caller has made sure that there is room,
 * or that the bytes are there.
 */
#ifndef NBD_NWIRE_H
#define NBD_NWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- handshake ---- */

#define NBD_MAGIC	 UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_ANSWER_MAGIC UINT64_C(0x0003e889045565a9)

#define NBD_GREETING_LEN 18 /* both magics, flags 2 */
#define NBD_CLIENT_LEN	 4  /* client flags */
#define NBD_OPTION_LEN	 16
#define NBD_ANSWER_LEN	 20
#define NBD_EXPORT_LEN	 10  /* size 8, flags 2: NBD_OPT_EXPORT_NAME */
#define NBD_ZEROES_LEN	 124 /* behind it */

/* Handshake flags, and the client's that answer them. */
#define NBD_FLAG_FIXED_NEWSTYLE 0x0001u
#define NBD_FLAG_NO_ZEROES	0x0002u

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
	NBD_OPT_EXTENDED_HEADERS = 11
};

#define NBD_REP_ACK		    1u
#define NBD_REP_SERVER		    2u
#define NBD_REP_INFO		    3u
#define NBD_REP_META_CONTEXT	    4u
#define NBD_REP_ERR		    0x80000000u /* set in all of these: */
#define NBD_REP_ERR_UNSUP	    (NBD_REP_ERR | 1)
#define NBD_REP_ERR_POLICY	    (NBD_REP_ERR | 2)
#define NBD_REP_ERR_INVALID	    (NBD_REP_ERR | 3)
#define NBD_REP_ERR_TLS_REQD	    (NBD_REP_ERR | 5)
#define NBD_REP_ERR_UNKNOWN	    (NBD_REP_ERR | 6)
#define NBD_REP_ERR_SHUTDOWN	    (NBD_REP_ERR | 7)
#define NBD_REP_ERR_TOO_BIG	    (NBD_REP_ERR | 9)
#define NBD_REP_ERR_EXT_HEADER_REQD (NBD_REP_ERR | 10)

#define NBD_INFO_EXPORT	     0
#define NBD_INFO_NAME	     1
#define NBD_INFO_DESCRIPTION 2
#define NBD_INFO_BLOCK_SIZE  3

/* Transmission flags. */
#define NBD_FLAG_HAS_FLAGS	   0x0001u
#define NBD_FLAG_READ_ONLY	   0x0002u
#define NBD_FLAG_SEND_FLUSH	   0x0004u
#define NBD_FLAG_SEND_FUA	   0x0008u
#define NBD_FLAG_SEND_TRIM	   0x0020u
#define NBD_FLAG_SEND_WRITE_ZEROES 0x0040u
#define NBD_FLAG_SEND_DF	   0x0080u
#define NBD_FLAG_CAN_MULTI_CONN	   0x0100u
#define NBD_FLAG_SEND_CACHE	   0x0400u
#define NBD_FLAG_SEND_FAST_ZERO	   0x0800u

/* ---- transmission ---- */

/* How requests and replies look, as the handshake has settled. */
enum nwire_mode {
	NWIRE_SIMPLE,
	NWIRE_STRUCTURED, /* replies with data, and errors, are chunks */
	NWIRE_EXTENDED	  /* all replies are chunks; 64-bit lengths */
};

#define NBD_REQUEST_MAGIC  UINT32_C(0x25609513)
#define NBD_REQUEST_MAGIC2 UINT32_C(0x21e41c71) /* extended */
#define NBD_SIMPLE_MAGIC   UINT32_C(0x67446698)
#define NBD_CHUNK_MAGIC	   UINT32_C(0x668e33ef)
#define NBD_CHUNK_MAGIC2   UINT32_C(0x6e8a278c) /* extended */

#define NBD_SIMPLE_LEN	    16
#define NBD_REQUEST_LEN_MAX 32
#define NBD_REPLY_LEN_MAX   32

enum nbd_command {
	NBD_CMD_READ,
	NBD_CMD_WRITE,
	NBD_CMD_DISC,
	NBD_CMD_FLUSH,
	NBD_CMD_TRIM,
	NBD_CMD_CACHE,
	NBD_CMD_WRITE_ZEROES,
	NBD_CMD_BLOCK_STATUS
};

#define NBD_CMD_FLAG_FUA	 0x01u
#define NBD_CMD_FLAG_NO_HOLE	 0x02u
#define NBD_CMD_FLAG_DF		 0x04u
#define NBD_CMD_FLAG_REQ_ONE	 0x08u
#define NBD_CMD_FLAG_FAST_ZERO	 0x10u
#define NBD_CMD_FLAG_PAYLOAD_LEN 0x20u /* extended: payload follows */

#define NBD_REPLY_FLAG_DONE 0x01u

#define NBD_REPLY_TYPE_NONE		0
#define NBD_REPLY_TYPE_OFFSET_DATA	1
#define NBD_REPLY_TYPE_BLOCK_STATUS	5
#define NBD_REPLY_TYPE_BLOCK_STATUS_EXT 6
#define NBD_REPLY_TYPE_ERROR		0x8001u

#define NBD_STATE_HOLE 0x01u
#define NBD_STATE_ZERO 0x02u

enum nbd_error {
	NBD_OK = 0,
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_ENOSPC = 28,
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108
};

/* ---- headers ---- */

struct nwire_option {
	uint32_t option;
	uint32_t length;
};

struct nwire_answer {
	uint32_t option;
	uint32_t type;
	uint32_t length;
};

struct nwire_request {
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint64_t length;
};

struct nwire_reply {
	bool chunk;
	uint32_t error; /* simple */
	uint16_t flags; /* chunk */
	uint16_t type;	/* chunk */
	uint64_t cookie;
	uint64_t offset; /* chunk with extended header */
	uint64_t length; /* chunk: of its payload */
};

void nwire_put_option(uint8_t *p, const struct nwire_option *);
/* False: the magic is wrong. */
bool nwire_get_option(const uint8_t *p, struct nwire_option *ret);
void nwire_put_answer(uint8_t *p, const struct nwire_answer *);
bool nwire_get_answer(const uint8_t *p, struct nwire_answer *ret);

size_t nwire_request_len(enum nwire_mode);
void nwire_put_request(
    uint8_t *p, enum nwire_mode, const struct nwire_request *);
bool nwire_get_request(
    const uint8_t *p, enum nwire_mode, struct nwire_request *ret);

void nwire_put_simple(uint8_t *p, uint64_t cookie, uint32_t error);
size_t nwire_chunk_len(enum nwire_mode);
/* Writes nwire_chunk_len() bytes. */
void nwire_put_chunk(uint8_t *p, enum nwire_mode, const struct nwire_reply *);
/* The length of the header at p, of which there are len bytes; 0: more bytes
 * are needed; -EPROTO: no reply that belongs to the mode. */
int nwire_get_reply(
    const uint8_t *p, size_t len, enum nwire_mode, struct nwire_reply *ret);

#endif
