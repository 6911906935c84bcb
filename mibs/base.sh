#!/bin/sh
# Puts the base MIBs (SNMPv2-SMI, -TC, -CONF, -MIB), which Debian does not ship,
# into the folder that is named: they come from the npm package net-snmp.
set -eu
version=3.29.2
folder=${1:?usage: base.sh FOLDER}
[ -f "$folder/SNMPv2-SMI.mib" ] && exit 0
command -v npm >/dev/null || { echo "base.sh: npm is missing: install Node.js" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --prefix "$work" --no-save --no-audit --no-fund --loglevel=error "net-snmp@$version" >/dev/null
mkdir -p "$folder"
cp "$work"/node_modules/net-snmp/lib/mibs/SNMPv2-*.mib "$folder"/
