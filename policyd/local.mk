# SPDX-License-Identifier: BSD-2-Clause

# The directory, the machine and the servers.
noinst_LIBRARIES += policyd/libpolicyd.a
policyd_libpolicyd_a_SOURCES = \
	policyd/control_care.c policyd/control_directory.c \
	policyd/control_document.c policyd/control_gateway.c \
	policyd/control_operator.c policyd/control_reply.c \
	policyd/control_worker.c \
	policyd/deferrals.c policyd/deferrals.h \
	policyd/directory.c policyd/directory.h \
	policyd/events.c policyd/events.h \
	policyd/gateway_held.c policyd/gateway_link.c policyd/gateway_link.h \
	policyd/gateway_requests.c policyd/gateway_session.h \
	policyd/gateway_route.c policyd/gateway_route.h \
	policyd/gateways.c policyd/gateways.h \
	policyd/logins.c policyd/logins.h \
	policyd/machine.c policyd/machine.h policyd/machine_private.h \
	policyd/machine_document.c policyd/machine_former.c \
	policyd/machine_lease.c policyd/machine_login.c \
	policyd/machine_names.c \
	policyd/machine_operator.c policyd/machine_rules.c \
	policyd/machine_timer.c policyd/machine_worker.c \
	policyd/pace.c policyd/pace.h \
	policyd/parts.c policyd/parts.h \
	policyd/pool.c policyd/pool.h \
	policyd/seen.c policyd/seen.h \
	policyd/server.c policyd/server.h policyd/server_private.h \
	policyd/server_connection.c \
	policyd/server_control.c policyd/server_control.h \
	policyd/server_gateway.c \
	policyd/server_policy.c policyd/server_socketmap.c \
	policyd/service.c policyd/service.h \
	policyd/sessions.c policyd/sessions.h \
	policyd/settings.c policyd/settings.h \
	policyd/steps.c policyd/steps.h \
	policyd/waits.c policyd/waits.h

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
	policyd/store_tables_check.c policyd/store_tables_commit.c \
	policyd/store_tables_scan.c policyd/store_tables_txn.c \
	policyd/store_writes.c policyd/store_writes.h

store_libraries = policyd/libstore.a lib/librehome.a $(DB_LIBS) -lpthread
store_fixture = tests/unit/store_fixture.c tests/unit/store_fixture.h
store_tests = tests/unit/store-test tests/unit/store-commit-test \
	tests/unit/store-care-test tests/unit/store-damage-test \
	tests/unit/store-fail-test tests/unit/store-crash-test
check_PROGRAMS += $(store_tests) tests/bench/store-bench
TESTS += $(store_tests)
tests_unit_store_test_SOURCES = tests/unit/store-test.c \
	tests/unit/store_suite.h tests/unit/store_suite_documents.c \
	tests/unit/store_suite_scan.c \
	tests/unit/store_suite_threads.c $(store_fixture)
tests_unit_store_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_unit_store_commit_test_SOURCES = tests/unit/store-commit-test.c \
	$(store_fixture)
tests_unit_store_commit_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_unit_store_care_test_SOURCES = tests/unit/store-care-test.c \
	tests/unit/store_place.c tests/unit/store_place.h $(store_fixture)
tests_unit_store_care_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_unit_store_damage_test_SOURCES = tests/unit/store-damage-test.c \
	tests/unit/store_place.c tests/unit/store_place.h $(store_fixture)
tests_unit_store_damage_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_unit_store_fail_test_SOURCES = tests/unit/store-fail-test.c \
	$(store_fixture)
tests_unit_store_fail_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_unit_store_crash_test_SOURCES = tests/unit/store-crash-test.c \
	$(store_fixture)
tests_unit_store_crash_test_LDADD = $(store_libraries) $(CMOCKA_LIBS)
tests_bench_store_bench_SOURCES = tests/bench/store-bench.c \
	tests/bench/keys.c tests/bench/keys.h
tests_bench_store_bench_LDADD = $(store_libraries)

# The front: maps, hooks and queue follow the store.
noinst_LIBRARIES += policyd/libfront.a
policyd_libfront_a_SOURCES = \
	policyd/command.c policyd/command.h \
	policyd/front.c policyd/front.h policyd/front_private.h \
	policyd/front_config.c policyd/front_config.h \
	policyd/front_flush.c policyd/front_hooks.c \
	policyd/front_queue.c policyd/front_start.c policyd/front_tasks.c \
	policyd/jobs.c policyd/jobs.h \
	policyd/mapfile.c policyd/mapfile.h \
	policyd/maps.c policyd/maps.h \
	policyd/maps_aliases.c policyd/maps_aliases.h \
	policyd/queue.c policyd/queue.h \
	policyd/queue_search.c policyd/queue_search.h \
	policyd/reload.c policyd/reload.h

front_tests = tests/unit/command-test \
	tests/unit/front-closing-test tests/unit/front-opening-test \
	tests/unit/front-publication-test tests/unit/front-queue-test \
	tests/unit/jobs-test tests/unit/mapfile-test tests/unit/maps-test \
	tests/unit/maps-aliases-test \
	tests/unit/queue-test tests/unit/reload-test
EXTRA_DIST += tests/lab/control.py tests/lab/gateway_bench.py \
	tests/lab/gateway_double.py
SYSTEM_TESTS += tests/system/front-postfix.py tests/system/gateway_barrier.py \
	tests/system/gateway_strategies.py
check_PROGRAMS += $(front_tests)
TESTS += $(front_tests)
front_accounts = tests/unit/accounts.c tests/unit/accounts.h
front_mapread = tests/unit/mapread.c tests/unit/mapread.h
tests_unit_command_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
front_fixture = tests/unit/front_fixture.c tests/unit/front_fixture.h \
	$(front_accounts) $(front_mapread)
tests_unit_front_closing_test_SOURCES = tests/unit/front-closing-test.c \
	$(front_fixture)
tests_unit_front_closing_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_front_opening_test_SOURCES = tests/unit/front-opening-test.c \
	$(front_fixture)
tests_unit_front_opening_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_front_publication_test_SOURCES = tests/unit/front-publication-test.c \
	$(front_fixture)
tests_unit_front_publication_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_front_queue_test_SOURCES = tests/unit/front-queue-test.c \
	$(front_fixture)
tests_unit_front_queue_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_jobs_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_mapfile_test_SOURCES = tests/unit/mapfile-test.c $(front_mapread)
tests_unit_mapfile_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_maps_aliases_test_SOURCES = tests/unit/maps-aliases-test.c \
	$(front_accounts)
tests_unit_maps_aliases_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_maps_test_SOURCES = tests/unit/maps-test.c $(front_accounts) \
	$(front_mapread)
tests_unit_maps_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_queue_test_SOURCES = tests/unit/queue-test.c $(front_accounts)
tests_unit_queue_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_reload_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)

# Tests of the directory, the machine and the servers.
dist_man_MANS += policyd/rehome-policyd.8 policyd/rehome-control.7 \
	policyd/rehome-gateway-protocol.7
machine_tests = tests/unit/control-docs-test \
	tests/unit/directory-test tests/unit/events-test \
	tests/unit/machine-document-test \
	tests/unit/machine-lease-test tests/unit/machine-names-test \
	tests/unit/machine-test tests/unit/machine-barrier-test
check_PROGRAMS += $(machine_tests)
TESTS += $(machine_tests)
machine_fixture = tests/unit/machine_fixture.c tests/unit/machine_fixture.h
tests_unit_control_docs_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_directory_test_SOURCES = tests/unit/directory-test.c \
	$(machine_fixture)
tests_unit_directory_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_events_test_SOURCES = tests/unit/events-test.c $(machine_fixture)
tests_unit_events_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_machine_document_test_SOURCES = tests/unit/machine-document-test.c \
	$(machine_fixture)
tests_unit_machine_document_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_machine_lease_test_SOURCES = tests/unit/machine-lease-test.c \
	$(machine_fixture)
tests_unit_machine_lease_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_machine_names_test_SOURCES = tests/unit/machine-names-test.c \
	$(machine_fixture)
tests_unit_machine_names_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/parts-test
TESTS += tests/unit/parts-test
tests_unit_parts_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_machine_test_SOURCES = tests/unit/machine-test.c $(machine_fixture)
tests_unit_machine_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_machine_barrier_test_SOURCES = tests/unit/machine-barrier-test.c \
	$(machine_fixture)
tests_unit_machine_barrier_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)

# Text in, text out, against the program itself.
TESTS += tests/text/run-text
EXTRA_DIST += tests/text/run-text \
	tests/text/policy/control.in tests/text/policy/control.ref \
	tests/text/policy/gateway.in tests/text/policy/gateway.ref \
	tests/text/policy/hostile.in tests/text/policy/hostile.ref \
	tests/text/policy/policy.in tests/text/policy/policy.ref \
	tests/text/policy/socketmap.in tests/text/policy/socketmap.ref

check_PROGRAMS += tests/unit/sessions-test
TESTS += tests/unit/sessions-test
tests_unit_sessions_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)

# What gateways tell.
gateways_tests = tests/unit/gateway-route-test tests/unit/gateways-test \
	tests/unit/machine-login-test tests/unit/seen-test \
	tests/unit/waits-test
check_PROGRAMS += $(gateways_tests)
TESTS += $(gateways_tests)
tests_unit_gateway_route_test_SOURCES = tests/unit/gateway-route-test.c \
	$(machine_fixture)
tests_unit_gateway_route_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_gateways_test_SOURCES = tests/unit/gateways-test.c \
	$(machine_fixture)
tests_unit_gateways_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_machine_login_test_SOURCES = tests/unit/machine-login-test.c \
	$(machine_fixture)
tests_unit_machine_login_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_seen_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
tests_unit_waits_test_LDADD = $(policyd_libraries) $(CMOCKA_LIBS)
if FUZZERS
check_PROGRAMS += tests/fuzz/seen-fuzz
tests_fuzz_seen_fuzz_SOURCES = tests/fuzz/seen-fuzz.c policyd/seen.c \
	$(FUZZ_BASE)
tests_fuzz_seen_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_seen_fuzz_LDADD = lib/librehome.a
endif
