/* Assertions stay on in release builds. They guard what this program promises itself; input
 * never asserts, it returns an error with a class (error.h). */
#ifndef LADDER_BASE_CHECK_H
#define LADDER_BASE_CHECK_H

#define must_check __attribute__((warn_unused_result))

/* Prints the place and the expression to stderr, then aborts. */
_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(condition) \
	do { \
		if (__builtin_expect(!(condition), 0)) \
			check_failed(__FILE__, __LINE__, #condition); \
	} while (0)

#define BUG(reason) check_failed(__FILE__, __LINE__, reason)

#endif
