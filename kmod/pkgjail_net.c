/*
 * Which addresses and ports a process inside may bind, and which ports belong
 * to a jail alone.
 *
 * A count of claims for each port answers the common case, a port that nobody
 * claims, at once and for any number of jails.
 */

#include <sys/cdefs.h>
__KERNEL_RCSID(0, "pkgjail_net.c");

#include "pkgjail_var.h"

#include <sys/errno.h>
#include <sys/kmem.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/systm.h>

#include <netinet/in.h>

#define	PJ_NPORTS	65536

static uint16_t *pj_claims;	/* pj_lock: claims of each port */

/*
 * What a socket wants to bind.
 *
 * When the kernel picks a port itself, for bind(2) with port 0 and for
 * connect(2) and listen(2) on an unbound socket, it first asks for port 0 and
 * then for each candidate.  For a candidate (portalgo.c) the length and family of
 * the address may be whatever was on the stack, and the port is in the order of
 * the host.  An explicit bind cannot look like the first, because the protocols
 * check length and family before they ask; of the second one cannot be sure.
 */
struct pj_endpoint {
	bool		e_candidate;	/* not a valid address: the kernel's own */
	uint16_t	e_raw;		/* the port, taken as in host order */
	uint16_t	e_port;
	uint8_t		e_protocol;	/* mask of PKGJAIL_PROTO_* */
	uint8_t		e_family;	/* PKGJAIL_FAMILY_* */
	bool		e_any;		/* the wildcard address */
	uint8_t		e_address[16];
};

void
pj_net_init(void)
{

	pj_claims = kmem_zalloc(PJ_NPORTS * sizeof(*pj_claims), KM_SLEEP);
}

void
pj_net_fini(void)
{

	kmem_free(pj_claims, PJ_NPORTS * sizeof(*pj_claims));
	pj_claims = NULL;
}

static bool
pj_ranges_overlap(const struct pkgjail_ports *a, const struct pkgjail_ports *b)
{

	return (a->protocol & b->protocol) != 0 && a->first <= b->last &&
	    b->first <= a->last;
}

static bool
pj_address_valid(const struct pkgjail_address *a)
{
	static const uint8_t mapped[12] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
	};
	size_t size;

	if (a->family == PKGJAIL_FAMILY_INET)
		size = 4;
	else if (a->family == PKGJAIL_FAMILY_INET6)
		size = 16;
	else
		return false;
	/* The wildcard is a bit of the policy; a mapped address is an IPv4 one. */
	return pj_iszero(a->reserved, sizeof(a->reserved)) &&
	    pj_iszero(a->address + size, sizeof(a->address) - size) &&
	    !pj_iszero(a->address, size) &&
	    (size == 4 || memcmp(a->address, mapped, sizeof(mapped)) != 0);
}

/* The form of the ports and addresses of a request. */
bool
pj_ports_valid(const struct pkgjail_create *req)
{
	u_int i, k;

	if (req->nports > PKGJAIL_MAX_PORTS ||
	    req->naddresses > PKGJAIL_MAX_ADDRESSES)
		return false;
	for (i = 0; i < req->nports; i++) {
		const struct pkgjail_ports *r = &req->ports[i];

		if (r->first == 0 || r->first > r->last ||
		    r->protocol == 0 || r->protocol > PKGJAIL_PROTO_ANY ||
		    !pj_iszero(r->reserved, sizeof(r->reserved)))
			return false;
		for (k = 0; k < i; k++) {
			if (pj_ranges_overlap(&req->ports[k], r))
				return false;
		}
	}
	if (!pj_iszero(&req->ports[i],
	    (PKGJAIL_MAX_PORTS - i) * sizeof(req->ports[0])))
		return false;
	for (i = 0; i < req->naddresses; i++) {
		if (!pj_address_valid(&req->addresses[i]))
			return false;
	}
	return pj_iszero(&req->addresses[i],
	    (PKGJAIL_MAX_ADDRESSES - i) * sizeof(req->addresses[0]));
}

static bool
pj_has_address(const struct pj_jail *j, uint8_t family, const uint8_t *address)
{
	u_int i;

	if (j->j_naddresses == 0)
		return true;
	for (i = 0; i < j->j_naddresses; i++) {
		if (j->j_addresses[i].family == family &&
		    memcmp(j->j_addresses[i].address, address, 16) == 0)
			return true;
	}
	return false;
}

static bool
pj_addresses_meet(const struct pj_jail *a, const struct pj_jail *b)
{
	u_int i;

	if (a->j_naddresses == 0)
		return true;
	for (i = 0; i < a->j_naddresses; i++) {
		if (pj_has_address(b, a->j_addresses[i].family,
		    a->j_addresses[i].address))
			return true;
	}
	return false;
}

static void
pj_claims_add(const struct pj_jail *j, int delta)
{
	u_int i, port;

	for (i = 0; i < j->j_nports; i++) {
		for (port = j->j_ports[i].first; port <= j->j_ports[i].last;
		    port++)
			pj_claims[port] = (uint16_t)(pj_claims[port] + delta);
	}
}

/*
 * Takes the ports of a new jail, or EADDRINUSE if one of them belongs to
 * another jail on a common address.  pj_lock is held.
 */
int
pj_claim(struct pj_jail *j)
{
	struct pj_jail *other;
	u_int i, k;

	KASSERT(mutex_owned(&pj_lock));
	LIST_FOREACH(other, &pj_jails, j_list) {
		if (!pj_addresses_meet(j, other))
			continue;
		for (i = 0; i < j->j_nports; i++) {
			for (k = 0; k < other->j_nports; k++) {
				if (pj_ranges_overlap(&j->j_ports[i],
				    &other->j_ports[k]))
					return EADDRINUSE;
			}
		}
	}
	pj_claims_add(j, 1);
	return 0;
}

void
pj_unclaim(struct pj_jail *j)
{

	KASSERT(mutex_owned(&pj_lock));
	pj_claims_add(j, -1);
}

/* False where there is no address at all. */
static bool
pj_endpoint(struct socket *so, struct sockaddr *sa, struct pj_endpoint *e)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;

	memset(e, 0, sizeof(*e));
	if (sa == NULL)
		return false;
	e->e_protocol = PKGJAIL_PROTO_ANY;
	if (so != NULL && so->so_type == SOCK_STREAM)
		e->e_protocol = PKGJAIL_PROTO_TCP;
	else if (so != NULL && so->so_type == SOCK_DGRAM)
		e->e_protocol = PKGJAIL_PROTO_UDP;
	/* The port is at the same place in both families. */
	e->e_raw = sin->sin_port;
	e->e_port = ntohs(sin->sin_port);
	if (sa->sa_family == AF_INET && sa->sa_len == sizeof(*sin)) {
		e->e_family = PKGJAIL_FAMILY_INET;
		memcpy(e->e_address, &sin->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6 && sa->sa_len == sizeof(*sin6)) {
		if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
			e->e_family = PKGJAIL_FAMILY_INET;
			memcpy(e->e_address, &sin6->sin6_addr.s6_addr[12], 4);
		} else {
			e->e_family = PKGJAIL_FAMILY_INET6;
			memcpy(e->e_address, &sin6->sin6_addr, 16);
		}
	} else
		e->e_candidate = true;
	/* A candidate's address was judged with port 0; any, to be careful. */
	e->e_any = pj_iszero(e->e_address, sizeof(e->e_address));
	return true;
}

/* The jail has claimed a port for this protocol. */
static bool
pj_claims_port(const struct pj_jail *j, const struct pj_endpoint *e,
    uint16_t port)
{
	u_int i;

	for (i = 0; i < j->j_nports; i++) {
		if ((j->j_ports[i].protocol & e->e_protocol) != 0 &&
		    j->j_ports[i].first <= port && port <= j->j_ports[i].last)
			return true;
	}
	return false;
}

/* A jail other than the given one owns a port on this address. */
static bool
pj_owned_by_other(const struct pj_jail *j, const struct pj_endpoint *e,
    uint16_t port)
{
	struct pj_jail *other;
	bool mine;

	mine = j != NULL && pj_claims_port(j, e, port);
	if (pj_claims[port] == (mine ? 1 : 0))
		return false;
	LIST_FOREACH(other, &pj_jails, j_list) {
		if (other != j && pj_claims_port(other, e, port) &&
		    (e->e_any ||
		    pj_has_address(other, e->e_family, e->e_address)))
			return true;
	}
	return false;
}

/*
 * The kernel may have picked this port itself: a candidate, or a valid address
 * whose port lies in the anonymous range in one order or the other.  A refusal
 * makes the kernel try the next one.  An explicit bind of an unclaimed port that
 * only looks like a candidate passes too; it takes nothing from anybody.
 */
static bool
pj_maybe_picked(const struct pj_jail *j, const struct pj_endpoint *e)
{

	if (!e->e_candidate && e->e_port < IPPORT_ANONMIN &&
	    (e->e_raw < IPPORT_ANONMIN || e->e_port < IPPORT_RESERVED))
		return false;
	return !pj_owned_by_other(j, e, e->e_raw);
}

/* A bind by a process inside.  pj_lock is held. */
bool
pj_bind_allowed(struct pj_jail *j, bool low, struct socket *so,
    struct sockaddr *sa)
{
	struct pj_endpoint e;
	bool picked;

	KASSERT(mutex_owned(&pj_lock));
	if (!pj_endpoint(so, sa, &e))
		return false;
	if (!e.e_candidate && !e.e_any &&
	    !pj_has_address(j, e.e_family, e.e_address))
		return false;
	if (!e.e_candidate && e.e_port == 0)
		return true;
	if (pj_owned_by_other(j, &e, e.e_port))
		return false;
	picked = !low && pj_maybe_picked(j, &e);
	if (e.e_any && !e.e_candidate && !picked && j->j_naddresses != 0 &&
	    (j->j_policy & PKGJAIL_ALLOW_ANYADDR) == 0)
		return false;
	if (picked || pj_claims_port(j, &e, e.e_port))
		return true;
	return e.e_port >= IPPORT_RESERVED &&
	    (j->j_policy & PKGJAIL_ALLOW_ANYPORT) != 0;
}

/* A bind by a process of the host that would take a jail's port. */
bool
pj_bind_reserved(struct socket *so, struct sockaddr *sa)
{
	struct pj_endpoint e;

	KASSERT(mutex_owned(&pj_lock));
	if (!pj_endpoint(so, sa, &e))
		return false;
	if (e.e_candidate && pj_owned_by_other(NULL, &e, e.e_raw))
		return true;
	return e.e_port != 0 && pj_owned_by_other(NULL, &e, e.e_port);
}
