/* Vnodes: a tree of directories, no names. */

#include "fake_internal.h"

struct vnode	*rootvnode;
static u_int	fk_nvnodes;		/* atomic */

void
fk_vnode_begin(void)
{
	fk_nvnodes = 0;
	rootvnode = fk_vnode(VDIR, NULL, 0);
}

void
fk_vnode_end(void)
{
	if (fk_nvnodes != 1)
		FK_FAIL("%u vnodes are left over", fk_nvnodes - 1);
	vrele(rootvnode);
}

struct vnode *
fk_vnode(enum vtype type, struct vnode *parent, dev_t rdev)
{
	struct vnode *vp = host_alloc(sizeof(*vp));

	memset(vp, 0, sizeof(*vp));
	vp->v_type = type;
	vp->v_specnode = &vp->vf_spec;
	vp->vf_spec.sn_rdev = rdev;
	vp->vf_parent = parent;
	vp->vf_refs = 1;
	__atomic_add_fetch(&fk_nvnodes, 1, __ATOMIC_RELAXED);
	return vp;
}

void
vref(struct vnode *vp)
{
	if (__atomic_fetch_add(&vp->vf_refs, 1, __ATOMIC_SEQ_CST) == 0)
		FK_FAIL("a dead vnode is referenced");
}

void
vrele(struct vnode *vp)
{
	if (fk_in_listener != 0)
		FK_FAIL("vrele in a listener");
	if (__atomic_sub_fetch(&vp->vf_refs, 1, __ATOMIC_SEQ_CST) == 0) {
		__atomic_sub_fetch(&fk_nvnodes, 1, __ATOMIC_RELAXED);
		host_free(vp);
	}
}

int
vn_isunder(struct vnode *vp, struct vnode *root, struct lwp *l)
{
	if (fk_in_listener != 0)
		FK_FAIL("vn_isunder in a listener");
	for (; vp != NULL; vp = vp->vf_parent) {
		if (vp == root)
			return 1;
	}
	return 0;
}

struct vnode *
world_root(void)
{
	return rootvnode;
}

struct vnode *
world_mkdir(struct vnode *parent)
{
	return fk_vnode(VDIR, parent, 0);
}

struct vnode *
world_mkreg(struct vnode *parent)
{
	return fk_vnode(VREG, parent, 0);
}

void
world_rmdir(struct vnode *vp)
{
	vrele(vp);
}

unsigned
world_vnode_refs(struct vnode *vp)
{
	return atomic_load_relaxed(&vp->vf_refs);
}

uint64_t
world_dev(int ma, int mi)
{
	return makedev(ma, mi);
}

void
world_chdir(struct vnode *vp)
{
	struct cwdinfo *cwdi = curproc->p_cwdi;

	rw_enter(&cwdi->cwdi_lock, RW_WRITER);
	vref(vp);
	vrele(cwdi->cwdi_cdir);
	cwdi->cwdi_cdir = vp;
	rw_exit(&cwdi->cwdi_lock);
}
