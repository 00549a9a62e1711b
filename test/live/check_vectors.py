"""Reads vectors.json without anything of Citadel's: headers, hashes, files and frames as docs/live.md and docs/live-protocol.md say."""

import hashlib
import json
import math
import struct
import sys
import zlib
from urllib.parse import urlsplit

with open(sys.argv[1], encoding="utf-8") as file:
    vectors = json.load(file)

TYPES = {1: "config_byte", 2: "feature", 3: "heartbeat", 4: "error", 5: "broadcast", 6: "command", 7: "subscribe"}
TOPICS = ["hello", "config", "metrics", "history", "alert", "package", "security", "notice", "terminal"]
METRICS = (
    "cpu rss heapUsed heapTotal elu lagP99 rps connections bytesOut bytesIn packages publishes downloads "
    "cacheHitRatio wsMessages wsRtt"
).split()
checked = 0


def equal(what, found, wanted):
    global checked
    checked += 1
    if found != wanted:
        sys.exit(f"{what}: {found!r} is not {wanted!r}")


def plain(url):
    parts = urlsplit(url)
    host = parts.hostname.encode("idna").decode() if ":" not in parts.hostname else f"[{parts.hostname}]"
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}/"


def names(mask):
    return [topic for n, topic in enumerate(TOPICS) if mask >> n & 1]


def sample(data):
    schema, count, time = struct.unpack_from(">BBd", data)
    equal("schema", schema, 1)
    values = struct.unpack_from(f">{count}f", data, 10)
    known = [None if math.isnan(value) else value for value in values]
    return {"time": time, **dict(zip(METRICS, known))}, 10 + 4 * count


def body(topic, encoding, data):
    if encoding == 1:
        return json.loads(data.decode("utf-8"))
    if topic == "config":
        return {"bytes": data[:13].hex(), "generation": struct.unpack(">I", data[13:])[0]}
    if topic == "metrics":
        found, end = sample(data)
        equal("length of a sample", end, len(data))
        return found
    if topic == "history":
        found, at = [], 1
        for _ in range(data[0]):
            one, length = sample(data[at:])
            found.append(one)
            at += length
        equal("length of a history", at, len(data))
        return found
    return {"command": struct.unpack(">I", data[:4])[0], "text": data[4:].decode("utf-8")}


def payload(kind, client, data):
    if kind == "config_byte":
        if client:
            return dict(zip(("offset", "expect", "value"), struct.unpack(">BBB", data)))
        return dict(zip(("offset", "old", "new", "generation"), struct.unpack(">BBBI", data)))
    if kind == "feature":
        if client:
            bit, op = struct.unpack(">BB", data)
            return {"bit": bit, "op": ("clear", "set", "flip")[op]}
        bit, state, flags, generation = struct.unpack(">BBII", data)
        return {"bit": bit, "state": state == 1, "flags": flags, "generation": generation}
    if kind == "heartbeat":
        return dict(zip(("time", "generation"), struct.unpack(">QI", data)))
    if kind == "error":
        code, of, detail = struct.unpack(">HBB", data[:4])
        return {"code": code, "of": of, "detail": detail, "text": data[4:].decode("utf-8")}
    if kind == "broadcast":
        topic = TOPICS[data[0]]
        return {"topic": topic, "body": body(topic, data[1], data[2:])}
    if kind == "command":
        return {"line": data.decode("utf-8")} if client else {"exit": struct.unpack(">B", data)[0]}
    return {"topics": names(struct.unpack(">I", data)[0])}


def frame(data, client):
    kind, flags, length, seq = struct.unpack(">BBHI", data[:8])
    equal("length", length, len(data) - 8)
    said = {"type": TYPES[kind], "seq": seq}
    if flags & 1:
        said["reply"] = True
    if flags & 2:
        said["force"] = True
    return said | payload(TYPES[kind], client, data[8:])


for one in vectors["registries"]:
    equal(one["input"], plain(one["input"]), one["plain"])
    equal(one["plain"], hashlib.sha256(one["plain"].encode()).hexdigest()[:8], one["hash"])
for one in vectors["header"]:
    version, name, flags, mode, rows, cols, reserved = struct.unpack(">B4sIBBBB", bytes.fromhex(one["hex"]))
    equal(one["what"], name, hashlib.sha256(one["url"].encode()).digest()[:4])
    equal(one["what"], [version, flags, mode, rows, cols, reserved], [one["version"], one["flags"], one["terminalMode"], one["rows"], one["cols"], 0])
for one in vectors["file"]:
    data = bytes.fromhex(one["hex"])
    magic, form, kind, reserved, length, crc = struct.unpack(">4sBBHII", data[13:29])
    equal(one["what"], [magic, form, kind, reserved, length, crc], [b"CTDL", 1, 0, 0, len(data) - 29, zlib.crc32(data[29:])])
    equal(one["what"], json.loads(data[29:]), one["body"])
for side in ("client", "server"):
    for one in vectors[side]:
        if "json" in one:
            equal(one["what"], frame(bytes.fromhex(one["hex"]), side == "client"), one["json"])
print(checked)
