# SPDX-License-Identifier: BSD-2-Clause
#
# The initiator against a scripted target (rig), one program for each table of
# the conformance suites.
if CMOCKA
CONFORMANCE_LIBS = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/conformance/test_full_feature
tests_conformance_test_full_feature_SOURCES = \
	tests/conformance/rig.c tests/conformance/rig.h \
	tests/conformance/test_full_feature.c
tests_conformance_test_full_feature_LDADD = $(CONFORMANCE_LIBS)
endif
