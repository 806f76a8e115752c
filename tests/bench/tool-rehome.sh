#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copies one account with `rehome copy`; for benchmarks that know many tools.
#
#   tool-rehome.sh SRCHOST SRCPORT SRCUSER SRCPASS DSTHOST DSTPORT DSTUSER DSTPASS
#
# RIG_STATE is a directory for the journal and the password files; REHOME_COPIER
# the program (default: rehome-copier of this tree's or the system's build),
# REHOME_SCHEME imap (default) or imaps, REHOME_OPTIONS further options.
set -eu
umask 077
copier=${REHOME_COPIER:-}
for at in ${REHOME_BUILD:+"$REHOME_BUILD/copier"} \
	"$(dirname "$0")/../../copier" /usr/libexec/rehome; do
	[ -n "$copier" ] || [ ! -x "$at/rehome-copier" ] ||
		copier=$at/rehome-copier
done
state=${RIG_STATE:?}
mkdir -p "$state"
printf '%s\n' "$4" >"$state/source.password"
printf '%s\n' "$8" >"$state/destination.password"
user() { printf '%s' "$1" | sed 's/%/%25/g; s/@/%40/g; s/:/%3A/g; s,/,%2F,g'; }
scheme=${REHOME_SCHEME:-imap}
# shellcheck disable=SC2086 # options are words
exec "${copier:?no rehome-copier found}" copy \
	"$scheme://$(user "$3")@$1:$2" "$scheme://$(user "$7")@$5:$6" \
	--source-password-file "$state/source.password" \
	--destination-password-file "$state/destination.password" \
	--state "$state/journal" ${REHOME_OPTIONS:-}
