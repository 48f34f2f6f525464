# SPDX-License-Identifier: BSD-2-Clause
#
# One program for each noun; its source is tests/unit/test_NOUN.c.
if CMOCKA
UNIT_LIBS = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_loop
tests_unit_test_loop_LDADD = $(UNIT_LIBS)
endif
