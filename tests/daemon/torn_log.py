"""Goal: what a crash of Redis's machine left of a transaction in the append-only file is not carried out
later (promise P1): a commit that was cut in two would put some of its pages beside those of others. Redis
keeps the half that is left, and adds it to the next transaction when it loads the file again.
Method: the file is cut within a transaction. Redis starts, ladderd commits more, Redis is killed and starts:
nothing of the transaction may be there, and what ladderd reads back comes to the rows of `ladderd replay`."""

import tempfile
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import Daemon, committed_records, stop_within
from fault_case import FaultCase

CHUNKS, CHUNK = 4, 3000
LOST = ("lost:first", "lost:second")


def settle(case, daemon):
    wanted = sum(case.feed.counts.values())
    daemon.wait_until(lambda: committed_records(case.redis) >= wanted, 30, "all to be committed")


def tear(redis):
    """Within the second command of the last transaction."""
    log = max(redis.dir.glob("appendonlydir/*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
    written = log.read_bytes()
    middle = written.index(LOST[1].encode(), written.rindex(b"MULTI"))
    assert LOST[0].encode() in written[written.rindex(b"MULTI"):middle], written[-1000:]
    redis.lose_last(len(written) - middle)


def test():
    with (tempfile.TemporaryDirectory() as name, Broker() as broker,
          Redis("--auto-aof-rewrite-percentage", "0") as redis):
        case = FaultCase(Path(name), broker, redis, CHUNKS, CHUNK, 7)
        with Daemon(case.static) as daemon:
            for _ in range(CHUNKS - 1):
                case.feed.send_chunk()
                settle(case, daemon)
            redis.command("EVAL", "for _, key in ipairs(KEYS) do redis.call('SET', key, 'x') end", 2, *LOST)
            redis.wait_rewritten()
            redis.kill9()
            tear(redis)
            redis.start()
            case.feed.send_rest()
            settle(case, daemon)
            redis.wait_rewritten()
            redis.kill9()
            redis.start()
            there = [name for name in LOST if redis.command("EXISTS", name)]
            assert not there, f"{there} came back of a transaction that was cut off"
            stop_within(daemon, 10)
        case.check()


if __name__ == "__main__":
    run(test)
