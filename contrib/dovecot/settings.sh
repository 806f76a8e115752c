# SPDX-License-Identifier: BSD-2-Clause
# What the Dovecot hooks share. Sourced by lock, unlock and provision, which
# rehome calls with REHOME_LOGIN and REHOME_SYSTEM set. README has the settings
# of Dovecot that belong to it.
#
# The settings of one Dovecot, /etc/rehome/dovecot/SYSTEM.conf, are shell:
#   DOVECOT_CONFIG=/etc/dovecot/dovecot.conf
#   DENY_DIRECTORY=/var/lib/rehome-dovecot/deny
#   DENY_SERVICES="imap pop3 sieve"   # submission logins stay possible
#   USERS_FILE=/etc/dovecot/users     # for provision: a passwd-file
#   NEW_USER_FIELDS='{PLAIN}...::::::'  # for provision: what follows "login:"
#   LOCK_NEW_USER=no   # for provision, default yes: where the gateway keeps users
#                      # out, and the copier enters with their own passwords
#   PASSWORD_SCHEME=ARGON2ID  # for provision: how it keeps a learned password,
#                             # which takes the place of the first field
set -eu

settings=${REHOME_DOVECOT_SETTINGS:-/etc/rehome/dovecot/$REHOME_SYSTEM.conf}
if [ ! -r "$settings" ]; then
	echo "$settings: cannot read the settings of system $REHOME_SYSTEM"
	exit 78
fi
# shellcheck source=/dev/null
. "$settings"
: "${DOVECOT_CONFIG:=/etc/dovecot/dovecot.conf}"
: "${DENY_DIRECTORY:=/var/lib/rehome-dovecot/deny}"
: "${DENY_SERVICES:=imap pop3 sieve}"
: "${LOCK_NEW_USER:=yes}"
: "${PASSWORD_SCHEME:=ARGON2ID}"

# The login becomes the name of a file.
case $REHOME_LOGIN in
'' | . | .. | */*)
	echo "login $REHOME_LOGIN: cannot be the name of a file"
	exit 65
	;;
esac

# Dovecot's dict reads the file at each login, so this holds at once; a
# passwd-file would be looked at only once a second.
deny() {
	for service in $DENY_SERVICES; do
		denied=$DENY_DIRECTORY/$service/$REHOME_LOGIN
		mkdir -p "$DENY_DIRECTORY/$service"
		echo '{"password":"locked by rehome"}' >"$denied.new"
		mv "$denied.new" "$denied"
	done
	forget
}

allow() {
	for service in $DENY_SERVICES; do
		rm -f "$DENY_DIRECTORY/$service/$REHOME_LOGIN"
	done
	forget
}

# What Dovecot has cached of the login, where auth_cache_size is set.
forget() {
	doveadm -c "$DOVECOT_CONFIG" auth cache flush "$REHOME_LOGIN" \
		>/dev/null 2>&1 || true
}
