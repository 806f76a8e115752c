# SPDX-License-Identifier: BSD-2-Clause

# Tests speak TAP, but those that end in .sh: these pass or fail as a whole.
TEST_EXTENSIONS = .py .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
PY_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_COMPILER = python3
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP PYTHONDONTWRITEBYTECODE=1 \
	REHOME_BUILD='$(abs_top_builddir)' REHOME_SOURCE='$(abs_top_srcdir)' \
	REHOME_CC='$(CC)'; \
	export CMOCKA_MESSAGE_OUTPUT PYTHONDONTWRITEBYTECODE REHOME_BUILD \
	REHOME_SOURCE REHOME_CC;

# Real servers, root; every one of tests/system and tests/crash.
EXTRA_DIST += $(SYSTEM_TESTS)
check-system: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(SYSTEM_TESTS)'
.PHONY: check-system

EXTRA_DIST += tests/run tests/lab/build tests/lab/packages \
	tests/lab/corpus.py tests/lab/dovecot.py tests/lab/gate.py \
	tests/lab/ledger.py \
	tests/lab/mailuser.py tests/lab/postfix.py tests/lab/rehome.py \
	tests/lab/scratch.py tests/lab/site_under_test.py tests/lab/tap.py tests/lab/traffic.py \
	tests/crash/kill_at.c

SYSTEM_TESTS += tests/system/ledger.py tests/system/stages.py tests/system/outage.py \
	tests/system/hostile.py \
	tests/crash/steps.py
