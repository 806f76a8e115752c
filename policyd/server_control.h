/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verbs of the control protocol (rehome-control(7)) share. A verb is
 * a function that runs on a thread of the pool, reads the attributes of its
 * request and writes its whole reply; that required attributes are there and
 * that no unknown ones are was checked before.
 */
#ifndef REHOME_SERVER_CONTROL_H
#define REHOME_SERVER_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/attr.h"
#include "lib/buffer.h"
#include "lib/control_client.h"
#include "policyd/service.h"

struct control_request {
	struct service *service;
	const struct settings *settings;
	const struct attr_list *attrs;
	const char *by; /* the person at the other end, "" when unknown */
	struct buffer *out;

	/* set by `watch`: what is watched from the reply on */
	bool watches;
	char watch_address[ADDRESS_SIZE]; /* "" for all */
	const char *watch_batch;	  /* or NULL */
};

typedef void control_fn(struct control_request *request);

/* Who may use a verb, besides that the file mode let him connect. */
enum control_access {
	CONTROL_EVERYBODY,
	CONTROL_OWNER, /* root and the user that policyd runs as */
};

struct control_verb {
	const char *name;
	control_fn *run;
	/* Names separated by blanks; one with '*' may stand several times;
	 * "..." in optional: any others too. */
	const char *required;
	const char *optional;
	enum control_access access;
};

/* Tables that end with a NULL name. */
extern const struct control_verb control_directory_verbs[];
extern const struct control_verb control_operator_verbs[];
extern const struct control_verb control_document_verbs[];
extern const struct control_verb control_worker_verbs[];
extern const struct control_verb control_gateway_verbs[];
extern const struct control_verb control_care_verbs[];

/* ---- replies ---- */

/* The records of a list, as they come out of the store. */
struct control_records {
	struct buffer text;
	size_t count;
};
/* Adds one and drops it. */
void control_records_add(
	struct control_records *records, struct attr_list **record);
/* Answers with them and drops them; unless status is CONTROL_OK with that and
 * the error. */
void control_records_send(struct control_request *request,
	struct control_records *records, enum control_status status,
	const struct error *error);

/* A list that begins with status=ok; control_send prints and frees it. */
struct attr_list *control_ok(void);
void control_send(struct control_request *request, struct attr_list **reply);
/* status, and the error's text as the reason. */
void control_fail(struct control_request *request, enum control_status status,
	const struct error *error);
/* The bare status, or the failure. */
void control_answer(struct control_request *request, enum control_status status,
	const struct error *error);
/* The account's attributes, or the failure; clears the account when OK. */
void control_answer_account(struct control_request *request,
	enum control_status status, struct account *account,
	const struct error *error);
void control_add_instant(
	struct attr_list *list, const char *name, int64_t instant);

/* ---- attributes ---- */

/* The value; NULL when it is empty or not there. */
const char *control_text(
	const struct control_request *request, const char *name);
/*
 * A number of at least min, an instant ("never" is INSTANT_NEVER), a switch
 * ("yes", "no"). What is not there leaves *value_r alone. 0, or -1 with an
 * error.
 */
int control_number(const struct control_request *request, const char *name,
	int64_t min, int64_t *value_r, struct error *error);
int control_instant(const struct control_request *request, const char *name,
	int64_t *value_r, struct error *error);
int control_switch(const struct control_request *request, const char *name,
	bool *value_r, struct error *error);
/*
 * The account that the attribute `address` leads to, whichever of its
 * addresses it is. account_r may be NULL, else it is to be cleared with OK.
 */
enum control_status control_account(const struct control_request *request,
	char address_r[ADDRESS_SIZE], struct account *account_r,
	struct error *error);

#endif
