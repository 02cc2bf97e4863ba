/*
 * What the fake needs of the host, without the host's headers: the two cannot
 * be included together.
 */

#ifndef _FAKE_HOST_H_
#define	_FAKE_HOST_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void	*host_alloc(size_t);
void	host_free(void *);
void	host_print(const char *);
void	host_abort(void) __attribute__((__noreturn__));
int	host_format(char *, size_t, const char *, __builtin_va_list);

void	*host_mutex(void);
void	host_mutex_free(void *);
void	host_lock(void *);
bool	host_trylock(void *);
void	host_unlock(void *);

void	*host_rwlock(void);
void	host_rwlock_free(void *);
void	host_rdlock(void *);
void	host_wrlock(void *);
bool	host_tryrdlock(void *);
bool	host_trywrlock(void *);
void	host_rwunlock(void *);

void	*host_cond(void);
void	host_cond_free(void *);
void	host_wait(void *cond, void *mutex);
void	host_wake_all(void *cond);

uintptr_t host_self(void);
void	*host_thread(void (*)(void *), void *);
void	host_join(void *);
void	host_thread_exit(void) __attribute__((__noreturn__));
void	host_yield(void);

#endif /* !_FAKE_HOST_H_ */
