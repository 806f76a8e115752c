# SPDX-License-Identifier: BSD-2-Clause

noinst_LIBRARIES += lib/librehome.a
lib_librehome_a_SOURCES =
