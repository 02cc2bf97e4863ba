/* The host's side of host.h: allocation, threads, locks, an end with a message. */

#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>

static void
check(int error, const char *what)
{
	if (error != 0) {
		fprintf(stderr, "fake kernel: %s: error %d\n", what, error);
		abort();
	}
}

void *
host_alloc(size_t size)
{
	void *p = malloc(size);

	check(p == NULL, "out of memory");
	return p;
}

void
host_free(void *p)
{
	free(p);
}

void
host_print(const char *text)
{
	fputs(text, stderr);
	fflush(stderr);
}

void
host_abort(void)
{
	abort();
}

int
host_format(char *buffer, size_t size, const char *format, va_list ap)
{
	return vsnprintf(buffer, size, format, ap);
}

void *
host_mutex(void)
{
	pthread_mutex_t *m = host_alloc(sizeof(*m));

	check(pthread_mutex_init(m, NULL), "mutex");
	return m;
}

void
host_mutex_free(void *m)
{
	check(pthread_mutex_destroy(m), "a held mutex is destroyed");
	free(m);
}

void
host_lock(void *m)
{
	check(pthread_mutex_lock(m), "lock");
}

bool
host_trylock(void *m)
{
	return pthread_mutex_trylock(m) == 0;
}

void
host_unlock(void *m)
{
	check(pthread_mutex_unlock(m), "unlock");
}

void *
host_rwlock(void)
{
	pthread_rwlock_t *rw = host_alloc(sizeof(*rw));

	check(pthread_rwlock_init(rw, NULL), "rwlock");
	return rw;
}

void
host_rwlock_free(void *rw)
{
	check(pthread_rwlock_destroy(rw), "a held rwlock is destroyed");
	free(rw);
}

void
host_rdlock(void *rw)
{
	check(pthread_rwlock_rdlock(rw), "rdlock");
}

void
host_wrlock(void *rw)
{
	check(pthread_rwlock_wrlock(rw), "wrlock");
}

bool
host_tryrdlock(void *rw)
{
	return pthread_rwlock_tryrdlock(rw) == 0;
}

bool
host_trywrlock(void *rw)
{
	return pthread_rwlock_trywrlock(rw) == 0;
}

void
host_rwunlock(void *rw)
{
	check(pthread_rwlock_unlock(rw), "rwunlock");
}

void *
host_cond(void)
{
	pthread_cond_t *c = host_alloc(sizeof(*c));

	check(pthread_cond_init(c, NULL), "cond");
	return c;
}

void
host_cond_free(void *c)
{
	check(pthread_cond_destroy(c), "cond");
	free(c);
}

void
host_wait(void *c, void *m)
{
	check(pthread_cond_wait(c, m), "wait");
}

void
host_wake_all(void *c)
{
	check(pthread_cond_broadcast(c), "broadcast");
}

uintptr_t
host_self(void)
{
	static _Thread_local char mine;

	return (uintptr_t)&mine;
}

struct start {
	void (*function)(void *);
	void *argument;
};

static void *
run(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	s.function(s.argument);
	return NULL;
}

void *
host_thread(void (*function)(void *), void *argument)
{
	pthread_t *t = host_alloc(sizeof(*t));
	struct start *s = host_alloc(sizeof(*s));

	s->function = function;
	s->argument = argument;
	check(pthread_create(t, NULL, run, s), "thread");
	return t;
}

void
host_join(void *thread)
{
	check(pthread_join(*(pthread_t *)thread, NULL), "join");
	free(thread);
}

void
host_thread_exit(void)
{
	pthread_exit(NULL);
}

void
host_yield(void)
{
	sched_yield();
}
