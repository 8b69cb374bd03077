#include "daemon/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

int64_t service_watchdog_ms(void)
{
	uint64_t timeout_us;
	return sd_watchdog_enabled(0, &timeout_us) > 0 ? (int64_t)(timeout_us / 1000) : 0;
}

void service_say(const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	sd_notifyf(0, "STATUS=%s", text);
}

void service_ready(void)
{
	sd_notify(0, "READY=1");
}

void service_reloading(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void service_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

void service_extend(int64_t timeout_ms)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRId64, timeout_ms * 1000);
}

void service_stopping(int64_t timeout_ms)
{
	sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, timeout_ms * 1000);
}
