#!/bin/sh
set -e
if [ ! -e /etc/intentra/hub.key ]; then
	/usr/bin/intentra keygen --out /etc/intentra/hub.key >/dev/null
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# An upgrade restarts a hub that runs; nothing starts one.
	systemctl try-restart intentra-hub.service
fi
