#include "core/base/decimal.h"

enum {
	MICRO_DIGITS = 6,
	MICROS_PER_UNIT = 1000000,
	INT64_DIGITS = 19,
	UINT64_DIGITS = 20,
	SHORT_AMOUNT_LEN = 12, /* so many digits are less than the greatest amount */
	DOUBLE_DIGITS = 309, /* of the largest double, before the point */
};

static const int64_t EXPONENT_MAX = 1000000000000000;
static const int64_t COUNT_MAX = INT64_C(1) << 53;

/* 2^1024 - 2^970: from here on the nearest double is infinite. Its last digit is no 0. */
static const char DOUBLE_LIMIT[] =
	"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
	"977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
	"854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
	"342711559699508093042880177904174497792";

static const uint64_t powers_of_ten[UINT64_DIGITS] = {
	UINT64_C(1), UINT64_C(10), UINT64_C(100), UINT64_C(1000), UINT64_C(10000), UINT64_C(100000),
	UINT64_C(1000000), UINT64_C(10000000), UINT64_C(100000000), UINT64_C(1000000000),
	UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000),
	UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000),
	UINT64_C(10000000000000000), UINT64_C(100000000000000000), UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000),
};

const char decimal_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

static bool is_digit(const char *p, const char *end)
{
	return p < end && (unsigned char)(*p - '0') < 10;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (is_digit(p, end))
		p++;
	return p;
}

/* NULL where the exponent has no digit. */
static const char *scan_exponent(const char *p, const char *end, int64_t *exponent)
{
	bool is_negative = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (!is_digit(p, end))
		return NULL;
	int64_t value = 0;
	for (; is_digit(p, end); p++)
		if (value < EXPONENT_MAX / 10)
			value = value * 10 + (*p - '0');
		else
			value = EXPONENT_MAX;
	*exponent = is_negative ? -value : value;
	return p;
}

static void set_magnitude(struct decimal *decimal, const char *digits, const char *point, int64_t exponent)
{
	const char *lead = digits;
	while (lead < decimal->stop && (*lead == '0' || *lead == '.'))
		lead++;
	decimal->lead = lead < decimal->stop ? lead : NULL;
	if (!decimal->lead)
		decimal->magnitude = 0;
	else
		decimal->magnitude = point - lead + (lead > point) + exponent;
}

size_t decimal_scan(struct slice text, struct decimal *decimal)
{
	const char *end = text.data + text.len;
	const char *digits = text.data;
	int64_t exponent = 0;
	decimal->is_negative = text.len > 0 && *digits == '-';
	digits += decimal->is_negative;
	const char *point = skip_digits(digits, end);
	if (point == digits || (*digits == '0' && point - digits > 1))
		return 0;
	const char *p = point;
	if (p < end && *p == '.') {
		p = skip_digits(point + 1, end);
		if (p == point + 1)
			return 0;
	}
	decimal->stop = p;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = scan_exponent(p + 1, end, &exponent);
		if (!p)
			return 0;
	}
	decimal->is_integer = p == point;
	set_magnitude(decimal, digits, point, exponent);
	return (size_t)(p - text.data);
}

bool decimal_overflows_double(const struct decimal *decimal)
{
	if (decimal->magnitude != DOUBLE_DIGITS)
		return decimal->magnitude > DOUBLE_DIGITS;
	const char *limit = DOUBLE_LIMIT;
	for (const char *p = decimal->lead; p < decimal->stop && *limit; p++) {
		if (*p == '.')
			continue;
		if (*p != *limit)
			return *p > *limit;
		limit++;
	}
	return *limit == '\0';
}

/* The usual amount: digits, perhaps a point and up to six more. False for all else. */
static bool parse_short_micros(struct slice text, int64_t *micros)
{
	const char *end = text.data + text.len;
	const char *point = skip_digits(text.data, end);
	bool has_bad_start = point == text.data || (*text.data == '0' && point > text.data + 1);
	if (has_bad_start || text.len > SHORT_AMOUNT_LEN)
		return false;
	int64_t value = 0;
	for (const char *p = text.data; p < point; p++)
		value = value * 10 + (*p - '0');
	size_t fraction_len = point == end ? 0 : (size_t)(end - point) - 1;
	if (fraction_len > MICRO_DIGITS || (point < end && (*point != '.' || fraction_len == 0)))
		return false;
	for (const char *p = end - fraction_len; p < end; p++) {
		if (!is_digit(p, end))
			return false;
		value = value * 10 + (*p - '0');
	}
	static const int64_t scale[MICRO_DIGITS + 1] = {1000000, 100000, 10000, 1000, 100, 10, 1};
	*micros = value * scale[fraction_len];
	return true;
}

/* The first `count` digits, zeros after the last, and then one up if the next is 5 or more. */
static uint64_t round_digits(const struct decimal *decimal, int64_t count)
{
	uint64_t value = 0;
	const char *p = decimal->lead;
	for (int64_t i = 0; i <= count; i++) {
		p += p < decimal->stop && *p == '.';
		unsigned digit = p < decimal->stop ? (unsigned)(*p++ - '0') : 0;
		if (i < count)
			value = value * 10 + digit;
		else
			value += digit >= 5;
	}
	return value;
}

bool decimal_parse_micros(struct slice text, int64_t *micros)
{
	struct decimal decimal;
	if (parse_short_micros(text, micros))
		return true;
	if (text.len == 0 || decimal_scan(text, &decimal) != text.len)
		return false;
	int64_t digit_count = decimal.magnitude + MICRO_DIGITS;
	*micros = 0;
	if (!decimal.lead)
		return true;
	if (decimal.is_negative || digit_count > INT64_DIGITS)
		return false;
	if (digit_count < 0)
		return true;
	uint64_t value = round_digits(&decimal, digit_count);
	*micros = (int64_t)value;
	return value <= INT64_MAX;
}

bool decimal_parse_count(struct slice text, int64_t *count)
{
	struct decimal decimal;
	if (text.len == 0 || decimal_scan(text, &decimal) != text.len || !decimal.is_integer)
		return false;
	*count = 0;
	if (!decimal.lead)
		return true;
	if (decimal.is_negative || decimal.magnitude >= INT64_DIGITS)
		return false;
	for (const char *p = decimal.lead; p < decimal.stop; p++)
		*count = *count * 10 + (*p - '0');
	return *count <= COUNT_MAX;
}

size_t decimal_put_digits(uint64_t value, unsigned min_digits, char *out)
{
	/* log10(2) is a little more than 1233 / 4096: as many digits as the value has, or one less. */
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1), count = bits * 1233 >> 12;
	count += value >= powers_of_ten[count];
	count = count == 0 ? 1 : count;
	count = count < min_digits ? min_digits : count;
	unsigned left = count;
	for (; left >= 2; left -= 2, value /= 100)
		decimal_put_pair(value % 100, out + left - 2);
	if (left)
		*out = (char)('0' + value);
	return count;
}

/* With the sign, which is only there where the whole number is below 0. */
static size_t format_whole(bool is_negative, uint64_t size, char *out)
{
	*out = '-';
	return is_negative + decimal_put_digits(size, 1, out + is_negative);
}

static uint64_t size_of(int64_t number)
{
	return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

size_t decimal_format_integer(int64_t number, char out[DECIMAL_TEXT_BYTES])
{
	return format_whole(number < 0, size_of(number), out);
}

size_t decimal_format_micros(int64_t micros, char out[DECIMAL_TEXT_BYTES])
{
	uint64_t size = size_of(micros);
	unsigned fraction = (unsigned)(size % MICROS_PER_UNIT);
	size_t len = format_whole(micros < 0, size / MICROS_PER_UNIT, out);
	if (fraction == 0)
		return len;
	out[len] = '.';
	decimal_put_pair(fraction / 10000, out + len + 1);
	decimal_put_pair(fraction / 100 % 100, out + len + 3);
	decimal_put_pair(fraction % 100, out + len + 5);
	len += 1 + MICRO_DIGITS;
	while (out[len - 1] == '0')
		len--;
	return len;
}

/* As decimal_divide, of a product that int64 holds. */
static int64_t divide_short(int64_t product, int64_t denominator)
{
	int64_t quotient = product / denominator;
	if (2 * size_of(product % denominator) >= (uint64_t)denominator)
		quotient += product < 0 ? -1 : 1;
	return quotient;
}

bool decimal_divide(int64_t numerator, int64_t denominator, int64_t scale, int64_t *out)
{
	int64_t short_product;
	if (denominator == 0)
		return false;
	if (denominator > 0 && !__builtin_mul_overflow(numerator, scale, &short_product)) {
		*out = divide_short(short_product, denominator);
		return true;
	}
	__int128 product = (__int128)numerator * scale;
	__int128 quotient = product / denominator;
	__int128 rest = product % denominator;
	__int128 twice = (rest < 0 ? -rest : rest) * 2;
	__int128 divisor = denominator < 0 ? -(__int128)denominator : denominator;
	if (twice >= divisor)
		quotient += (product < 0) == (denominator < 0) ? 1 : -1;
	*out = (int64_t)quotient;
	return quotient == *out;
}
