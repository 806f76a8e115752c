/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the configuration share: the table of options, their
 * types, and the check of a file's text that comes before libconfuse. Only
 * lib/config*.c and their test include this.
 */
#ifndef REHOME_CONFIG_PRIVATE_H
#define REHOME_CONFIG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"

/* The C type of an option's field. */
enum config_store {
	CONFIG_STORE_TEXT,   /* char *, NULL when switched off */
	CONFIG_STORE_NUMBER, /* int64_t */
	CONFIG_STORE_INT,    /* int */
	CONFIG_STORE_BOOL,   /* bool */
	CONFIG_STORE_LIST,   /* char ** and behind it the size_t count */
};

struct config_option;

struct config_type {
	const char *name; /* one line that tells what is allowed */
	enum config_store store;
	const char *off; /* the text that means NULL; NULL: "" */
	/*
	 * Checks a text, of a list one item. Returns 0, with *number_r set
	 * unless the field is a text, or -1 with the cause.
	 */
	int (*check)(const struct config_option *option, const char *text,
		int64_t *number_r, struct error *error);
	/* Prints a bound in CONFIG_BOUND_SIZE bytes; NULL: it has none. */
	void (*format)(int64_t bound, char *text_r);
};

enum config_need {
	CONFIG_DEFAULT,	 /* fallback holds when it is not given */
	CONFIG_OPTIONAL, /* the same, and it can be switched off */
	CONFIG_REQUIRED, /* must be given */
};

struct config_option {
	const char *section;
	const char *name;
	const struct config_type *type;
	enum config_need need;
	const char *fallback; /* as in a file; "" with OPTIONAL: off */
	int64_t min, max;     /* of numbers, durations */
	size_t offset;	      /* in struct config, config_system, ... */
	const char *help;
};

struct config_section {
	const char *name;
	const char *title; /* what the title is; NULL: it has none */
	const char *help;
};

/* Both tables end with a NULL name. */
extern const struct config_option config_options[];
extern const struct config_section config_sections[];

#define CONFIG_BOUND_SIZE   32
#define CONFIG_OPTIONS_MAX  160
#define CONFIG_SECTIONS_MAX 16
#define CONFIG_VALUE_MAX    4096
#define CONFIG_BLANKS	    " \t"

/* The index in config_options, which must be there (abort). */
size_t config_option_find(const char *section, const char *name);

/* Checks one text for the option; -1 with the cause. */
int config_option_check(const struct config_option *option, const char *text,
	struct error *error);
/*
 * Checks the text and stores it in the field inside object; not for lists.
 * Returns 0, or -1 with the cause and the field as it was.
 */
int config_option_set(const struct config_option *option, const char *text,
	void *object, struct error *error);
/* Sets every option of the section to its default; the fields must be zero. */
void config_option_defaults(const char *section, void *object);
/* Frees what the section's fields own. */
void config_option_free(const char *section, void *object);

extern const struct config_type config_type_text;
extern const struct config_type config_type_path;
extern const struct config_type config_type_command;
extern const struct config_type config_type_flush;
extern const struct config_type config_type_reload;
extern const struct config_type config_type_endpoint;
extern const struct config_type config_type_milter;
extern const struct config_type config_type_store;
extern const struct config_type config_type_imap;
extern const struct config_type config_type_next_hop;
extern const struct config_type config_type_retry;
extern const struct config_type config_type_login;
extern const struct config_type config_type_name;
extern const struct config_type config_type_system;
extern const struct config_type config_type_delimiters;
extern const struct config_type config_type_networks;
extern const struct config_type config_type_pins;
extern const struct config_type config_type_mechanism;
extern const struct config_type config_type_pop3;
extern const struct config_type config_type_submit;
extern const struct config_type config_type_sieve;
extern const struct config_type config_type_lmtp;
extern const struct config_type config_type_offers;
extern const struct config_type config_type_client_address;
extern const struct config_type config_type_mechanisms;
extern const struct config_type config_type_uidl;
extern const struct config_type config_type_protocol;
extern const struct config_type config_type_tls;
extern const struct config_type config_type_paths;
extern const struct config_type config_type_number;
extern const struct config_type config_type_size;
extern const struct config_type config_type_mode;
extern const struct config_type config_type_duration;
extern const struct config_type config_type_switch;
extern const struct config_type config_type_frozen;
extern const struct config_type config_type_facility;
extern const struct config_type config_type_level;

/* For the types. Whether text begins with front; whether it is a port number up
 * to its end, size characters; refuses with what the type takes (-1). */
bool config_type_begins(const char *text, const char *front);
bool config_type_is_port(const char *text, size_t size);
int config_type_refuse(const struct config_option *option, struct error *error);

/* Whether a listen section makes sense; -1 with the option that does not, and
 * the cause. */
int config_listen_check(const struct config_listen *listen,
	const char **option_r, struct error *error);

/*
 * Goes over a file's text before libconfuse reads it, since libconfuse puts
 * environment variables into strings, drops stray characters, takes a file
 * that ends inside a section or string, stops at a NUL, and counts the lines
 * of comments twice. All this is refused here, and comments are blanked.
 * Returns the clean text (malloc'd, NUL-terminated), or NULL with the cause
 * and its line.
 */
char *config_scan(
	const char *text, size_t size, unsigned *line_r, struct error *error);

#endif
