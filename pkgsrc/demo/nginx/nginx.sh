#!/bin/sh
#
# PROVIDE: nginx
# REQUIRE: DAEMON
# KEYWORD: shutdown
#
# rc.conf(5): nginx=YES

. /etc/rc.subr

name="nginx"
rcvar=$name
command="/usr/pkg/sbin/${name}"
command_args="-c /usr/pkg/etc/nginx/nginx.conf"
required_files="/usr/pkg/etc/nginx/nginx.conf"
pidfile="/var/run/${name}.pid"
extra_commands="configtest reload"
configtest_cmd="nginx_configtest"
reload_precmd="nginx_configtest"

nginx_configtest() {
    ${command} ${command_args} -t
}

load_rc_config $name
run_rc_command "$1"
