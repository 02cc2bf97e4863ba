/* Memory: kmem(9), and copies from and to user memory that may fault. */

#include "fake_internal.h"

#define	FK_MAGIC	0x6b6d656dU
#define	FK_UNMAPPED	8

static uint64_t	fk_nblocks;		/* atomic */
static struct { uintptr_t start, end; } fk_unmapped[FK_UNMAPPED];
static u_int	fk_fault_in;		/* atomic */

void
fk_memory_begin(void)
{
	fk_nblocks = 0;
	fk_fault_in = 0;
	memset(fk_unmapped, 0, sizeof(fk_unmapped));
}

/* kmem(9) */

struct fk_block {
	size_t		size;
	uint32_t	magic;
	uint32_t	pad;
};

void *
kmem_alloc(size_t size, int flags)
{
	struct fk_block *b;

	fk_may_sleep("memory is allocated");
	KASSERT(size > 0 && flags == KM_SLEEP);
	b = host_alloc(sizeof(*b) + size);
	b->size = size;
	b->magic = FK_MAGIC;
	/* Not zero, so that what is not initialised shows. */
	memset(b + 1, 0xa5, size);
	__atomic_add_fetch(&fk_nblocks, 1, __ATOMIC_RELAXED);
	return b + 1;
}

void *
kmem_zalloc(size_t size, int flags)
{
	return memset(kmem_alloc(size, flags), 0, size);
}

void
kmem_free(void *p, size_t size)
{
	struct fk_block *b = (struct fk_block *)p - 1;

	if (fk_in_listener != 0)
		FK_FAIL("memory is freed in a listener");
	if (p == NULL || b->magic != FK_MAGIC)
		FK_FAIL("memory is freed that was not allocated");
	if (b->size != size)
		FK_FAIL("memory of %zu bytes is freed as %zu", b->size, size);
	b->magic = 0;
	__atomic_sub_fetch(&fk_nblocks, 1, __ATOMIC_RELAXED);
	host_free(b);
}

uint64_t
world_kmem_blocks(void)
{
	return atomic_load_relaxed(&fk_nblocks);
}

/* User memory */

void
world_unmap(const void *start, size_t size)
{
	size_t i;

	for (i = 0; fk_unmapped[i].end != 0; i++) {
		if (i + 1 == FK_UNMAPPED)
			FK_FAIL("too many unmapped ranges");
	}
	fk_unmapped[i].start = (uintptr_t)start;
	fk_unmapped[i].end = (uintptr_t)start + size;
}

void
world_fault_after(unsigned n)
{
	atomic_store_relaxed(&fk_fault_in, n);
}

static bool
fk_faults(uintptr_t address, size_t size)
{
	size_t i;
	u_int n;

	n = atomic_load_relaxed(&fk_fault_in);
	if (n != 0) {
		atomic_store_relaxed(&fk_fault_in, n - 1);
		if (n == 1)
			return true;
	}
	if (address < PAGE_SIZE || address + size < address ||
	    address + size > (uintptr_t)1 << 47)
		return true;
	for (i = 0; i < FK_UNMAPPED; i++) {
		if (address < fk_unmapped[i].end &&
		    address + size > fk_unmapped[i].start)
			return true;
	}
	return false;
}

int
copyin(const void *user, void *kernel, size_t size)
{
	fk_assert_no_locks("copyin");
	if (fk_faults((uintptr_t)user, size))
		return EFAULT;
	memcpy(kernel, user, size);
	return 0;
}

int
copyout(const void *kernel, void *user, size_t size)
{
	fk_assert_no_locks("copyout");
	if (fk_faults((uintptr_t)user, size))
		return EFAULT;
	memcpy(user, kernel, size);
	return 0;
}
