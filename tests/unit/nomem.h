#ifndef NOMEM_H
#define NOMEM_H

/*
 * Lets a test ask for more memory than there is: under a sanitizer malloc()
 * shall return NULL then, as it does without one, and not end the program.
 */
#define NO_SUCH_MEMORY ((size_t)PTRDIFF_MAX - 4096)

const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=4096";
}

const char *
__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

#endif
