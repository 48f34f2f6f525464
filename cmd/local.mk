# SPDX-License-Identifier: BSD-2-Clause
bin_PROGRAMS = luntap
luntap_SOURCES = \
	cmd/luntap.c
luntap_LDADD = $(LAYERS) $(LUNTAP_LIBS)
