/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * luntap - the table of subcommands, and main.  Secrets leave the arguments and
 * the environment before anything else happens (secret.h).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/secret.h"

static const struct command *const commands[] = {
	&command_discover,
	&command_list,
	&command_inquiry,
	&command_readcapacity,
	&command_mount,
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

int
main(int argc, char **argv)
{
	struct error err;
	int code;

	if (secret_init(argc, argv, &err) < 0)
		code = command_fail(&err);
	else
		code = dispatch(argc, argv);
	secret_fini();
	return code;
}
