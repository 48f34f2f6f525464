/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi - names of device types and status codes. */
#include "proto/scsi.h"

/* One lower-case word each, so that scripts can compare them. */
static const char *const type_names[] = {
	[SCSI_TYPE_DISK] = "disk",
	[SCSI_TYPE_TAPE] = "tape",
	[0x02] = "printer",
	[0x03] = "processor",
	[0x04] = "worm",
	[SCSI_TYPE_CDROM] = "cdrom",
	[0x06] = "scanner",
	[0x07] = "optical",
	[SCSI_TYPE_CHANGER] = "changer",
	[0x09] = "communications",
	[SCSI_TYPE_CONTROLLER] = "controller",
	[SCSI_TYPE_ENCLOSURE] = "enclosure",
	[SCSI_TYPE_RBC] = "rbc",
	[0x0f] = "card-reader",
	[0x10] = "bridge",
	[0x11] = "osd",
	[0x12] = "automation",
	[0x13] = "security-manager",
	[0x14] = "zoned",
	[SCSI_TYPE_WELL_KNOWN] = "well-known",
	[SCSI_TYPE_NONE] = "none",
};

const char *
scsi_type_name(uint8_t type)
{
	const char *name = NULL;

	if (type < sizeof(type_names) / sizeof(type_names[0]))
		name = type_names[type];
	return name == NULL ? "unknown" : name;
}

const char *
scsi_status_name(uint8_t status)
{
	switch (status) {
	case SCSI_GOOD:
		return "GOOD";
	case SCSI_CHECK_CONDITION:
		return "CHECK CONDITION";
	case SCSI_CONDITION_MET:
		return "CONDITION MET";
	case SCSI_BUSY:
		return "BUSY";
	case SCSI_RESERVATION_CONFLICT:
		return "RESERVATION CONFLICT";
	case SCSI_TASK_SET_FULL:
		return "TASK SET FULL";
	case SCSI_ACA_ACTIVE:
		return "ACA ACTIVE";
	case SCSI_TASK_ABORTED:
		return "TASK ABORTED";
	default:
		return "unknown status";
	}
}
