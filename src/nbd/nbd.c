/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd - the server: its exports, its counters, its end. */
#include "nbd/nbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nbd/nbd_impl.h"
#include "nbd/nconn.h"
#include "nbd/nwire.h"

struct nbd *
nbd_new(const struct nbd_config *config)
{
	struct nbd *nbd = calloc(1, sizeof(*nbd));

	if (nbd == NULL)
		return NULL;
	nbd->config = *config;
	TAILQ_INIT(&nbd->exports);
	TAILQ_INIT(&nbd->conns);
	pool_init(&nbd->pool);
	return nbd;
}

void
nbd_free(struct nbd *nbd)
{
	struct nexport *export;

	if (nbd == NULL)
		return;
	while ((export = TAILQ_FIRST(&nbd->exports)) != NULL) {
		TAILQ_REMOVE(&nbd->exports, export, link);
		free(export->name);
		free(export);
	}
	pool_fini(&nbd->pool);
	free(nbd);
}

struct nexport *
nbd_export(const struct nbd *nbd, const void *name, size_t len)
{
	struct nexport *export;

	TAILQ_FOREACH (export, &nbd->exports, link)
		if ((len == 0 && export->is_default) ||
		    (len == export->name_len &&
			memcmp(export->name, name, len) == 0))
			return export;
	return NULL;
}

int
nbd_add_export(struct nbd *nbd, const char *name, const char *description,
    struct bdev *bdev, bool is_default)
{
	size_t name_len = strlen(name);
	size_t description_len = description == NULL ? 0 : strlen(description);
	struct nexport *export;

	if (name_len == 0 || name_len > NBD_NAME_MAX ||
	    description_len > NBD_NAME_MAX)
		return -EINVAL;
	if (nbd_export(nbd, name, name_len) != NULL ||
	    (is_default && nbd_export(nbd, "", 0) != NULL))
		return -EEXIST;
	export = calloc(1, sizeof(*export));
	if (export == NULL)
		return -ENOMEM;
	export->name = malloc(name_len + description_len);
	if (export->name == NULL) {
		free(export);
		return -ENOMEM;
	}
	export->description = export->name + name_len;
	memcpy(export->name, name, name_len);
	if (description_len > 0)
		memcpy(export->description, description, description_len);
	export->name_len = name_len;
	export->description_len = description_len;
	export->bdev = bdev;
	export->is_default = is_default;
	TAILQ_INSERT_TAIL(&nbd->exports, export, link);
	return 0;
}

void
nbd_stats(const struct nbd *nbd, struct nbd_stats *ret)
{
	const struct nconn *conn;

	*ret = (struct nbd_stats){ .requests = nbd->requests,
		.errors = nbd->errors,
		.read_bytes = nbd->read_bytes,
		.piped_bytes = nbd->piped_bytes,
		.written_bytes = nbd->written_bytes };
	TAILQ_FOREACH (conn, &nbd->conns, link) {
		ret->connections += !conn->gone;
		ret->in_flight += conn->running;
	}
}

void
nbd_shutdown(struct nbd *nbd)
{
	struct nconn *conn;

	nbd->ending = true;
	TAILQ_FOREACH (conn, &nbd->conns, link)
		nconn_wake(conn);
}

uint16_t
nbd_export_flags(const struct bdev *bdev)
{
	unsigned flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH |
			 NBD_FLAG_SEND_FUA | NBD_FLAG_CAN_MULTI_CONN |
			 NBD_FLAG_SEND_CACHE;

	if (bdev->read_only)
		return (uint16_t)(flags | NBD_FLAG_READ_ONLY);
	flags |= NBD_FLAG_SEND_WRITE_ZEROES;
	if (bdev->can_discard)
		flags |= NBD_FLAG_SEND_TRIM;
	if (bdev->can_fast_zero)
		flags |= NBD_FLAG_SEND_FAST_ZERO;
	return (uint16_t)flags;
}
