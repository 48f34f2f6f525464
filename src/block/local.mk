# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += src/block/libblock.a
src_block_libblock_a_SOURCES =
