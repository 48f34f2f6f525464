/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_fault - errors on purpose, so that initiators can be tested: blocks that
 * cannot be read or written, and a medium that is not ready.
 *
 * Before a command touches the medium it is held against the faults of the
 * config; one that meets a bad block fails as a whole, with the first such
 * block of its range in the INFORMATION field, as a disk does it (SBC-3, 4.18).
 * Nothing mends a fault.
 */
#include "target/lu_impl.h"

static const struct {
	enum sense_key key;
	unsigned code;
} senses[] = {
	[LU_FAULT_READ] = { SENSE_MEDIUM_ERROR, SENSE_READ_ERROR },
	[LU_FAULT_WRITE] = { SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR },
	[LU_FAULT_NOT_READY] = { SENSE_NOT_READY, SENSE_MANUAL_INTERVENTION },
};

bool
lu_ready(const struct lu *lu)
{
	for (unsigned i = 0; i < lu->config.fault_n; i++)
		if (lu->config.faults[i].kind == LU_FAULT_NOT_READY)
			return false;
	return true;
}

bool
lu_check_ready(struct lu_cmd *c)
{
	if (lu_ready(c->lu))
		return true;
	return lu_fail(
	    c, senses[LU_FAULT_NOT_READY].key, senses[LU_FAULT_NOT_READY].code);
}

/* The first block of [lba, lba + blocks) that the fault has; false: none. */
static bool
first_bad(
    const struct lu_fault *f, uint64_t lba, uint64_t blocks, uint64_t *ret)
{
	uint64_t first = f->lba > lba ? f->lba : lba;

	if (first - lba >= blocks || first - f->lba >= f->count)
		return false;
	*ret = first;
	return true;
}

uint64_t
lu_first_fault(
    const struct lu *lu, enum lu_fault_kind kind, uint64_t lba, uint64_t blocks)
{
	const struct lu_config *config = &lu->config;
	uint64_t first = LU_NO_FAULT, bad;

	for (unsigned i = 0; i < config->fault_n; i++)
		if (config->faults[i].kind == kind &&
		    first_bad(&config->faults[i], lba, blocks, &bad) &&
		    bad < first)
			first = bad;
	return first;
}

bool
lu_check_faults(
    struct lu_cmd *c, enum lu_fault_kind kind, uint64_t lba, uint64_t blocks)
{
	uint64_t first = lu_first_fault(c->lu, kind, lba, blocks);

	if (first == LU_NO_FAULT)
		return true;
	lu_fail(c, senses[kind].key, senses[kind].code);
	c->sense.information_valid = true;
	c->sense.information = first;
	return false;
}
