# SPDX-License-Identifier: BSD-2-Clause

# The directory, the machine and the servers.
noinst_LIBRARIES += policyd/libpolicyd.a
policyd_libpolicyd_a_SOURCES = \
	policyd/control_care.c policyd/control_directory.c \
	policyd/control_operator.c policyd/control_reply.c \
	policyd/control_worker.c \
	policyd/deferrals.c policyd/deferrals.h \
	policyd/directory.c policyd/directory.h \
	policyd/events.c policyd/events.h \
	policyd/machine.c policyd/machine.h policyd/machine_private.h \
	policyd/machine_lease.c policyd/machine_names.c \
	policyd/machine_operator.c policyd/machine_rules.c \
	policyd/machine_timer.c policyd/machine_worker.c \
	policyd/pool.c policyd/pool.h \
	policyd/server.c policyd/server.h policyd/server_private.h \
	policyd/server_connection.c \
	policyd/server_control.c policyd/server_control.h \
	policyd/server_policy.c policyd/server_socketmap.c \
	policyd/service.c policyd/service.h \
	policyd/settings.c policyd/settings.h \
	policyd/steps.c policyd/steps.h

# The front asks the directory, so that library is searched again behind it.
policyd_libraries = policyd/libpolicyd.a policyd/libfront.a \
	policyd/libpolicyd.a policyd/libstore.a lib/librehome.a \
	$(EVENT_LIBS) $(CONFUSE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS) \
	$(JANSSON_LIBS) $(SYSTEMD_LIBS) $(DB_LIBS) -lpthread

sbin_PROGRAMS += policyd/rehome-policyd
policyd_rehome_policyd_SOURCES = policyd/main.c
policyd_rehome_policyd_LDADD = $(policyd_libraries)

# The store.
noinst_LIBRARIES += policyd/libstore.a
policyd_libstore_a_SOURCES = \
	policyd/store.c policyd/store.h policyd/store_private.h \
	policyd/store_bdb.c policyd/store_bdb.h \
	policyd/store_bdb_care.c policyd/store_bdb_files.c \
	policyd/store_bdb_table.c \
	policyd/store_engine.c policyd/store_engine.h \
	policyd/store_fail.c \
	policyd/store_mem.c \
	policyd/store_pending.c policyd/store_pending.h \
	policyd/store_record.c policyd/store_record.h \
	policyd/store_tables.c policyd/store_tables.h \
	policyd/store_tables_check.c policyd/store_tables_scan.c \
	policyd/store_tables_txn.c \
	policyd/store_writes.c policyd/store_writes.h

store_libraries = policyd/libstore.a lib/librehome.a $(DB_LIBS) -lpthread
store_tests = tests/unit/store-test
check_PROGRAMS += $(store_tests) tests/bench/store-bench
TESTS += $(store_tests)
store_fixture = tests/unit/store_fixture.c tests/unit/store_fixture.h
tests_unit_store_test_SOURCES = tests/unit/store-test.c $(store_fixture)
tests_unit_store_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_store_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_bench_store_bench_SOURCES = tests/bench/store-bench.c
tests_bench_store_bench_LDADD = $(store_libraries)
