/*
 * Questions to kauth(9), asked as the kernel asks them: with the arguments that
 * their callers give and with the locks that their callers hold.
 */

#include "fake_internal.h"

enum kind {
	REQ,		/* arg0 is the request */
	PROC,		/* arg0 is a process, arg1 the request or value */
	RLIMIT,		/* and a limit that is the same, or raised */
	NICE, PARAM,
	MODULE, SYSVIPC, MOUNT_, BIND_, SOCK_OPEN, SOCK_RAW_, SOCK_TARGET,
	ROUTE, SPEC, PLAIN
};

struct question {
	const char	*name;
	const char	*scope;
	enum kind	kind;
	kauth_action_t	action;
	u_long		req;
	u_long		extra;
};

#define	G	KAUTH_SCOPE_GENERIC
#define	P	KAUTH_SCOPE_PROCESS
#define	S	KAUTH_SCOPE_SYSTEM
#define	N	KAUTH_SCOPE_NETWORK
#define	M	KAUTH_SCOPE_MACHDEP
#define	D	KAUTH_SCOPE_DEVICE
#define	PR(n)	KAUTH_REQ_PROCESS_##n
#define	SR(n)	KAUTH_REQ_SYSTEM_##n
#define	NR(n)	KAUTH_REQ_NETWORK_##n
#define	DR(n)	KAUTH_REQ_DEVICE_##n

static const struct question questions[] = {
	{ "process cansee args", P, PROC, KAUTH_PROCESS_CANSEE, PR(CANSEE_ARGS), 0 },
	{ "process cansee entry", P, PROC, KAUTH_PROCESS_CANSEE, PR(CANSEE_ENTRY), 0 },
	{ "process cansee env", P, PROC, KAUTH_PROCESS_CANSEE, PR(CANSEE_ENV), 0 },
	{ "process cansee openfiles", P, PROC, KAUTH_PROCESS_CANSEE, PR(CANSEE_OPENFILES), 0 },
	{ "process cansee eproc", P, PROC, KAUTH_PROCESS_CANSEE, PR(CANSEE_EPROC), 0 },
	{ "process cansee kptr", P, PROC, KAUTH_PROCESS_CANSEE, PR(CANSEE_KPTR), 0 },
	{ "process corename get", P, PROC, KAUTH_PROCESS_CORENAME, PR(CORENAME_GET), 0 },
	{ "process corename set", P, PROC, KAUTH_PROCESS_CORENAME, PR(CORENAME_SET), 0 },
	{ "process kevent-filter", P, PROC, KAUTH_PROCESS_KEVENT_FILTER, 0, 0 },
	{ "process ktrace", P, PROC, KAUTH_PROCESS_KTRACE, 0, 0 },
	{ "process ktrace persistent", P, PROC, KAUTH_PROCESS_KTRACE, PR(KTRACE_PERSISTENT), 0 },
	{ "process nice lower", P, NICE, KAUTH_PROCESS_NICE, PRI_FAIR_NICE + 5, 0 },
	{ "process nice higher", P, NICE, KAUTH_PROCESS_NICE, PRI_FAIR_NICE - 5, 0 },
	{ "process procfs read", P, PROC, KAUTH_PROCESS_PROCFS, 0, PR(PROCFS_READ) },
	{ "process procfs rw", P, PROC, KAUTH_PROCESS_PROCFS, 0, PR(PROCFS_RW) },
	{ "process procfs write", P, PROC, KAUTH_PROCESS_PROCFS, 0, PR(PROCFS_WRITE) },
	{ "process ptrace", P, PROC, KAUTH_PROCESS_PTRACE, 1, 0 },
	{ "process rlimit get", P, RLIMIT, KAUTH_PROCESS_RLIMIT, PR(RLIMIT_GET), 0 },
	{ "process rlimit set", P, RLIMIT, KAUTH_PROCESS_RLIMIT, PR(RLIMIT_SET), 0 },
	{ "process rlimit set, raising", P, RLIMIT, KAUTH_PROCESS_RLIMIT, PR(RLIMIT_SET), 1 },
	{ "process rlimit bypass", P, RLIMIT, KAUTH_PROCESS_RLIMIT, PR(RLIMIT_BYPASS), 0 },
	{ "process get-affinity", P, PROC, KAUTH_PROCESS_SCHEDULER_GETAFFINITY, 0, 0 },
	{ "process set-affinity", P, PROC, KAUTH_PROCESS_SCHEDULER_SETAFFINITY, 0, 0 },
	{ "process get-scheduler", P, PARAM, KAUTH_PROCESS_SCHEDULER_GETPARAM, SCHED_OTHER, 0 },
	{ "process set-scheduler", P, PARAM, KAUTH_PROCESS_SCHEDULER_SETPARAM, SCHED_OTHER, 0 },
	{ "process set-scheduler fifo", P, PARAM, KAUTH_PROCESS_SCHEDULER_SETPARAM, SCHED_FIFO, 0 },
	{ "process set-scheduler rr", P, PARAM, KAUTH_PROCESS_SCHEDULER_SETPARAM, SCHED_RR, 0 },
	{ "process setid", P, PROC, KAUTH_PROCESS_SETID, 0, 0 },
	{ "process signal", P, PROC, KAUTH_PROCESS_SIGNAL, 15, 0 },
	{ "process signal kill", P, PROC, KAUTH_PROCESS_SIGNAL, SIGKILL, 0 },
	{ "process stopflag", P, PROC, KAUTH_PROCESS_STOPFLAG, 0, 0 },
	{ "process (unknown)", P, PROC, KAUTH_PROCESS_FROM_THE_FUTURE, 0, 0 },

	{ "system accounting", S, REQ, KAUTH_SYSTEM_ACCOUNTING, 0, 0 },
	{ "system chroot", S, REQ, KAUTH_SYSTEM_CHROOT, SR(CHROOT_CHROOT), 0 },
	{ "system fchroot", S, REQ, KAUTH_SYSTEM_CHROOT, SR(CHROOT_FCHROOT), 0 },
	{ "system chsysflags", S, REQ, KAUTH_SYSTEM_CHSYSFLAGS, 0, 0 },
	{ "system cpu setstate", S, REQ, KAUTH_SYSTEM_CPU, SR(CPU_SETSTATE), 0 },
	{ "system debug", S, REQ, KAUTH_SYSTEM_DEBUG, 0, 0 },
	{ "system filehandle", S, REQ, KAUTH_SYSTEM_FILEHANDLE, 0, 0 },
	{ "system mknod", S, REQ, KAUTH_SYSTEM_MKNOD, 0, 0 },
	{ "system mount get", S, MOUNT_, KAUTH_SYSTEM_MOUNT, SR(MOUNT_GET), 0 },
	{ "system mount new", S, MOUNT_, KAUTH_SYSTEM_MOUNT, SR(MOUNT_NEW), 0 },
	{ "system mount unmount", S, MOUNT_, KAUTH_SYSTEM_MOUNT, SR(MOUNT_UNMOUNT), 0 },
	{ "system mount update", S, MOUNT_, KAUTH_SYSTEM_MOUNT, SR(MOUNT_UPDATE), 0 },
	{ "system mount device", S, MOUNT_, KAUTH_SYSTEM_MOUNT, SR(MOUNT_DEVICE), 0 },
	{ "system mount umap", S, MOUNT_, KAUTH_SYSTEM_MOUNT, SR(MOUNT_UMAP), 0 },
	{ "system pset assign", S, REQ, KAUTH_SYSTEM_PSET, SR(PSET_ASSIGN), 0 },
	{ "system pset bind", S, REQ, KAUTH_SYSTEM_PSET, SR(PSET_BIND), 0 },
	{ "system pset create", S, REQ, KAUTH_SYSTEM_PSET, SR(PSET_CREATE), 0 },
	{ "system pset destroy", S, REQ, KAUTH_SYSTEM_PSET, SR(PSET_DESTROY), 0 },
	{ "system reboot", S, REQ, KAUTH_SYSTEM_REBOOT, 0, 0 },
	{ "system setidcore", S, REQ, KAUTH_SYSTEM_SETIDCORE, 0, 0 },
	{ "system swapctl", S, REQ, KAUTH_SYSTEM_SWAPCTL, 0, 0 },
	{ "system sysctl add", S, REQ, KAUTH_SYSTEM_SYSCTL, SR(SYSCTL_ADD), 0 },
	{ "system sysctl delete", S, REQ, KAUTH_SYSTEM_SYSCTL, SR(SYSCTL_DELETE), 0 },
	{ "system sysctl desc", S, REQ, KAUTH_SYSTEM_SYSCTL, SR(SYSCTL_DESC), 0 },
	{ "system sysctl modify", S, REQ, KAUTH_SYSTEM_SYSCTL, SR(SYSCTL_MODIFY), 0 },
	{ "system sysctl private", S, REQ, KAUTH_SYSTEM_SYSCTL, SR(SYSCTL_PRVT), 0 },
	{ "system time adjtime", S, REQ, KAUTH_SYSTEM_TIME, SR(TIME_ADJTIME), 0 },
	{ "system time ntp-adjtime", S, REQ, KAUTH_SYSTEM_TIME, SR(TIME_NTPADJTIME), 0 },
	{ "system time rtc-offset", S, REQ, KAUTH_SYSTEM_TIME, SR(TIME_RTCOFFSET), 0 },
	{ "system time set", S, REQ, KAUTH_SYSTEM_TIME, SR(TIME_SYSTEM), 0 },
	{ "system time timecounters", S, REQ, KAUTH_SYSTEM_TIME, SR(TIME_TIMECOUNTERS), 0 },
	{ "system module load", S, MODULE, KAUTH_SYSTEM_MODULE, 0, 0 },
	{ "system module autoload", S, MODULE, KAUTH_SYSTEM_MODULE, 0, 1 },
	{ "system fs-reserved-space", S, REQ, KAUTH_SYSTEM_FS_RESERVEDSPACE, 0, 0 },
	{ "system fs-quota get", S, REQ, KAUTH_SYSTEM_FS_QUOTA, SR(FS_QUOTA_GET), 0 },
	{ "system fs-quota manage", S, REQ, KAUTH_SYSTEM_FS_QUOTA, SR(FS_QUOTA_MANAGE), 0 },
	{ "system fs-quota nolimit", S, REQ, KAUTH_SYSTEM_FS_QUOTA, SR(FS_QUOTA_NOLIMIT), 0 },
	{ "system fs-quota onoff", S, REQ, KAUTH_SYSTEM_FS_QUOTA, SR(FS_QUOTA_ONOFF), 0 },
	{ "system fs-extattr", S, REQ, KAUTH_SYSTEM_FS_EXTATTR, 0, 0 },
	{ "system fs-snapshot", S, REQ, KAUTH_SYSTEM_FS_SNAPSHOT, 0, 0 },
	{ "system semaphore", S, REQ, KAUTH_SYSTEM_SEMAPHORE, 0, 0 },
	{ "system mqueue", S, REQ, KAUTH_SYSTEM_MQUEUE, 0, 0 },
	{ "system sysvipc use", S, SYSVIPC, KAUTH_SYSTEM_SYSVIPC, SR(SYSVIPC_BYPASS), 0 },
	{ "system sysvipc shm-lock", S, SYSVIPC, KAUTH_SYSTEM_SYSVIPC, SR(SYSVIPC_SHM_LOCK), 0 },
	{ "system sysvipc shm-unlock", S, SYSVIPC, KAUTH_SYSTEM_SYSVIPC, SR(SYSVIPC_SHM_UNLOCK), 0 },
	{ "system sysvipc msgq-oversize", S, SYSVIPC, KAUTH_SYSTEM_SYSVIPC, SR(SYSVIPC_MSGQ_OVERSIZE), 0 },
	{ "system veriexec access", S, REQ, KAUTH_SYSTEM_VERIEXEC, SR(VERIEXEC_ACCESS), 0 },
	{ "system veriexec modify", S, REQ, KAUTH_SYSTEM_VERIEXEC, SR(VERIEXEC_MODIFY), 0 },
	{ "system devmapper", S, REQ, KAUTH_SYSTEM_DEVMAPPER, 0, 0 },
	{ "system map-va-zero", S, REQ, KAUTH_SYSTEM_MAP_VA_ZERO, 0, 0 },
	{ "system lfs", S, REQ, KAUTH_SYSTEM_LFS, 0, 0 },
	{ "system intr", S, REQ, KAUTH_SYSTEM_INTR, SR(INTR_AFFINITY), 0 },
	{ "system kernaddr", S, REQ, KAUTH_SYSTEM_KERNADDR, 0, 0 },
	{ "system (unknown)", S, REQ, KAUTH_SYSTEM_FROM_THE_FUTURE, 0, 0 },

	{ "network bind claimed port", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_PORT), 8080 },
	{ "network bind claimed low port", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_PRIVPORT), 80 },
	{ "network bind unclaimed port", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_PORT), 9999 },
	{ "network bind unclaimed low port", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_PRIVPORT), 81 },
	{ "network bind any port", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_PORT), 0 },
	{ "network bind anonymous port", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_PORT), 50000 },
	{ "network bind foreign address", N, BIND_, KAUTH_NETWORK_BIND, NR(BIND_ANYADDR), 8080 },
	{ "network socket local", N, SOCK_OPEN, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_LOCAL },
	{ "network socket inet", N, SOCK_OPEN, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_INET },
	{ "network socket inet6", N, SOCK_OPEN, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_INET6 },
	{ "network socket route", N, SOCK_OPEN, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_ROUTE },
	{ "network socket key", N, SOCK_OPEN, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_KEY },
	{ "network socket inet raw", N, SOCK_RAW_, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_INET },
	{ "network socket inet6 raw", N, SOCK_RAW_, KAUTH_NETWORK_SOCKET, NR(SOCKET_OPEN), AF_INET6 },
	{ "network rawsock inet", N, SOCK_RAW_, KAUTH_NETWORK_SOCKET, NR(SOCKET_RAWSOCK), AF_INET },
	{ "network rawsock inet6", N, SOCK_RAW_, KAUTH_NETWORK_SOCKET, NR(SOCKET_RAWSOCK), AF_INET6 },
	{ "network rawsock route", N, SOCK_RAW_, KAUTH_NETWORK_SOCKET, NR(SOCKET_RAWSOCK), AF_ROUTE },
	{ "network socket cansee", N, SOCK_TARGET, KAUTH_NETWORK_SOCKET, NR(SOCKET_CANSEE), 0 },
	{ "network socket drop", N, SOCK_TARGET, KAUTH_NETWORK_SOCKET, NR(SOCKET_DROP), 0 },
	{ "network socket setpriv", N, REQ, KAUTH_NETWORK_SOCKET, NR(SOCKET_SETPRIV), 0 },
	{ "network interface get", N, REQ, KAUTH_NETWORK_INTERFACE, NR(INTERFACE_GET), 0 },
	{ "network interface getpriv", N, REQ, KAUTH_NETWORK_INTERFACE, NR(INTERFACE_GETPRIV), 0 },
	{ "network interface set", N, REQ, KAUTH_NETWORK_INTERFACE, NR(INTERFACE_SET), 0 },
	{ "network interface setpriv", N, REQ, KAUTH_NETWORK_INTERFACE, NR(INTERFACE_SETPRIV), 0 },
	{ "network interface firmware", N, REQ, KAUTH_NETWORK_INTERFACE, NR(INTERFACE_FIRMWARE), 0 },
	{ "network interface-ppp", N, REQ, KAUTH_NETWORK_INTERFACE_PPP, 0, 0 },
	{ "network interface-slip", N, REQ, KAUTH_NETWORK_INTERFACE_SLIP, 0, 0 },
	{ "network interface-tun", N, REQ, KAUTH_NETWORK_INTERFACE_TUN, 0, 0 },
	{ "network interface-bridge", N, REQ, KAUTH_NETWORK_INTERFACE_BRIDGE, 0, 0 },
	{ "network interface-pvc", N, REQ, KAUTH_NETWORK_INTERFACE_PVC, 0, 0 },
	{ "network interface-wg", N, REQ, KAUTH_NETWORK_INTERFACE_WG, 0, 0 },
	{ "network route get", N, ROUTE, KAUTH_NETWORK_ROUTE, 0, RTM_GET },
	{ "network route change", N, ROUTE, KAUTH_NETWORK_ROUTE, 0, RTM_ADD },
	{ "network altq", N, REQ, KAUTH_NETWORK_ALTQ, 0, 0 },
	{ "network firewall", N, REQ, KAUTH_NETWORK_FIREWALL, NR(FIREWALL_FW), 0 },
	{ "network firewall nat", N, REQ, KAUTH_NETWORK_FIREWALL, NR(FIREWALL_NAT), 0 },
	{ "network forwsrcrt", N, REQ, KAUTH_NETWORK_FORWSRCRT, 0, 0 },
	{ "network nfs", N, REQ, KAUTH_NETWORK_NFS, 0, 0 },
	{ "network ipsec", N, REQ, KAUTH_NETWORK_IPSEC, 0, 0 },
	{ "network ipv6", N, REQ, KAUTH_NETWORK_IPV6, 0, 0 },
	{ "network smb", N, REQ, KAUTH_NETWORK_SMB, 0, 0 },
	{ "network (unknown)", N, REQ, KAUTH_NETWORK_FROM_THE_FUTURE, 0, 0 },

	{ "device open listed", D, SPEC, KAUTH_DEVICE_RAWIO_SPEC, DR(RAWIO_SPEC_RW), makedev(2, 2) },
	{ "device open other", D, SPEC, KAUTH_DEVICE_RAWIO_SPEC, DR(RAWIO_SPEC_READ), makedev(2, 0) },
	{ "device rawio-passthru", D, REQ, KAUTH_DEVICE_RAWIO_PASSTHRU, 0, 0 },
	{ "device tty-open", D, PLAIN, KAUTH_DEVICE_TTY_OPEN, 0, 0 },
	{ "device tty-privset", D, PLAIN, KAUTH_DEVICE_TTY_PRIVSET, 0, 0 },
	{ "device tty-sti", D, PLAIN, KAUTH_DEVICE_TTY_STI, 0, 0 },
	{ "device tty-virtual", D, PLAIN, KAUTH_DEVICE_TTY_VIRTUAL, 0, 0 },
	{ "device bluetooth-setpriv", D, PLAIN, KAUTH_DEVICE_BLUETOOTH_SETPRIV, 0, 0 },
	{ "device bluetooth-bcsp", D, PLAIN, KAUTH_DEVICE_BLUETOOTH_BCSP, 0, 0 },
	{ "device bluetooth-btuart", D, PLAIN, KAUTH_DEVICE_BLUETOOTH_BTUART, 0, 0 },
	{ "device bluetooth-send", D, PLAIN, KAUTH_DEVICE_BLUETOOTH_SEND, 0, 0 },
	{ "device bluetooth-recv", D, PLAIN, KAUTH_DEVICE_BLUETOOTH_RECV, 0, 0 },
	{ "device gpio-pinset", D, PLAIN, KAUTH_DEVICE_GPIO_PINSET, 0, 0 },
	{ "device rnd-adddata", D, PLAIN, KAUTH_DEVICE_RND_ADDDATA, 0, 0 },
	{ "device rnd-adddata-estimate", D, PLAIN, KAUTH_DEVICE_RND_ADDDATA_ESTIMATE, 0, 0 },
	{ "device rnd-getpriv", D, PLAIN, KAUTH_DEVICE_RND_GETPRIV, 0, 0 },
	{ "device rnd-setpriv", D, PLAIN, KAUTH_DEVICE_RND_SETPRIV, 0, 0 },
	{ "device wscons-bell", D, PLAIN, KAUTH_DEVICE_WSCONS_KEYBOARD_BELL, 0, 0 },
	{ "device wscons-keyrepeat", D, PLAIN, KAUTH_DEVICE_WSCONS_KEYBOARD_KEYREPEAT, 0, 0 },
	{ "device nvmm-ctl", D, PLAIN, KAUTH_DEVICE_NVMM_CTL, 0, 0 },
	{ "device (unknown)", D, PLAIN, KAUTH_DEVICE_FROM_THE_FUTURE, 0, 0 },

	{ "machdep cacheflush", M, PLAIN, KAUTH_MACHDEP_CACHEFLUSH, 0, 0 },
	{ "machdep cpu-ucode-apply", M, PLAIN, KAUTH_MACHDEP_CPU_UCODE_APPLY, 0, 0 },
	{ "machdep ioperm-get", M, PLAIN, KAUTH_MACHDEP_IOPERM_GET, 0, 0 },
	{ "machdep ioperm-set", M, PLAIN, KAUTH_MACHDEP_IOPERM_SET, 0, 0 },
	{ "machdep iopl", M, PLAIN, KAUTH_MACHDEP_IOPL, 0, 0 },
	{ "machdep ldt-get", M, PLAIN, KAUTH_MACHDEP_LDT_GET, 0, 0 },
	{ "machdep ldt-set", M, PLAIN, KAUTH_MACHDEP_LDT_SET, 0, 0 },
	{ "machdep mtrr-get", M, PLAIN, KAUTH_MACHDEP_MTRR_GET, 0, 0 },
	{ "machdep mtrr-set", M, PLAIN, KAUTH_MACHDEP_MTRR_SET, 0, 0 },
	{ "machdep nvram", M, PLAIN, KAUTH_MACHDEP_NVRAM, 0, 0 },
	{ "machdep unmanagedmem", M, PLAIN, KAUTH_MACHDEP_UNMANAGEDMEM, 0, 0 },
	{ "machdep pxg", M, PLAIN, KAUTH_MACHDEP_PXG, 0, 0 },
	{ "machdep svs-disable", M, PLAIN, KAUTH_MACHDEP_SVS_DISABLE, 0, 0 },
	{ "machdep (unknown)", M, PLAIN, KAUTH_MACHDEP_FROM_THE_FUTURE, 0, 0 },

	{ "generic issuser", G, PLAIN, KAUTH_GENERIC_ISSUSER, 0, 0 },
};

size_t
world_questions(void)
{
	return __arraycount(questions);
}

const char *
world_question(size_t i)
{
	return questions[i].name;
}

enum world_target
world_question_target(size_t i)
{
	switch (questions[i].kind) {
	case PROC: case RLIMIT: case NICE: case PARAM:
		return WORLD_PROCESS;
	case SOCK_TARGET:
		return WORLD_SOCKET;
	default:
		return WORLD_NOTHING;
	}
}

static struct world_answer
ask(const char *scope, kauth_action_t action, void *arg0, void *arg1,
    void *arg2, void *arg3)
{
	struct world_answer a;

	a.allowed = kauth_authorize_action(scope, curlwp->l_cred, action,
	    arg0, arg1, arg2, arg3) == 0;
	switch (fk_module_verdict()) {
	case KAUTH_RESULT_ALLOW:
		a.module = WORLD_ALLOW;
		break;
	case KAUTH_RESULT_DENY:
		a.module = WORLD_DENY;
		break;
	default:
		a.module = WORLD_DEFER;
		break;
	}
	return a;
}

/* A leaf lock of the subsystem that asks: so_lock, a vnode's, um_lock. */
static struct world_answer
ask_locked(const char *class, const char *scope, kauth_action_t action,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct world_answer a;
	kmutex_t lock;

	fk_mutex_init(&lock, class, false);
	mutex_enter(&lock);
	a = ask(scope, action, arg0, arg1, arg2, arg3);
	mutex_exit(&lock);
	mutex_destroy(&lock);
	return a;
}

/* About a process: proc_lock and its lock are held, as in kill and the tree walk. */
static struct world_answer
ask_process(struct proc *p, kauth_action_t action, void *arg1, void *arg2,
    void *arg3)
{
	struct world_answer a;

	mutex_enter(&proc_lock);
	mutex_enter(p->p_lock);
	a = ask(P, action, p, arg1, arg2, arg3);
	mutex_exit(p->p_lock);
	mutex_exit(&proc_lock);
	return a;
}

#define	V(n)	((void *)(uintptr_t)(n))

struct world_answer
world_ask_rlimit(struct proc *p, int which, uint64_t hard)
{
	struct rlimit rl = { hard, hard };

	return ask_process(p, KAUTH_PROCESS_RLIMIT,
	    V(KAUTH_REQ_PROCESS_RLIMIT_SET), &rl, V(which));
}

struct world_answer
world_ask_nice(struct proc *p, int nice)
{
	return ask_process(p, KAUTH_PROCESS_NICE, V(nice), NULL, NULL);
}

struct world_answer
world_ask_bind(const struct world_bind *b)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	struct socket so;
	const uint16_t port = b->candidate || b->host_order ? b->port :
	    (uint16_t)(b->port >> 8 | b->port << 8);
	const u_long req = b->port != 0 && b->port < IPPORT_RESERVED ?
	    KAUTH_REQ_NETWORK_BIND_PRIVPORT : KAUTH_REQ_NETWORK_BIND_PORT;

	memset(&sin, 0, sizeof(sin));
	memset(&sin6, 0, sizeof(sin6));
	so.so_type = (short)b->type;
	so.so_cred = curlwp->l_cred;
	if (b->family == 6) {
		sin6.sin6_len = b->candidate ? 0x37 : sizeof(sin6);
		sin6.sin6_family = b->candidate ? 0x91 : AF_INET6;
		sin6.sin6_port = port;
		memcpy(&sin6.sin6_addr, b->address, 16);
		return ask_locked("socket lock", N, KAUTH_NETWORK_BIND, V(req),
		    &so, &sin6, NULL);
	}
	sin.sin_len = b->candidate ? 0x37 : sizeof(sin);
	sin.sin_family = b->candidate ? 0x91 : AF_INET;
	sin.sin_port = port;
	memcpy(&sin.sin_addr, b->address, 4);
	return ask_locked("socket lock", N, KAUTH_NETWORK_BIND, V(req), &so,
	    &sin, NULL);
}

struct world_answer
world_ask_device(char type, uint64_t dev, int access)
{
	struct vnode vp;

	memset(&vp, 0, sizeof(vp));
	vp.v_type = type == 'b' ? VBLK : VCHR;
	vp.v_specnode = &vp.vf_spec;
	vp.vf_spec.sn_rdev = dev;
	return ask_locked("vnode lock", D, KAUTH_DEVICE_RAWIO_SPEC,
	    V(access == 1 ? KAUTH_REQ_DEVICE_RAWIO_SPEC_READ : access == 2 ?
	    KAUTH_REQ_DEVICE_RAWIO_SPEC_WRITE :
	    KAUTH_REQ_DEVICE_RAWIO_SPEC_RW), &vp, NULL, NULL);
}

#define	FK_IPC	1024

struct world_answer
world_ask_ipc(unsigned object, unsigned short seq)
{
	static struct ipc_perm objects[FK_IPC];

	KASSERT(object < FK_IPC);
	objects[object]._seq = seq;
	return ask_locked("shm lock", S, KAUTH_SYSTEM_SYSVIPC,
	    V(KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS), &objects[object], V(0400),
	    NULL);
}

struct world_answer
world_ask(size_t i, struct proc *target)
{
	const struct question *q = &questions[i];
	static struct ipc_perm perm = { 0, 77 };
	static const uint8_t mine[4] = { 127, 0, 0, 1 };
	struct world_bind bind = { .family = 4, .type = SOCK_STREAM };
	struct rlimit rl;
	struct socket so;
	struct rt_msghdr rtm;

	if (target == NULL)
		target = curproc;
	switch (q->kind) {
	case PROC:
		return ask_process(target, q->action, V(q->req), V(q->extra),
		    NULL);
	case RLIMIT:
		rl = target->p_rlimit[RLIMIT_NOFILE];
		rl.rlim_max = rl.rlim_max / 2 * (q->extra != 0 ? 4 : 1);
		return ask_process(target, q->action, V(q->req), &rl,
		    V(RLIMIT_NOFILE));
	case NICE:
		return ask_process(target, q->action, V(q->req), NULL, NULL);
	case PARAM:
		return ask_process(target, q->action, world_lwp(target),
		    V(q->req), V(0));
	case MODULE:
		return ask(q->scope, q->action, NULL, V(1), V(q->extra), NULL);
	case SYSVIPC:
		return ask_locked("shm lock", q->scope, q->action, V(q->req),
		    &perm, V(0400), NULL);
	case MOUNT_:
		return ask_locked("vnode lock", q->scope, q->action, V(q->req),
		    NULL, NULL, NULL);
	case BIND_:
		if (q->req == KAUTH_REQ_NETWORK_BIND_ANYADDR)
			return ask_locked("socket lock", N, q->action,
			    V(q->req), NULL, NULL, NULL);
		memcpy(bind.address, mine, sizeof(mine));
		bind.port = (uint16_t)q->extra;
		return world_ask_bind(&bind);
	case SOCK_OPEN:
		return ask(q->scope, q->action, V(q->req), V(q->extra),
		    V(q->extra == AF_ROUTE || q->extra == AF_KEY ? SOCK_RAW :
		    SOCK_STREAM), V(0));
	case SOCK_RAW_:
		return ask(q->scope, q->action, V(q->req), V(q->extra),
		    V(SOCK_RAW), V(1));
	case SOCK_TARGET:
		so.so_type = SOCK_STREAM;
		so.so_cred = target->p_cred;
		return ask_locked("socket lock", q->scope, q->action,
		    V(q->req), &so, NULL, NULL);
	case ROUTE:
		memset(&rtm, 0, sizeof(rtm));
		rtm.rtm_type = (u_char)q->extra;
		return ask_locked("socket lock", q->scope, q->action, V(0),
		    &rtm, NULL, NULL);
	case SPEC:
		return world_ask_device('c', q->extra, q->req ==
		    KAUTH_REQ_DEVICE_RAWIO_SPEC_RW ? 3 : 1);
	case PLAIN:
		return ask(q->scope, q->action, NULL, NULL, NULL, NULL);
	case REQ:
		return ask_locked("vnode lock", q->scope, q->action,
		    V(q->req), NULL, NULL, NULL);
	}
	FK_FAIL("a question of no kind");
}
