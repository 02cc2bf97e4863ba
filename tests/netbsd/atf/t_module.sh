# The module as a whole: what is there when it is loaded, and when it goes.
# PKGJAIL_KMOD is the path of pkgjail.kmod; without it nothing is loaded or
# unloaded.

need_module()
{

	sysctl -n security.pkgjail.version >/dev/null 2>&1 ||
	    atf_skip "the module is not loaded"
}

atf_test_case tree
tree_head()
{

	atf_set "descr" "the sysctl tree is there and read-only"
	atf_set "require.user" "root"
}
tree_body()
{

	need_module
	atf_check -o inline:"1\n" sysctl -n security.pkgjail.version
	atf_check -o inline:"0\n" sysctl -n security.pkgjail.id
	for node in version major njails period_ms denials; do
		atf_check -o match:'^-?[0-9]+$' \
		    sysctl -n security.pkgjail.${node}
		atf_check -s not-exit:0 -o ignore -e ignore \
		    sysctl -w security.pkgjail.${node}=7
	done
}

atf_test_case node
node_head()
{

	atf_set "descr" "the device node is of the module's major number"
	atf_set "require.user" "root"
}
node_body()
{

	need_module
	[ -c /dev/pkgjail ] || atf_skip "/dev/pkgjail has not been made"
	atf_check -o match:"$(sysctl -n security.pkgjail.major),? *0" \
	    ls -l /dev/pkgjail
	atf_check -o match:'^crw-------' ls -l /dev/pkgjail
}

atf_test_case reload cleanup
reload_head()
{

	atf_set "descr" "the module unloads and loads, and keeps its major number"
	atf_set "require.user" "root"
}
reload_body()
{

	need_module
	[ -n "${PKGJAIL_KMOD}" ] || atf_skip "PKGJAIL_KMOD is not set"
	[ "$(sysctl -n security.pkgjail.njails)" = 0 ] ||
	    atf_skip "there are jails"
	major=$(sysctl -n security.pkgjail.major)
	for round in 1 2 3 4 5; do
		atf_check modunload pkgjail
		atf_check -s not-exit:0 -o ignore -e ignore \
		    sysctl -n security.pkgjail.version
		atf_check modload "${PKGJAIL_KMOD}"
	done
	atf_check -o inline:"${major}\n" sysctl -n security.pkgjail.major
}
reload_cleanup()
{

	sysctl -n security.pkgjail.version >/dev/null 2>&1 ||
	    modload "${PKGJAIL_KMOD}"
}

atf_init_test_cases()
{

	atf_add_test_case tree
	atf_add_test_case node
	atf_add_test_case reload
}
