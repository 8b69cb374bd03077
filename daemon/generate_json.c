#include "daemon/generate_json.h"

#include "core/base/rfc3339.h"

void pen_number(struct pen *pen, uint64_t number)
{
	char digits[20];
	size_t len = 0;
	do {
		digits[sizeof digits - ++len] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	memcpy(pen->at, digits + sizeof digits - len, len);
	pen->at += len;
}

void pen_digits(struct pen *pen, uint64_t number, unsigned width)
{
	for (unsigned i = width; i--; number /= 10)
		pen->at[i] = (char)('0' + number % 10);
	pen->at += width;
}

void pen_cents(struct pen *pen, int64_t micros)
{
	uint64_t cents = (uint64_t)micros / 10000;
	pen_number(pen, cents / 100);
	*pen->at++ = '.';
	pen_digits(pen, cents % 100, 2);
}

void pen_code(struct pen *pen, uint64_t number)
{
	static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (unsigned i = 0; i < 11; i++, number >>= 6)
		*pen->at++ = letters[number & 63];
}

void pen_time(struct pen *pen, int64_t time_ms)
{
	char text[TIME_TEXT_BYTES];
	size_t len = time_format_rfc3339(time_ms, text);
	*pen->at++ = '"';
	memcpy(pen->at, text, len);
	pen->at += len;
	*pen->at++ = '"';
}
