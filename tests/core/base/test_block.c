/* Blocks as this processor has them. */
#include "tests/core/base/block_cases.h"
