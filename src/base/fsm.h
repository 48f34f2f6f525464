/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsm - looks a transition up in a table of them, whose rows have, besides what
 * else their owner wants, `from`, a mask of states, and `event`.
 */
#ifndef BASE_FSM_H
#define BASE_FSM_H

#include <stddef.h>

#define BIT(n) (1u << (n))

/* The first row of the array for this event in this state, or NULL: there it
 * means nothing. */
#define FSM_FIND(table, state, what)                                      \
	({                                                                \
		__typeof__(&(table)[0]) row_ = (table);                   \
		const __typeof__(row_) end_ =                             \
		    row_ + sizeof(table) / sizeof((table)[0]);            \
		const unsigned from_ = BIT(state);                        \
		const unsigned event_ = (what);                           \
                                                                          \
		while (row_ < end_ && ((unsigned)row_->event != event_ || \
					  (row_->from & from_) == 0))     \
			row_++;                                           \
		row_ < end_ ? row_ : NULL;                                \
	})

#endif
