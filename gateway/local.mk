# SPDX-License-Identifier: BSD-2-Clause

# The conversations before a session: pure, without sockets.
gateway_dialog = gateway/dialog.c gateway/dialog.h gateway/dialog_imap.c \
	gateway/dialog_pop3.c gateway/dialog_private.h \
	gateway/dialog_sieve.c gateway/dialog_smtp.c gateway/login.c \
	gateway/login.h gateway/sasl.c gateway/sasl.h
gateway_entry_own = gateway/entry.c gateway/entry.h gateway/entry_imap.c \
	gateway/entry_pop3.c gateway/entry_private.h gateway/entry_sieve.c \
	gateway/entry_smtp.c
gateway_entry = $(gateway_entry_own) gateway/login.c gateway/login.h

# The byte phase.
gateway_relay = gateway/relay.c gateway/relay.h gateway/stream.c \
	gateway/stream.h

# The event loop.
gateway_loop = gateway/loop.c gateway/loop.h

# Where clients come in.
gateway_listener = gateway/certificate.c gateway/certificate.h \
	gateway/limits.c gateway/limits.h gateway/listener.c \
	gateway/listener.h gateway/listener_private.h \
	gateway/listener_thread.c gateway/proxy_header.c \
	gateway/proxy_header.h

# The connection to policyd, and the way to the homes.
gateway_link = gateway/dial.c gateway/dial.h gateway/link.c gateway/link.h \
	gateway/link_private.h gateway/link_words.c

sbin_PROGRAMS += gateway/rehome-gateway
gateway_rehome_gateway_SOURCES = $(gateway_dialog) $(gateway_entry_own) \
	$(gateway_relay) $(gateway_loop) $(gateway_link) $(gateway_listener) \
	gateway/home.c gateway/home.h gateway/main.c \
	gateway/offer.c gateway/offer.h gateway/offers.c gateway/offers.h \
	gateway/probe.c gateway/probe.h \
	gateway/service.c gateway/service.h gateway/session.c \
	gateway/session.h gateway/session_home.c gateway/session_login.c \
	gateway/session_private.h gateway/session_relay.c \
	gateway/session_state.c gateway/session_state.h gateway/settings.c \
	gateway/settings.h gateway/submission.c gateway/submission.h \
	gateway/worker.c gateway/worker.h $(gateway_deliveries)
gateway_rehome_gateway_LDADD = lib/librehome.a $(OPENSSL_LIBS) \
	$(CONFUSE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS) $(SYSTEMD_LIBS) \
	-lpthread

dist_man_MANS += gateway/rehome-gateway.8

gateway_tests = tests/unit/dialog-test tests/unit/entry-test \
	tests/unit/limits-test tests/unit/link-test \
	tests/unit/listener-test tests/unit/loop-test \
	tests/unit/offer-test tests/unit/proxy-header-test \
	tests/unit/relay-test \
	tests/unit/session-state-test tests/unit/stream-test
check_PROGRAMS += $(gateway_tests)
TESTS += $(gateway_tests)
tests_unit_dialog_test_SOURCES = tests/unit/dialog-test.c $(gateway_dialog)
tests_unit_dialog_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) $(OPENSSL_LIBS)
tests_unit_entry_test_SOURCES = tests/unit/entry-test.c $(gateway_entry)
tests_unit_entry_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) $(OPENSSL_LIBS)
tests_unit_link_test_SOURCES = tests/unit/link-test.c $(gateway_link) \
	$(gateway_loop)
tests_unit_link_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) \
	-lpthread
tests_unit_offer_test_SOURCES = tests/unit/offer-test.c gateway/offer.c \
	gateway/offer.h gateway/login.c gateway/login.h
tests_unit_offer_test_LDADD = lib/librehome.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)
tests_unit_session_state_test_SOURCES = tests/unit/session-state-test.c \
	gateway/session_state.c gateway/session_state.h gateway/submission.c \
	gateway/submission.h
tests_unit_session_state_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_limits_test_SOURCES = tests/unit/limits-test.c gateway/limits.c \
	gateway/limits.h
tests_unit_limits_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) -lpthread
tests_unit_listener_test_SOURCES = tests/unit/listener-test.c \
	tests/unit/certificate.c tests/unit/certificate.h \
	$(gateway_listener) $(gateway_loop) $(gateway_relay) \
	gateway/dial.c gateway/dial.h gateway/home.c gateway/home.h
tests_unit_listener_test_LDADD = lib/librehome.a \
	$(OPENSSL_LIBS) $(SYSTEMD_LIBS) $(CONFUSE_LIBS) $(IDN2_LIBS) \
	$(UNISTRING_LIBS) $(CMOCKA_LIBS) -lpthread
tests_unit_proxy_header_test_SOURCES = tests/unit/proxy-header-test.c \
	gateway/proxy_header.c gateway/proxy_header.h
tests_unit_proxy_header_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_loop_test_SOURCES = tests/unit/loop-test.c $(gateway_loop)
tests_unit_loop_test_LDADD = lib/librehome.a $(CMOCKA_LIBS) \
	-lpthread
tests_unit_relay_test_SOURCES = tests/unit/relay-test.c \
	tests/unit/certificate.c tests/unit/certificate.h $(gateway_relay)
tests_unit_relay_test_LDADD = lib/librehome.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)
tests_unit_stream_test_SOURCES = tests/unit/stream-test.c \
	tests/unit/certificate.c tests/unit/certificate.h gateway/stream.c \
	gateway/stream.h
tests_unit_stream_test_LDADD = lib/librehome.a $(OPENSSL_LIBS) $(CMOCKA_LIBS)

if FUZZERS
check_PROGRAMS += tests/fuzz/dialog-fuzz tests/fuzz/entry-fuzz \
	tests/fuzz/proxy-header-fuzz
tests_fuzz_proxy_header_fuzz_SOURCES = tests/fuzz/proxy-header-fuzz.c \
	gateway/proxy_header.c gateway/proxy_header.h
tests_fuzz_proxy_header_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_dialog_fuzz_SOURCES = tests/fuzz/dialog-fuzz.c $(gateway_dialog) \
	$(FUZZ_BASE)
tests_fuzz_dialog_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_dialog_fuzz_LDADD = lib/librehome.a $(OPENSSL_LIBS)
tests_fuzz_entry_fuzz_SOURCES = tests/fuzz/entry-fuzz.c $(gateway_entry) \
	$(FUZZ_BASE)
tests_fuzz_entry_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_entry_fuzz_LDADD = lib/librehome.a $(OPENSSL_LIBS)
endif

# Deliveries: LMTP with mail servers, LMTP and SMTP with homes. Pure.
gateway_lmtp = gateway/lmtp_command.c gateway/lmtp_command.h \
	gateway/lmtp_content.c gateway/lmtp_content.h \
	gateway/lmtp_home.c gateway/lmtp_home.h gateway/lmtp_offer.c \
	gateway/lmtp_offer.h gateway/lmtp_reply.c gateway/lmtp_reply.h \
	gateway/lmtp_server.c gateway/lmtp_server.h \
	gateway/lmtp_server_input.c gateway/lmtp_server_private.h
# The same over sockets.
gateway_deliveries = $(gateway_lmtp) gateway/deliveries.c gateway/deliveries.h \
	gateway/delivery.c gateway/delivery.h gateway/delivery_leg.c \
	gateway/delivery_line.c gateway/delivery_line.h \
	gateway/delivery_pool.c gateway/delivery_pool.h \
	gateway/delivery_private.h gateway/delivery_recipient.c \
	gateway/delivery_spool.c gateway/delivery_spool.h
gateway_delivery_tests = tests/unit/delivery-spool-test \
	tests/unit/lmtp-home-test tests/unit/lmtp-server-test
check_PROGRAMS += $(gateway_delivery_tests)
TESTS += $(gateway_delivery_tests)
tests_unit_delivery_spool_test_SOURCES = tests/unit/delivery-spool-test.c \
	gateway/delivery_spool.c gateway/delivery_spool.h
tests_unit_delivery_spool_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_lmtp_home_test_SOURCES = tests/unit/lmtp-home-test.c $(gateway_lmtp)
tests_unit_lmtp_home_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
tests_unit_lmtp_server_test_SOURCES = tests/unit/lmtp-server-test.c \
	$(gateway_lmtp)
tests_unit_lmtp_server_test_LDADD = lib/librehome.a $(CMOCKA_LIBS)
if FUZZERS
check_PROGRAMS += tests/fuzz/lmtp-fuzz
tests_fuzz_lmtp_fuzz_SOURCES = tests/fuzz/lmtp-fuzz.c $(gateway_lmtp) \
	$(FUZZ_BASE)
tests_fuzz_lmtp_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_lmtp_fuzz_LDADD = lib/librehome.a
endif
