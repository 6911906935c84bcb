#!/bin/sh
# cut.sh ADDRESS: switches a UPS's output off (RFC 1628, upsControl) and returns
# once its output was read as none, as an administrator's own fence script does.
ups=.1.3.6.1.2.1.33.1
set -- "-v2c -cprivate -t0.5 -r3 -Oqv -m" "$1"
# shellcheck disable=SC2086 # options
snmpset $1 '' "$2" $ups.8.1.0 i 1 $ups.8.5.0 i 2 $ups.8.2.0 i 0 >/dev/null || exit 1
tries=0
# shellcheck disable=SC2086
until [ "$(snmpget $1 '' "$2" $ups.4.1.0)" = 2 ]; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || exit 1
	sleep 0.05
done
