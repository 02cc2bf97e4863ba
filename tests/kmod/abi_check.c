/*
 * The layout of the control interface, for every compiler that reads its
 * header: nothing may depend on the size of a pointer or on how a machine aligns
 * 64-bit numbers.  Compiled only.
 */

#include "../../kmod/pkgjail_ioctl.h"

#include <stddef.h>

#ifdef __cplusplus
#define	CHECK(e)	static_assert(e, #e)
#else
#define	CHECK_2(e, l)	typedef char check_##l[(e) ? 1 : -1] __attribute__((unused))
#define	CHECK_1(e, l)	CHECK_2(e, l)
#define	CHECK(e)	CHECK_1(e, __LINE__)
#endif

CHECK(sizeof(struct pkgjail_header) == 8);
CHECK(sizeof(struct pkgjail_ref) == 8);
CHECK(sizeof(struct pkgjail_device) == 16);
CHECK(sizeof(struct pkgjail_ports) == 8);
CHECK(sizeof(struct pkgjail_address) == 24);
CHECK(sizeof(struct pkgjail_limits) == 152);
CHECK(sizeof(struct pkgjail_version) == 64);
CHECK(sizeof(struct pkgjail_create) == 1480);
CHECK(sizeof(struct pkgjail_setlimits) == 200);
CHECK(sizeof(struct pkgjail_setpolicy) == 56);
CHECK(sizeof(struct pkgjail_enter) == 56);
CHECK(sizeof(struct pkgjail_stat) == 1200);
CHECK(sizeof(struct pkgjail_statreq) == 1208);
CHECK(sizeof(struct pkgjail_list) == 64);
CHECK(sizeof(struct pkgjail_signal) == 48);
CHECK(sizeof(struct pkgjail_pause) == 40);
CHECK(sizeof(struct pkgjail_destroy) == 32);
CHECK(sizeof(struct pkgjail_getid) == 32);
CHECK(sizeof(struct pkgjail_wait) == 48);
CHECK(sizeof(struct pkgjail_members) == 48);

CHECK(offsetof(struct pkgjail_create, policy) == 88);
CHECK(offsetof(struct pkgjail_create, limits) == 112);
CHECK(offsetof(struct pkgjail_create, reserved) == 1416);
CHECK(offsetof(struct pkgjail_limits, rlimit) == 24);
CHECK(offsetof(struct pkgjail_stat, snapshot) == 80);
CHECK(offsetof(struct pkgjail_stat, limits) == 96);
CHECK(offsetof(struct pkgjail_stat, age_us) == 272);
CHECK(offsetof(struct pkgjail_stat, denials) == 432);

/* What the system takes as the argument of a request at most: one page. */
CHECK(sizeof(struct pkgjail_create) <= 4096);
CHECK(sizeof(struct pkgjail_statreq) <= 4096);
CHECK(PKGJAIL_DENIAL_COUNT <= PKGJAIL_NDENIALS);

/* The numbers as NetBSD encodes them. */
CHECK(PKGJAIL_IOC_VERSION == 0xc0404a01UL);
CHECK(PKGJAIL_IOC_CREATE == 0xc5c84a02UL);
CHECK(PKGJAIL_IOC_ENTER == 0x80384a05UL);
CHECK(PKGJAIL_IOC_STAT == 0xc4b84a07UL);
CHECK(PKGJAIL_IOC_GETID == 0xc0204a0bUL);
