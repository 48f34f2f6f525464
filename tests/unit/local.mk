# SPDX-License-Identifier: BSD-2-Clause
#
# One program for each noun; its source is tests/unit/test_NOUN.c.
if CMOCKA
UNIT_LIBS = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_file
tests_unit_test_file_SOURCES = tests/unit/test_file.c tests/unit/bdev_suite.h
tests_unit_test_file_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_loop
tests_unit_test_loop_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = tests/unit/bdev_suite.h tests/unit/test_mem.c
tests_unit_test_mem_LDADD = $(UNIT_LIBS)
endif
