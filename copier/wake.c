/* SPDX-License-Identifier: BSD-2-Clause */
/* A watch of all accounts; most of what it tells is of no interest. */
#include "config.h"

#include "copier/wake.h"

#include <stdlib.h>
#include <string.h>

#include "lib/attr.h"
#include "lib/control_client.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define WAKE_TIMEOUT 2000
/* From one attempt to listen to the next. */
#define WAKE_RETRY 2000

struct wake {
	char *control;
	struct control_client *client;
	int64_t retry_at; /* monotonic */
};

struct wake *wake_new(const char *control)
{
	struct wake *wake = xcalloc(1, sizeof(*wake));

	wake->control = xstrdup(control);
	return wake;
}

void wake_free(struct wake **wake)
{
	if (*wake == NULL)
		return;
	control_close(&(*wake)->client);
	free((*wake)->control);
	free(*wake);
	*wake = NULL;
}

static void wake_listen(struct wake *wake)
{
	struct attr_list *request;
	const struct attr_list *reply;
	struct error unheard;

	if (wake->client != NULL || instant_monotonic() < wake->retry_at)
		return;
	wake->retry_at = instant_monotonic() + WAKE_RETRY;
	wake->client = control_connect(wake->control, WAKE_TIMEOUT, &unheard);
	if (wake->client == NULL)
		return;
	request = attr_list_new();
	attr_list_add(request, "request", "watch");
	if (control_call(wake->client, request, &reply, &unheard) < 0 ||
		control_status(reply, &unheard) != CONTROL_OK)
		control_close(&wake->client);
	attr_list_free(&request);
}

int wake_fd(struct wake *wake)
{
	wake_listen(wake);
	return wake->client != NULL ? control_fd(wake->client) : -1;
}

/* Whether somebody's deed has made an account due. What workers do has not. */
static bool wake_matters(const struct attr_list *event)
{
	static const char *const deeds[] = { "approve", "complete", "login",
		"logout", "resume", "retry" };
	const char *what = attr_list_get(event, "what");
	const char *to = attr_list_get(event, "to");

	if (to != NULL && strcmp(to, "requested") == 0)
		return true;
	for (size_t i = 0; what != NULL && i < sizeof(deeds) / sizeof(deeds[0]);
		i++)
		if (strcmp(deeds[i], what) == 0)
			return true;
	return false;
}

bool wake_take(struct wake *wake)
{
	const struct attr_list *event;
	struct error unheard;
	bool matters = false;
	int got = 0;

	while (wake->client != NULL &&
		(got = control_next(wake->client, 0, &event, &unheard)) > 0)
		matters = wake_matters(event) || matters;
	if (got < 0)
		control_close(&wake->client);
	return matters;
}
