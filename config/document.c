#include "config/document.h"

#include <stdlib.h>

#include <yaml.h>

struct document {
	struct document_node *newest; /* all nodes, by ->older */
	struct document_node *root;
};

struct build {
	struct document *document;
	struct document_node *open; /* the list or map that is being filled */
	struct config_problems *problems;
	unsigned document_count;
};

static struct document_node *build_node(struct build *build, enum document_kind kind, yaml_mark_t mark,
					const char *text, size_t len)
{
	struct document_node *node = calloc(1, sizeof *node + len + 1);
	CHECK(node != NULL);
	node->kind = kind;
	node->line = (unsigned)mark.line + 1;
	node->column = (unsigned)mark.column + 1;
	if (len > 0)
		memcpy(node->text, text, len);
	node->parent = build->open;
	node->older = build->document->newest;
	build->document->newest = node;
	if (!build->open) {
		build->document->root = node;
		return node;
	}
	*(build->open->last ? &build->open->last->next : &build->open->first) = node;
	build->open->last = node;
	build->open->child_count++;
	return node;
}

static void build_refuse(struct build *build, const yaml_event_t *event, const char *what)
{
	config_problems_add(build->problems, (unsigned)event->start_mark.line + 1,
			    (unsigned)event->start_mark.column + 1, "%s", what);
}

static void build_properties(struct build *build, const yaml_event_t *event, const yaml_char_t *anchor,
			     const yaml_char_t *tag)
{
	if (anchor)
		build_refuse(build, event, "anchors (`&name`) are not supported: write the value out where "
					   "it is needed");
	if (tag)
		build_refuse(build, event, "tags (`!name`) are not supported: leave it out");
}

static void build_text(struct build *build, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	build_properties(build, event, event->data.scalar.anchor, event->data.scalar.tag);
	struct document_node *node = build_node(build, DOCUMENT_TEXT, event->start_mark, text, len);
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (strlen(node->text) != len) {
		build_refuse(build, event, "a text with the character NUL in it: leave it out");
		node->kind = DOCUMENT_UNUSABLE;
	}
}

/* False once nothing more is to be read. */
static bool build_event(struct build *build, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (build->document_count++ == 0)
			return true;
		build_refuse(build, event, "a second document begins here: keep one, and no `---` "
					   "between");
		return false;
	case YAML_ALIAS_EVENT:
		build_refuse(build, event, "aliases (`*name`) are not supported: write the value out");
		build_node(build, DOCUMENT_UNUSABLE, event->start_mark, NULL, 0);
		return true;
	case YAML_SCALAR_EVENT:
		build_text(build, event);
		return true;
	case YAML_SEQUENCE_START_EVENT:
		build_properties(build, event, event->data.sequence_start.anchor,
				 event->data.sequence_start.tag);
		build->open = build_node(build, DOCUMENT_LIST, event->start_mark, NULL, 0);
		return true;
	case YAML_MAPPING_START_EVENT:
		build_properties(build, event, event->data.mapping_start.anchor,
				 event->data.mapping_start.tag);
		build->open = build_node(build, DOCUMENT_MAP, event->start_mark, NULL, 0);
		return true;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		build->open = build->open->parent;
		return true;
	default:
		return event->type != YAML_STREAM_END_EVENT;
	}
}

/* libyaml gives a byte instead of a line where the text is no UTF-8. */
static void add_encoding_problem(const yaml_parser_t *parser, struct slice yaml,
				 struct config_problems *problems)
{
	unsigned line = 1, column = 1;
	for (size_t i = 0; i < parser->problem_offset && i < yaml.len; i++) {
		bool is_inside = ((unsigned char)yaml.data[i] & 0xc0) == 0x80;
		column = yaml.data[i] == '\n' ? 1 : column + !is_inside;
		line += yaml.data[i] == '\n';
	}
	config_problems_add(problems, line, column, "not readable as UTF-8 text: %s", parser->problem);
}

static void add_syntax_problem(const yaml_parser_t *parser, struct config_problems *problems)
{
	const char *context = parser->context ? parser->context : "";
	config_problems_add(problems, (unsigned)parser->problem_mark.line + 1,
			    (unsigned)parser->problem_mark.column + 1,
			    "no valid YAML: %s%s%s; check indentation, brackets and quotes before this place",
			    parser->problem, context[0] ? " " : "", context);
}

struct document *document_parse(struct slice yaml, struct config_problems *problems)
{
	yaml_parser_t parser;
	struct document *document = calloc(1, sizeof *document);
	CHECK(document != NULL && yaml_parser_initialize(&parser));
	struct build build = {.document = document, .problems = problems};
	yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.data, yaml.len);
	bool is_valid = true, goes_on = true;
	while (is_valid && goes_on) {
		yaml_event_t event;
		is_valid = yaml_parser_parse(&parser, &event);
		if (!is_valid)
			break;
		goes_on = build_event(&build, &event);
		yaml_event_delete(&event);
	}
	CHECK(is_valid || parser.error != YAML_MEMORY_ERROR);
	if (!is_valid && parser.error == YAML_READER_ERROR)
		add_encoding_problem(&parser, yaml, problems);
	else if (!is_valid)
		add_syntax_problem(&parser, problems);
	yaml_parser_delete(&parser);
	if (!is_valid) {
		document_destroy(document);
		return NULL;
	}
	return document;
}

const struct document_node *document_root(const struct document *document)
{
	return document->root;
}

void document_destroy(struct document *document)
{
	struct document_node *node = document ? document->newest : NULL;
	while (node) {
		struct document_node *older = node->older;
		free(node);
		node = older;
	}
	free(document);
}
