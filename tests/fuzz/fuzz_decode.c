/* The decoder and the reference hand the same items to their sinks, whatever the bytes are.
 *
 * Before the first run, every input of tests/core/decode/cases.def is written into the corpus folder (the
 * first argument that is no flag) as a seed. Dictionary: tests/fuzz/decode.dict. */
#include "tests/core/decode/outcome.h"

#include "tests/core/decode/cases.h"

static struct decoder *decoder;

static void write_seed(const char *folder, size_t number, struct slice seed)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s/case-%zu", folder, number);
	FILE *file = len > 0 && (size_t)len < sizeof(path) ? fopen(path, "wb") : NULL;
	if (!file)
		return;
	fwrite(seed.data, 1, seed.len, file);
	fclose(file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	decoder = decoder_create(&outcome_limits);
	const char *folder = NULL;
	for (int i = 1; i < *argc && !folder; i++)
		folder = (*argv)[i][0] == '-' ? NULL : (*argv)[i];
	for (size_t i = 0; folder && i < case_count; i++) {
		struct slice seed = case_input(&cases[i]);
		write_seed(folder, i, seed);
		free((char *)seed.data);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!outcome_is_same(decoder, &outcome_limits, (struct slice){(const char *)data, size}))
		abort();
	return 0;
}
