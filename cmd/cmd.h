/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd - a subcommand of luntap.  Each lives in a file of its own, which defines
 * one constant struct command; the table is in luntap.c.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

struct command {
	const char *name;    /* "mount" */
	const char *summary; /* one line of luntap --help, without a period */
	/*
	 * argv[0] is the name of the command.  Returns the exit code (enum
	 * error_class); what went wrong has been printed by then (options.h:
	 * command_fail()).
	 */
	int (*run)(int argc, char **argv);
};

extern const struct command command_copy;
extern const struct command command_diff;
extern const struct command command_discover;
extern const struct command command_doctor;
extern const struct command command_inquiry;
extern const struct command command_list;
extern const struct command command_mount;
extern const struct command command_nbd;
extern const struct command command_perf;
extern const struct command command_ping;
extern const struct command command_readcapacity;
extern const struct command command_sense;
extern const struct command command_status;
extern const struct command command_target;
extern const struct command command_unmount;

#endif
