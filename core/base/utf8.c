#include "core/base/utf8.h"

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

/* The bytes of the character at text, which is not ASCII; 0 if there is none. */
static size_t character_len(struct slice text)
{
	unsigned char first = (unsigned char)text.data[0];
	unsigned char second = text.len > 1 ? (unsigned char)text.data[1] : 0;
	unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	size_t len = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	if (first < 0xC2 || first > 0xF4 || text.len < len || second < low || second > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (!is_continuation(text.data[i]))
			return 0;
	return len;
}

static bool is_ascii_word(const char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(struct slice text)
{
	size_t i = 0;
	while (i < text.len) {
		if (text.len - i >= sizeof(uint64_t) && is_ascii_word(text.data + i)) {
			i += sizeof(uint64_t);
		} else if ((unsigned char)text.data[i] < 0x80) {
			i++;
		} else {
			size_t len = character_len((struct slice){text.data + i, text.len - i});
			if (len == 0)
				return false;
			i += len;
		}
	}
	return true;
}

struct slice utf8_cut(struct slice text, size_t len_max)
{
	if (text.len <= len_max)
		return text;
	size_t len = len_max;
	while (len > 0 && is_continuation(text.data[len]))
		len--;
	return (struct slice){text.data, len};
}

size_t utf8_put(uint32_t character, char *out)
{
	if (character < 0x80) {
		out[0] = (char)character;
		return 1;
	}
	size_t len = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
	for (size_t i = len - 1; i > 0; i--, character >>= 6)
		out[i] = (char)(0x80 | (character & 0x3F));
	out[0] = (char)(lead[len] | character);
	return len;
}
