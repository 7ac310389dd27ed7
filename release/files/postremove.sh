#!/bin/sh
set -e
case "$1" in
purge) rm -f /etc/intentra/hub.key ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
