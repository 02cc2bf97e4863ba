/* Stand-in for <sys/kauth.h>, for compiling only; see README.md.  kauth(9). */

#ifndef _STANDIN_SYS_KAUTH_H_
#define	_STANDIN_SYS_KAUTH_H_

#include <sys/types.h>
#include <secmodel/secmodel.h>

struct cwdinfo;
struct proc;
struct tty;
struct vnode;

typedef struct kauth_scope	*kauth_scope_t;
typedef struct kauth_listener	*kauth_listener_t;
typedef struct kauth_key	*kauth_key_t;
typedef uint64_t		kauth_action_t;
typedef int (*kauth_scope_callback_t)(kauth_cred_t, kauth_action_t, void *,
    void *, void *, void *, void *);

#define	KAUTH_RESULT_ALLOW	0
#define	KAUTH_RESULT_DENY	1
#define	KAUTH_RESULT_DEFER	2

#define	KAUTH_SCOPE_GENERIC	"org.netbsd.kauth.generic"
#define	KAUTH_SCOPE_SYSTEM	"org.netbsd.kauth.system"
#define	KAUTH_SCOPE_PROCESS	"org.netbsd.kauth.process"
#define	KAUTH_SCOPE_NETWORK	"org.netbsd.kauth.network"
#define	KAUTH_SCOPE_MACHDEP	"org.netbsd.kauth.machdep"
#define	KAUTH_SCOPE_DEVICE	"org.netbsd.kauth.device"
#define	KAUTH_SCOPE_CRED	"org.netbsd.kauth.cred"
#define	KAUTH_SCOPE_VNODE	"org.netbsd.kauth.vnode"

#define	NOCRED	((kauth_cred_t)-1)
#define	FSCRED	((kauth_cred_t)-2)

/* The names that the module uses; the numbers are not the kernel's. */
enum {
	KAUTH_GENERIC_ISSUSER = 2
};
enum {
	KAUTH_PROCESS_CANSEE = 1, KAUTH_PROCESS_CORENAME, KAUTH_PROCESS_FORK,
	KAUTH_PROCESS_KEVENT_FILTER, KAUTH_PROCESS_KTRACE, KAUTH_PROCESS_NICE,
	KAUTH_PROCESS_PROCFS, KAUTH_PROCESS_PTRACE, KAUTH_PROCESS_RLIMIT,
	KAUTH_PROCESS_SCHEDULER_GETAFFINITY,
	KAUTH_PROCESS_SCHEDULER_SETAFFINITY,
	KAUTH_PROCESS_SCHEDULER_GETPARAM, KAUTH_PROCESS_SCHEDULER_SETPARAM,
	KAUTH_PROCESS_SETID, KAUTH_PROCESS_SIGNAL, KAUTH_PROCESS_STOPFLAG
};
enum {
	KAUTH_REQ_PROCESS_CORENAME_GET = 1, KAUTH_REQ_PROCESS_CORENAME_SET,
	KAUTH_REQ_PROCESS_KTRACE_PERSISTENT, KAUTH_REQ_PROCESS_RLIMIT_GET,
	KAUTH_REQ_PROCESS_RLIMIT_SET, KAUTH_REQ_PROCESS_RLIMIT_BYPASS,
	KAUTH_REQ_PROCESS_CANSEE_KPTR
};
enum {
	KAUTH_SYSTEM_ACCOUNTING = 1, KAUTH_SYSTEM_CHROOT, KAUTH_SYSTEM_CPU,
	KAUTH_SYSTEM_FILEHANDLE, KAUTH_SYSTEM_MKNOD, KAUTH_SYSTEM_MOUNT,
	KAUTH_SYSTEM_PSET, KAUTH_SYSTEM_REBOOT, KAUTH_SYSTEM_SWAPCTL,
	KAUTH_SYSTEM_SYSCTL, KAUTH_SYSTEM_TIME, KAUTH_SYSTEM_MODULE,
	KAUTH_SYSTEM_FS_RESERVEDSPACE, KAUTH_SYSTEM_FS_QUOTA,
	KAUTH_SYSTEM_SEMAPHORE, KAUTH_SYSTEM_SYSVIPC, KAUTH_SYSTEM_MQUEUE,
	KAUTH_SYSTEM_VERIEXEC, KAUTH_SYSTEM_FS_EXTATTR,
	KAUTH_SYSTEM_FS_SNAPSHOT
};
enum {
	KAUTH_REQ_SYSTEM_MOUNT_GET = 1, KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS
};
enum {
	KAUTH_NETWORK_BIND = 1, KAUTH_NETWORK_FIREWALL,
	KAUTH_NETWORK_INTERFACE, KAUTH_NETWORK_ROUTE, KAUTH_NETWORK_SOCKET
};
enum {
	KAUTH_REQ_NETWORK_BIND_PORT = 1, KAUTH_REQ_NETWORK_BIND_PRIVPORT,
	KAUTH_REQ_NETWORK_INTERFACE_GET, KAUTH_REQ_NETWORK_SOCKET_OPEN,
	KAUTH_REQ_NETWORK_SOCKET_RAWSOCK, KAUTH_REQ_NETWORK_SOCKET_CANSEE,
	KAUTH_REQ_NETWORK_SOCKET_DROP
};
enum {
	KAUTH_DEVICE_TTY_OPEN = 1, KAUTH_DEVICE_TTY_PRIVSET,
	KAUTH_DEVICE_TTY_STI, KAUTH_DEVICE_RAWIO_SPEC,
	KAUTH_DEVICE_RAWIO_PASSTHRU, KAUTH_DEVICE_RND_ADDDATA,
	KAUTH_DEVICE_TTY_VIRTUAL
};
enum {
	KAUTH_REQ_DEVICE_RAWIO_SPEC_READ = 1,
	KAUTH_REQ_DEVICE_RAWIO_SPEC_WRITE, KAUTH_REQ_DEVICE_RAWIO_SPEC_RW
};
enum {
	KAUTH_CRED_INIT = 1, KAUTH_CRED_FORK, KAUTH_CRED_COPY,
	KAUTH_CRED_FREE, KAUTH_CRED_CHROOT
};

kauth_listener_t kauth_listen_scope(const char *, kauth_scope_callback_t,
    void *);
void	kauth_unlisten_scope(kauth_listener_t);
kauth_cred_t kauth_cred_alloc(void);
void	kauth_cred_free(kauth_cred_t);
void	kauth_cred_clone(kauth_cred_t, kauth_cred_t);
uid_t	kauth_cred_geteuid(kauth_cred_t);
int	kauth_register_key(secmodel_t, kauth_key_t *);
int	kauth_deregister_key(kauth_key_t);
void	kauth_cred_setdata(kauth_cred_t, kauth_key_t, void *);
void	*kauth_cred_getdata(kauth_cred_t, kauth_key_t);

#endif
