/* Blocks as other processors have them. */
#define BLOCK_BY_WORDS
#include "tests/core/base/block_cases.h"
