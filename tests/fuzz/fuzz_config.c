/* A configuration of any bytes loads or is refused with a problem at least, never both and never neither. The
 * input: the file; or, behind a 0, edits of the sample (edits.h). */
#include <stdio.h>

#include "config/config.h"
#include "tests/fuzz/edits.h"

static struct slice sample;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);
	CHECK(file);
	config_print_defaults(file);
	fclose(file);
	sample = (struct slice){text, len};
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_problems problems = {.file = "fuzz"};
	struct slice text = {(const char *)data, size};
	bool is_edited = size > 0 && data[0] == 0;
	if (is_edited)
		text = edits_apply(sample, data + 1, (size - 1) / EDIT_BYTES);
	struct config *config = config_load_text(text, CONFIG_NEED_KAFKA, &problems);
	if ((config == NULL) != (problems.count > 0))
		abort();
	config_destroy(config);
	config_problems_destroy(&problems);
	if (is_edited)
		free((char *)text.data);
	return 0;
}
