#include "daemon/task_trace.h"

void task_trace_put(struct buffer *out, const struct task_trace *trace)
{
	buffer_put_text(out, trace->topic);
	buffer_put_signed(out, trace->trace.offset);
	buffer_put_unsigned(out, trace->trace.print);
	buffer_put_unsigned(out, trace->gap.offset_count);
	buffer_put_signed(out, trace->gap.from);
	buffer_put_signed(out, trace->gap.to);
	activity_digest_put(&trace->activity, out);
}

struct task_trace task_trace_read(struct reader *reader)
{
	struct task_trace trace = {.topic = reader_text(reader)};
	trace.trace.offset = reader_signed(reader);
	trace.trace.print = reader_unsigned(reader);
	trace.gap.offset_count = reader_unsigned(reader);
	trace.gap.from = reader_signed(reader);
	trace.gap.to = reader_signed(reader);
	trace.activity = activity_digest_get(reader);
	return trace;
}
