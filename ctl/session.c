/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of rehome, see session.h. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/session.h"
#include "ctl/text.h"
#include "lib/xalloc.h"

#define SESSION_TIMEOUT 30000 /* ms */
#define SESSION_PAGE	1000

void session_init(struct session *session)
{
	struct winsize size;

	memset(session, 0, sizeof(*session));
	session->config_path = REHOME_CONFIG_FILE;
	session->timeout = SESSION_TIMEOUT;
	if (isatty(STDOUT_FILENO) &&
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		session->width = size.ws_col;
}

void session_clear(struct session *session)
{
	control_close(&session->client);
	config_free(&session->config);
}

int session_fail(const struct session *session, int code, const char *object,
	const char *text, const char *advice)
{
	/* keeps the order when both go to one place */
	fflush(stdout);
	/* an object of an array has no line end yet */
	if (session->json && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		putc('\n', stderr);
	text_print(stderr, "rehome: %s%s%s%s%s%s%s",
		session->command != NULL ? session->command->name : "",
		session->command != NULL && object != NULL ? " " : "",
		object != NULL ? object : "",
		session->command != NULL || object != NULL ? ": " : "", text,
		advice != NULL ? "; " : "", advice != NULL ? advice : "");
	putc('\n', stderr);
	return code;
}

int session_misused(const struct session *session, const char *text)
{
	char advice[64];

	snprintf(advice, sizeof(advice), "see `rehome help%s%s`",
		session->command != NULL ? " " : "",
		session->command != NULL ? session->command->name : "");
	return session_fail(session, EX_USAGE, NULL, text, advice);
}

int session_worse(int code, int other)
{
	return code > other ? code : other;
}

/* Adds what the operator can do about it. */
static void session_advise(struct error *error, const char *advice)
{
	error_set(error, "%s; %s", error->text, advice);
}

/* Like session_config, with the error left to the caller. */
static int session_load_config(struct session *session, struct error *error)
{
	if (session->config == NULL)
		session->config = config_load(session->config_path, error);
	if (session->config != NULL)
		return 0;
	if (access(session->config_path, F_OK) < 0 && errno == ENOENT)
		session_advise(error, "--config names another file");
	return -1;
}

const struct config *session_config(struct session *session)
{
	struct error error;

	if (session_load_config(session, &error) < 0)
		session_fail(session, EX_CONFIG, NULL, error.text, NULL);
	return session->config;
}

static const char *session_find_endpoint(
	struct session *session, struct error *error)
{
	if (session->endpoint != NULL)
		return session->endpoint;
	if (session_load_config(session, error) < 0)
		return NULL;
	return session->config->policyd.control;
}

const char *session_endpoint(struct session *session)
{
	struct error error;
	const char *endpoint = session_find_endpoint(session, &error);

	if (endpoint == NULL)
		session_fail(session, EX_CONFIG, NULL, error.text, NULL);
	return endpoint;
}

/* Whether it is our own rights that keep us from the socket. */
static bool session_is_forbidden(const char *endpoint)
{
	return strncmp(endpoint, "unix:", 5) == 0 &&
	       access(endpoint + 5, R_OK | W_OK) < 0 && errno == EACCES;
}

int session_connect(struct session *session, struct control_client **client_r,
	struct error *error)
{
	const char *endpoint = session_find_endpoint(session, error);

	*client_r = NULL;
	if (endpoint == NULL)
		return EX_CONFIG;
	*client_r = control_connect(endpoint, session->timeout, error);
	if (*client_r != NULL)
		return 0;
	if (session_is_forbidden(endpoint)) {
		session_advise(error, "be root, or in the socket's group");
		return EX_NOPERM;
	}
	session_advise(error, "is rehome-policyd running?");
	return EX_UNAVAILABLE;
}

int session_status_code(const struct attr_list *reply, struct error *error)
{
	switch (control_status(reply, error)) {
	case CONTROL_OK:
		return 0;
	case CONTROL_NOT_FOUND:
	case CONTROL_CONFLICT:
		return EXIT_REFUSED;
	case CONTROL_DENIED:
		return EX_NOPERM;
	case CONTROL_ERROR:
		break;
	}
	return EX_TEMPFAIL;
}

int session_call(struct session *session, const struct attr_list *request,
	const struct attr_list **reply_r, struct error *error)
{
	int code;

	*reply_r = NULL;
	if (session->client == NULL) {
		code = session_connect(session, &session->client, error);
		if (code != 0)
			return code;
	}
	if (control_call(session->client, request, reply_r, error) < 0) {
		control_close(&session->client);
		*reply_r = NULL;
		return EX_TEMPFAIL;
	}
	return session_status_code(*reply_r, error);
}

int session_next(struct session *session, const struct attr_list **message_r,
	struct error *error)
{
	int result = control_next(
		session->client, session->timeout, message_r, error);

	if (result == 1)
		return 0;
	if (result == 0)
		error_set(error, "no answer in %d s", session->timeout / 1000);
	control_close(&session->client);
	return EX_TEMPFAIL;
}

struct attr_list *session_request(const char *verb, const char *address)
{
	struct attr_list *request = attr_list_new();

	attr_list_add(request, "request", verb);
	if (address != NULL)
		attr_list_add(request, "address", address);
	return request;
}

void session_add_by(struct attr_list *request)
{
	const char *name = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	const struct passwd *user;

	if (name == NULL || *name == '\0') {
		user = getpwuid(getuid());
		name = user != NULL ? user->pw_name : NULL;
	}
	if (name != NULL && strlen(name) < ACCOUNT_NAME_SIZE)
		attr_list_add(request, "by", name);
	else
		attr_list_printf(request, "by", "uid-%ju", (uintmax_t)getuid());
}

const char *session_bare_reason(const char *reason, const char *address)
{
	static const char *const prefixes[] = { "account ", "address " };
	size_t size = strlen(address);
	const char *rest = reason;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(reason, prefixes[i], strlen(prefixes[i])) == 0)
			rest = reason + strlen(prefixes[i]);
	if (strncmp(rest, address, size) != 0)
		return reason;
	rest += size;
	if (strncmp(rest, ": ", 2) != 0 && strncmp(rest, ", ", 2) != 0)
		return reason;
	return rest + 2;
}

int session_get_account(struct session *session, const char *address,
	struct account *account_r, struct error *error)
{
	struct attr_list *request = session_request("account-get", address);
	const struct attr_list *reply;
	int code = session_call(session, request, &reply, error);

	attr_list_free(&request);
	if (code != 0)
		return code;
	return account_scan(reply, account_r, error) < 0 ? EX_TEMPFAIL : 0;
}

/* One page. *next_r is where the next begins, or NULL at the end. */
static int session_list_page(struct session *session, struct attr_list *request,
	session_account_fn *callback, void *context, size_t *left,
	char **next_r, struct error *error)
{
	const struct attr_list *reply, *message;
	int64_t records = 0;
	bool wanted = true;
	int code;

	*next_r = NULL;
	code = session_call(session, request, &reply, error);
	if (code != 0)
		return code;
	if (attr_list_get_number(reply, "records", &records, error) != 1)
		return EX_TEMPFAIL;
	if (attr_list_get(reply, "next") != NULL)
		*next_r = xstrdup(attr_list_get(reply, "next"));
	/* the whole page is read, so that the connection stays in step */
	while (records-- > 0) {
		code = session_next(session, &message, error);
		if (code != 0)
			return code;
		if (wanted && *left > 0) {
			wanted = callback(message, context);
			(*left)--;
		}
	}
	if (!wanted || *left == 0) {
		free(*next_r);
		*next_r = NULL;
	}
	return 0;
}

int session_list_accounts(struct session *session,
	const struct attr_list *filter, size_t limit,
	session_account_fn *callback, void *context, struct error *error)
{
	const char *given = attr_list_get(filter, "after");
	char *after = given != NULL ? xstrdup(given) : NULL;
	struct attr_list *request = attr_list_new();
	int code = 0;

	do {
		char *next;

		attr_list_clear(request);
		for (size_t i = 0; i < attr_list_count(filter); i++)
			if (strcmp(attr_list_name(filter, i), "after") != 0)
				attr_list_add(request,
					attr_list_name(filter, i),
					attr_list_value(filter, i));
		attr_list_add_number(request, "limit",
			limit < SESSION_PAGE ? (int64_t)limit : SESSION_PAGE);
		if (after != NULL)
			attr_list_add(request, "after", after);
		code = session_list_page(session, request, callback, context,
			&limit, &next, error);
		free(after);
		after = next;
	} while (code == 0 && after != NULL);
	free(after);
	attr_list_free(&request);
	return code;
}

int session_finish_output(const struct session *session, int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	/* a reader that has seen enough, such as head(1), is no failure */
	if (errno == EPIPE)
		return code;
	return session_worse(code,
		session_fail(session, EX_IOERR, NULL,
			"write standard output: no room or no reader", NULL));
}
