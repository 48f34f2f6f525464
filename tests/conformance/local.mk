# SPDX-License-Identifier: BSD-2-Clause
#
# The initiator against a scripted target, one program for each table of the
# conformance suites: with the whole session (rig), or with the login alone
# (login_script).
if CMOCKA
CONFORMANCE_LIBS = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
CONFORMANCE_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
LOGIN_SCRIPT = tests/conformance/login_script.c \
	tests/conformance/login_script.h tests/unit/unit.h
check_PROGRAMS += tests/conformance/test_chap
tests_conformance_test_chap_SOURCES = \
	tests/conformance/test_chap.c $(LOGIN_SCRIPT)
tests_conformance_test_chap_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_test_chap_LDADD = $(CONFORMANCE_LIBS)
check_PROGRAMS += tests/conformance/test_full_feature
tests_conformance_test_full_feature_SOURCES = \
	tests/conformance/rig.c tests/conformance/rig.h \
	tests/conformance/test_full_feature.c
tests_conformance_test_full_feature_LDADD = $(CONFORMANCE_LIBS)
check_PROGRAMS += tests/conformance/test_full_feature_scsi
tests_conformance_test_full_feature_scsi_SOURCES = \
	tests/conformance/rig.c tests/conformance/rig.h \
	tests/conformance/test_full_feature_scsi.c
tests_conformance_test_full_feature_scsi_LDADD = $(CONFORMANCE_LIBS)
check_PROGRAMS += tests/conformance/test_login
tests_conformance_test_login_SOURCES = \
	tests/conformance/test_login.c $(LOGIN_SCRIPT)
tests_conformance_test_login_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_test_login_LDADD = $(CONFORMANCE_LIBS)
check_PROGRAMS += tests/conformance/test_login_keys
tests_conformance_test_login_keys_SOURCES = \
	tests/conformance/test_login_keys.c $(LOGIN_SCRIPT)
tests_conformance_test_login_keys_CPPFLAGS = $(CONFORMANCE_CPPFLAGS)
tests_conformance_test_login_keys_LDADD = $(CONFORMANCE_LIBS)
endif
