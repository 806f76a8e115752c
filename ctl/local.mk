# SPDX-License-Identifier: BSD-2-Clause

bin_PROGRAMS += ctl/rehome
noinst_LIBRARIES += ctl/libctl.a
dist_man_MANS += ctl/rehome.1

ctl_libctl_a_CPPFLAGS = $(AM_CPPFLAGS) -DREHOME_SBINDIR='"$(sbindir)"'
ctl_libctl_a_SOURCES = \
	ctl/action.c ctl/action.h \
	ctl/advice.c \
	ctl/care.c \
	ctl/columns.c ctl/columns.h \
	ctl/command.h ctl/commands.c ctl/commands.h \
	ctl/describe.c ctl/describe.h \
	ctl/entry.c \
	ctl/event.c \
	ctl/follow.c ctl/follow.h ctl/follow_judge.c \
	ctl/follow_private.h \
	ctl/help.c ctl/help.h \
	ctl/import.c ctl/import.h ctl/import_check.c \
	ctl/import_private.h ctl/import_run.c \
	ctl/json.c ctl/json.h \
	ctl/line.c ctl/line.h \
	ctl/list.c \
	ctl/move.c \
	ctl/refused.c ctl/refused.h \
	ctl/screen.c ctl/screen.h \
	ctl/session.c ctl/session.h \
	ctl/sessions.c \
	ctl/show.c \
	ctl/status.c \
	ctl/terminal.c ctl/terminal.h \
	ctl/text.c ctl/text.h \
	ctl/tracker.c ctl/tracker.h \
	ctl/watch.c \
	ctl/why.c \
	copier/mutf7.c copier/mutf7.h

ctl_rehome_SOURCES = ctl/main.c
ctl_rehome_LDADD = ctl/libctl.a lib/librehome.a $(JANSSON_LIBS) \
	$(CONFUSE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS)

# Installed under the name of the command that it completes.
bashcompletiondir = $(datadir)/bash-completion/completions
bashcompletion_DATA = ctl/completions/rehome
EXTRA_DIST += ctl/rehome.bash-completion
CLEANFILES += ctl/completions/rehome

ctl/completions/rehome: ctl/rehome.bash-completion
	$(AM_V_GEN)$(MKDIR_P) ctl/completions && \
		cp $(srcdir)/ctl/rehome.bash-completion $@

ctl_tests = tests/unit/csv-test tests/unit/ctl-docs-test \
	tests/unit/describe-test \
	tests/unit/import-test tests/unit/json-test tests/unit/line-test \
	tests/unit/screen-test tests/unit/text-test
ctl_libraries = ctl/libctl.a lib/librehome.a $(JANSSON_LIBS) \
	$(CONFUSE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(ctl_tests)
TESTS += $(ctl_tests)
tests_unit_csv_test_LDADD = $(ctl_libraries)
tests_unit_ctl_docs_test_LDADD = $(ctl_libraries)
tests_unit_describe_test_LDADD = $(ctl_libraries)
tests_unit_import_test_LDADD = $(ctl_libraries)
tests_unit_json_test_LDADD = $(ctl_libraries)
tests_unit_line_test_LDADD = $(ctl_libraries)
tests_unit_screen_test_LDADD = $(ctl_libraries)
tests_unit_text_test_LDADD = $(ctl_libraries)

# Command lines in, text out, and the live view on a terminal.
TESTS += tests/text/run-ctl tests/text/live.py
EXTRA_DIST += tests/text/run-ctl tests/text/live.py tests/text/ctl
