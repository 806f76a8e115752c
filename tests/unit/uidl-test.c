/* SPDX-License-Identifier: BSD-2-Clause */
/* Forms of POP3 identifiers, and what their change means to a client. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "copier/uidl.h"

#define LIST_MAX 8

struct list {
	const char *uidls[LIST_MAX];
};

static struct uidl_list list_of(const struct list *list)
{
	struct uidl_list view = { list->uidls, 0 };

	while (view.count < LIST_MAX && list->uidls[view.count] != NULL)
		view.count++;
	return view;
}

static void recognises(void **state)
{
	static const struct {
		struct list list;
		uint32_t uidvalidity, uidnext;
		const char *format;
	} cases[] = {
		{ { { "0000000100000abc", "0000000a00000abc" } }, 0xabc, 11,
			"%08Xu%08Xv" },
		{ { { "00000abc00000001", "00000abc0000000a" } }, 0xabc, 11,
			"%08Xv%08Xu" },
		{ { { "2748.1", "2748.7" } }, 2748, 8, "%v.%u" },
		{ { { "2748.1", "2748.7" } }, 2748, 0, "%v.%u" },
		{ { { "1.2748", "7.2748" } }, 2748, 8, "%u.%v" },
		{ { { "2748-1", "2748-7" } }, 2748, 8, "%v-%u" },
		{ { { "UID1-2748", "UID7-2748" } }, 2748, 8, "UID%u-%v" },
		{ { { "1", "7" } }, 2748, 8, "%u" },
		/* UIDs that go back, or are beyond the last, or of another
		 * INBOX, are something else */
		{ { { "2748.7", "2748.1" } }, 2748, 8, NULL },
		{ { { "2748.1", "2748.8" } }, 2748, 8, NULL },
		{ { { "2747.1" } }, 2748, 8, NULL },
		{ { { "2748.01" } }, 2748, 8, NULL },
		{ { { "2748.1x" } }, 2748, 8, NULL },
		{ { { "2748.1", "<x@y>" } }, 2748, 8, NULL },
		{ { { "2748." } }, 2748, 8, NULL },
		{ { { "99999999999999999999" } }, 2748, 8, NULL },
		{ { { "0000000100000ABC" } }, 0xabc, 11, NULL },
		{ { { NULL } }, 2748, 8, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct uidl_list list = list_of(&cases[i].list);
		const char *format = uidl_format(
			&list, cases[i].uidvalidity, cases[i].uidnext);

		if (cases[i].format == NULL) {
			assert_null(format);
		} else {
			assert_non_null(format);
			assert_string_equal(format, cases[i].format);
		}
	}
}

static void compares(void **state)
{
	static const struct {
		struct list home, other;
		enum uidl_change change;
		const char *words;
	} cases[] = {
		{ { { NULL } }, { { NULL } }, UIDL_SAME, "" },
		{ { { "a", "b" } }, { { "a", "b" } }, UIDL_SAME, "" },
		/* twice the same, as some servers have it */
		{ { { "a", "a" } }, { { "a", "a" } }, UIDL_SAME, "" },
		{ { { "a", "b", "c" } }, { { "a", "b" } }, UIDL_BEHIND, "" },
		{ { { "a", "c" } }, { { "a", "b", "c" } }, UIDL_BEHIND, "" },
		{ { { NULL } }, { { "a" } }, UIDL_BEHIND, "" },
		{ { { "a", "b", "c" } }, { { "b", "c" } }, UIDL_CHANGED,
			"1 of 3 messages again" },
		{ { { "a", "b" } }, { { "b", "a" } }, UIDL_CHANGED,
			"another order" },
		{ { { "a", "b" } }, { { "x", "y" } }, UIDL_CHANGED,
			"2 of 2 messages again" },
		{ { { "a" } }, { { NULL } }, UIDL_CHANGED, "1 of 1" },
		{ { { "a", "a" } }, { { "a" } }, UIDL_BEHIND, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct uidl_list home = list_of(&cases[i].home);
		struct uidl_list other = list_of(&cases[i].other);
		struct error words = { "" };

		assert_int_equal(
			uidl_compare(&home, &other, &words), cases[i].change);
		assert_non_null(strstr(words.text, cases[i].words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recognises),
		cmocka_unit_test(compares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
