# The module in a rump kernel: a kernel in user space, so that loading a wrong
# one costs a process.  PKGJAIL_KMOD is the path of pkgjail.kmod.

sock=unix://pkgjail.sock

atf_test_case load cleanup
load_head()
{

	atf_set "descr" "the module loads into a rump kernel and shows itself"
	atf_set "require.progs" "rump_server rump.sysctl rump.halt"
}
load_body()
{

	[ -n "${PKGJAIL_KMOD}" ] || atf_skip "PKGJAIL_KMOD is not set"
	# A rump kernel has not all of a kernel's scheduler: a module that
	# wants more of it than there is cannot be linked.
	rump_server -m "${PKGJAIL_KMOD}" ${sock} >out 2>&1 ||
	    atf_skip "this rump kernel cannot load it: $(head -n 1 out)"
	export RUMP_SERVER=${sock}
	rump.sysctl -n security.pkgjail.version >version 2>/dev/null ||
	    atf_skip "this rump kernel cannot load it: $(head -n 1 out)"
	atf_check -o inline:"1\n" cat version
	atf_check -o inline:"0\n" rump.sysctl -n security.pkgjail.njails
	atf_check -o inline:"0\n" rump.sysctl -n security.pkgjail.id
}
load_cleanup()
{

	RUMP_SERVER=${sock} rump.halt 2>/dev/null || true
}

atf_init_test_cases()
{

	atf_add_test_case load
}
