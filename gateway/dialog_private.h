/* SPDX-License-Identifier: BSD-2-Clause */
/* Between dialog.c, which cuts input into commands, and the protocols. */
#ifndef REHOME_GATEWAY_DIALOG_PRIVATE_H
#define REHOME_GATEWAY_DIALOG_PRIVATE_H

#include "gateway/dialog.h"
#include "gateway/sasl.h"

/* A command with its literals; a token of OAuth is the longest. */
#define DIALOG_COMMAND_MAX (SASL_ANSWER_MAX + 1024)
/* A literal: a name, a password, a base64 answer. */
#define DIALOG_LITERAL_MAX SASL_ANSWER_MAX
/* Commands without sense, refused logins, and commands of any kind. */
#define DIALOG_MISTAKES_MAX 10
#define DIALOG_DENIALS_MAX  6
#define DIALOG_COMMANDS_MAX 200
#define DIALOG_TAG_MAX	    64

enum dialog_stage {
	DIALOG_COMMAND,
	DIALOG_SASL,  /* an answer of the client is read by us */
	DIALOG_RELAY, /* an answer of the client is for the home */
	DIALOG_WAIT,  /* the caller is at work */
};

struct dialog_ops {
	void (*greet)(struct dialog *dialog, struct buffer *out);
	void (*secured)(struct dialog *dialog, struct buffer *out);
	/*
	 * A line of a command is there, in dialog->in without its line end;
	 * after dialog_continue more of it comes.
	 */
	enum dialog_result (*command)(
		struct dialog *dialog, struct buffer *out);
	/* The client's answer in dialog->in becomes plain base64 there. 1; 0
	 * after dialog_continue, -1 for nonsense. */
	int (*unwrap)(struct dialog *dialog, struct buffer *out);
	void (*challenge)(
		struct dialog *dialog, const char *text, struct buffer *out);
	/* Wrong use of SASL: reason for people; "" for the client's own "*". */
	void (*sasl_failed)(
		struct dialog *dialog, const char *reason, struct buffer *out);
	void (*hold)(struct dialog *dialog, struct buffer *out);
	void (*refuse)(struct dialog *dialog, enum dialog_refusal refusal,
		const char *words, struct buffer *out);
	void (*accept)(struct dialog *dialog, const char *capabilities,
		const char *words, struct buffer *out);
	void (*goodbye)(
		struct dialog *dialog, const char *words, struct buffer *out);
};

struct dialog {
	const struct dialog_ops *ops;
	struct dialog_offer offer;
	struct login login;
	enum dialog_stage stage;
	unsigned step;	  /* of the SASL exchange */
	struct buffer in; /* the command so far */
	size_t line;	  /* where its last line begins in there */
	size_t literal;	  /* octets of it that are still to come */
	bool continues;	  /* these and another line belong to the command */
	unsigned mistakes, denials, commands;
	char tag[DIALOG_TAG_MAX + 1]; /* IMAP: of the command */
	char *client_name;	      /* SMTP: of EHLO */
};

extern const struct dialog_ops dialog_imap;
extern const struct dialog_ops dialog_pop3;
extern const struct dialog_ops dialog_smtp;
extern const struct dialog_ops dialog_sieve;

/* Whether passwords may be told now. */
bool dialog_takes_passwords(const struct dialog *dialog);
/* Adds the mechanisms on offer, each with what is put before and behind. */
void dialog_add_mechanisms(const struct dialog *dialog, const char *before,
	const char *behind, struct buffer *out);
/* A literal of that size and another line belong to the command. 0, or -1: that
 * is too long. */
int dialog_continue(struct dialog *dialog, unsigned long size);
/* A command that made no sense; DIALOG_END when it was one too many. */
enum dialog_result dialog_mistake(struct dialog *dialog, struct buffer *out);

/*
 * Begins SASL with the mechanism of that name. initial NULL: none was given.
 * -1: we do not offer it (nothing was said to the client), else a result.
 */
int dialog_authenticate(struct dialog *dialog, const char *name, size_t size,
	const char *initial, size_t initial_size, struct buffer *out);
/* A user name and a password are both there; copies them. */
enum dialog_result dialog_password_login(struct dialog *dialog,
	const char *user, size_t user_size, const char *password,
	size_t password_size);

#endif
