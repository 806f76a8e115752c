# SPDX-License-Identifier: BSD-2-Clause

rehomelibexec_PROGRAMS += copier/rehome-copier
dist_man_MANS += copier/rehome-copier.8

# What the tests link, too: all but main().
noinst_LIBRARIES += copier/libcopier.a
copier_libcopier_a_SOURCES = \
	copier/account_file.c copier/account_file.h \
	copier/access.c copier/access.h \
	copier/altered.c copier/altered.h \
	copier/altered_scan.c copier/altered_scan.h \
	copier/backoff.c copier/backoff.h \
	copier/batch.c copier/batch.h \
	copier/certificate.c copier/certificate.h \
	copier/certificate_check.c copier/certificate_check.h \
	copier/certificate_main.c copier/certificate_main.h \
	copier/certificate_print.c copier/certificate_print.h \
	copier/certificate_read.c copier/certificate_read.h \
	copier/copy_access.c copier/copy_access.h copier/copy_endure.c \
	copier/endure.c copier/endure.h \
	copier/copy.c copier/copy.h copier/copy_options.c \
	copier/copy_list.c copier/copy_list.h copier/copy_many.c \
	copier/copy_private.h copier/copy_identity.c copier/copy_report.c \
	copier/cutoff.c copier/cutoff.h \
	copier/dates.c copier/dates.h \
	copier/digest.c copier/digest.h \
	copier/doveadm.c copier/doveadm.h \
	copier/doveadm_wire.c copier/doveadm_wire.h \
	copier/driver.h copier/mailbox.c \
	copier/driver_imap.c copier/driver_imap_private.h \
	copier/driver_imap_ahead.c copier/driver_imap_append.c \
	copier/driver_imap_change.c \
	copier/driver_imap_fetch.c \
	copier/driver_imap_list.c copier/driver_imap_prepare.c \
	copier/driver_imap_scan.c \
	copier/crlf.c copier/crlf.h \
	copier/driver_maildir.c copier/driver_maildir_private.h \
	copier/driver_maildir_fetch.c copier/driver_maildir_read.c \
	copier/driver_maildir_tree.c copier/driver_maildir_uids.c \
	copier/driver_mbox.c copier/driver_mbox_private.h \
	copier/driver_mbox_fetch.c copier/driver_mbox_read.c \
	copier/driver_mbox_tree.c \
	copier/local_file.c copier/local_file.h \
	copier/local_name.c copier/local_name.h \
	copier/mbox_from.c copier/mbox_parse.c copier/mbox_parse.h \
	copier/maildir_name.c copier/maildir_name.h \
	copier/driver_pop3.c copier/driver_pop3_private.h \
	copier/driver_pop3_fetch.c copier/driver_pop3_list.c \
	copier/flags.c copier/flags.h \
	copier/identity.c copier/identity.h copier/identity_private.h \
	copier/identity_all.c copier/identity_open.c \
	copier/identity_judge.c copier/identity_judge.h \
	copier/driver_imap_acl.c copier/driver_imap_extension.c \
	copier/driver_imap_extension.h \
	copier/driver_imap_metadata.c copier/driver_imap_quota.c \
	copier/event.c copier/event.h \
	copier/extension.c copier/extension.h \
	copier/acl_names.c copier/acl_names.h \
	copier/folder_acl.c copier/folder_acl.h \
	copier/folder_care.c copier/folder_care.h \
	copier/folder_create.c copier/folder_create.h \
	copier/folder_metadata.c \
	copier/folder_notes.c copier/folder_notes.h \
	copier/move_folders.c \
	copier/folder_quota.c copier/folder_quota.h \
	copier/folder_table.c copier/folder_table.h \
	copier/folder_table_private.h copier/folder_table_twin.c \
	copier/folder_table_former.c copier/folder_table_use.c \
	copier/foldermap.c copier/foldermap.h copier/foldermap_private.h \
	copier/foldermap_parse.c \
	copier/folders.c copier/folders.h copier/folders_print.c \
	copier/folders_private.h \
	copier/imap_cursor.c copier/imap_cursor.h \
	copier/imap_extension.c copier/imap_extension.h \
	copier/headdate.c copier/headdate.h \
	copier/imap_authenticate.c copier/imap_login.c \
	copier/imap_parse.c copier/imap_parse.h \
	copier/imap_session.c copier/imap_session.h \
	copier/imap_session_private.h \
	copier/imap_stream.c copier/imap_stream.h \
	copier/imap_wire.c copier/imap_wire.h \
	copier/inspect.c copier/inspect.h \
	copier/interrupt.c copier/interrupt.h \
	copier/journal.c copier/journal.h copier/journal_private.h \
	copier/journal_file.c copier/journal_intent.c copier/journal_line.c \
	copier/journal_verdict.c \
	copier/lanes.c copier/lanes.h \
	copier/keywords.c copier/keywords.h \
	copier/lease.c copier/lease.h \
	copier/look.c copier/look.h \
	copier/location.c copier/location.h \
	copier/maildate.c copier/maildate.h \
	copier/move.c copier/move.h copier/move_private.h \
	copier/move_access.c copier/move_endure.c \
	copier/move_certificate.c copier/move_freeze.c copier/move_lanes.c \
	copier/move_identity.c copier/move_password.c copier/move_uidl.c \
	copier/move_refused.c copier/move_side.c copier/move_sweep.c \
	copier/mutf7.c copier/mutf7.h \
	copier/namehash.c copier/namehash.h \
	copier/naming.c copier/naming.h copier/naming_tame.c \
	copier/options.c copier/options.h \
	copier/pace.c copier/pace.h \
	copier/pass.c copier/pass.h \
	copier/pass_endure.c copier/pass_endure.h \
	copier/percent.c copier/percent.h \
	copier/plan.c copier/plan.h copier/plan_private.h \
	copier/plan_altered.c copier/plan_folder.c copier/plan_match.c \
	copier/pop3_login.c copier/pop3_parse.c copier/pop3_parse.h \
	copier/pop3_session.c copier/pop3_session.h \
	copier/pop3_session_private.h \
	copier/pop3_wire.c copier/pop3_wire.h \
	copier/portion.c copier/portion.h \
	copier/progress.c copier/progress.h \
	copier/proof.c copier/proof.h \
	copier/readonly.c copier/readonly.h \
	copier/round.c copier/round.h copier/round_private.h \
	copier/round_execute.c copier/round_prepare.c \
	copier/round_identity.c copier/round_identity.h \
	copier/refused.c copier/refused.h \
	copier/refused_describe.c copier/refused_describe.h \
	copier/sasl.c copier/sasl.h copier/sasl_private.h \
	copier/sasl_scram.c \
	copier/secret.c copier/secret.h \
	copier/slot.c copier/slot.h \
	copier/shared.c copier/shared.h \
	copier/special_use.c copier/special_use.h \
	copier/spool.c copier/spool.h \
	copier/round_rename.c copier/round_rename.h \
	copier/sweep.c copier/sweep.h \
	copier/sweep_intents.c copier/sweep_intents.h \
	copier/transfer.c copier/transfer.h \
	copier/uidmap.c copier/uidmap.h \
	copier/uidmap_file.c copier/uidmap_private.h \
	copier/uidl.c copier/uidl.h \
	copier/misfit.c copier/misfit.h copier/trickle.c copier/trickle.h \
	copier/uidmarks.c copier/uidmarks.h copier/uidset.c copier/uidset.h \
	copier/verify.c copier/verify.h \
	copier/verify_main.c copier/verify_main.h \
	copier/view.c copier/view.h copier/view_read.c \
	copier/wake.c copier/wake.h \
	copier/worker.c copier/worker.h

copier_libs = copier/libcopier.a lib/librehome.a $(ETPAN_LIBS) \
	$(OPENSSL_LIBS) $(CONFUSE_LIBS) $(IDN_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS) \
	$(JANSSON_LIBS) $(SYSTEMD_LIBS) -lpthread

copier_rehome_copier_SOURCES = copier/main.c
copier_rehome_copier_LDADD = $(copier_libs)

# Getting in, staying polite, going on.
SYSTEM_TESTS += tests/system/copy_access.py tests/system/move_access.py
access_tests = tests/unit/sasl-test tests/unit/backoff-test tests/unit/pace-test \
	tests/unit/endure-test
check_PROGRAMS += $(access_tests)
TESTS += $(access_tests)
tests_unit_sasl_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_backoff_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_pace_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_endure_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

# What clients keep.
identity_tests = tests/unit/doveadm-test tests/unit/identity-test \
	tests/unit/uidl-test
check_PROGRAMS += $(identity_tests)
TESTS += $(identity_tests)
tests_unit_doveadm_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_identity_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_uidl_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
if FUZZERS
check_PROGRAMS += tests/fuzz/doveadm-fuzz
tests_fuzz_doveadm_fuzz_SOURCES = tests/fuzz/doveadm-fuzz.c \
	copier/doveadm_wire.c copier/uidl.c lib/buffer.c lib/error.c \
	lib/xalloc.c
tests_fuzz_doveadm_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_doveadm_fuzz_LDADD = lib/librehome.a
endif

if FUZZERS
check_PROGRAMS += tests/fuzz/sasl-fuzz
tests_fuzz_sasl_fuzz_SOURCES = tests/fuzz/sasl-fuzz.c copier/sasl.c \
	copier/sasl_scram.c copier/secret.c lib/error.c lib/xalloc.c
tests_fuzz_sasl_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_sasl_fuzz_LDADD = lib/librehome.a $(OPENSSL_LIBS) $(IDN_LIBS) \
	$(JANSSON_LIBS)
endif

copier_tests = tests/unit/imap-parse-test tests/unit/imap-wire-test \
	tests/unit/journal-test \
	tests/unit/lease-test tests/unit/plan-test
check_PROGRAMS += $(copier_tests)
TESTS += $(copier_tests)
tests_unit_imap_parse_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_imap_wire_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_journal_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/cutoff-test
TESTS += tests/unit/cutoff-test
tests_unit_cutoff_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_lease_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/portion-test
TESTS += tests/unit/portion-test
tests_unit_portion_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_plan_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/altered-test
TESTS += tests/unit/altered-test
tests_unit_altered_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/pop3-test tests/unit/uidmap-test \
	tests/unit/local-mail-test tests/unit/mbox-test
TESTS += tests/unit/pop3-test tests/unit/uidmap-test \
	tests/unit/local-mail-test tests/unit/mbox-test
tests_unit_local_mail_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_mbox_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_uidmap_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_pop3_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

# Found and run by tests/fuzz/run.sh, compiled anew like its other targets.
if FUZZERS
check_PROGRAMS += tests/fuzz/imap-fuzz
tests_fuzz_imap_fuzz_SOURCES = tests/fuzz/imap-fuzz.c \
	copier/imap_cursor.c copier/imap_extension.c copier/imap_parse.c \
	copier/special_use.c \
	copier/imap_wire.c copier/maildate.c lib/buffer.c lib/error.c \
	lib/xalloc.c
tests_fuzz_imap_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_imap_fuzz_LDADD = lib/librehome.a
check_PROGRAMS += tests/fuzz/mbox-fuzz
tests_fuzz_mbox_fuzz_SOURCES = tests/fuzz/mbox-fuzz.c copier/mbox_from.c \
	copier/mbox_parse.c copier/maildate.c lib/buffer.c lib/xalloc.c
tests_fuzz_mbox_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_mbox_fuzz_LDADD = lib/librehome.a
check_PROGRAMS += tests/fuzz/certificate-fuzz
tests_fuzz_certificate_fuzz_SOURCES = tests/fuzz/certificate-fuzz.c \
	copier/certificate_read.c lib/attr.c lib/buffer.c lib/error.c \
	lib/hex.c lib/xalloc.c
tests_fuzz_certificate_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_certificate_fuzz_LDADD = $(copier_libs)
check_PROGRAMS += tests/fuzz/journal-fuzz
tests_fuzz_journal_fuzz_SOURCES = tests/fuzz/journal-fuzz.c \
	copier/flags.c copier/journal.c copier/journal_file.c \
	copier/journal_intent.c copier/journal_line.c \
	copier/journal_verdict.c copier/namehash.c \
	copier/percent.c copier/uidset.c lib/buffer.c lib/error.c lib/hex.c \
	lib/xalloc.c
tests_fuzz_journal_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_journal_fuzz_LDADD = lib/librehome.a
check_PROGRAMS += tests/fuzz/pop3-fuzz
tests_fuzz_pop3_fuzz_SOURCES = tests/fuzz/pop3-fuzz.c copier/pop3_parse.c \
	copier/pop3_wire.c lib/error.c
tests_fuzz_pop3_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_pop3_fuzz_LDADD = lib/librehome.a
endif

SYSTEM_TESTS += tests/system/batches.py tests/system/copy_lanes.py \
	tests/system/hostile_imap.py tests/system/hostile_storms.py \
	tests/system/mailbox_copy.py

# Names of folders, and what belongs to a folder beside its messages.
folder_tests = tests/unit/acl-names-test tests/unit/folder-table-test \
	tests/unit/foldermap-test tests/unit/mutf7-test \
	tests/unit/naming-test
check_PROGRAMS += $(folder_tests)
TESTS += $(folder_tests)
tests_unit_acl_names_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_folder_table_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_foldermap_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_mutf7_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_naming_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

# Certificates, and what is refused.
check_PROGRAMS += tests/unit/certificate-test tests/unit/copy-list-test \
	tests/unit/refused-test
TESTS += tests/unit/certificate-test tests/unit/copy-list-test \
	tests/unit/refused-test
tests_unit_copy_list_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_refused_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_certificate_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
SYSTEM_TESTS += tests/system/copy_identity.py
SYSTEM_TESTS += tests/system/copy_fidelity.py
if FUZZERS
check_PROGRAMS += tests/fuzz/foldermap-fuzz tests/fuzz/naming-fuzz
naming_fuzz_sources = copier/mutf7.c copier/naming.c copier/naming_tame.c \
	lib/buffer.c lib/xalloc.c
tests_fuzz_foldermap_fuzz_SOURCES = tests/fuzz/foldermap-fuzz.c \
	copier/foldermap.c copier/foldermap_parse.c copier/special_use.c \
	lib/error.c $(naming_fuzz_sources)
tests_fuzz_foldermap_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_foldermap_fuzz_LDADD = lib/librehome.a $(UNISTRING_LIBS)
tests_fuzz_naming_fuzz_SOURCES = tests/fuzz/naming-fuzz.c \
	$(naming_fuzz_sources)
tests_fuzz_naming_fuzz_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_naming_fuzz_LDADD = lib/librehome.a $(UNISTRING_LIBS)
endif
SYSTEM_TESTS += tests/system/rounds.py

check_PROGRAMS += tests/unit/hex-test
TESTS += tests/unit/hex-test
tests_unit_hex_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/proof-test
TESTS += tests/unit/proof-test
tests_unit_proof_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)

# What a server could have us do without end.
check_PROGRAMS += tests/unit/storm-test tests/unit/trickle-test
TESTS += tests/unit/storm-test tests/unit/trickle-test
tests_unit_trickle_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
tests_unit_storm_test_LDADD = $(copier_libs) $(CMOCKA_LIBS)
