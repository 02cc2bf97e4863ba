/*
 * The interface between the pkgjail kernel module and userland: the requests
 * of the control device /dev/pkgjail and the records of security.pkgjail.list.
 * See pkgjail(4).
 *
 * Rules of this interface
 *
 *	- Every structure begins with its version and its size.  A request with
 *	  another version or size is refused (EPROGMISMATCH, EINVAL); the
 *	  request number carries the size as well.
 *	- Fields have a fixed width and lie at the same place for a 32-bit and
 *	  a 64-bit caller.  There are no pointers; the one buffer of LIST is
 *	  given as a 64-bit number.
 *	- Reserved fields must be zero on the way in and are zero on the way out.
 *	- A change that an old client could misread raises PKGJAIL_ABI.
 *
 * The header stands on its own in C and in C++, on NetBSD and elsewhere, so
 * that a client can be compiled and tested where the module does not run.
 */

#ifndef _PKGJAIL_IOCTL_H_
#define	_PKGJAIL_IOCTL_H_

#ifdef _KERNEL
#include <sys/types.h>
#else
#include <stdint.h>
#endif

#ifdef __NetBSD__
#include <sys/ioccom.h>
#define	PKGJAIL_IOR_(n, t)	_IOR('J', n, t)
#define	PKGJAIL_IOW_(n, t)	_IOW('J', n, t)
#define	PKGJAIL_IOWR_(n, t)	_IOWR('J', n, t)
#else
/* NetBSD's encoding written out, so that the numbers are the same everywhere. */
#define	PKGJAIL_IOC_(dir, n, t)						\
	((unsigned long)(dir) | ((unsigned long)sizeof(t) & 0x1fffUL) << 16 | \
	    (unsigned long)'J' << 8 | (unsigned long)(n))
#define	PKGJAIL_IOR_(n, t)	PKGJAIL_IOC_(0x40000000UL, n, t)
#define	PKGJAIL_IOW_(n, t)	PKGJAIL_IOC_(0x80000000UL, n, t)
#define	PKGJAIL_IOWR_(n, t)	PKGJAIL_IOC_(0xc0000000UL, n, t)
#endif

#define	PKGJAIL_ABI		1
#define	PKGJAIL_DEVICE		"/dev/pkgjail"
#define	PKGJAIL_SYSCTL		"security.pkgjail"

#define	PKGJAIL_NAME_SIZE	64	/* with the final NUL */
#define	PKGJAIL_MAX_JAILS	4096
#define	PKGJAIL_MAX_DEVICES	32
#define	PKGJAIL_MAX_PORTS	32
#define	PKGJAIL_MAX_ADDRESSES	16
#define	PKGJAIL_MAX_PROCESSES	1000000
#define	PKGJAIL_MAX_CPU_PERCENT	102400	/* 1024 CPUs */

struct pkgjail_header {
	uint32_t	version;	/* PKGJAIL_ABI */
	uint32_t	size;		/* of the whole structure, in bytes */
};

/*
 * A jail.  An id is never used again until the module is loaded anew, and each
 * load has another generation: a kept reference can only go stale, never hit
 * another jail.  Id 0 is the host.
 */
struct pkgjail_ref {
	uint32_t	id;
	uint32_t	generation;
};

/*
 * What a jail may do beyond the strictest policy; no bit allows mounting,
 * device nodes, chroot, kernel modules, sysctl writes, setting the time, raw
 * disks or anything else that would change the host.
 */
#define	PKGJAIL_ALLOW_RAWSOCK		0x00000001ULL	/* raw sockets: ping */
#define	PKGJAIL_ALLOW_SYSVIPC		0x00000002ULL	/* SysV objects first used here */
#define	PKGJAIL_ALLOW_POSIXIPC		0x00000004ULL	/* named semaphores, message queues */
#define	PKGJAIL_ALLOW_AUTOLOAD		0x00000008ULL	/* kernel may load modules for it */
#define	PKGJAIL_ALLOW_TRACE		0x00000010ULL	/* ptrace and ktrace inside */
#define	PKGJAIL_ALLOW_ANYADDR		0x00000020ULL	/* bind the wildcard address */
#define	PKGJAIL_ALLOW_ANYPORT		0x00000040ULL	/* bind ports nobody claims */
#define	PKGJAIL_ALLOW_RLIMIT_RAISE	0x00000080ULL	/* raise hard limits to the jail's */
#define	PKGJAIL_ALLOW_NETINFO		0x00000100ULL	/* read routes and interfaces */
#define	PKGJAIL_ALLOW_HOST_USERS	0x00000200ULL	/* seen by users of the host */
#define	PKGJAIL_ALLOW_INET		0x00000400ULL	/* Internet sockets at all */
#define	PKGJAIL_ALLOW_ALL		0x000007ffULL

/* A jail without network is one of these without PKGJAIL_ALLOW_INET. */
#define	PKGJAIL_PROFILE_HIGH	PKGJAIL_ALLOW_INET
#define	PKGJAIL_PROFILE_MEDIUM						\
	(PKGJAIL_PROFILE_HIGH | PKGJAIL_ALLOW_SYSVIPC |			\
	    PKGJAIL_ALLOW_TRACE | PKGJAIL_ALLOW_ANYADDR | PKGJAIL_ALLOW_NETINFO)
#define	PKGJAIL_PROFILE_LOW						\
	(PKGJAIL_PROFILE_MEDIUM | PKGJAIL_ALLOW_RAWSOCK |		\
	    PKGJAIL_ALLOW_POSIXIPC | PKGJAIL_ALLOW_ANYPORT |		\
	    PKGJAIL_ALLOW_RLIMIT_RAISE | PKGJAIL_ALLOW_HOST_USERS)

/* A device that processes of the jail may open, by the host's number. */
struct pkgjail_device {
	uint64_t	dev;		/* st_rdev of the host's node */
	uint32_t	type;		/* PKGJAIL_DEV_CHR or _BLK */
	uint32_t	access;		/* PKGJAIL_DEV_READ, _WRITE, _MAJOR */
};
#define	PKGJAIL_DEV_CHR		1
#define	PKGJAIL_DEV_BLK		2
#define	PKGJAIL_DEV_READ	0x1
#define	PKGJAIL_DEV_WRITE	0x2
#define	PKGJAIL_DEV_MAJOR	0x4	/* every minor of this major */

/* Ports that belong to the jail alone, on its addresses; first <= last, not 0. */
struct pkgjail_ports {
	uint16_t	first;
	uint16_t	last;
	uint8_t		protocol;	/* PKGJAIL_PROTO_* */
	uint8_t		reserved[3];
};
#define	PKGJAIL_PROTO_TCP	1
#define	PKGJAIL_PROTO_UDP	2
#define	PKGJAIL_PROTO_ANY	3	/* the two bits above: a mask */

/* An address that the jail may bind; none at all: any address. */
struct pkgjail_address {
	uint8_t		family;		/* PKGJAIL_FAMILY_* */
	uint8_t		reserved[7];
	uint8_t		address[16];	/* network order; IPv4 in the first 4 */
};
#define	PKGJAIL_FAMILY_INET	4
#define	PKGJAIL_FAMILY_INET6	6

/* Per-process limits, set at ENTER.  The numbers are this interface's own. */
#define	PKGJAIL_RLIMIT_CPU	0	/* seconds */
#define	PKGJAIL_RLIMIT_FSIZE	1	/* bytes */
#define	PKGJAIL_RLIMIT_DATA	2	/* bytes */
#define	PKGJAIL_RLIMIT_STACK	3	/* bytes */
#define	PKGJAIL_RLIMIT_CORE	4	/* bytes */
#define	PKGJAIL_RLIMIT_RSS	5	/* bytes */
#define	PKGJAIL_RLIMIT_MEMLOCK	6	/* bytes */
#define	PKGJAIL_RLIMIT_NPROC	7
#define	PKGJAIL_RLIMIT_NOFILE	8
#define	PKGJAIL_RLIMIT_SBSIZE	9	/* bytes */
#define	PKGJAIL_RLIMIT_AS	10	/* bytes */
#define	PKGJAIL_RLIMIT_NTHR	11
#define	PKGJAIL_NRLIMIT		12
#define	PKGJAIL_RLIMIT_INFINITY	UINT64_MAX

/* Limits of a jail as a whole; 0 is "no limit". */
struct pkgjail_limits {
	uint64_t	memory_bytes;	/* resident, sampled */
	uint32_t	processes;	/* exact, at fork */
	uint32_t	threads;	/* sampled */
	uint32_t	cpu_percent;	/* of one CPU: 250 is two and a half */
	uint32_t	rlimit_mask;	/* bit n: rlimit[n] is set at ENTER */
	uint64_t	rlimit[PKGJAIL_NRLIMIT]; /* soft and hard */
	uint64_t	reserved[4];
};

struct pkgjail_version {
	struct pkgjail_header header;
	uint32_t	abi;		/* the module's PKGJAIL_ABI */
	uint32_t	generation;	/* of this load */
	uint32_t	jails;		/* present now */
	uint32_t	period_ms;	/* sampling period under load */
	uint32_t	idle_period_ms;	/* and otherwise */
	uint32_t	reserved[9];
};

struct pkgjail_create {
	struct pkgjail_header header;
	struct pkgjail_ref ref;		/* out */
	char		name[PKGJAIL_NAME_SIZE];
	int32_t		root;		/* descriptor of the root directory */
	uint32_t	flags;		/* 0 */
	uint64_t	policy;		/* PKGJAIL_ALLOW_* */
	uint32_t	ndevices;
	uint32_t	nports;
	uint32_t	naddresses;
	uint32_t	pad;		/* 0 */
	struct pkgjail_limits limits;
	struct pkgjail_device devices[PKGJAIL_MAX_DEVICES];
	struct pkgjail_ports ports[PKGJAIL_MAX_PORTS];
	struct pkgjail_address addresses[PKGJAIL_MAX_ADDRESSES];
	uint64_t	reserved[8];
};

struct pkgjail_setlimits {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	struct pkgjail_limits limits;	/* replaces all; rlimits hold for later ENTERs */
	uint64_t	reserved[4];
};

struct pkgjail_setpolicy {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	uint64_t	policy;		/* only bits that are set already while occupied */
	uint64_t	reserved[4];
};

struct pkgjail_enter {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	uint64_t	keep;		/* bit n: descriptor n may stay open, n < 64 */
	uint64_t	reserved[4];
};

/* STAT of one jail, and an element of LIST. */
#define	PKGJAIL_NDENIALS	96

struct pkgjail_stat {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	char		name[PKGJAIL_NAME_SIZE];
	uint64_t	snapshot;	/* number of the measurement; equal in one LIST */
	uint64_t	policy;
	struct pkgjail_limits limits;
	uint32_t	state;		/* PKGJAIL_STATE_* */
	uint32_t	flags;		/* PKGJAIL_IS_* */
	uint32_t	processes;	/* with slots reserved by a fork under way */
	uint32_t	processes_peak;
	uint32_t	threads;
	uint32_t	files;		/* upper estimate of open descriptors */
	uint64_t	age_us;		/* since CREATE */
	uint64_t	cpu_us;		/* used by living and ended processes */
	uint64_t	memory_bytes;	/* resident; a shared page counts in each process */
	uint64_t	memory_peak_bytes;
	uint64_t	blocks_in;	/* file system input operations of living and ended processes */
	uint64_t	blocks_out;
	uint64_t	forks;		/* processes ever made inside */
	uint64_t	forks_refused;	/* by the limit on processes or threads */
	uint64_t	cpu_throttles;	/* periods spent suspended for CPU */
	uint64_t	memory_throttles; /* and for memory */
	uint64_t	memory_kills;
	uint64_t	thread_kills;
	uint64_t	reserved[8];
	uint64_t	denials[PKGJAIL_NDENIALS]; /* index: PKGJAIL_ACTIONS below */
};
#define	PKGJAIL_STATE_LIVE	1
#define	PKGJAIL_STATE_ENDING	2	/* nothing enters or forks; all are killed */
#define	PKGJAIL_IS_PAUSED	0x1
#define	PKGJAIL_IS_CPU_THROTTLED 0x2
#define	PKGJAIL_IS_MEM_THROTTLED 0x4

struct pkgjail_statreq {
	struct pkgjail_header header;
	struct pkgjail_stat stat;	/* in: stat.ref; out: all of it */
};

struct pkgjail_list {
	struct pkgjail_header header;
	uint64_t	buffer;		/* address of struct pkgjail_stat[capacity] */
	uint32_t	capacity;
	uint32_t	count;		/* out: jails there are; filled: the lesser */
	uint64_t	snapshot;	/* out */
	uint64_t	reserved[4];
};

/* The processes inside, latest first; none that is about to exist or has ended. */
struct pkgjail_members {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	uint64_t	buffer;		/* address of int32_t[capacity] */
	uint32_t	capacity;	/* at most PKGJAIL_MAX_MEMBERS */
	uint32_t	count;		/* out: members there are; filled: the lesser */
	uint64_t	reserved[2];
};
#define	PKGJAIL_MAX_MEMBERS	65536

struct pkgjail_signal {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	int32_t		signo;		/* NetBSD's number; 0 only counts */
	uint32_t	flags;		/* PKGJAIL_SIGNAL_* */
	uint32_t	count;		/* out: processes signalled */
	uint32_t	pad;
	uint64_t	reserved[2];
};
#define	PKGJAIL_SIGNAL_END	0x1	/* with SIGKILL: for good, until empty */

struct pkgjail_pause {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	uint32_t	on;		/* 1: pause, 0: resume */
	uint32_t	pad;
	uint64_t	reserved[2];
};

struct pkgjail_destroy {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	uint64_t	reserved[2];
};

struct pkgjail_getid {
	struct pkgjail_header header;
	struct pkgjail_ref ref;		/* out: id 0 on the host */
	uint64_t	reserved[2];
};

/* Waits until something happened that no WAIT of this jail has reported yet. */
struct pkgjail_wait {
	struct pkgjail_header header;
	struct pkgjail_ref ref;
	uint32_t	timeout_ms;	/* 0: do not wait; at most PKGJAIL_MAX_WAIT_MS */
	uint32_t	events;		/* out: PKGJAIL_EVENT_*; 0: timed out */
	uint32_t	processes;	/* out */
	uint32_t	pad;
	uint64_t	reserved[2];
};
#define	PKGJAIL_MAX_WAIT_MS	3600000
#define	PKGJAIL_EVENT_EMPTY	0x1	/* the last process has gone */
#define	PKGJAIL_EVENT_FORK	0x2	/* a fork was refused */
#define	PKGJAIL_EVENT_CPU	0x4	/* throttled */
#define	PKGJAIL_EVENT_MEMORY	0x8	/* throttled */
#define	PKGJAIL_EVENT_KILL	0x10	/* a process was killed for memory or threads */

#define	PKGJAIL_IOC_VERSION	PKGJAIL_IOWR_(1, struct pkgjail_version)
#define	PKGJAIL_IOC_CREATE	PKGJAIL_IOWR_(2, struct pkgjail_create)
#define	PKGJAIL_IOC_SETLIMITS	PKGJAIL_IOW_(3, struct pkgjail_setlimits)
#define	PKGJAIL_IOC_SETPOLICY	PKGJAIL_IOW_(4, struct pkgjail_setpolicy)
#define	PKGJAIL_IOC_ENTER	PKGJAIL_IOW_(5, struct pkgjail_enter)
#define	PKGJAIL_IOC_LIST	PKGJAIL_IOWR_(6, struct pkgjail_list)
#define	PKGJAIL_IOC_STAT	PKGJAIL_IOWR_(7, struct pkgjail_statreq)
#define	PKGJAIL_IOC_SIGNAL	PKGJAIL_IOWR_(8, struct pkgjail_signal)
#define	PKGJAIL_IOC_PAUSE	PKGJAIL_IOW_(9, struct pkgjail_pause)
#define	PKGJAIL_IOC_DESTROY	PKGJAIL_IOW_(10, struct pkgjail_destroy)
#define	PKGJAIL_IOC_GETID	PKGJAIL_IOWR_(11, struct pkgjail_getid)
#define	PKGJAIL_IOC_WAIT	PKGJAIL_IOWR_(12, struct pkgjail_wait)
#define	PKGJAIL_IOC_MEMBERS	PKGJAIL_IOWR_(13, struct pkgjail_members)

/*
 * What is counted in pkgjail_stat.denials, in the order of its index: one
 * entry for each kauth(9) action that the policy knows, and one for "any
 * other" in each scope.  New entries go to the end.
 */
#define	PKGJAIL_ACTIONS(X)						\
	X(GENERIC_OTHER, "generic other")				\
	X(PROCESS_CANSEE, "process cansee")				\
	X(PROCESS_CORENAME, "process corename")				\
	X(PROCESS_FORK, "process fork")					\
	X(PROCESS_KEVENT_FILTER, "process kevent-filter")		\
	X(PROCESS_KTRACE, "process ktrace")				\
	X(PROCESS_NICE, "process nice")					\
	X(PROCESS_PROCFS, "process procfs")				\
	X(PROCESS_PTRACE, "process ptrace")				\
	X(PROCESS_RLIMIT, "process rlimit")				\
	X(PROCESS_GETAFFINITY, "process get-affinity")			\
	X(PROCESS_SETAFFINITY, "process set-affinity")			\
	X(PROCESS_GETPARAM, "process get-scheduler")			\
	X(PROCESS_SETPARAM, "process set-scheduler")			\
	X(PROCESS_SIGNAL, "process signal")				\
	X(PROCESS_STOPFLAG, "process stopflag")				\
	X(PROCESS_OTHER, "process other")				\
	X(SYSTEM_ACCOUNTING, "system accounting")			\
	X(SYSTEM_CHROOT, "system chroot")				\
	X(SYSTEM_CPU, "system cpu")					\
	X(SYSTEM_FILEHANDLE, "system filehandle")			\
	X(SYSTEM_MKNOD, "system mknod")					\
	X(SYSTEM_MOUNT, "system mount")					\
	X(SYSTEM_PSET, "system pset")					\
	X(SYSTEM_REBOOT, "system reboot")				\
	X(SYSTEM_SWAPCTL, "system swapctl")				\
	X(SYSTEM_SYSCTL, "system sysctl")				\
	X(SYSTEM_TIME, "system time")					\
	X(SYSTEM_MODULE, "system module")				\
	X(SYSTEM_FS_RESERVEDSPACE, "system fs-reserved-space")		\
	X(SYSTEM_FS_QUOTA, "system fs-quota")				\
	X(SYSTEM_FS_EXTATTR, "system fs-extattr")			\
	X(SYSTEM_FS_SNAPSHOT, "system fs-snapshot")			\
	X(SYSTEM_SEMAPHORE, "system semaphore")				\
	X(SYSTEM_SYSVIPC, "system sysvipc")				\
	X(SYSTEM_MQUEUE, "system mqueue")				\
	X(SYSTEM_VERIEXEC, "system veriexec")				\
	X(SYSTEM_OTHER, "system other")					\
	X(NETWORK_BIND, "network bind")					\
	X(NETWORK_SOCKET_OPEN, "network socket-open")			\
	X(NETWORK_SOCKET_RAW, "network socket-raw")			\
	X(NETWORK_SOCKET_SEE, "network socket-see")			\
	X(NETWORK_SOCKET, "network socket")				\
	X(NETWORK_INTERFACE, "network interface")			\
	X(NETWORK_FIREWALL, "network firewall")				\
	X(NETWORK_ROUTE, "network route")				\
	X(NETWORK_OTHER, "network other")				\
	X(DEVICE_RAWIO_SPEC, "device open")				\
	X(DEVICE_RAWIO_PASSTHRU, "device passthru")			\
	X(DEVICE_TTY, "device tty")					\
	X(DEVICE_OTHER, "device other")					\
	X(MACHDEP_OTHER, "machdep other")				\
	X(HOST_USER, "user of the host on a process inside")

enum pkgjail_denial {
#define	PKGJAIL_X_(name, text)	PKGJAIL_DENIAL_##name,
	PKGJAIL_ACTIONS(PKGJAIL_X_)
#undef PKGJAIL_X_
	PKGJAIL_DENIAL_COUNT
};

#endif /* !_PKGJAIL_IOCTL_H_ */
