# SPDX-License-Identifier: BSD-2-Clause

# Wiring the mail servers.
EXTRA_DIST += \
	contrib/postfix/README \
	contrib/postfix/main.cf.listener \
	contrib/postfix/main.cf.maps \
	contrib/postfix/main.cf.milter \
	contrib/postfix/main.cf.policy \
	contrib/postfix/main.cf.socketmap \
	contrib/postfix/master.cf \
	contrib/postfix/rehome_domains \
	contrib/postfix/reload \
	contrib/sendmail/README \
	contrib/sendmail/listener.m4 \
	contrib/sendmail/queue-flush \
	contrib/sendmail/queue-list \
	contrib/sendmail/rehome.m4 \
	contrib/sendmail/sendmail.mc \
	contrib/sendmail/sudoers

# The demonstration, hooks and units.
EXTRA_DIST += \
	contrib/cron/rehome \
	contrib/demo/demo.py \
	contrib/demo/people.py \
	contrib/demo/run \
	contrib/dovecot/README \
	contrib/dovecot/lock \
	contrib/dovecot/provision \
	contrib/dovecot/settings.sh \
	contrib/dovecot/sudoers \
	contrib/dovecot/unlock \
	contrib/gateway/README \
	contrib/gateway/main.cf.old \
	contrib/gateway/master.cf.old \
	contrib/haproxy/haproxy.cfg \
	contrib/hooks/as-root \
	contrib/hooks/by-ssh \
	contrib/hooks/hook-by-ssh \
	contrib/sql/README \
	contrib/sql/provision \
	contrib/systemd/rehome-copier.service \
	contrib/systemd/rehome-gateway.service \
	contrib/systemd/rehome-gateway-delivery.socket \
	contrib/systemd/rehome-gateway-imaps.socket \
	contrib/systemd/rehome-milter.service \
	contrib/systemd/rehome-policyd-gateway.socket \
	contrib/systemd/rehome-policyd-policy.socket \
	contrib/systemd/rehome-policyd-socketmap.socket \
	contrib/systemd/rehome-policyd.service \
	contrib/systemd/rehome-policyd.socket \
	contrib/systemd/rehome-reload.socket \
	contrib/systemd/rehome-reload@.service \
	contrib/systemd/rehome.sysusers \
	contrib/systemd/rehome.tmpfiles
