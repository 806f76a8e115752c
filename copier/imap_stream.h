/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection under an IMAP session: a socket, TLS on it when asked for,
 * and libetpan's view of both (a mailstream_low). Debian's libetpan verifies no
 * certificate by its own TLS, hence this one.
 */
#ifndef REHOME_COPIER_IMAP_STREAM_H
#define REHOME_COPIER_IMAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <libetpan/libetpan.h>

#include "lib/error.h"

#include "copier/driver.h"

struct imap_stream;

/*
 * Connects; does the TLS handshake at once for MAILBOX_TLS. The stream is
 * guarded: libetpan may read it. A port that speaks TLS though it should not,
 * or does not though it should, is told with what to write instead. What is
 * read and written is spent of target->access's limits. NULL with an error;
 * *failure_r is set where another try cannot help.
 */
struct imap_stream *imap_stream_open(const struct mailbox_target *target,
	enum mailbox_failure *failure_r, struct error *error);
/* Closes the connection; takes NULL. */
void imap_stream_free(struct imap_stream **stream);

/*
 * libetpan's handle of the stream; made once. Whoever frees the handle
 * (mailstream_close does) leaves the stream itself alone.
 */
mailstream_low *imap_stream_low(struct imap_stream *stream);

/* Begins TLS on the open connection, after STARTTLS. Returns 0, or -1 as
 * imap_stream_open; clear text in its place is no reason to give up. */
int imap_stream_encrypt(struct imap_stream *stream,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error);

/* True when what is sent can be read on its way: no TLS, and not loopback. */
bool imap_stream_is_exposed(const struct imap_stream *stream);

/*
 * While libetpan reads, lines and the sum of all bytes are limited, because
 * its parser has no limits of its own. Our own parser has: it ends the guard.
 */
void imap_stream_unguard(struct imap_stream *stream);

/* Tells what the next read waits for: more of what the server has begun to say,
 * which must go on at a minimal rate, or the beginning of something. */
void imap_stream_expect(struct imap_stream *stream, bool inside);
/* The server has brought something to its end; it must do so in bounded time.
 */
void imap_stream_ended(struct imap_stream *stream);

/*
 * Reads up to size bytes. Returns how many, or -1 with an error, also at the
 * end of the stream: nobody who reads from a server expects that.
 */
ssize_t imap_stream_read(struct imap_stream *stream, void *data, size_t size,
	struct error *error);
/* Writes all of it; 0 or -1. */
int imap_stream_write(struct imap_stream *stream, const void *data, size_t size,
	struct error *error);

/* Why a call of libetpan on this stream failed, when it was the connection:
 * the error of the last read or write, or "". */
const char *imap_stream_failure(const struct imap_stream *stream);

#endif
