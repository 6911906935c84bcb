#!/bin/sh
# A fence agent of the ClusterLabs kind: cuts the node that hangs on a UPS of the
# lab. Its options arrive as lines of standard input.
action=off
while IFS='=' read -r name value; do
	case $name in
	action) action=$value ;;
	ip) address=$value ;;
	esac
done
case $action in
off) exec /usr/libexec/bench/cut "$address" ;;
metadata)
	cat <<-XML
		<?xml version="1.0" ?>
		<resource-agent name="fence_bench" shortdesc="UPS of the lab"><longdesc>UPS of the lab</longdesc>
		<vendor-url>none</vendor-url>
		<parameters>
		<parameter name="action" unique="0" required="1"><content type="string" default="off"/><shortdesc lang="en">action</shortdesc></parameter>
		<parameter name="ip" unique="0" required="1"><content type="string"/><shortdesc lang="en">address of the UPS</shortdesc></parameter>
		</parameters>
		<actions>
		<action name="on" automatic="0"/><action name="off"/><action name="status"/><action name="list"/><action name="monitor"/><action name="metadata"/>
		</actions>
		</resource-agent>
	XML
	;;
monitor | status | list) ;;
*) exit 1 ;;
esac
