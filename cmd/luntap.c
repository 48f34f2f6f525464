/* SPDX-License-Identifier: BSD-2-Clause */
/* luntap - the subcommand table and main. */
#include <stdio.h>

int
main(void)
{
	fprintf(stderr, "usage: luntap COMMAND [options]\n");
	return 2;
}
