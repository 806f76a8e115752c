/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/trickle: what is slow and what has no end is told from what is only
 * slow to begin, or paused once. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "copier/trickle.h"

#define TIMEOUT 60000

/* So many waits of the same kind until the trickle is refused, or 0: it never
 * is. Each ends something where ends says so. */
static int refused(int timeout_ms, bool inside, int64_t waited_ms,
	size_t octets, int most, bool ends, struct error *error)
{
	struct trickle trickle = { .timeout_ms = timeout_ms };
	int i;

	for (i = 1; i < 100000; i++) {
		if (trickle_add(&trickle, inside, waited_ms, octets, most,
			    error) < 0)
			return i;
		if (ends)
			trickle_ended(&trickle);
	}
	return 0;
}

static void test_rate(void **state)
{
	struct error error;

	(void)state;
	/* one octet within each time-out */
	assert_int_equal(
		refused(TIMEOUT, true, 59000, 1, TRICKLE_ANSWER, true, &error),
		3);
	assert_non_null(strstr(error.text, "timed out: too slow, 3 octets"));
	/* just below the rate, and just on it, in small pieces */
	assert_int_equal(
		refused(TIMEOUT, true, 1000, 99, TRICKLE_ANSWER, false, &error),
		120);
	assert_int_equal(refused(TIMEOUT, true, 1000, 100, TRICKLE_ANSWER,
				 false, &error),
		0);
	/* one long pause in what goes on well */
	assert_int_equal(refused(TIMEOUT, true, 59000, 65536, TRICKLE_ANSWER,
				 false, &error),
		0);
	assert_int_equal(
		refused(0, true, 59000, 1, TRICKLE_ANSWER, false, &error), 0);
}

static void test_end(void **state)
{
	struct error error;

	(void)state;
	/* "still at it", and nothing else */
	assert_int_equal(refused(TIMEOUT, false, 30000, 20, TRICKLE_ANSWER,
				 false, &error),
		121);
	assert_non_null(strstr(error.text, "timed out"));
	assert_int_equal(refused(TIMEOUT, false, 30000, 20, TRICKLE_SET_UP,
				 false, &error),
		9);
	/* slow answers that come */
	assert_int_equal(refused(TIMEOUT, false, 59000, 20, TRICKLE_ANSWER,
				 true, &error),
		0);
	/* what takes no time is no reason */
	assert_int_equal(
		refused(TIMEOUT, false, 0, 1, TRICKLE_SET_UP, false, &error),
		0);
	assert_int_equal(
		refused(0, false, 59000, 1, TRICKLE_SET_UP, false, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
