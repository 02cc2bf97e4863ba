/*
 * kauth(9): all listeners of a scope are asked; one DENY denies, else one ALLOW
 * allows, else the request is denied because a model is registered.  Credentials
 * with reference counts, their events and their data.  A stand-in for the models
 * that a kernel has built in comes first in each scope.
 */

#include "fake_internal.h"

#define	FK_LISTENERS	8

struct fk_listener {
	struct fk_scope	*scope;
	kauth_scope_callback_t callback;
	void		*cookie;
	bool		builtin, used;
};
struct fk_scope {
	const char	*id;
	struct fk_listener listeners[FK_LISTENERS];
};
struct fk_domain {
	kmutex_t	lock;
	const char	*class;
	bool		used[FK_KEYS];
	specificdata_dtor_t dtor[FK_KEYS];
	LIST_HEAD(, specificdata_reference) references;
};
struct fk_credkey { specificdata_key_t key; };
struct fk_secmodel {
	const char	*id;
	secmodel_eval_t	eval;
	bool		used;
};

static struct fk_scope fk_scopes[] = {
	{ .id = KAUTH_SCOPE_GENERIC }, { .id = KAUTH_SCOPE_SYSTEM },
	{ .id = KAUTH_SCOPE_PROCESS }, { .id = KAUTH_SCOPE_NETWORK },
	{ .id = KAUTH_SCOPE_MACHDEP }, { .id = KAUTH_SCOPE_DEVICE },
	{ .id = KAUTH_SCOPE_CRED }, { .id = KAUTH_SCOPE_VNODE },
};
static struct fk_domain fk_kauth_domain_s, fk_proc_domain_s, fk_lwp_domain_s;
static struct fk_domain *fk_kauth_domain = &fk_kauth_domain_s;
struct fk_domain *fk_proc_domain = &fk_proc_domain_s;
struct fk_domain *fk_lwp_domain = &fk_lwp_domain_s;
static struct fk_secmodel fk_secmodels[4];
static u_int	fk_ncreds;		/* atomic */
static _Thread_local int fk_verdict;	/* what loaded listeners said last */

/* specificdata(9) */

static void
fk_noop(void *data)
{
}

static void
fk_domain_init(struct fk_domain *d, const char *class)
{
	memset(d, 0, sizeof(*d));
	d->class = class;
	fk_mutex_init(&d->lock, class, false);
	LIST_INIT(&d->references);
}

void
fk_specific_init(struct fk_domain *d, specificdata_reference *r)
{
	memset(r, 0, sizeof(*r));
	fk_mutex_init(&r->sr_lock, d == fk_kauth_domain ? "cred data" :
	    d == fk_proc_domain ? "proc data" : "lwp data", false);
	r->sr_alive = true;
	mutex_enter(&d->lock);
	LIST_INSERT_HEAD(&d->references, r, sr_list);
	mutex_exit(&d->lock);
}

/* As the kernel does: the lock goes first, then destructors under the domain's. */
void
fk_specific_fini(struct fk_domain *d, specificdata_reference *r)
{
	specificdata_key_t k;
	void *data;

	mutex_enter(&r->sr_lock);
	r->sr_alive = false;
	mutex_exit(&r->sr_lock);
	mutex_destroy(&r->sr_lock);
	mutex_enter(&d->lock);
	LIST_REMOVE(r, sr_list);
	for (k = 0; k < FK_KEYS; k++) {
		data = r->sr_data[k];
		r->sr_data[k] = NULL;
		if (data != NULL) {
			if (!d->used[k])
				FK_FAIL("data of a deleted key");
			d->dtor[k](data);
		}
	}
	mutex_exit(&d->lock);
}

void *
fk_specific_get(specificdata_reference *r, specificdata_key_t key)
{
	void *data;

	if (!r->sr_alive)
		FK_FAIL("specific data of something that has gone");
	mutex_enter(&r->sr_lock);
	data = r->sr_data[key];
	mutex_exit(&r->sr_lock);
	return data;
}

void
fk_specific_set(struct fk_domain *d, specificdata_reference *r,
    specificdata_key_t key, void *data)
{
	if (!r->sr_alive)
		FK_FAIL("specific data of something that has gone");
	if (key >= FK_KEYS || !d->used[key])
		FK_FAIL("specific data with a key that is not");
	/* It may have to grow, under the domain's lock. */
	mutex_enter(&d->lock);
	mutex_enter(&r->sr_lock);
	r->sr_data[key] = data;
	mutex_exit(&r->sr_lock);
	mutex_exit(&d->lock);
}

int
fk_specific_key(struct fk_domain *d, specificdata_key_t *keyp,
    specificdata_dtor_t dtor)
{
	specificdata_key_t k;

	fk_may_sleep("a key is created");
	mutex_enter(&d->lock);
	for (k = 0; k < FK_KEYS && d->used[k]; k++)
		;
	if (k == FK_KEYS)
		FK_FAIL("no more keys");
	d->used[k] = true;
	d->dtor[k] = dtor != NULL ? dtor : fk_noop;
	mutex_exit(&d->lock);
	*keyp = k;
	return 0;
}

void
fk_specific_key_delete(struct fk_domain *d, specificdata_key_t key)
{
	specificdata_reference *r;
	void *data;

	mutex_enter(&d->lock);
	if (!d->used[key])
		FK_FAIL("a key is deleted twice");
	LIST_FOREACH(r, &d->references, sr_list) {
		data = r->sr_data[key];
		r->sr_data[key] = NULL;
		if (data != NULL)
			d->dtor[key](data);
	}
	d->used[key] = false;
	mutex_exit(&d->lock);
}

/* Scopes */

static struct fk_scope *
fk_scope(const char *id)
{
	size_t i;

	for (i = 0; i < __arraycount(fk_scopes); i++) {
		if (strcmp(fk_scopes[i].id, id) == 0)
			return &fk_scopes[i];
	}
	return NULL;
}

static kauth_listener_t
fk_listen(const char *id, kauth_scope_callback_t callback, void *cookie,
    bool builtin)
{
	struct fk_scope *scope = fk_scope(id);
	size_t i;

	if (scope == NULL)
		return NULL;
	for (i = 0; i < FK_LISTENERS; i++) {
		if (!scope->listeners[i].used) {
			scope->listeners[i] = (struct fk_listener){ scope,
			    callback, cookie, builtin, true };
			return &scope->listeners[i];
		}
	}
	FK_FAIL("no more listeners");
}

kauth_listener_t
kauth_listen_scope(const char *id, kauth_scope_callback_t callback,
    void *cookie)
{
	fk_may_sleep("kauth_listen_scope");
	return fk_listen(id, callback, cookie, false);
}

void
kauth_unlisten_scope(kauth_listener_t listener)
{
	fk_may_sleep("kauth_unlisten_scope");
	if (!listener->used)
		FK_FAIL("a listener is removed twice");
	listener->used = false;
}

/* What the models built into a kernel say: root may, and the harmless. */
static int
fk_builtin(kauth_cred_t cred, kauth_action_t action, void *cookie,
    void *arg0, void *arg1, void *arg2, void *arg3)
{
	const char *scope = cookie;
	struct proc *p = arg0;

	if (cred->cr_euid == 0)
		return KAUTH_RESULT_ALLOW;
	if (strcmp(scope, KAUTH_SCOPE_PROCESS) == 0) {
		switch (action) {
		case KAUTH_PROCESS_CANSEE:
		case KAUTH_PROCESS_FORK:
		case KAUTH_PROCESS_SCHEDULER_GETAFFINITY:
		case KAUTH_PROCESS_SCHEDULER_GETPARAM:
			return KAUTH_RESULT_ALLOW;
		case KAUTH_PROCESS_RLIMIT:
			return (uintptr_t)arg1 == KAUTH_REQ_PROCESS_RLIMIT_GET ?
			    KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
		default:
			return p != NULL && p->p_cred->cr_uid == cred->cr_euid ?
			    KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
		}
	}
	if (strcmp(scope, KAUTH_SCOPE_SYSTEM) == 0 &&
	    action == KAUTH_SYSTEM_MODULE)
		return arg2 != NULL ? KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
	if (strcmp(scope, KAUTH_SCOPE_NETWORK) == 0) {
		switch (action) {
		case KAUTH_NETWORK_BIND:
			return (uintptr_t)arg0 == KAUTH_REQ_NETWORK_BIND_PORT ?
			    KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
		case KAUTH_NETWORK_SOCKET:
			/* Raw ones come by the same request. */
			return ((uintptr_t)arg0 ==
			    KAUTH_REQ_NETWORK_SOCKET_OPEN &&
			    ((uintptr_t)arg1 == AF_ROUTE ||
			    (uintptr_t)arg2 != SOCK_RAW)) || (uintptr_t)arg0 ==
			    KAUTH_REQ_NETWORK_SOCKET_CANSEE ?
			    KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
		case KAUTH_NETWORK_INTERFACE:
			return (uintptr_t)arg0 ==
			    KAUTH_REQ_NETWORK_INTERFACE_GET ?
			    KAUTH_RESULT_ALLOW : KAUTH_RESULT_DEFER;
		default:
			return KAUTH_RESULT_DEFER;
		}
	}
	if (strcmp(scope, KAUTH_SCOPE_DEVICE) == 0 &&
	    action == KAUTH_DEVICE_RAWIO_SPEC)
		return KAUTH_RESULT_ALLOW;
	return KAUTH_RESULT_DEFER;
}

int
kauth_authorize_action(const char *id, kauth_cred_t cred,
    kauth_action_t action, void *arg0, void *arg1, void *arg2, void *arg3)
{
	struct fk_scope *scope = fk_scope(id);
	bool allow = false, deny = false, nosleep;
	int result;
	size_t i;

	fk_verdict = KAUTH_RESULT_DEFER;
	if (cred == NOCRED || cred == FSCRED)
		return 0;
	nosleep = strcmp(id, KAUTH_SCOPE_CRED) != 0 &&
	    !(strcmp(id, KAUTH_SCOPE_PROCESS) == 0 &&
	    action == KAUTH_PROCESS_FORK);
	for (i = 0; i < FK_LISTENERS; i++) {
		struct fk_listener *listener = &scope->listeners[i];

		if (!listener->used)
			continue;
		fk_in_listener += nosleep;
		result = listener->callback(cred, action, listener->cookie,
		    arg0, arg1, arg2, arg3);
		fk_in_listener -= nosleep;
		if (result == KAUTH_RESULT_ALLOW)
			allow = true;
		else if (result == KAUTH_RESULT_DENY)
			deny = true;
		else if (result != KAUTH_RESULT_DEFER)
			FK_FAIL("a listener returned %d", result);
		if (!listener->builtin)
			fk_verdict = result;
	}
	return !deny && allow ? 0 : EPERM;
}

int
fk_module_verdict(void)
{
	return fk_verdict;
}

/* As on a kernel with DIAGNOSTIC: once somebody listens, all must allow. */
void
fk_cred_event(kauth_cred_t cred, kauth_action_t event, void *arg0, void *arg1)
{
	struct fk_scope *scope = fk_scope(KAUTH_SCOPE_CRED);
	size_t i;
	int error;

	error = kauth_authorize_action(KAUTH_SCOPE_CRED, cred, event, arg0,
	    arg1, NULL, NULL);
	for (i = 0; i < FK_LISTENERS; i++) {
		if (scope->listeners[i].used && error != 0)
			FK_FAIL("credential event %u was not allowed",
			    (unsigned)event);
	}
}

/* Credentials */

kauth_cred_t
kauth_cred_alloc(void)
{
	kauth_cred_t cred = host_alloc(sizeof(*cred));

	if (fk_in_listener != 0)
		FK_FAIL("kauth_cred_alloc in a listener");
	memset(cred, 0, sizeof(*cred));
	cred->cr_refcnt = 1;
	fk_specific_init(fk_kauth_domain, &cred->cr_sd);
	__atomic_add_fetch(&fk_ncreds, 1, __ATOMIC_SEQ_CST);
	fk_cred_event(cred, KAUTH_CRED_INIT, NULL, NULL);
	return cred;
}

kauth_cred_t
kauth_cred_hold(kauth_cred_t cred)
{
	if (__atomic_add_fetch(&cred->cr_refcnt, 1, __ATOMIC_SEQ_CST) == 1)
		FK_FAIL("a dead credential is held");
	return cred;
}

void
kauth_cred_free(kauth_cred_t cred)
{
	if (__atomic_sub_fetch(&cred->cr_refcnt, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	fk_cred_event(cred, KAUTH_CRED_FREE, NULL, NULL);
	fk_specific_fini(fk_kauth_domain, &cred->cr_sd);
	host_free(cred);
	__atomic_sub_fetch(&fk_ncreds, 1, __ATOMIC_SEQ_CST);
}

void
kauth_cred_clone(kauth_cred_t from, kauth_cred_t to)
{
	to->cr_uid = from->cr_uid;
	to->cr_euid = from->cr_euid;
	to->cr_svuid = from->cr_svuid;
	fk_cred_event(from, KAUTH_CRED_COPY, to, NULL);
}

uid_t
kauth_cred_geteuid(kauth_cred_t cred)
{
	return cred->cr_euid;
}

int
kauth_register_key(secmodel_t secmodel, kauth_key_t *keyp)
{
	struct fk_credkey *key = host_alloc(sizeof(*key));

	KASSERT(secmodel != NULL);
	(void)fk_specific_key(fk_kauth_domain, &key->key, NULL);
	*keyp = key;
	return 0;
}

int
kauth_deregister_key(kauth_key_t key)
{
	fk_specific_key_delete(fk_kauth_domain, key->key);
	host_free(key);
	return 0;
}

void
kauth_cred_setdata(kauth_cred_t cred, kauth_key_t key, void *data)
{
	if (fk_in_listener != 0)
		FK_FAIL("kauth_cred_setdata in a listener");
	if (atomic_load_relaxed(&cred->cr_refcnt) != 1)
		FK_FAIL("data is set on a shared credential");
	fk_specific_set(fk_kauth_domain, &cred->cr_sd, key->key, data);
}

void *
kauth_cred_getdata(kauth_cred_t cred, kauth_key_t key)
{
	if (cred == NULL || cred == NOCRED || cred == FSCRED)
		FK_FAIL("data of a credential that is none");
	return fk_specific_get(&cred->cr_sd, key->key);
}

uint64_t
world_creds(void)
{
	return atomic_load_relaxed(&fk_ncreds);
}

/* secmodel(9) */

int
secmodel_register(secmodel_t *model, const char *id, const char *name,
    prop_dictionary_t dict, secmodel_eval_t eval, secmodel_setinfo_t setinfo)
{
	size_t i;

	for (i = 0; i < __arraycount(fk_secmodels); i++) {
		if (fk_secmodels[i].used && strcmp(fk_secmodels[i].id, id) == 0)
			return EEXIST;
	}
	for (i = 0; fk_secmodels[i].used; i++)
		;
	fk_secmodels[i] = (struct fk_secmodel){ id, eval, true };
	*model = &fk_secmodels[i];
	return 0;
}

int
secmodel_deregister(secmodel_t model)
{
	KASSERT(model->used);
	model->used = false;
	return 0;
}

int
secmodel_eval(const char *id, const char *what, void *arg, void *ret)
{
	size_t i;

	for (i = 0; i < __arraycount(fk_secmodels); i++) {
		if (fk_secmodels[i].used && strcmp(fk_secmodels[i].id, id) == 0)
			return fk_secmodels[i].eval(what, arg, ret);
	}
	return EINVAL;
}

bool
fk_kauth_left(void)
{
	size_t i, k;

	for (i = 0; i < __arraycount(fk_scopes); i++) {
		for (k = 0; k < FK_LISTENERS; k++) {
			if (fk_scopes[i].listeners[k].used &&
			    !fk_scopes[i].listeners[k].builtin)
				return true;
		}
	}
	for (i = 0; i < __arraycount(fk_secmodels); i++) {
		if (fk_secmodels[i].used)
			return true;
	}
	for (k = 0; k < FK_KEYS; k++) {
		if (fk_kauth_domain->used[k] || fk_proc_domain->used[k] ||
		    fk_lwp_domain->used[k])
			return true;
	}
	return false;
}

void
fk_kauth_begin(void)
{
	size_t i, k;

	for (i = 0; i < __arraycount(fk_scopes); i++) {
		for (k = 0; k < FK_LISTENERS; k++)
			fk_scopes[i].listeners[k].used = false;
		if (strcmp(fk_scopes[i].id, KAUTH_SCOPE_CRED) != 0)
			(void)fk_listen(fk_scopes[i].id, fk_builtin,
			    (void *)(uintptr_t)fk_scopes[i].id, true);
	}
	memset(fk_secmodels, 0, sizeof(fk_secmodels));
	fk_domain_init(fk_kauth_domain, "cred domain");
	fk_domain_init(fk_proc_domain, "proc domain");
	fk_domain_init(fk_lwp_domain, "lwp domain");
	fk_ncreds = 0;
}

void
fk_kauth_end(void)
{
	if (fk_ncreds != 0)
		FK_FAIL("%u credentials are left over", fk_ncreds);
	mutex_destroy(&fk_kauth_domain->lock);
	mutex_destroy(&fk_proc_domain->lock);
	mutex_destroy(&fk_lwp_domain->lock);
}
