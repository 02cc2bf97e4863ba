#!@RCD_SCRIPTS_SHELL@
#
# $NetBSD$
#
# PROVIDE: pkgjail_module
# REQUIRE: mountcritremote
# BEFORE: securelevel
#
# Loads the kernel module of pkgjail and makes its device node. The major number
# is another after each boot.

if [ -f /etc/rc.subr ]; then
	. /etc/rc.subr
fi

name="pkgjail_module"
rcvar=$name
start_cmd="pkgjail_module_start"
stop_cmd="pkgjail_module_stop"
status_cmd="pkgjail_module_status"
extra_commands="status"

pkgjail_module_start()
{
	if ! sysctl -n security.pkgjail.version >/dev/null 2>&1; then
		modload @KMODDIR@/pkgjail.kmod || return 1
	fi
	rm -f /dev/pkgjail
	mknod -m 600 /dev/pkgjail c $(sysctl -n security.pkgjail.major) 0
}

pkgjail_module_stop()
{
	# Refused while there are jails.
	modunload pkgjail && rm -f /dev/pkgjail
}

pkgjail_module_status()
{
	if sysctl -n security.pkgjail.version >/dev/null 2>&1; then
		echo "pkgjail is loaded, $(sysctl -n security.pkgjail.njails) jails."
	else
		echo "pkgjail is not loaded."
		return 1
	fi
}

load_rc_config $name
run_rc_command "$1"
