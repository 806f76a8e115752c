# SPDX-License-Identifier: BSD-2-Clause

noinst_LIBRARIES += lib/librehome.a
lib_librehome_a_SOURCES =

# Sources in lib/ include autoconf's header as <config.h>: with quotes they
# would get lib/config.h, the configuration module.

# Foundations and parsers.
lib_librehome_a_SOURCES += \
	lib/address.c lib/address.h \
	lib/attr.c lib/attr.h \
	lib/buffer.c lib/buffer.h \
	lib/config.c lib/config.h lib/config_private.h \
	lib/config_files.c lib/config_find.c lib/config_listen.c \
	lib/config_scan.c lib/config_table.c lib/config_type.c \
	lib/config_type_server.c \
	lib/csv.c lib/csv.h \
	lib/document.c lib/document.h \
	lib/error.c lib/error.h \
	lib/figure.c lib/figure.h \
	lib/hex.c lib/hex.h \
	lib/instant.c lib/instant.h \
	lib/netstring.c lib/netstring.h \
	lib/pin.c lib/pin.h \
	lib/refusal.c lib/refusal.h \
	lib/size.c lib/size.h \
	lib/xalloc.c lib/xalloc.h

# The account machine.
lib_librehome_a_SOURCES += \
	lib/account.c lib/account.h \
	lib/account_record.c

# Which clients are our own.
lib_librehome_a_SOURCES += lib/network.c lib/network.h
check_PROGRAMS += tests/unit/network-test
TESTS += tests/unit/network-test
tests_unit_network_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

# Log, processes and connections.
lib_librehome_a_SOURCES += \
	lib/control_client.c lib/control_client.h \
	lib/endpoint.c lib/endpoint.h \
	lib/log.c lib/log.h \
	lib/process.c lib/process.h

# Daemons, sealed texts and TLS.
lib_librehome_a_SOURCES += \
	lib/daemon.c lib/daemon.h \
	lib/seal.c lib/seal.h \
	lib/tls.c lib/tls.h lib/tls_private.h \
	lib/tls_explain.c lib/tls_server.c lib/tls_step.c

check_PROGRAMS += \
	tests/unit/account-record-test \
	tests/unit/account-request-test \
	tests/unit/account-test \
	tests/unit/endpoint-test \
	tests/unit/log-test \
	tests/unit/process-test
TESTS += \
	tests/unit/account-record-test \
	tests/unit/account-request-test \
	tests/unit/account-test \
	tests/unit/endpoint-test \
	tests/unit/log-test \
	tests/unit/process-test
tests_unit_account_record_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_account_request_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_account_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_endpoint_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_log_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_process_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/control-client-test
TESTS += tests/unit/control-client-test
tests_unit_control_client_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

dist_man_MANS += lib/rehome.conf.5

# Tests of the foundations and parsers.
foundation_tests = tests/unit/address-test tests/unit/attr-test \
	tests/unit/buffer-test tests/unit/config-file-test \
	tests/unit/config-refuse-test tests/unit/config-test \
	tests/unit/instant-test tests/unit/netstring-test
check_PROGRAMS += $(foundation_tests)
TESTS += $(foundation_tests)
tests_unit_address_test_LDADD = lib/librehome.a $(IDN2_LIBS) \
	$(UNISTRING_LIBS) $(CMOCKA_LIBS)
tests_unit_attr_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_buffer_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_config_file_test_LDADD = lib/librehome.a $(CONFUSE_LIBS) \
	$(IDN2_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS) -lpthread
tests_unit_config_refuse_test_LDADD = lib/librehome.a $(CONFUSE_LIBS) \
	$(IDN2_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS) -lpthread
tests_unit_config_test_LDADD = lib/librehome.a $(CONFUSE_LIBS) \
	$(IDN2_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS) -lpthread
tests_unit_instant_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_netstring_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

check_PROGRAMS += \
	tests/unit/daemon-test \
	tests/unit/tls-session-test \
	tests/unit/tls-test
TESTS += \
	tests/unit/daemon-test \
	tests/unit/tls-session-test \
	tests/unit/tls-test
tests_unit_daemon_test_LDADD = lib/librehome.a $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
tests_unit_tls_session_test_SOURCES = tests/unit/tls-session-test.c \
	tests/unit/certificate.c tests/unit/certificate.h
tests_unit_tls_session_test_LDADD = lib/librehome.a $(OPENSSL_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_tls_test_SOURCES = tests/unit/tls-test.c \
	tests/unit/certificate.c tests/unit/certificate.h
tests_unit_tls_test_LDADD = lib/librehome.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)

# Refused items and documents.
check_PROGRAMS += tests/unit/refusal-test
TESTS += tests/unit/refusal-test
tests_unit_refusal_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/figure-test tests/unit/pin-test \
	tests/unit/size-test
TESTS += tests/unit/figure-test tests/unit/pin-test tests/unit/size-test
tests_unit_figure_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_pin_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_size_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/seal-test
TESTS += tests/unit/seal-test
tests_unit_seal_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) $(OPENSSL_LIBS)
