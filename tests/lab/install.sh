#!/bin/bash
# install.sh lab|judges|race|model|generate|browser|bench: installs the Debian packages that are missing.
# It says what it installs, starts no daemon, makes no database cluster, and
# leaves no newly installed service enabled for the next boot.
set -euo pipefail
# A group is whole by itself: what the judges and the peers both need (keepalived, snmp) stands in both.
case ${1:-} in
lab) wanted="iproute2 nftables iputils-ping util-linux procps curl nginx postgresql-15 postgresql-client-15 snmptrapd victoria-metrics" ;;
judges) wanted="keepalived haproxy redis-server nut-server nut-snmp fence-agents snmp smitools" ;;
race) wanted="gcc libc6-dev" ;;
model) wanted="spin gcc libc6-dev" ;;
generate) wanted="protobuf-compiler libprotobuf-dev" ;;
browser) wanted="chromium" ;;
bench) wanted="keepalived heartbeat cluster-glue pacemaker pacemaker-cli-utils corosync resource-agents iputils-arping net-tools snmp" ;;
*) echo "usage: install.sh lab|judges|race|model|generate|browser|bench" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "install.sh: these packages are missing and this is no Debian:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "install.sh: these Debian packages are missing and installing them needs root:$missing" >&2
	exit 1
fi
echo "installing from Debian (starting nothing):$missing"

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/storeward-lab.conf
aside=
restore() {
	rm -f "$policy" "$cluster"
	[ -z "$aside" ] || mv "$aside" "$policy"
}
if [ -e "$policy" ]; then
	aside=$policy.storeward-lab
	mv "$policy" "$aside"
fi
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
mkdir -p "${cluster%/*}"
echo "create_main_cluster = false" >"$cluster"

before=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | awk '$2 == "installed" {print $1}' | sort)
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 $missing >/dev/null
after=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | awk '$2 == "installed" {print $1}' | sort)
for package in $(comm -13 <(echo "$before") <(echo "$after")); do
	if command -v systemctl >/dev/null; then
		for unit in $(dpkg -L "$package" | sed -nE 's#^/lib/systemd/system/([^/@]*\.(service|socket|timer|path))$#\1#p'); do
			systemctl disable --quiet "$unit" 2>/dev/null || true
		done
	else
		for script in $(dpkg -L "$package" | sed -nE 's#^/etc/init\.d/([^/]*)$#\1#p'); do
			update-rc.d "$script" disable >/dev/null || true
		done
	fi
done
