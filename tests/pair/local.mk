# SPDX-License-Identifier: BSD-2-Clause
check_PROGRAMS += tests/pair/test_pair
tests_pair_test_pair_SOURCES = \
	tests/pair/disk.c \
	tests/pair/jobs.c \
	tests/pair/model.c \
	tests/pair/test_pair.c \
	tests/pair/wire.c \
	tests/pair/world.c \
	tests/pair/world.h \
	tests/unit/prng.h
tests_pair_test_pair_LDADD = $(LAYERS) $(LUNTAP_LIBS)
check_PROGRAMS += tests/pair/test_nbd_pair
tests_pair_test_nbd_pair_SOURCES = \
	tests/pair/nbd_client.c \
	tests/pair/nbd_disk.c \
	tests/pair/nbd_model.c \
	tests/pair/nbd_world.h \
	tests/pair/test_nbd_pair.c \
	tests/unit/model_pipe.c \
	tests/unit/model_pipe.h \
	tests/unit/prng.h
tests_pair_test_nbd_pair_LDADD = $(LAYERS) $(LUNTAP_LIBS)
if CMOCKA
check_PROGRAMS += tests/pair/test_copy_pair
tests_pair_test_copy_pair_SOURCES = \
	tests/pair/test_copy_pair.c \
	tests/unit/prng.h \
	tests/unit/unit.h
tests_pair_test_copy_pair_LDADD = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/pair/test_lun_pair
tests_pair_test_lun_pair_SOURCES = \
	tests/pair/test_lun_pair.c \
	tests/unit/bdev_load.c \
	tests/unit/bdev_load.h \
	tests/unit/model_pipe.c \
	tests/unit/model_pipe.h \
	tests/unit/prng.h \
	tests/unit/unit.h
tests_pair_test_lun_pair_LDADD = $(LAYERS) $(LUNTAP_LIBS) $(CMOCKA_LIBS)
endif
