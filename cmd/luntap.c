/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * luntap - the table of subcommands, and main.  Secrets leave the arguments and
 * the environment before anything else happens (secret.h).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/secret.h"

static const struct command *const commands[] = {
	&command_discover,
	&command_list,
	&command_inquiry,
	&command_readcapacity,
	&command_sense,
	&command_ping,
	&command_perf,
	&command_doctor,
	&command_mount,
	&command_nbd,
	&command_copy,
	&command_diff,
	&command_unmount,
	&command_status,
	&command_target,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
help(FILE *to)
{
	size_t i;

	fputs("usage: luntap COMMAND [OPTION]... [ARGUMENT]...\n\n"
	      "The LUNs of an iSCSI target from user space.\n\n"
	      "commands:\n",
	    to);
	for (i = 0; i < COMMANDS; i++)
		fprintf(
		    to, "  %-14s%s\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "`luntap COMMAND --help` tells more; `luntap --version` prints "
	      "the version.\n\n"
	      "examples:\n"
	      "  luntap discover nas.example\n"
	      "  luntap list iscsi://nas.example\n"
	      "  luntap mount "
	      "iscsi://nas.example/iqn.2026-01.org.example:disk ~/disks\n",
	    to);
}

static int
dispatch(int argc, char **argv)
{
	struct error err;
	size_t i;

	if (argc < 2) {
		help(stderr);
		return ERROR_USAGE;
	}
	for (i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return commands[i]->run(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return command_done();
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts(PACKAGE_STRING);
		return command_done();
	}
	error_set(&err, ERROR_USAGE,
	    "there is no command \"%s\" (luntap --help lists them)", argv[1]);
	return command_fail(&err);
}

/*
 * A standard descriptor that we were started without would be the number of the
 * next file or socket, and a message would go into it.  Opened for the wrong
 * direction its use is still an error, as it is when it is closed.
 */
static int
fill_descriptors(struct error *err)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= 2);
	if (fd == -1)
		return error_set(
		    err, ERROR_FAILED, "/dev/null: %s", strerror(errno));
	close(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	struct error err;
	int code;

	if (secret_init(argc, argv, &err) < 0 || fill_descriptors(&err) < 0)
		code = command_fail(&err);
	else
		code = dispatch(argc, argv);
	secret_fini();
	return code;
}
