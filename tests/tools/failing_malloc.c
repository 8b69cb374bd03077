/* A library to preload: the Nth allocation finds no memory. LADDER_FAIL_ALLOCATION=N; 0: none does, and how
 * many there were is said at the end on standard error. All but these few calls go to mimalloc, as without
 * it. */
#include <errno.h>
#include <mimalloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long count;
static long failing = -1;

static bool is_failing(void)
{
	long number = atomic_fetch_add(&count, 1) + 1;
	bool fails = number == failing;
	if (fails)
		errno = ENOMEM;
	return fails;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("LADDER_FAIL_ALLOCATION");
	atomic_store(&count, 0);
	failing = text ? strtol(text, NULL, 10) : -1;
}

__attribute__((destructor)) static void end(void)
{
	if (failing == 0)
		dprintf(STDERR_FILENO, "allocations %ld\n", atomic_load(&count));
}

void *malloc(size_t size)
{
	return is_failing() ? NULL : mi_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	return is_failing() ? NULL : mi_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
	return is_failing() ? NULL : mi_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return is_failing() ? NULL : mi_aligned_alloc(alignment, size);
}

char *strdup(const char *text)
{
	return is_failing() ? NULL : mi_strdup(text);
}
