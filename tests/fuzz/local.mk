# SPDX-License-Identifier: BSD-2-Clause
#
# A fuzz target is tests/fuzz/fuzz_NOUN.c with its corpus in
# tests/fuzz/corpus/NOUN/.  With --enable-fuzzers it is linked with libFuzzer;
# otherwise `make check` runs it over its corpus as replay_NOUN.
FUZZ_LIBS = $(LAYERS) $(LUNTAP_LIBS)
FUZZ_CORPUS = $(abs_srcdir)/tests/fuzz/corpus
FUZZ_REPLAY = tests/fuzz/fuzz.h tests/fuzz/replay_main.c
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/text.dict
if FUZZERS
fuzz_programs += tests/fuzz/fuzz_login
tests_fuzz_fuzz_login_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_login.c
tests_fuzz_fuzz_login_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_login_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_nhandshake
tests_fuzz_fuzz_nhandshake_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_nhandshake.c
tests_fuzz_fuzz_nhandshake_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_nhandshake_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_ntransmit
tests_fuzz_fuzz_ntransmit_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_ntransmit.c
tests_fuzz_fuzz_ntransmit_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_ntransmit_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_pdu
tests_fuzz_fuzz_pdu_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_pdu.c
tests_fuzz_fuzz_pdu_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_pdu_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_records
tests_fuzz_fuzz_records_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_records.c
tests_fuzz_fuzz_records_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_records_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_scsi
tests_fuzz_fuzz_scsi_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_scsi.c
tests_fuzz_fuzz_scsi_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_scsi_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_session
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_session.c
tests_fuzz_fuzz_session_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_session_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_text
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_text.c
tests_fuzz_fuzz_text_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_text_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_target
tests_fuzz_fuzz_target_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_target.c
tests_fuzz_fuzz_target_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_target_LDFLAGS = -fsanitize=fuzzer
fuzz_programs += tests/fuzz/fuzz_url
tests_fuzz_fuzz_url_SOURCES = tests/fuzz/fuzz.h tests/fuzz/fuzz_url.c
tests_fuzz_fuzz_url_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_url_LDFLAGS = -fsanitize=fuzzer
noinst_PROGRAMS += $(fuzz_programs)
else
check_PROGRAMS += tests/fuzz/replay_login
tests_fuzz_replay_login_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_login.c
tests_fuzz_replay_login_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/login"'
tests_fuzz_replay_login_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_nhandshake
tests_fuzz_replay_nhandshake_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_nhandshake.c
tests_fuzz_replay_nhandshake_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/nhandshake"'
tests_fuzz_replay_nhandshake_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_ntransmit
tests_fuzz_replay_ntransmit_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_ntransmit.c
tests_fuzz_replay_ntransmit_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/ntransmit"'
tests_fuzz_replay_ntransmit_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_pdu
tests_fuzz_replay_pdu_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_pdu.c
tests_fuzz_replay_pdu_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/pdu"'
tests_fuzz_replay_pdu_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_records
tests_fuzz_replay_records_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_records.c
tests_fuzz_replay_records_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/records"'
tests_fuzz_replay_records_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_scsi
tests_fuzz_replay_scsi_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_scsi.c
tests_fuzz_replay_scsi_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/scsi"'
tests_fuzz_replay_scsi_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_session
tests_fuzz_replay_session_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_session.c
tests_fuzz_replay_session_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/session"'
tests_fuzz_replay_session_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_text
tests_fuzz_replay_text_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_text.c
tests_fuzz_replay_text_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/text"'
tests_fuzz_replay_text_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_target
tests_fuzz_replay_target_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_target.c
tests_fuzz_replay_target_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/target"'
tests_fuzz_replay_target_LDADD = $(FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/replay_url
tests_fuzz_replay_url_SOURCES = $(FUZZ_REPLAY) tests/fuzz/fuzz_url.c
tests_fuzz_replay_url_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/url"'
tests_fuzz_replay_url_LDADD = $(FUZZ_LIBS)
endif
