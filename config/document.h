/* Document: a YAML text as a tree, each node with its line and column. The only user of libyaml.
 *
 * Only plain YAML: anchors, aliases, tags and further documents are problems, since a setting should stand
 * where it is read. Texts are not interpreted here. */
#ifndef LADDER_CONFIG_DOCUMENT_H
#define LADDER_CONFIG_DOCUMENT_H

#include <stdbool.h>

#include "config/problems.h"
#include "core/base/check.h"
#include "core/base/slice.h"

enum document_kind {
	DOCUMENT_TEXT,
	DOCUMENT_LIST,
	DOCUMENT_MAP,
	DOCUMENT_UNUSABLE, /* already a problem */
};

struct document_node {
	enum document_kind kind;
	bool is_plain;                /* a text without quotes */
	unsigned line;                /* from 1 */
	unsigned column;              /* from 1, in characters */
	size_t child_count;           /* list: items; map: keys and values */
	struct document_node *first;  /* a list's items; a map's key, value, key, value ... */
	struct document_node *next;   /* in the list or map that this node is in */
	struct document_node *last;   /* private */
	struct document_node *parent; /* private */
	struct document_node *older;  /* private */
	char text[];                  /* ends with NUL and has no other */
};

struct document;

/* NULL if the text is no YAML, which is then a problem. Other problems leave the document usable. */
must_check struct document *document_parse(struct slice yaml, struct config_problems *problems);
/* NULL if the document is empty. Nodes live as long as the document. */
const struct document_node *document_root(const struct document *document);
/* NULL is allowed. */
void document_destroy(struct document *document);

#endif
