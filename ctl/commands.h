/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of the command table; each is described in rehome(1). */
#ifndef REHOME_COMMANDS_H
#define REHOME_COMMANDS_H

#include "ctl/line.h"
#include "ctl/session.h"

/* entry.c: what is in the directory */
int entry_add(struct session *session, const struct line *line);
int entry_remove(struct session *session, const struct line *line);
int entry_alias_add(struct session *session, const struct line *line);
int entry_alias_remove(struct session *session, const struct line *line);
/* import.c */
int import_command(struct session *session, const struct line *line);

/* list.c, show.c, why.c, status.c, watch.c: what is going on */
int list_command(struct session *session, const struct line *line);
int show_command(struct session *session, const struct line *line);
int why_command(struct session *session, const struct line *line);
int status_command(struct session *session, const struct line *line);
int watch_command(struct session *session, const struct line *line);

/* sessions.c: what login gateways tell */
int sessions_command(struct session *session, const struct line *line);
int sessions_kick(struct session *session, const struct line *line);
int sessions_seen(struct session *session, const struct line *line);
int sessions_silent(struct session *session, const struct line *line);
int sessions_gateways(struct session *session, const struct line *line);

/* refused.c: what could not be carried over */
int refused_command(struct session *session, const struct line *line);
int approve_command(struct session *session, const struct line *line);
int retry_command(struct session *session, const struct line *line);

/* move.c: what shall happen to an account */
int move_there(struct session *session, const struct line *line);
int move_back(struct session *session, const struct line *line);
int move_cancel(struct session *session, const struct line *line);
int move_complete(struct session *session, const struct line *line);
int move_settle(struct session *session, const struct line *line);
int move_retire(struct session *session, const struct line *line);
int move_hold(struct session *session, const struct line *line);
int move_resume(struct session *session, const struct line *line);
int move_freeze(struct session *session, const struct line *line);
int move_thaw(struct session *session, const struct line *line);
int move_in_service(struct session *session, const struct line *line);

/* care.c: the other programs, the store, the configuration */
/* copy, certificate, verify: rehome-copier's own */
int care_engine(struct session *session, const struct line *line);
int care_folders(struct session *session, const struct line *line);
int care_backup(struct session *session, const struct line *line);
int care_restore(struct session *session, const struct line *line);
int care_verify(struct session *session, const struct line *line);
int care_maps_rebuild(struct session *session, const struct line *line);
int care_config_check(struct session *session, const struct line *line);
int care_config_describe(struct session *session, const struct line *line);

/* help.c */
int help_command(struct session *session, const struct line *line);
int help_version(struct session *session, const struct line *line);

#endif
