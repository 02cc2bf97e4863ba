#!/bin/sh
#
# PROVIDE: redis
# REQUIRE: DAEMON
# KEYWORD: shutdown
#
# rc.conf(5): redis=YES

. /etc/rc.subr

name="redis"
rcvar=$name
command="/usr/pkg/bin/redis-server"
command_args="/usr/pkg/etc/redis.conf"
required_files="/usr/pkg/etc/redis.conf"
pidfile="/var/db/redis/redis.pid"
redis_user="redis"

load_rc_config $name
run_rc_command "$1"
