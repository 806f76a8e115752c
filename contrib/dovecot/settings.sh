# SPDX-License-Identifier: BSD-2-Clause
# What the Dovecot hooks share: the settings of one Dovecot, and careful
# changes of its files. Sourced by lock, unlock and provision, which rehome
# calls with REHOME_ACCOUNT, REHOME_LOGIN and REHOME_SYSTEM set.
#
# The settings file, /etc/rehome/dovecot/SYSTEM.conf, is shell:
#   DOVECOT_CONFIG=/etc/dovecot/dovecot.conf
#   DENY_FILE=/etc/dovecot/rehome-deny     # a passdb with deny = yes
#   USERS_FILE=/etc/dovecot/users          # passwd-file, for provision
#   NEW_USER_FIELDS='{PLAIN}...::::::'     # what follows "login:" there
set -eu

settings=${REHOME_DOVECOT_SETTINGS:-/etc/rehome/dovecot/$REHOME_SYSTEM.conf}
if [ ! -r "$settings" ]; then
	echo "$settings: cannot read the settings of system $REHOME_SYSTEM"
	exit 78
fi
# shellcheck source=/dev/null
. "$settings"
: "${DOVECOT_CONFIG:=/etc/dovecot/dovecot.conf}"

# The login stands in awk's ENVIRON, since -v would read its backslashes.
export REHOME_LOGIN

# has_line FILE: whether a line of the file is for the login.
has_line() {
	awk -F: '$1 == ENVIRON["REHOME_LOGIN"] { found = 1 }
		END { exit !found }' "$1"
}

# add_line FILE FIELDS: adds a line "login:FIELDS" unless there is one.
add_line() {
	if ! has_line "$1"; then
		FIELDS=$2 change "$1" awk '{ print }
			END { print ENVIRON["REHOME_LOGIN"] ":" ENVIRON["FIELDS"] }'
	fi
}

# drop_line FILE: removes the lines of the login.
drop_line() {
	if has_line "$1"; then
		change "$1" awk -F: '$1 != ENVIRON["REHOME_LOGIN"]'
	fi
}

# change FILE COMMAND...: replaces the file by what the command makes of it,
# at once and under a lock, so that no reader sees half of it.
change() {
	file=$1
	shift
	(
		flock 9
		"$@" <"$file" >"$file.new"
		chmod --reference="$file" "$file.new"
		chown --reference="$file" "$file.new"
		mv "$file.new" "$file"
	) 9>"$file.lock"
}

# Dovecot caches what its password databases answered.
forget() {
	doveadm -c "$DOVECOT_CONFIG" auth cache flush "$REHOME_LOGIN" \
		>/dev/null 2>&1 || true
}
