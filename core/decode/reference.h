/* Reference: the contract of core/decode/decode.h once more, by jansson, slow and plain, for the tests
 * and the fuzzer: both must hand the same items to the sink. Shares with the decoder how a time or a
 * decimal is read from its text, and nothing else. Details are empty. limits.depth is at most 2000. */
#ifndef LADDER_DECODE_REFERENCE_H
#define LADDER_DECODE_REFERENCE_H

#include "core/decode/decode.h"

void reference_decode(const struct decode_limits *limits, struct slice value, const struct decode_sink *sink);

#endif
