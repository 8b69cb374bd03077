/* Service: what ladderd tells the service manager that started it, by the protocol of sd_notify(3) of
 * libsystemd, whose header is included by service.c only. Where nobody listens (NOTIFY_SOCKET is not set)
 * nothing happens.
 *
 *   started --service_ready--> ready --service_reloading--> reloading --service_ready--> ready
 *                                +---------------------service_stopping--> ends
 *
 * One thread: the main thread. */
#ifndef LADDER_DAEMON_SERVICE_H
#define LADDER_DAEMON_SERVICE_H

#include <stdint.h>

/* How long the manager waits for service_alive before it ends a service that hangs; 0: it does not. */
int64_t service_watchdog_ms(void);

/* One line for people, as `systemctl status` shows it. */
__attribute__((format(printf, 1, 2)))
void service_say(const char *format, ...);

void service_ready(void);
void service_reloading(void);
void service_alive(void);
/* What is under way, the start or the end, takes at least so long from now on. */
void service_extend(int64_t timeout_ms);
/* The end has begun, and takes at most so long. */
void service_stopping(int64_t timeout_ms);

#endif
