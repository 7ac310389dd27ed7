#!/bin/sh
set -e
# dpkg says "remove" and rpm says 0 when no other version takes its place.
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now intentra-hub.socket intentra-hub.service
	fi
	;;
esac
