/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines that do not come more often than somebody can read them. */
#include "config.h"

#include "lib/instant.h"
#include "policyd/pace.h"

bool pace_allows(struct pace *pace, long long every, long *count_r)
{
	/* never 0, which means "not told yet" */
	long long now = instant_monotonic() + 1;
	long long told_at = atomic_load(&pace->told_at);

	atomic_fetch_add(&pace->untold, 1);
	if ((told_at != 0 && now - told_at < every) ||
		!atomic_compare_exchange_strong(&pace->told_at, &told_at, now))
		return false;
	*count_r = atomic_exchange(&pace->untold, 0);
	return true;
}
