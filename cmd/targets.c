/* SPDX-License-Identifier: BSD-2-Clause */
/* targets - see the header. */
#include "cmd/targets.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/client.h"

int
targets_discover(struct options *o, const struct url *url,
    struct discovery *ret, struct error *err)
{
	struct client *client;
	uint8_t *text;
	size_t len;
	int result;

	if (client_open(o, url, &client, err) < 0)
		return -1;
	result = client_text(client, DISCOVERY_REQUEST,
	    sizeof(DISCOVERY_REQUEST), &text, &len, err);
	client_close(client);
	if (result < 0)
		return -1;
	result = discovery_parse(text, len, ret, err);
	free(text);
	return result < 0 ? -1 : 0;
}
