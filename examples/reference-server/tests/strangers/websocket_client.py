"""The device endpoint as a library that shares no line with the server sees it (websockets, in Python): every way of writing and every close code that a client can cause.

Prints one line for each; ends with 1 at the first that is not as documented. Arguments: the URL, the documented frame, a token of a gateway.
"""

import asyncio
import json
import sys

import cbor2
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

URL, FRAME, TOKEN = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8")), sys.argv[3]
OPTIONS = {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}, "compression": None, "max_size": None}
count = 0


def frame():
    """The documented frame by another name."""
    global count
    count += 1
    return {**FRAME, "sample_id": f"PYTHON-{count}"}


def expect(what, found, wanted):
    print(f"{what}: {found}")
    if found != wanted:
        sys.exit(f"{what}: expected {wanted}, found {found}")


async def written(protocol, encode, decode):
    async with connect(URL, subprotocols=protocol and [protocol], **OPTIONS) as socket:
        expect(f"{protocol}: agreed", socket.subprotocol, protocol)
        await socket.send(encode(frame()))
        expect(f"{protocol}: acknowledged", decode(await socket.recv())["status"], "persisted")
        await socket.send(encode({"type": "nonsense"}))
        expect(f"{protocol}: nonsense", decode(await socket.recv())["status"], "rejected")
        await socket.ping()
        await socket.send(encode({"type": "hello", "device_id": FRAME["device_id"]}))
        expect(f"{protocol}: hello", decode(await socket.recv())["type"], "welcome")


async def close_of(what, wanted, misbehave):
    async with connect(URL, **OPTIONS) as socket:
        try:
            await misbehave(socket)
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            expect(what, closed.rcvd and closed.rcvd.code, wanted)


async def raw(socket, bytes_):
    socket.transport.write(bytes_)


async def many_wrong(socket):
    # Answers are read meanwhile: who does not read is left after ten seconds, without a word that it could read.
    for _ in range(1001):
        await socket.send("{}")
        await socket.recv()


async def main():
    await written(None, json.dumps, json.loads)
    await written("sqal.cbor", cbor2.dumps, cbor2.loads)

    def event(data):
        return json.dumps({"specversion": "1.0", "id": "1", "source": "/python", "type": "sensor_data", "data": data})

    await written("cloudevents.json", event, lambda text: json.loads(text)["data"])

    async with connect(URL, **OPTIONS) as socket:
        await socket.send(json.dumps(frame()))
        await socket.recv()
        await socket.close(1000)
        expect("a client that closes", socket.close_code, 1000)
    # A mask of zeros leaves bytes as they are: what is written here is what is read there.
    await close_of("a message over 1 MiB", 1009, lambda socket: socket.send("x" * (1024 * 1024 + 1)))
    await close_of("text that is not UTF-8", 1007, lambda socket: raw(socket, b"\x81\x82\x00\x00\x00\x00\xff\xfe"))
    await close_of("a reserved opcode", 1002, lambda socket: raw(socket, b"\x83\x80\x00\x00\x00\x00"))
    await close_of("a frame without a mask", 1002, lambda socket: raw(socket, b"\x81\x01x"))
    await close_of("a continuation of nothing", 1002, lambda socket: raw(socket, b"\x80\x80\x00\x00\x00\x00"))
    await close_of("a thousand wrong frames", 1008, many_wrong)

    # In parts, with a ping between them: one message.
    async with connect(URL, **OPTIONS) as socket:
        text = json.dumps(frame())

        async def parts():
            yield text[:100]
            await socket.ping()
            yield text[100:]

        await socket.send(parts())
        expect("a message in parts", json.loads(await socket.recv())["status"], "persisted")
    for token, status in [("wrong", 401), ("", 401)]:
        try:
            async with connect(URL, **{**OPTIONS, "additional_headers": {"Authorization": f"Bearer {token}"}}):
                sys.exit("a stranger was let in")
        except InvalidStatus as refused:
            expect(f"token {token!r}", refused.response.status_code, status)


asyncio.run(main())
