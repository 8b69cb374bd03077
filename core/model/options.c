#include "core/model/options.h"

struct account_options options_account(const struct options *options, struct slice id)
{
	size_t low = 0;
	size_t high = options->account_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_compare(options->accounts[middle].id, id);
		if (order == 0)
			return options->accounts[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct account_options){
		.id = id,
		.currency = options->default_currency,
		.zone = options->default_zone,
		.spend_from = SPEND_FROM_REPORTS,
	};
}
