/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The callbacks of libmilter. They keep what a session and a message are about,
 * ask policyd, and translate the decision; what to decide is in decision.c.
 *
 * libmilter moves a connection between worker threads, so everything lives in
 * the connection's private data. A callback blocks its worker, hence the one
 * deadline for all that a callback asks.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "lib/address.h"
#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"
#include "milter/decision.h"
#include "milter/filter.h"

#define FILTER_NAME	"rehome"
#define FILTER_BACKLOG	1024
#define FILTER_PROBE_MS 1000 /* to find a live listener */

/* Steps that tell us nothing: they are not sent at all. */
#define FILTER_SKIP                                                            \
	(SMFIP_NOHELO | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY |            \
		SMFIP_NOUNKNOWN)
/* Steps that are only listened to: no round trip. */
#define FILTER_LISTEN (SMFIP_NR_CONN | SMFIP_NR_MAIL)

static struct filter {
	pthread_mutex_t mutex;
	struct settings *settings; /* guarded by the mutex */
	struct log *log;
	int alive;  /* closed when libmilter has given up */
	char *path; /* of the UNIX socket, or NULL */
	struct stat socket;
	int64_t started; /* with the count it makes session names unique */
	atomic_uint_fast64_t sessions;
} filter = { .mutex = PTHREAD_MUTEX_INITIALIZER };

struct session {
	uint64_t number;
	char *client; /* host name, or NULL */
	struct sockaddr_storage address;
	bool has_address;
	bool own;		   /* the sender of the present message */
	struct settings *settings; /* of the present message, or NULL */
	struct decision_message *message;
};

static struct settings *filter_settings(void)
{
	struct settings *settings;

	pthread_mutex_lock(&filter.mutex);
	settings = settings_hold(filter.settings);
	pthread_mutex_unlock(&filter.mutex);
	return settings;
}

/* ---- sessions ---- */

/* The session of a connection, made at its first callback. */
static struct session *session_of(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);

	if (session == NULL) {
		session = xcalloc(1, sizeof(*session));
		session->number = atomic_fetch_add(&filter.sessions, 1);
		session->message = decision_message_new();
		smfi_setpriv(context, session);
	}
	return session;
}

static void session_free(struct session *session)
{
	settings_release(&session->settings);
	decision_message_free(&session->message);
	free(session->client);
	free(session);
}

static void session_set_address(
	struct session *session, const struct sockaddr *address)
{
	size_t size = 0;

	if (address != NULL && address->sa_family == AF_INET)
		size = sizeof(struct sockaddr_in);
	else if (address != NULL && address->sa_family == AF_INET6)
		size = sizeof(struct sockaddr_in6);
	memset(&session->address, 0, sizeof(session->address));
	if (size > 0)
		memcpy(&session->address, address, size);
	session->has_address = size > 0;
}

/* A message begins: nothing of the one before counts any more. */
static void session_begin(struct session *session, const char *login)
{
	const struct sockaddr *address =
		session->has_address ? (const void *)&session->address : NULL;
	struct decision_client client = {
		.name = session->client,
		.address = address,
		.login = login,
	};

	decision_message_reset(session->message);
	settings_release(&session->settings);
	session->settings = filter_settings();
	client.in_own_networks =
		settings_has_network(session->settings, address);
	session->own = decision_is_own(&client);
}

/* ---- answers ---- */

/* The command's address without its angle brackets; malloc'd. */
static char *filter_recipient(const char *argument)
{
	size_t size = strlen(argument);

	if (size >= 2 && argument[0] == '<' && argument[size - 1] == '>')
		return xstrndup(argument + 1, size - 2);
	return xstrdup(argument);
}

/* One line for a refusal, under the address as all programs write it. */
static void filter_log(const struct session *session, const char *queue,
	const char *recipient, const char *step,
	const struct decision_reply *reply, const char *why)
{
	struct address address;

	if (address_parse(recipient, &address, NULL) == 0)
		recipient = address.text;
	log_account(filter.log, why != NULL ? LOG_WARNING : LOG_INFO, recipient,
		"session=%" PRIx64 ".%" PRIx64 " queue=%s %s: %s %s%s%s",
		(uint64_t)filter.started, session->number,
		queue != NULL ? queue : "none", step, reply->code,
		reply->enhanced, why != NULL ? ": " : "",
		why != NULL ? why : "");
}

/* Gives the decision to the mail server. */
static sfsistat filter_answer(SMFICTX *context, const struct session *session,
	const char *recipient, const struct decision *decision,
	const char *step, const struct error *error)
{
	struct decision_reply reply;

	if (!decision_refusal(decision, &reply))
		return SMFIS_CONTINUE;
	filter_log(session, smfi_getsymval(context, (char *)"i"), recipient,
		step, &reply,
		decision->verdict == DECISION_LATER ? error->text : NULL);
	/* If libmilter will not take the text, its own 451 is as good. */
	(void)smfi_setreply(context, (char *)reply.code, (char *)reply.enhanced,
		reply.text);
	return SMFIS_TEMPFAIL;
}

/* ---- callbacks ---- */

/*
 * Asks for the macros that are read here, and for one more: libmilter keeps the
 * macros of the last MAIL until it gets others, and Postfix sends none where
 * none has a value. The sender's address always has one, so that a login never
 * counts for a later message.
 */
static void filter_choose_macros(SMFICTX *context)
{
	smfi_setsymlist(context, SMFIM_CONNECT, (char *)"");
	smfi_setsymlist(
		context, SMFIM_ENVFROM, (char *)"i {mail_addr} {auth_authen}");
	smfi_setsymlist(context, SMFIM_ENVRCPT, (char *)"");
	smfi_setsymlist(context, SMFIM_DATA, (char *)"");
	smfi_setsymlist(context, SMFIM_EOM, (char *)"i");
}

static sfsistat filter_negotiate(SMFICTX *context, unsigned long actions,
	unsigned long steps, unsigned long unused2, unsigned long unused3,
	unsigned long *actions_r, unsigned long *steps_r,
	unsigned long *unused2_r, unsigned long *unused3_r)
{
	(void)unused2;
	(void)unused3;
	*actions_r = actions & SMFIF_SETSYMLIST;
	*steps_r = steps & (FILTER_SKIP | FILTER_LISTEN);
	*unused2_r = 0;
	*unused3_r = 0;
	if (*actions_r != 0)
		filter_choose_macros(context);
	return SMFIS_CONTINUE;
}

static sfsistat filter_connect(
	SMFICTX *context, char *client, _SOCK_ADDR *address)
{
	struct session *session = session_of(context);

	free(session->client);
	session->client = client != NULL ? xstrdup(client) : NULL;
	session_set_address(session, address);
	return SMFIS_NOREPLY;
}

static sfsistat filter_mail(SMFICTX *context, char **arguments)
{
	(void)arguments;
	session_begin(session_of(context),
		smfi_getsymval(context, (char *)"{auth_authen}"));
	return SMFIS_NOREPLY;
}

static sfsistat filter_rcpt(SMFICTX *context, char **arguments)
{
	struct session *session = session_of(context);
	struct decision decision;
	struct error error;
	sfsistat answer = SMFIS_CONTINUE;
	char *recipient;

	if (session->settings == NULL) /* RCPT before MAIL */
		session_begin(session, NULL);
	if (session->own)
		return SMFIS_CONTINUE;
	recipient = filter_recipient(arguments[0]);
	if (settings_manages(session->settings, recipient)) {
		policyd_pool_ask(settings_pool(session->settings), recipient,
			settings_deadline(session->settings), &decision,
			&error);
		decision_message_add(session->message, recipient, &decision);
		answer = filter_answer(
			context, session, recipient, &decision, "RCPT", &error);
	}
	free(recipient);
	return answer;
}

/*
 * Without this step Postfix waits 40 ms at an inet socket (Nagle meets the
 * delayed acknowledgement). Letting go here spares the rest of the message.
 */
static sfsistat filter_data(SMFICTX *context)
{
	struct session *session = session_of(context);

	if (decision_message_count(session->message) == 0)
		return SMFIS_ACCEPT;
	return SMFIS_CONTINUE;
}

static sfsistat filter_eom(SMFICTX *context)
{
	struct session *session = session_of(context);
	struct decision_message *message = session->message;
	sfsistat answer = SMFIS_CONTINUE;
	int64_t deadline;
	size_t i;

	if (decision_message_count(message) == 0)
		return SMFIS_CONTINUE;
	deadline = settings_deadline(session->settings);
	for (i = 0; i < decision_message_count(message); i++) {
		const char *recipient = decision_message_recipient(message, i);
		struct decision decision;
		struct error error;

		policyd_pool_ask(settings_pool(session->settings), recipient,
			deadline, &decision, &error);
		answer = filter_answer(context, session, recipient, &decision,
			"end of message", &error);
		if (answer != SMFIS_CONTINUE)
			break;
	}
	decision_message_reset(message);
	return answer;
}

static sfsistat filter_abort(SMFICTX *context)
{
	decision_message_reset(session_of(context)->message);
	return SMFIS_CONTINUE;
}

/* Comes before a further connection of the same client to the mail server
 * too, with no new negotiation (SMFIC_QUIT_NC). */
static sfsistat filter_disconnect(SMFICTX *context)
{
	struct session *session = smfi_getpriv(context);

	if (session != NULL) {
		smfi_setpriv(context, NULL);
		session_free(session);
	}
	return SMFIS_CONTINUE;
}

/* ---- the filter as a whole ---- */

static int filter_register(const char *socket, struct error *error)
{
	struct smfiDesc description = {
		.xxfi_name = (char *)FILTER_NAME,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_SETSYMLIST,
		.xxfi_connect = filter_connect,
		.xxfi_envfrom = filter_mail,
		.xxfi_envrcpt = filter_rcpt,
		.xxfi_eom = filter_eom,
		.xxfi_abort = filter_abort,
		.xxfi_close = filter_disconnect,
		.xxfi_data = filter_data,
		.xxfi_negotiate = filter_negotiate,
	};

	if (smfi_register(description) != MI_SUCCESS ||
		smfi_setconn((char *)socket) != MI_SUCCESS ||
		smfi_setbacklog(FILTER_BACKLOG) != MI_SUCCESS) {
		error_set(error, "milter socket %s: libmilter refuses it",
			socket);
		return -1;
	}
	return 0;
}

/* The path of a UNIX socket, or NULL. */
static const char *filter_socket_path(const char *socket)
{
	if (strncmp(socket, "unix:", 5) == 0)
		return socket + 5;
	if (strncmp(socket, "local:", 6) == 0)
		return socket + 6;
	return NULL;
}

/* libmilter would take the socket away from a running milter. */
static int filter_check_free(const char *path, struct error *error)
{
	char *endpoint = xasprintf("unix:%s", path);
	int fd = endpoint_connect(endpoint, FILTER_PROBE_MS, NULL);

	free(endpoint);
	if (fd < 0)
		return 0;
	close(fd);
	error_set(
		error, "milter socket %s: another process listens on it", path);
	return -1;
}

static int filter_set_owner(
	const char *path, const struct config *config, struct error *error)
{
	const char *user = config->milter.user;
	const char *group = config->milter.group;
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	if (geteuid() == 0 && user != NULL && user[0] != '\0') {
		const struct passwd *entry = getpwnam(user);

		if (entry == NULL) {
			error_set(error, "milter user %s: no such user", user);
			return -1;
		}
		uid = entry->pw_uid;
	}
	if (geteuid() == 0 && group != NULL && group[0] != '\0') {
		const struct group *entry = getgrnam(group);

		if (entry == NULL) {
			error_set(
				error, "milter group %s: no such group", group);
			return -1;
		}
		gid = entry->gr_gid;
	}
	if (lchown(path, uid, gid) < 0 ||
		chmod(path, (mode_t)config->milter.mode) < 0 ||
		stat(path, &filter.socket) < 0) {
		error_set(error, "milter socket %s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

int filter_open(const struct config *config, struct error *error)
{
	const char *socket = config->milter.socket;
	const char *path = filter_socket_path(socket);
	mode_t mask;
	int status;

	if (path != NULL && filter_check_free(path, error) < 0)
		return -1;
	if (filter_register(socket, error) < 0)
		return -1;
	errno = 0;
	mask = umask(0177); /* nobody else until owner and mode are set */
	status = smfi_opensocket(true);
	umask(mask);
	if (status != MI_SUCCESS) {
		error_set(error, "milter socket %s: %s", socket,
			errno != 0 ? strerror(errno) : "cannot be opened");
		return -1;
	}
	if (path == NULL)
		return 0;
	if (filter_set_owner(path, config, error) < 0) {
		unlink(path);
		return -1;
	}
	filter.path = xstrdup(path);
	return 0;
}

/*
 * libmilter has a thread that waits here for SIGHUP, SIGTERM and SIGINT and
 * takes each as an order to stop; it cannot be told not to. The signals are
 * main's, so in this program nobody is served by this function: it waits for
 * ever.
 */
int sigwait(const sigset_t *set, int *signal_r)
{
	(void)set;
	(void)signal_r;
	for (;;)
		pause();
}

static void *filter_main(void *unused)
{
	(void)unused;
	smfi_main();
	close(filter.alive);
	return NULL;
}

int filter_start(
	struct settings *settings, struct log *log, struct error *error)
{
	pthread_t thread;
	int ends[2];
	int status;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		error_set(error, "pipe: %s", strerror(errno));
		return -1;
	}
	filter.alive = ends[1];
	filter.settings = settings_hold(settings);
	filter.log = log;
	filter.started = instant_now() / 1000;
	status = pthread_create(&thread, NULL, filter_main, NULL);
	if (status != 0) {
		error_set(error, "make a thread: %s", strerror(status));
		return -1;
	}
	pthread_detach(thread);
	return ends[0];
}

void filter_reload(struct settings *settings)
{
	struct settings *old;

	pthread_mutex_lock(&filter.mutex);
	old = filter.settings;
	filter.settings = settings_hold(settings);
	pthread_mutex_unlock(&filter.mutex);
	settings_release(&old);
}

void filter_close(void)
{
	struct stat now;

	if (filter.path != NULL && lstat(filter.path, &now) == 0 &&
		now.st_dev == filter.socket.st_dev &&
		now.st_ino == filter.socket.st_ino)
		unlink(filter.path);
	free(filter.path);
	filter.path = NULL;
}
