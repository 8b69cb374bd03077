/* Kafka threads: librdkafka under the thread sanitizer. Private to daemon/kafka_*.c.
 *
 * Debian's librdkafka starts threads and locks through C11's <threads.h>, which the thread sanitizer does
 * not know: a program of it crashes in the first thread. In such a build this file stands in for those
 * calls and makes pthread calls of them, which glibc does itself; in every other build it is empty. */
#ifndef LADDER_DAEMON_KAFKA_THREADS_H
#define LADDER_DAEMON_KAFKA_THREADS_H

/* Has the linker take this file in. */
void kafka_threads_use(void);

#endif
