"""The free memory of a virtual machine, kept while benchmarks run.

Linux can give free pages back to the host (free page reporting, in blocks of 2^order pages). What touches
such a page later waits for the host, ten to twenty times as long as for one that the machine still has. Then
whatever grows is measured by the host's speed, and by how long the machine was idle before. So while
benchmarks run nothing is given back, and what is free is touched once before. Only root can do that;
without, all stays as it is, and the table says so."""

import contextlib
import mmap
from pathlib import Path

ORDER = Path("/sys/module/page_reporting/parameters/page_reporting_order")
ORDER_NEVER = "11"  # above the greatest block that Linux keeps
MADV_POPULATE_WRITE = 23
CHUNK = 1 << 30
LEFT = 1 << 30  # not touched: for those that run


def said():
    """What stands above a table."""
    try:
        order = ORDER.read_text().strip()
    except OSError:
        return "kept"
    is_kept = int(order) >= int(ORDER_NEVER)
    return "kept" if is_kept else f"given back to the host (page_reporting_order {order})"


def free_bytes():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemFree:"):
            return int(line.split()[1]) * 1024
    return 0


def touch_free(say):
    count = max(0, (free_bytes() - LEFT) // CHUNK)
    say(f"bench: touching {count} GiB of free memory, so that the host has given them")
    with contextlib.ExitStack() as stack:
        try:
            for _ in range(count):
                chunk = stack.enter_context(mmap.mmap(-1, CHUNK, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                chunk.madvise(mmap.MADV_HUGEPAGE)
                chunk.madvise(MADV_POPULATE_WRITE)
        except OSError as wrong:
            say(f"bench: no more could be touched: {wrong}")


@contextlib.contextmanager
def kept(say):
    """Where the machine gives free memory back, it does not within."""
    try:
        before = ORDER.read_text()
        ORDER.write_text(ORDER_NEVER)
    except OSError:
        yield
        return
    try:
        touch_free(say)
        yield
    finally:
        ORDER.write_text(before)
