/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a fresh connection to a session that can be logged in: libetpan reads
 * the greeting and the capabilities and does STARTTLS.
 */
#include "config.h"

#include "copier/imap_session_private.h"

#include <stdlib.h>
#include <string.h>

#include <libetpan/libetpan.h>

#include "lib/xalloc.h"

static const struct {
	const char *name;
	enum imap_capability bit;
} imap_login_names[] = {
	{ "SASL-IR", IMAP_CAP_SASL_IR },
	{ "LITERAL+", IMAP_CAP_LITERAL_PLUS },
	{ "LITERAL-", IMAP_CAP_LITERAL_MINUS },
	{ "UIDPLUS", IMAP_CAP_UIDPLUS },
	{ "CONDSTORE", IMAP_CAP_CONDSTORE },
	{ "QRESYNC", IMAP_CAP_CONDSTORE }, /* RFC 7162: one means both */
	{ "QRESYNC", IMAP_CAP_QRESYNC },
	{ "ENABLE", IMAP_CAP_ENABLE },
	{ "LIST-STATUS", IMAP_CAP_LIST_STATUS },
	{ "NAMESPACE", IMAP_CAP_NAMESPACE },
	{ "UNSELECT", IMAP_CAP_UNSELECT },
	{ "MULTIAPPEND", IMAP_CAP_MULTIAPPEND },
	{ "SPECIAL-USE", IMAP_CAP_SPECIAL_USE },
	{ "CREATE-SPECIAL-USE", IMAP_CAP_CREATE_SPECIAL_USE },
	{ "ACL", IMAP_CAP_ACL },
	{ "QUOTA", IMAP_CAP_QUOTA },
	{ "METADATA", IMAP_CAP_METADATA },
	{ "STATUS=SIZE", IMAP_CAP_STATUS_SIZE },
	{ "UTF8=ONLY", IMAP_CAP_UTF8_ONLY },
};

#define IMAP_LOGIN_NAMES (sizeof(imap_login_names) / sizeof(*imap_login_names))

/* "APPENDLIMIT=n" (RFC 7889); without a number it is told of each folder. */
static void imap_login_limit(
	struct imap_session *session, struct imap_span name)
{
	static const char word[] = "APPENDLIMIT=";
	struct imap_span number = { name.at + sizeof(word) - 1,
		name.size - (sizeof(word) - 1) };
	uint64_t limit;

	if (name.size < sizeof(word) ||
		strncasecmp(name.at, word, sizeof(word) - 1) != 0 ||
		imap_number_parse(number, &limit) < 0)
		return;
	session->append_limit = limit;
}

void imap_session_learn(struct imap_session *session, struct imap_span names)
{
	const char *at = names.at, *end = names.at + names.size;

	session->capabilities = 0;
	session->append_limit = 0;
	while (at < end) {
		const char *blank = memchr(at, ' ', (size_t)(end - at));
		struct imap_span name = { at,
			(size_t)((blank != NULL ? blank : end) - at) };
		size_t i;

		for (i = 0; i < IMAP_LOGIN_NAMES; i++)
			if (imap_span_is(name, imap_login_names[i].name))
				session->capabilities |=
					imap_login_names[i].bit;
		imap_login_limit(session, name);
		if (name.size > 7 && strncasecmp(name.at, "RIGHTS=", 7) == 0)
			session->capabilities |= IMAP_CAP_ACL_RIGHTS;
		at += name.size + 1;
	}
}

/* What libetpan has seen before the login. */
static void imap_login_capabilities(
	struct imap_session *session, mailimap *etpan)
{
	enum sasl_mechanism mechanism;
	size_t i;

	session->capabilities = 0;
	for (i = 0; i < IMAP_LOGIN_NAMES; i++)
		if (mailimap_has_extension(etpan, imap_login_names[i].name))
			session->capabilities |= imap_login_names[i].bit;
	session->mechanisms = 0;
	if (!mailimap_has_extension(etpan, "LOGINDISABLED"))
		session->mechanisms |= SASL_BIT(SASL_LOGIN);
	for (mechanism = SASL_PLAIN; mechanism < SASL_MECHANISMS; mechanism++)
		if (mailimap_has_authentication(etpan, sasl_name(mechanism)))
			session->mechanisms |= SASL_BIT(mechanism);
}

static int imap_login_fail(struct imap_session *session, mailimap *etpan,
	const char *what, struct error *error)
{
	const char *failure = imap_stream_failure(session->stream);
	const char *answer = etpan->imap_response;

	if (failure[0] != '\0')
		error_set(error, "%s: %s", what, failure);
	else
		error_set(error, "%s: %s", what,
			answer != NULL && answer[0] != '\0'
				? answer
				: "the server broke the protocol");
	return -1;
}

static int imap_login_starttls(struct imap_session *session, mailimap *etpan,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	if (!mailimap_has_extension(etpan, "STARTTLS")) {
		*failure_r = MAILBOX_UNFIT;
		error_set(error, "STARTTLS: the server does not offer it");
		return -1;
	}
	if (mailimap_starttls(etpan) != MAILIMAP_NO_ERROR)
		return imap_login_fail(session, etpan, "STARTTLS", error);
	/* Clear text after the answer would be read as if it had come by TLS
	 * (RFC 9051 section 11.1). */
	if (etpan->imap_stream->read_buffer_len != 0) {
		error_set(error, "STARTTLS: bytes came in behind the answer");
		return -1;
	}
	return imap_stream_encrypt(session->stream, target, failure_r, error);
}

/* Whether a greeting is another protocol's: of SMTP and FTP, POP3, HTTP, SSH,
 * ManageSieve. What is none at all may be noise, and better the next time. */
static bool imap_login_is_foreign(const char *line)
{
	static const char *const banners[] = { "+OK", "-ERR", "HTTP/", "SSH-",
		"\"IMPLEMENTATION\"" };
	size_t i;

	for (i = 0; i < sizeof(banners) / sizeof(*banners); i++)
		if (strncmp(line, banners[i], strlen(banners[i])) == 0)
			return true;
	return strspn(line, "0123456789") == 3 &&
	       (line[3] == ' ' || line[3] == '-');
}

static int imap_login_greet(struct imap_session *session, mailimap *etpan,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct mailimap_capability_data *data = NULL;
	mailstream *stream =
		mailstream_new(imap_stream_low(session->stream), 8192);
	int result = mailimap_connect(etpan, stream);

	if (result == MAILIMAP_NO_ERROR_AUTHENTICATED) {
		*failure_r = MAILBOX_UNFIT;
		error_set(error, "greeting: the server says that somebody is "
				 "logged in already");
		return -1;
	}
	if (result == MAILIMAP_ERROR_PARSE &&
		imap_stream_failure(session->stream)[0] == '\0' &&
		imap_login_is_foreign(etpan->imap_stream_buffer->str)) {
		*failure_r = MAILBOX_UNFIT;
		error_set(error, "greeting: the server does not speak IMAP");
		return -1;
	}
	if (result != MAILIMAP_NO_ERROR_NON_AUTHENTICATED)
		return imap_login_fail(session, etpan, "greeting", error);
	if (mailimap_capability(etpan, &data) != MAILIMAP_NO_ERROR)
		return imap_login_fail(session, etpan, "capabilities", error);
	mailimap_capability_data_free(data);
	if (target->security == MAILBOX_STARTTLS) {
		if (imap_login_starttls(
			    session, etpan, target, failure_r, error) < 0)
			return -1;
		data = NULL;
		if (mailimap_capability(etpan, &data) != MAILIMAP_NO_ERROR)
			return imap_login_fail(
				session, etpan, "capabilities", error);
		mailimap_capability_data_free(data);
	}
	imap_login_capabilities(session, etpan);
	return 0;
}

/* The part that libetpan does; nothing of it is kept afterwards. */
static int imap_login_prepare(struct imap_session *session,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	mailimap *etpan = mailimap_new(0, NULL);
	mailstream *stream;
	int result;

	if (etpan == NULL)
		abort();
	result = imap_login_greet(session, etpan, target, failure_r, error);
	stream = etpan->imap_stream;
	/* mailimap_free would log out. */
	etpan->imap_stream = NULL;
	if (stream != NULL) {
		session->in_end = stream->read_buffer_len;
		memcpy(session->in, stream->read_buffer, session->in_end);
		mailstream_close(stream);
	}
	mailimap_free(etpan);
	imap_stream_unguard(session->stream);
	return result;
}

int imap_login(struct imap_session *session,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	if (imap_login_prepare(session, target, failure_r, error) < 0)
		return -1;
	return imap_authenticate(session, target, failure_r, error);
}
