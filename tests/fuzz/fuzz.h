/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - what a fuzz target includes.  A target is one function; libFuzzer or
 * replay_main.c calls it.  It reads what it has to decide through a cursor from
 * the input, and the rest of the input is what the peer sends.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any input. */
#define require(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#endif
