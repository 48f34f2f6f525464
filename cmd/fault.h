/* SPDX-License-Identifier: BSD-2-Clause */
/* fault - what `luntap target --inject` takes: an error on purpose. */
#ifndef CMD_FAULT_H
#define CMD_FAULT_H

#include "base/error.h"
#include "target/target.h"

/* For messages and --help. */
#define FAULT_FORMS "read-error=LBA[+COUNT], write-error=LBA[+COUNT], not-ready"

/* Adds the fault that text describes.  0, or -1 with err (ERROR_USAGE). */
int fault_add(struct lu_config *, const char *text, struct error *err);

#endif
