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
	tests/lab/awkward.py tests/lab/checker.py tests/lab/copying.py tests/lab/corpus.py \
	tests/lab/courier.py tests/lab/cyrus.py tests/lab/dovecot.py \
	tests/lab/gate.py tests/lab/hostile_servers.py tests/lab/ledger.py tests/lab/mailuser.py \
	tests/lab/overlay.py tests/lab/pop3_server.py tests/lab/postfix.py tests/lab/proxies.py \
	tests/lab/rehome.py tests/lab/scratch.py tests/lab/site_under_test.py \
	tests/lab/tap.py tests/lab/traffic.py tests/lab/wire.py \
	tests/crash/kill_at.c

SYSTEM_TESTS += tests/system/ledger.py tests/system/stages.py \
	tests/system/outage.py tests/system/hostile.py tests/crash/steps.py
SYSTEM_TESTS += tests/system/contrib_gateway.py
SYSTEM_TESTS += tests/system/contrib_provision.py \
	tests/system/gateway_secrets.py
SYSTEM_TESTS += tests/system/gateway_faults.py \
	tests/system/gateway_hostile.py \
	tests/system/gateway_login.py tests/system/gateway_move.py
SYSTEM_TESTS += tests/system/delivery.py tests/system/delivery_flips.py \
	tests/system/delivery_homes.py
EXTRA_DIST += tests/lab/lmtp_client.py tests/lab/scripted_home.py
EXTRA_DIST += tests/lab/gateway.py tests/lab/sieve_client.py
SYSTEM_TESTS += tests/system/copy_report.py tests/system/copy_sources.py
SYSTEM_TESTS += tests/system/sendmail_ledger.py tests/system/lab_proxies.py tests/system/copy_faults.py \
	tests/system/copy_masked.py tests/system/copy_many.py \
	tests/system/copy_matrix.py tests/system/copy_altered.py

# The model of a move; MISHAPS=2 make check-model searches deeper.
SYSTEM_TESTS += tests/model/check.py
EXTRA_DIST += tests/model/account.pml
check-model:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/model/check.py
.PHONY: check-model

# Fuzz targets: ./configure --enable-fuzzers CC=clang, then make check, or
# tests/fuzz/run.sh SECONDS. They compile what they fuzz anew, since the
# sanitizers and the coverage must be in that code too.
FUZZ_CFLAGS = $(AM_CFLAGS) -U_FORTIFY_SOURCE -g \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_BASE = lib/attr.c lib/buffer.c lib/error.c lib/xalloc.c
EXTRA_DIST += tests/fuzz/run.sh tests/fuzz/seeds
if FUZZERS
check_PROGRAMS += tests/fuzz/address-fuzz tests/fuzz/attr-fuzz \
	tests/fuzz/config-fuzz tests/fuzz/netstring-fuzz
TESTS += tests/fuzz/run.sh
tests_fuzz_address_fuzz_SOURCES = tests/fuzz/address-fuzz.c lib/address.c \
	$(FUZZ_BASE)
tests_fuzz_address_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_address_fuzz_LDADD = lib/librehome.a $(IDN2_LIBS) $(UNISTRING_LIBS)
tests_fuzz_attr_fuzz_SOURCES = tests/fuzz/attr-fuzz.c $(FUZZ_BASE)
tests_fuzz_attr_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_attr_fuzz_LDADD = lib/librehome.a
tests_fuzz_config_fuzz_SOURCES = tests/fuzz/config-fuzz.c lib/address.c \
	lib/config.c lib/config_files.c lib/config_find.c lib/config_listen.c \
	lib/config_scan.c lib/config_table.c lib/config_type.c \
	lib/config_type_server.c \
	lib/endpoint.c lib/instant.c \
	lib/log.c lib/network.c lib/pin.c lib/size.c $(FUZZ_BASE)
tests_fuzz_config_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_config_fuzz_LDADD = lib/librehome.a $(CONFUSE_LIBS) $(IDN2_LIBS) \
	$(UNISTRING_LIBS) -lpthread
tests_fuzz_netstring_fuzz_SOURCES = tests/fuzz/netstring-fuzz.c \
	lib/netstring.c $(FUZZ_BASE)
tests_fuzz_netstring_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_netstring_fuzz_LDADD = lib/librehome.a
check_PROGRAMS += tests/fuzz/csv-fuzz
tests_fuzz_csv_fuzz_SOURCES = tests/fuzz/csv-fuzz.c lib/csv.c $(FUZZ_BASE)
tests_fuzz_csv_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_csv_fuzz_LDADD = lib/librehome.a
endif

# Benchmarks of what serves the mail server, beside the least that a server can
# do: make bench, or make bench BENCH_FLAGS=--quick
bench_clients = tests/bench/clients.c tests/bench/clients.h \
	tests/bench/histogram.c tests/bench/histogram.h \
	tests/bench/keys.c tests/bench/keys.h
bench_programs = tests/bench/floor tests/bench/load \
	tests/bench/milter-floor tests/bench/milter-load
check_PROGRAMS += $(bench_programs)
tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_floor_LDADD = lib/librehome.a
tests_bench_load_SOURCES = tests/bench/load.c $(bench_clients)
tests_bench_load_LDADD = lib/librehome.a
tests_bench_milter_floor_SOURCES = tests/bench/milter-floor.c
tests_bench_milter_floor_LDADD = $(MILTER_LIBS) -lpthread
tests_bench_milter_load_SOURCES = tests/bench/milter-load.c $(bench_clients)
tests_bench_milter_load_LDADD = lib/librehome.a
check_PROGRAMS += tests/bench/mail-home tests/bench/mail-load
tests_bench_mail_home_SOURCES = tests/bench/mail-home.c gateway/loop.c \
	gateway/loop.h gateway/stream.c gateway/stream.h
tests_bench_mail_home_LDADD = lib/librehome.a $(OPENSSL_LIBS) \
	-lpthread
tests_bench_mail_load_SOURCES = tests/bench/mail-load.c gateway/loop.c \
	gateway/loop.h gateway/stream.c gateway/stream.h \
	tests/bench/histogram.c tests/bench/histogram.h
tests_bench_mail_load_LDADD = lib/librehome.a $(OPENSSL_LIBS) \
	-lpthread
SYSTEM_TESTS += tests/system/bench.py
EXTRA_DIST += tests/bench/serve.py tests/bench/serve_site.py \
	tests/bench/serve_table.py
bench: policyd/rehome-policyd milter/rehome-milter \
		tests/bench/store-bench $(bench_programs)
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/bench/serve.py $(BENCH_FLAGS)
.PHONY: bench

# The gateway beside others that are installed: make bench-gateway, with
# BENCH_FLAGS=--quick or the names of sections.
EXTRA_DIST += tests/bench/gateway.py tests/bench/gateway_peers.py
SYSTEM_TESTS += tests/system/bench_gateway.py
bench-gateway: policyd/rehome-policyd gateway/rehome-gateway \
		tests/bench/mail-home tests/bench/mail-load
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/bench/gateway.py $(BENCH_FLAGS)
.PHONY: bench-gateway

# 100 accounts moved at once: memory, descriptors, rate.
bench-many: all
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/system/copy_many.py --accounts 100 \
		--messages 300
.PHONY: bench-many
# The freeze by step and by size of account: make bench-freeze, or with
# BENCH_FLAGS="--plain" or "--old mdbox --new sdbox".
EXTRA_DIST += tests/bench/freeze.py
bench-freeze: policyd/rehome-policyd copier/rehome-copier ctl/rehome
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/bench/freeze.py $(BENCH_FLAGS)
.PHONY: bench-freeze
# Copies of accounts, ours beside the other tools that are installed.
SYSTEM_TESTS += tests/system/bench_copy.py
EXTRA_DIST += tests/bench/copy.py tests/bench/copy_corpus.py \
	tests/bench/copy_tools.py tests/bench/tool-rehome.sh
bench-copy: copier/rehome-copier
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/bench/copy.py $(BENCH_FLAGS)
.PHONY: bench-copy
