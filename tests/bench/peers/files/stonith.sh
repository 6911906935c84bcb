#!/bin/sh
# An external plugin of cluster-glue's stonith: cuts the host that hangs on a UPS of the lab.
# Its parameters arrive in the environment.
case $1 in
gethosts) echo "$hostlist" ;;
off | reset) exec /usr/libexec/bench/cut "$address" ;;
on) exit 1 ;; # the lab gives the power back
status) ;;
getconfignames) echo "hostlist address" ;;
getinfo-devid | getinfo-devname | getinfo-devdescr) echo "UPS of the lab" ;;
getinfo-devurl) echo "none" ;;
getinfo-xml)
	cat <<-XML
		<parameters>
		<parameter name="hostlist" unique="0" required="1"><content type="string"/>
		<shortdesc lang="en">host</shortdesc><longdesc lang="en">host</longdesc></parameter>
		<parameter name="address" unique="0" required="1"><content type="string"/>
		<shortdesc lang="en">address of the UPS</shortdesc><longdesc lang="en">address of the UPS</longdesc></parameter>
		</parameters>
	XML
	;;
*) exit 1 ;;
esac
