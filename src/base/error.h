/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error - why something failed, in words for the user and a class for scripts.
 *
 * A function that can fail for a reason worth explaining takes a struct error
 * and fills it once, at the place that knows the stage, the portal and what to
 * try.  Callers pass it upward unchanged; cmd/ prints the text and exits with
 * the class.  Functions whose errno says enough return -errno instead.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* The exit codes of luntap(1); the values are part of the interface. */
enum error_class {
	ERROR_NONE = 0,
	ERROR_FAILED = 1, /* anything else */
	ERROR_USAGE = 2,
	ERROR_UNREACHED = 3, /* resolution, connection, time-out */
	ERROR_REFUSED = 4,   /* login status class 2: authentication, ACL */
	ERROR_ABSENT = 5,    /* no such target (0x0203, 0x0301) or LUN */
	ERROR_IO = 6	     /* the target reported an I/O error */
};

struct error {
	enum error_class class;
	char text[508]; /* one line, no newline; peer text already escaped */
};

/*
 * Sets class and text (truncated to fit) and returns -1, so that a failing
 * function can `return error_set(...)`.  The format may use error->text itself
 * as an argument to prefix it.  err may be NULL.
 */
int error_set(struct error *err, enum error_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__
#define error_set(err, ...) (error_set(err, __VA_ARGS__), -1)
#endif

#endif
