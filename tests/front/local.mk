# SPDX-License-Identifier: BSD-2-Clause
#
# A server of FUSE mounts without iSCSI, which tests/e2e/front.bats drives.
noinst_PROGRAMS += tests/front/fuse-serve
tests_front_fuse_serve_SOURCES = tests/front/fuse-serve.c
tests_front_fuse_serve_LDADD = $(LAYERS) $(LUNTAP_LIBS)
noinst_PROGRAMS += tests/front/coherence
tests_front_coherence_SOURCES = tests/front/coherence.c
