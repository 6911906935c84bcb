#!/bin/sh
# The lab's trivial service as each peer wants to see it: an init script for
# heartbeat, notify scripts for keepalived, an OCF agent for pacemaker.
pidfile=/run/echo.pid
running() { [ -s $pidfile ] && kill -0 "$(cat $pidfile)" 2>/dev/null; }
case $1 in
start)
	running && exit 0
	setsid /usr/libexec/storeward-lab lab-echo :7777 </dev/null >/dev/null 2>&1 &
	echo $! >$pidfile
	;;
stop)
	running && kill -9 "$(cat $pidfile)"
	rm -f $pidfile
	: >/run/echo.stopped
	;;
status) # LSB: 3 is stopped
	running || { echo stopped; exit 3; }
	echo running
	;;
monitor) running || exit 7 ;; # OCF: 7 is stopped
meta-data)
	cat <<-XML
		<?xml version="1.0"?>
		<resource-agent name="echo" version="1.0">
		<version>1.0</version>
		<longdesc lang="en">the lab's trivial service</longdesc>
		<shortdesc lang="en">the lab's trivial service</shortdesc>
		<parameters/>
		<actions>
		<action name="start" timeout="20s"/>
		<action name="stop" timeout="20s"/>
		<action name="monitor" timeout="20s" interval="10s"/>
		<action name="meta-data" timeout="5s"/>
		</actions>
		</resource-agent>
	XML
	;;
validate-all) ;;
*) exit 3 ;; # OCF: not implemented
esac
exit 0
