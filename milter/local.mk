# SPDX-License-Identifier: BSD-2-Clause

sbin_PROGRAMS += milter/rehome-milter
milter_rehome_milter_SOURCES = \
	milter/decision.c milter/decision.h \
	milter/filter.c milter/filter.h \
	milter/main.c \
	milter/policyd_pool.c milter/policyd_pool.h \
	milter/settings.c milter/settings.h
milter_rehome_milter_LDADD = lib/librehome.a $(MILTER_LIBS) $(CONFUSE_LIBS) \
	$(IDN2_LIBS) $(UNISTRING_LIBS) $(SYSTEMD_LIBS) -lpthread
dist_man_MANS += milter/rehome-milter.8

# The decisions alone: no libmilter, no thread.
check_PROGRAMS += tests/unit/milter-decision-test
TESTS += tests/unit/milter-decision-test
tests_unit_milter_decision_test_SOURCES = tests/unit/milter-decision-test.c \
	milter/decision.c milter/decision.h
tests_unit_milter_decision_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

# The connections to policyd, against a server of the test's own.
check_PROGRAMS += tests/unit/milter-pool-test
TESTS += tests/unit/milter-pool-test
tests_unit_milter_pool_test_SOURCES = tests/unit/milter-pool-test.c \
	milter/decision.c milter/decision.h \
	milter/policyd_pool.c milter/policyd_pool.h
tests_unit_milter_pool_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) -lpthread

# The program against a stand-in for policyd: dialogues and failures.
TESTS += tests/system/milter/milter_test.py
EXTRA_DIST += \
	tests/system/milter/common.lua \
	tests/system/milter/data.lua \
	tests/system/milter/eom.lua \
	tests/system/milter/milter_test.py \
	tests/system/milter/mta.py \
	tests/system/milter/own.lua \
	tests/lab/policyd_stub.py \
	tests/system/milter/rcpt.lua

# What contrib says to write into a mail server, in that mail server.
SYSTEM_TESTS += tests/system/contrib_postfix.py \
	tests/system/contrib_sendmail.py
EXTRA_DIST += tests/lab/sendmail.py
