"""What a task has stored of its inputs, read from Redis and altered there, as a bug would alter it: the meta
is opened and sealed again (daemon/identity.h, ledger.h), the counts are the end of it
(core/pipeline_pages.c)."""

import ctypes
import ctypes.util
import hashlib
import hmac
import struct

CLASSES = ("applied", "duplicate", "late", "rejected", "ignored")
REASONS = ("json", "encoding", "too_large", "missing_field", "bad_value", "bad_time", "future", "currency",
           "unknown_type")
COUNTS = CLASSES + REASONS + ("forwarded", "received")
STAMP, COUNT = 36, 8  # around the vector
SALT, NUMBER, TAG = 16, 8, 16
GET_TAG = 0x10


class Seal:
    def __init__(self, key_file):
        key = bytes.fromhex(key_file.read_text().strip())
        self.key = hmac.digest(key, b"ladderd: seal of a page, 1", hashlib.sha256)
        self.lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
        for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
            getattr(self.lib, name).restype = ctypes.c_void_p

    def crypt(self, head, name, data, seals):
        """What AES-256-GCM makes of it, and the tag where it seals."""
        lib, length = self.lib, ctypes.c_int()
        context = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new())
        key = hmac.digest(self.key, head[:SALT], hashlib.sha256)
        out, tag = ctypes.create_string_buffer(len(data) + TAG), ctypes.create_string_buffer(TAG)
        done = [lib.EVP_CipherInit_ex(context, ctypes.c_void_p(lib.EVP_aes_256_gcm()), None, key,
                                      bytes(4) + head[SALT:], int(seals)),
                lib.EVP_CipherUpdate(context, None, ctypes.byref(length), name, len(name)),
                lib.EVP_CipherUpdate(context, out, ctypes.byref(length), data, len(data))]
        if seals:
            done += [lib.EVP_CipherFinal_ex(context, tag, ctypes.byref(length)),
                     lib.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG, tag)]
        lib.EVP_CIPHER_CTX_free(context)
        assert all(code == 1 for code in done), done
        return out.raw[:len(data)] + (tag.raw if seals else b"")

    def open(self, name, sealed):
        head = SALT + NUMBER
        return self.crypt(sealed[:head], name, sealed[head:-TAG], False)

    def seal(self, name, plain, number=1):
        head = hashlib.sha256(name + plain).digest()[:SALT] + struct.pack(">Q", number)
        return head + self.crypt(head, name, plain, True)


def read_number(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def number(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def split_end(data, count):
    """The last `count` numbers, and what stands before them."""
    at, values = len(data), []
    for _ in range(count):
        begin = at - 1
        while begin > 0 and data[begin - 1] >= 128:
            begin -= 1
        values.insert(0, read_number(data, begin)[0])
        at = begin
    return data[:at], values


class Stored:
    """Of one task. Used as a block: what is in Redis then is put back at its end."""

    def __init__(self, redis, key_file, task, name_space="ladder"):
        self.redis, self.seal, self.task = redis, Seal(key_file), task
        self.keys = {name: f"{{{name_space}:{task}}}:{name}" for name in ("vector", "meta")}
        self.before = {name: redis.command("GET", key) for name, key in self.keys.items()}
        self.head, self.end = self.before["vector"][:STAMP], self.before["vector"][-COUNT:]
        self.read_vector(self.before["vector"][STAMP:-COUNT])
        self.plain = self.seal.open(self.name(), self.before["meta"])
        self.rest, values = split_end(self.plain, len(COUNTS) * len(self.offsets))
        self.counts = {topic: dict(zip(COUNTS, values[i * len(COUNTS):]))
                       for i, topic in enumerate(self.offsets)}

    def read_vector(self, vector):
        self.offsets = {}
        count, at = read_number(vector, 0)
        for _ in range(count):
            length, at = read_number(vector, at)
            topic, at = vector[at:at + length].decode(), at + length
            offset, at = read_number(vector, at)
            self.offsets[topic] = (offset >> 1) ^ -(offset & 1)

    def vector(self):
        made = number(len(self.offsets))
        for topic, offset in self.offsets.items():
            made += number(len(topic)) + topic.encode() + number(offset << 1 ^ offset >> 63)
        return self.head + made

    def name(self):
        return b"%d:meta:" % self.task + self.vector()

    def write(self):
        counts = b"".join(number(self.counts[topic][name]) for topic in self.offsets for name in COUNTS)
        self.redis.command("SET", self.keys["vector"], self.vector() + self.end)
        self.redis.command("SET", self.keys["meta"], self.seal.seal(self.name(), self.rest + counts))

    def add(self, topic, **changes):
        for name, change in changes.items():
            self.counts[topic][name] += change
        self.write()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name, key in self.keys.items():
            self.redis.command("SET", key, self.before[name])
