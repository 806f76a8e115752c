/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages as JSON: every attribute as what it is. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/json.h"
#include "lib/account.h"

/* "name=value" texts, NULL at the end. */
static struct attr_list *message_of(const char *const *pairs)
{
	struct attr_list *message = attr_list_new();

	for (; *pairs != NULL; pairs++) {
		char name[64];
		const char *value = strchr(*pairs, '=');

		assert_non_null(value);
		snprintf(name, sizeof(name), "%.*s", (int)(value - *pairs),
			*pairs);
		attr_list_add(message, name, value + 1);
	}
	return message;
}

static char *print(const struct attr_list *message)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	json_print(out, message);
	fclose(out);
	return text;
}

static void prints_kinds(void **state)
{
	static const struct {
		const char *const pairs[8];
		const char *text;
	} cases[] = {
		{ { NULL }, "{}\n" },
		{ { "status=ok", "address=ann@example.org", NULL },
			"{\"address\":\"ann@example.org\"}\n" },
		{ { "messages=12", "epoch=18446744073709551615", NULL },
			"{\"messages\":12,\"epoch\":\"18446744073709551615\"}"
			"\n" },
		{ { "frozen_at=1763748005007", "due=never", "at=0", NULL },
			"{\"frozen_at\":\"2025-11-21T18:00:05.007Z\","
			"\"due\":\"never\",\"at\":null}\n" },
		{ { "held=yes", "proved=no", NULL },
			"{\"held\":true,\"proved\":false}\n" },
		/* status counts them */
		{ { "accounts=3", "held=2", "phase-frozen-source=1", NULL },
			"{\"accounts\":3,\"held\":2,"
			"\"phase-frozen-source\":1}\n" },
		{ { "alias=a@x.org", "event=add", "alias=b@x.org", NULL },
			"{\"alias\":[\"a@x.org\",\"b@x.org\"],"
			"\"event\":\"add\"}\n" },
		{ { "freeze_steps=lock=3 round=120", NULL },
			"{\"freeze_steps\":{\"lock\":3,\"round\":120}}\n" },
		{ { "freeze_steps=", NULL }, "{\"freeze_steps\":{}}\n" },
		{ { "freeze_steps=nonsense", NULL },
			"{\"freeze_steps\":\"nonsense\"}\n" },
		/* what is not of its kind stays a text */
		{ { "messages=many", "held=maybe", "at=then", NULL },
			"{\"messages\":\"many\",\"held\":\"maybe\","
			"\"at\":\"then\"}\n" },
		{ { "version=0.1.0", NULL }, "{\"version\":\"0.1.0\"}\n" },
		{ { "unheard-of=5", NULL }, "{\"unheard-of\":\"5\"}\n" },
		{ { "failure=say \"no\"\\ \xc3\xa4\n", NULL },
			"{\"failure\":\"say \\\"no\\\"\\\\ \xc3\xa4\\n\"}\n" },
		{ { "failure=broken \xff byte", NULL },
			"{\"failure\":\"broken ? byte\"}\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct attr_list *message = message_of(cases[i].pairs);
		char *text = print(message);

		assert_string_equal(text, cases[i].text);
		free(text);
		attr_list_free(&message);
	}
}

/* An account has every field, whatever was printed of it. */
static void completes_accounts(void **state)
{
	static const char *const pairs[] = { "version=1",
		"address=ann@example.org", "home=source", "phase=settled",
		"source=old", "destination=new", "alias=a@example.org", NULL };
	struct attr_list *message = message_of(pairs);
	struct attr_list *whole = attr_list_new();
	char *text = print(message), name[80];
	struct account account;

	(void)state;
	account_init(&account);
	account_print(&account, true, whole);
	for (size_t i = 0; i < attr_list_count(whole); i++) {
		snprintf(name, sizeof(name),
			"\"%s\":", attr_list_name(whole, i));
		if (strstr(text, name) == NULL)
			fail_msg("%s is not in %s", name, text);
	}
	assert_non_null(strstr(text, "\"freeze_budget\":null,"));
	assert_non_null(strstr(text, "\"not_before\":null,"));
	assert_non_null(strstr(text, "\"alias\":[\"a@example.org\"]"));
	free(text);
	attr_list_free(&whole);
	attr_list_free(&message);
}

static void prints_lists(void **state)
{
	static const char *const pairs[] = { "status=ok", "line=2", NULL };
	struct attr_list *message = message_of(pairs);
	struct json_array array;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	json_array_begin(&array, out);
	json_array_end(&array);
	json_array_begin(&array, out);
	json_array_add(&array, message);
	json_array_add(&array, message);
	json_array_end(&array);
	fclose(out);
	assert_string_equal(text, "[]\n[\n{\"status\":\"ok\",\"line\":2},\n"
				  "{\"status\":\"ok\",\"line\":2}\n]\n");
	free(text);
	attr_list_free(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_kinds),
		cmocka_unit_test(completes_accounts),
		cmocka_unit_test(prints_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
