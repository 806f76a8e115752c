/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and files of local mail: Maildir names, line ends, URLs. */
#include "config.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "copier/crlf.h"
#include "copier/local_file.h"
#include "copier/local_name.h"
#include "copier/location.h"
#include "copier/maildir_name.h"

#include "lib/buffer.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define FROM	     "From a@b Tue May  5 10:00:01 2015\n"

static char *path_of(const char *root, const char *below)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	return path;
}

static void write_file(const char *path, const char *text, off_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	if (size > 0)
		assert_int_equal(ftruncate(fileno(file), size), 0);
	fclose(file);
}

/* Whoever owns the mail may put links into it that lead to the mail of others,
 * also between a look at it and the next. */
static void follows_no_links_below_the_root(void **state)
{
	static const struct {
		const char *path;
		bool file, opens;
	} cases[] = {
		{ "own", false, true },
		{ "own/deep", false, true },
		{ "link", false, false },
		{ "link/deep", false, false },
		{ "own/1", true, true },
		{ "own/deep/1", true, true },
		{ "own/other", true, false },
		{ "link/1", true, false },
		{ "own/up/deep/1", true, false },
		{ "own/none", true, false },
	};
	char base[] = "/tmp/rehome-local-XXXXXX", root[64];
	struct error error;
	struct stat status;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(base));
	assert_int_equal(mkdir(path_of(base, "mail"), 0700), 0);
	assert_int_equal(mkdir(path_of(base, "mail/own"), 0700), 0);
	assert_int_equal(mkdir(path_of(base, "mail/own/deep"), 0700), 0);
	write_file(path_of(base, "mail/own/1"), "x", 0);
	write_file(path_of(base, "mail/own/deep/1"), "x", 0);
	assert_int_equal(symlink("own", path_of(base, "mail/link")), 0);
	assert_int_equal(symlink("1", path_of(base, "mail/own/other")), 0);
	assert_int_equal(symlink("../own", path_of(base, "mail/own/up")), 0);
	/* The root is the operator's word: it may be a link. */
	assert_int_equal(symlink("mail", path_of(base, "root")), 0);
	snprintf(root, sizeof(root), "%s/root", base);
	for (i = 0; i < COUNT(cases); i++) {
		const char *path = path_of(root, cases[i].path);
		DIR *directory = NULL;
		int file = -1;

		if (cases[i].file)
			file = local_file_open(root, path, &status, &error);
		else
			directory = local_directory_open(root, path);
		if ((file >= 0 || directory != NULL) != cases[i].opens)
			fail_msg("%s", cases[i].path);
		if (file >= 0)
			close(file);
		if (directory != NULL)
			closedir(directory);
	}
	unlink(path_of(base, "root"));
	unlink(path_of(base, "mail/own/up"));
	unlink(path_of(base, "mail/own/other"));
	unlink(path_of(base, "mail/link"));
	unlink(path_of(base, "mail/own/deep/1"));
	unlink(path_of(base, "mail/own/1"));
	rmdir(path_of(base, "mail/own/deep"));
	rmdir(path_of(base, "mail/own"));
	rmdir(path_of(base, "mail"));
	assert_int_equal(rmdir(base), 0);
}

static void count_line(void *context, char *line)
{
	assert_string_equal(line, "one");
	++*(int *)context;
}

/* A file with a hole in it takes no room on the disk, and is as large as its
 * owner likes. */
static void reads_lines_of_a_sane_length(void **state)
{
	char base[] = "/tmp/rehome-local-XXXXXX";
	struct rusage before, after;
	struct error error;
	int count = 0;

	(void)state;
	assert_non_null(mkdtemp(base));
	write_file(path_of(base, "list"), "one\none\ntorn", 0);
	assert_int_equal(
		local_file_lines(base, "list", count_line, &count, &error), 1);
	assert_int_equal(count, 2);
	write_file(path_of(base, "list"), "one\n", 1 << 28);
	getrusage(RUSAGE_SELF, &before);
	assert_int_equal(
		local_file_lines(base, "list", count_line, &count, &error), 1);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(count, 3);
	assert_true(after.ru_maxrss - before.ru_maxrss < 1 << 16); /* KB */
	unlink(path_of(base, "list"));
	assert_int_equal(rmdir(base), 0);
}

static void reads_maildir_names(void **state)
{
	static const struct {
		const char *file;
		const char *base; /* NULL: no message */
		const char *flags;
	} cases[] = {
		{ "1.a:2,S", "1.a", "\\Seen " },
		{ "1.a", "1.a", "" },
		{ "1.a:2,", "1.a", "" },
		{ "1.a,S=12,W=13:2,DFPRST", "1.a",
			"\\Draft \\Flagged $Forwarded \\Answered \\Seen "
			"\\Deleted " },
		{ "1.a,W=13,S=2", "1.a", "" },
		{ "1.a,S=x:2,S", "1.a,S=x", "\\Seen " },
		{ "1.a,S=:2,S", "1.a,S=", "\\Seen " },
		{ "1.a,X=5", "1.a,X=5", "" },
		{ ",S=5", ",S=5", "" },
		{ "1.a!2,Sa", "1.a", "\\Seen one " },
		{ "1.a;2,bzZ", "1.a", "two " },
		{ "1.a:1,S", "1.a:1,S", "" },
		{ ".hidden", NULL, "" },
		{ ":2,S", NULL, "\\Seen " },
	};
	struct maildir_keywords keywords = { { NULL } };
	struct buffer flags = BUFFER_EMPTY;
	size_t i;

	(void)state;
	maildir_keyword_line(&keywords, "0 one");
	maildir_keyword_line(&keywords, "1 two");
	maildir_keyword_line(&keywords, "2 no atom");
	maildir_keyword_line(&keywords, "26 many");
	maildir_keyword_line(&keywords, "x");
	maildir_keyword_line(&keywords, "");
	for (i = 0; i < COUNT(cases); i++) {
		char *base = maildir_base(cases[i].file);

		if (cases[i].base == NULL)
			assert_null(base);
		else
			assert_string_equal(base, cases[i].base);
		free(base);
		buffer_clear(&flags);
		maildir_flags(cases[i].file, &keywords, &flags);
		assert_string_equal(flags.data, cases[i].flags);
	}
	assert_int_equal(maildir_seconds("1431000000.M1P2.host"), 1431000000);
	assert_int_equal(maildir_seconds("x"), 0);
	maildir_keywords_clear(&keywords);
	buffer_free(&flags);
}

static void reads_uid_lists(void **state)
{
	static const struct {
		const char *line;
		uint32_t number; /* 0: bad */
		const char *file;
	} heads[] = {
		{ "3 V1448 N8 Gabc", 1448, NULL },
		{ "3 N8 V1448", 1448, NULL },
		{ "1 1448 8", 1448, NULL },
		{ "3 N8", 0, NULL },
		{ "3 V0 N8", 0, NULL },
		{ "2 V1", 0, NULL },
		{ "", 0, NULL },
	}, lines[] = {
		{ "5 :1.a:2,S", 5, "1.a:2,S" },
		{ "5 W123 S4 :1.a b", 5, "1.a b" },
		{ "5 1.a", 5, "1.a" },
		{ "0 :1.a", 0, NULL },
		{ "4294967295 :1.a", 0, NULL },
		{ "x :1.a", 0, NULL },
		{ "5", 0, NULL },
		{ "5 :", 0, NULL },
	};
	uint32_t number;
	const char *file;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(heads); i++) {
		assert_int_equal(
			maildir_uidlist_head(heads[i].line, &number) == 0,
			heads[i].number != 0);
		if (heads[i].number != 0)
			assert_int_equal(number, heads[i].number);
	}
	for (i = 0; i < COUNT(lines); i++) {
		assert_int_equal(maildir_uidlist_line(
					 lines[i].line, &number, &file) == 0,
			lines[i].number != 0);
		if (lines[i].number == 0)
			continue;
		assert_int_equal(number, lines[i].number);
		assert_string_equal(file, lines[i].file);
	}
}

static void names_folders(void **state)
{
	static const struct {
		const char *path;
		char separator;
		const char *name; /* NULL: none */
	} cases[] = {
		{ "A.B", '.', "A.B" },
		{ "A.B", '/', "A.B" },
		{ "&AMQ-rger &- x", '.', "&AMQ-rger &- x" },
		{ "\xc3\x84rger", '/', "&AMQ-rger" },
		{ "R&D", '.', "R&-D" },
		{ "A..B", '.', NULL },
		{ "A..B", '/', "A..B" },
		{ ".A", '.', NULL },
		{ "A.", '.', NULL },
		{ "", '.', NULL },
		{ "a\nb", '.', NULL },
		{ "\xff", '.', NULL },
		{ "\xc0\xaf", '.', NULL },
		{ "\xed\xa0\x80", '.', NULL },
		{ "\xe2\x82", '.', NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char *reason;
		char *name =
			local_name(cases[i].path, cases[i].separator, &reason);

		if (cases[i].name == NULL) {
			assert_null(name);
			assert_non_null(reason);
		} else {
			assert_string_equal(name, cases[i].name);
			assert_null(reason);
		}
		free(name);
	}
	assert_non_null(local_file_fault("\x1f\x8b\x08zz", 5));
	assert_null(local_file_fault("\x1f\x8b", 2));
	assert_null(local_file_fault("From: x", 7));
}

static void ends_lines(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "a\nb\r\nc\n", "a\r\nb\r\nc\r\n" },
		{ "\n\n\r\n\r\r\n", "\r\n\r\n\r\n\r\r\n" },
		{ "\r", "\r" },
		{ "a\rb\n", "a\rb\r\n" },
	};
	char out[64];
	size_t i, piece, at;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (piece = 1; piece < 12; piece++) {
			struct crlf crlf = { false };
			size_t size = strlen(cases[i][0]), written = 0;

			for (at = 0; at < size; at += piece)
				written += crlf_convert(&crlf, cases[i][0] + at,
					size - at < piece ? size - at : piece,
					out + written);
			out[written] = '\0';
			assert_string_equal(out, cases[i][1]);
		}
}

static void reads_urls(void **state)
{
	static const struct {
		const char *url;
		const char *name; /* NULL: bad */
		bool destination;
	} cases[] = {
		{ "imap://a@b", "a@b:143", true },
		{ "pop3://a%40x@b", "pop3:a@x@b:110", false },
		{ "pop3s://a@b:1", "pop3:a@b:1", false },
		{ "pop3+starttls://a@[::1]", "pop3:a@::1:110", false },
		{ "pop3://a@b?session=5s&pause=250ms", "pop3:a@b:110", false },
		{ "pop3://a@b?session=0", NULL, false },
		{ "pop3://a@b?quoting=mboxo", NULL, false },
		{ "pop3://a@b?session=5s&x=1", NULL, false },
		{ "imap://a@b?session=5s", NULL, false },
		{ "maildir:/a/b/", "maildir:/a/b", false },
		{ "maildir:a", NULL, false },
		{ "maildir:", NULL, false },
		{ "maildir:/a?quoting=mboxo", NULL, false },
		{ "mbox:/a?b", "mbox:/a?b", false },
		{ "mbox:/a?quoting=mboxrd", "mbox:/a", false },
		{ "mbox:/a?quoting=all", NULL, false },
		{ "mbox:/", "mbox:/", false },
		{ "ftp://a@b", NULL, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct location location;
		char *name;
		int result =
			location_parse(cases[i].url, true, &location, NULL);

		assert_int_equal(result, cases[i].name != NULL ? 0 : -1);
		if (result == 0) {
			name = location_name(&location);
			assert_string_equal(name, cases[i].name);
			free(name);
			assert_int_equal(location_check_destination(
						 &location, NULL) == 0,
				cases[i].destination);
		}
		location_clear(&location);
	}
}

/* ---- drivers, with files that change between the list and the fetch ---- */

static char root[] = "/tmp/rehome-local.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void change(int (*how)(const char *, const char *), const char *from,
	const char *to)
{
	char old[128], new[128];

	snprintf(old, sizeof(old), "%s/%s", root, from);
	snprintf(new, sizeof(new), "%s/%s", root, to);
	assert_int_equal(how(old, new), 0);
}

static int take_begin(void *context, const struct mailbox_message *message)
{
	buffer_printf(context, "%u:", (unsigned)message->uid);
	return 1;
}

static int take_data(void *context, const char *data, size_t size)
{
	buffer_add(context, data, size);
	return 0;
}

static int take_end(void *context)
{
	buffer_add_text(context, ";");
	return 0;
}

static int ignore_folder(void *context, const struct mailbox_folder *folder)
{
	(void)context;
	(void)folder;
	return 0;
}

static struct mailbox *open_local(
	const char *protocol, const char *path, struct flagpool *flags)
{
	struct mailbox_target target = {
		.label = path, .protocol = protocol, .path = path
	};
	struct mailbox_selected selected;
	struct mailbox *mailbox;
	enum mailbox_failure failure;

	mailbox = mailbox_open(&target, flags, &failure, NULL);
	assert_non_null(mailbox);
	assert_int_equal(mailbox_list(mailbox, ignore_folder, NULL, NULL), 1);
	assert_int_equal(
		mailbox_select(mailbox, "INBOX", false, &selected, NULL), 1);
	return mailbox;
}

static void fetch_all(struct mailbox *mailbox, struct buffer *text)
{
	static const struct mailbox_sink sink = { take_begin, take_data,
		take_end };
	struct uidset uids = UIDSET_EMPTY;
	uint32_t uid;

	for (uid = 1; uid < 9; uid++)
		uidset_add(&uids, uid);
	buffer_clear(text);
	buffer_add(text, "", 0);
	assert_int_equal(mailbox_fetch(mailbox, &uids, &sink, text, NULL), 1);
	uidset_free(&uids);
}

static void finds_renamed_files(void **state)
{
	struct flagpool *flags = flagpool_new();
	struct buffer text = BUFFER_EMPTY;
	struct mailbox *mailbox;

	(void)state;
	put("cur/1.a:2,", "one\n");
	change(link, "cur/1.a:2,", "cur/1.a:2,S"); /* seen twice: one file */
	put("cur/2.b:2,", "two\n");
	put("cur/2.b:2,F", "other\n"); /* another one */
	mailbox = open_local("maildir", root, flags);
	change(rename, "cur/2.b:2,F", "cur/2.b:2,FS");
	fetch_all(mailbox, &text);
	assert_non_null(strstr(text.data, "1:one\r\n;"));
	assert_non_null(strstr(text.data, "two\r\n;"));
	assert_non_null(strstr(text.data, "other\r\n;"));
	assert_int_equal(text.size, strlen("1:one\r\n;2:two\r\n;3:other\r\n;"));
	mailbox_close(&mailbox);
	flagpool_free(&flags);
	buffer_free(&text);
}

static void finds_moved_messages(void **state)
{
	struct flagpool *flags = flagpool_new();
	struct buffer text = BUFFER_EMPTY;
	struct mailbox *mailbox;
	char path[128];

	(void)state;
	put("mbox", FROM "\none\n\n" FROM "\ntwo\n\n");
	snprintf(path, sizeof(path), "%s/mbox", root);
	mailbox = open_local("mbox", path, flags);
	put("mbox", FROM "\nsix\n\n" FROM "\none\n\n");
	fetch_all(mailbox, &text);
	assert_string_equal(text.data, "1:\r\none\r\n;3:\r\nsix\r\n;");
	mailbox_close(&mailbox);
	flagpool_free(&flags);
	buffer_free(&text);
}

static int make_root(void **state)
{
	char path[128];

	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/cur", root);
	return mkdir(path, 0700);
}

static int remove_root(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_no_links_below_the_root),
		cmocka_unit_test(reads_lines_of_a_sane_length),
		cmocka_unit_test(reads_maildir_names),
		cmocka_unit_test(reads_uid_lists),
		cmocka_unit_test(names_folders),
		cmocka_unit_test(ends_lines),
		cmocka_unit_test(reads_urls),
		cmocka_unit_test(finds_renamed_files),
		cmocka_unit_test(finds_moved_messages),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
