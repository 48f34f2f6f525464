# SPDX-License-Identifier: BSD-2-Clause
check_PROGRAMS += tests/pair/test_pair
tests_pair_test_pair_SOURCES = tests/pair/test_pair.c tests/unit/prng.h
tests_pair_test_pair_LDADD = $(LAYERS) $(LUNTAP_LIBS)
