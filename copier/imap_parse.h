/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the responses that imap_wire has cut out: what kind, and the fields of
 * those that the copier understands (RFC 3501 section 9, RFC 4315, RFC 5819,
 * RFC 7162). What it does not know it passes over. Functions return 0, or -1
 * when the text is not what the grammar says.
 */
#ifndef REHOME_COPIER_IMAP_PARSE_H
#define REHOME_COPIER_IMAP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

#include "copier/driver.h"

/* Lists in lists deeper than this are refused. */
#define IMAP_PARSE_DEPTH_MAX 32

enum imap_kind {
	IMAP_TAGGED,   /* TAG OK|NO|BAD ... */
	IMAP_STATUS,   /* * OK|NO|BAD|BYE|PREAUTH ... */
	IMAP_CONTINUE, /* + ... */
	IMAP_DATA,     /* * [number] WORD ... */
};

/* A piece of text, not terminated. */
struct imap_span {
	const char *at;
	size_t size;
};

struct imap_response {
	enum imap_kind kind;
	struct imap_span tag;  /* IMAP_TAGGED */
	struct imap_span word; /* OK, NO, ..., FETCH, LIST, ... */
	uint64_t number;       /* in front of the word (32 bits), or 0 */
	struct imap_span code; /* inside the brackets of "[...]", or empty */
	struct imap_span rest; /* free text, or the fields of the data */
};

/* All spans are inside text. */
int imap_response_parse(
	const char *text, size_t size, struct imap_response *response_r);
/* Case is ignored. */
bool imap_span_is(struct imap_span span, const char *word);
/*
 * The fields of a code: true when its first word is this; rest_r is what
 * follows ("38505 3955" of "APPENDUID 38505 3955").
 */
bool imap_code_is(
	struct imap_span code, const char *word, struct imap_span *rest_r);

/* The fields of "* n FETCH", as far as they stand in rest. */
struct imap_fetch {
	uint32_t uid; /* 0: not told */
	bool has_flags;
	struct imap_span flags; /* inside the parentheses */
	bool has_size;
	uint64_t size;
	char date[MAILDATE_SIZE]; /* "" when not told */
	uint64_t modseq;
	bool has_body;	    /* BODY[] was there */
	bool body_nil;	    /* it is NIL, or was passed on */
	struct buffer body; /* of a body that came as a string, not literal */
};

/*
 * rest of a FETCH response. With partial the text may break off behind
 * "BODY[] ", where a body is announced. The caller frees body. fetch_r is set
 * up whatever the result.
 */
int imap_fetch_parse(
	struct imap_span rest, bool partial, struct imap_fetch *fetch_r);

/* "(attributes) separator name ..." of LIST and LSUB. The name is appended to
 * name_r. */
struct imap_list {
	bool selectable;      /* neither \Noselect nor \NonExistent */
	bool exists;	      /* not \NonExistent */
	enum special_use use; /* the first one that is told */
	char separator;
};
int imap_list_parse(
	struct imap_span rest, struct imap_list *list_r, struct buffer *name_r);

/* "name (MESSAGES 1 ...)" of STATUS. Without MESSAGES all is 0. */
int imap_status_parse(struct imap_span rest, struct mailbox_status *status_r,
	struct buffer *name_r);

/*
 * The namespaces of NAMESPACE (RFC 2342), each of class 0 personal, 1 other
 * users', 2 shared. Called for each; prefix ends in its separator.
 */
typedef void imap_namespace_fn(
	void *context, int kind, struct imap_span prefix, char separator);
int imap_namespace_parse(
	struct imap_span rest, imap_namespace_fn *callback, void *context);

/*
 * "UIDVALIDITY uid-set" of APPENDUID (RFC 4315 section 3): exactly count UIDs,
 * in the order in which the messages were sent, so that they ascend.
 */
int imap_appenduid_parse(struct imap_span rest, uint32_t *uidvalidity_r,
	uint32_t *uids_r, size_t count);
/*
 * "(EARLIER) uid-set" or "uid-set" of VANISHED (RFC 7162 section 3.2.10), told
 * range by range: a set may stand for billions of UIDs.
 */
typedef void imap_range_fn(void *context, uint32_t first, uint32_t last);
int imap_vanished_parse(struct imap_span rest, bool *earlier_r,
	imap_range_fn *callback, void *context);
/* A number of up to 63 bits that is all of the span. */
int imap_number_parse(struct imap_span span, uint64_t *number_r);
/* The inside of "(...)" that is all of the span. */
int imap_list_inside(struct imap_span span, struct imap_span *inside_r);

#endif
