#!/usr/bin/env python3
"""One end of a real connection, in asyncio; peer.c is the same in Runnel.

    peer.py serve tcp|unix ADDRESS SCENARIO     prints "ready ADDRESS", then its story
    peer.py connect tcp|unix ADDRESS SCENARIO   prints its story

A story has a line for each call: its name and what it answered. Whoever has to wait for
the other end does so by reading, so that the story does not depend on time.
"""

import asyncio
import errno
import json
import os
import socket
import struct
import sys
import tempfile

BIG = 1 << 24  # bytes; more than the kernel's buffers hold


def say(*words):
    print(*words, flush=True)


def shown(value):
    if isinstance(value, (bytes, bytearray)):
        return json.dumps(bytes(value).decode('latin-1'))
    return 'ok' if value is None else json.dumps(value)


def code_of(exc):
    if getattr(exc, 'errno', None):
        return errno.errorcode[exc.errno]
    return {'ConnectionResetError': 'ECONNRESET'}.get(type(exc).__name__, type(exc).__name__)


async def tell(name, awaitable):
    """Makes a call and says what it answered."""
    try:
        value = await awaitable
    except asyncio.IncompleteReadError as exc:
        say(name, 'incomplete', shown(exc.partial))
        return None
    except OSError as exc:
        say(name, 'error', code_of(exc))
        return None
    say(name, shown(value))
    return value


def reset(writer):
    """Ends the connection with a reset, whatever is queued."""
    sock = writer.get_extra_info('socket')
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()


async def end(writer):
    writer.close()
    say('is_closing', shown(writer.is_closing()))
    await tell('wait_closed', writer.wait_closed())


# ---- Scenarios: what the server does, what the client does


async def echo_server(reader, writer, server):
    while True:
        line = await tell('readline', reader.readline())
        if not line:
            break
        writer.write(line)
        await tell('drain', writer.drain())
    await end(writer)


async def echo_client(reader, writer):
    for line in (b'one\n', b'two\n', b'\xff\x00\n'):
        writer.write(line)
        await tell('readline', reader.readline())
    writer.writelines([b'thr', b'ee', b'\n'])
    await tell('readuntil', reader.readuntil(b'ee\n'))
    writer.write_eof()
    await tell('read', reader.read(-1))
    await end(writer)


async def client_half_server(reader, writer, server):
    request = await tell('read', reader.read(-1))
    say('is_closing', shown(writer.is_closing()))
    writer.write(b'reply to ' + request)
    await tell('drain', writer.drain())
    await end(writer)


async def client_half_client(reader, writer):
    writer.write(b'request')
    writer.write_eof()
    await tell('read', reader.read(-1))
    say('at_eof', shown(reader.at_eof()))
    await end(writer)


async def server_half_server(reader, writer, server):
    writer.write(b'hello')
    writer.write_eof()
    await tell('read', reader.read(-1))
    await end(writer)


async def server_half_client(reader, writer):
    await tell('readexactly', reader.readexactly(9))
    say('is_closing', shown(writer.is_closing()))
    writer.write(b'still here')
    await tell('drain', writer.drain())
    await end(writer)
    await tell('read', reader.read(5))


async def reset_server(reader, writer, server):
    writer.write(b'data1\ndata2\n')
    await tell('readline', reader.readline())
    reset(writer)
    await tell('wait_closed', writer.wait_closed())
    await tell('drain', writer.drain())
    await tell('read', reader.read(5))


async def reset_client(reader, writer):
    await tell('readline', reader.readline())
    writer.write(b'reset\n')
    await tell('wait_closed', writer.wait_closed())
    await tell('readline', reader.readline())
    await tell('drain', writer.drain())
    await tell('wait_closed', writer.wait_closed())


async def slow_server(reader, writer, server):
    total = wrong = 0
    while True:
        data = await reader.read(65536)
        if not data:
            break
        total += len(data)
        wrong += len(data) - data.count(b'x')
    say('received', total, 'wrong', wrong)
    await end(writer)


async def slow_client(reader, writer):
    writer.write(b'x' * BIG)
    await tell('drain', writer.drain())
    say('waits', shown(writer.transport.get_write_buffer_size() > 16384))
    writer.close()
    await tell('wait_closed', writer.wait_closed())
    await tell('read', reader.read(5))


async def ends_server(reader, writer, server):
    await tell('readline', reader.readline())
    await tell('read', reader.read(5))
    await end(writer)
    await tell('wait_closed', writer.wait_closed())
    writer.write(b'late')
    await tell('drain', writer.drain())


async def ends_client(reader, writer):
    writer.write(b'bye\n')
    await tell('drain', writer.drain())
    writer.close()
    writer.close()
    await tell('wait_closed', writer.wait_closed())
    await tell('wait_closed', writer.wait_closed())
    await tell('read', reader.read(5))
    say('at_eof', shown(reader.at_eof()))


async def abort_server(reader, writer, server):
    await tell('read', reader.read(-1))
    await end(writer)


async def abort_client(reader, writer):
    writer.transport.abort()
    say('is_closing', shown(writer.is_closing()))
    await tell('wait_closed', writer.wait_closed())
    await tell('drain', writer.drain())
    await tell('read', reader.read(5))


async def close_server_server(reader, writer, server):
    await tell('readline', reader.readline())
    server.close()
    say('is_serving', shown(server.is_serving()))
    writer.write(b'closed\n')
    await tell('readline', reader.readline())
    await end(writer)


async def close_server_client(reader, writer):
    writer.write(b'close the server\n')
    await tell('readline', reader.readline())
    writer.write(b'and I am still served\n')
    await tell('read', reader.read(-1))
    await end(writer)


async def close_clients_server(reader, writer, server):
    await tell('readline', reader.readline())
    server.close()
    server.close_clients()
    say('is_closing', shown(writer.is_closing()))
    await tell('wait_closed', writer.wait_closed())


async def abort_clients_server(reader, writer, server):
    await tell('readline', reader.readline())
    server.close()
    server.abort_clients()
    say('is_closing', shown(writer.is_closing()))
    await tell('wait_closed', writer.wait_closed())


async def told_client(reader, writer):
    writer.write(b'end us\n')
    await tell('read', reader.read(-1))
    await end(writer)


async def failing_server(reader, writer, server):
    await tell('readline', reader.readline())
    raise ZeroDivisionError('the handler fails')


def name_of(address):
    return '%s:%d' % address[:2] if isinstance(address, tuple) else address


def info(writer):
    sock = writer.get_extra_info('socket')
    tcp = sock.family != getattr(socket, 'AF_UNIX', None)
    say('nodelay', shown(tcp and sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0))
    say('no such', shown(writer.get_extra_info('no such') is None))


async def info_server(reader, writer, server):
    line = await reader.readline()
    say('peername', shown(name_of(writer.get_extra_info('peername')).encode() + b'\n' == line))
    info(writer)
    writer.write(name_of(writer.get_extra_info('sockname')).encode() + b'\n')
    await tell('read', reader.read(5))
    await end(writer)


async def info_client(reader, writer):
    writer.write(name_of(writer.get_extra_info('sockname')).encode() + b'\n')
    line = await reader.readline()
    info(writer)
    await end(writer)
    peer = name_of(writer.get_extra_info('peername'))  # kept after the end
    say('peername', shown(peer.encode() + b'\n' == line))


async def cancelled_server(reader, writer, server):
    await tell('readline', reader.readline())
    asyncio.current_task().cancel()
    await reader.readline()


async def polite_server(reader, writer, server):
    await tell('readline', reader.readline())
    writer.write(b'all of it\n')
    await tell('read', reader.read(5))
    await end(writer)


async def polite_client(reader, writer):
    writer.write(b'go on\n')
    await tell('readline', reader.readline())
    await end(writer)


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def cancelled_client(reader, writer):
    full, fillers = socket.socket(), []
    full.bind(('127.0.0.1', 0))
    full.listen(0)
    for _ in range(4):  # its queue is full: who connects now waits
        fillers.append(socket.socket())
        fillers[-1].setblocking(False)
        fillers[-1].connect_ex(full.getsockname())
    lowest = os.dup(0)
    os.close(lowest)
    task = asyncio.ensure_future(asyncio.open_connection(*full.getsockname()))
    await turns()
    say('connects', shown(not task.done()))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        say('cancelled')
    await turns()
    after = os.dup(0)
    os.close(after)
    say('its socket is closed', shown(after == lowest))
    for sock in fillers + [full]:
        sock.close()
    await polite_client(reader, writer)


async def drains_client(reader, writer):
    writer.write(b'x' * BIG)
    tasks = [asyncio.ensure_future(writer.drain()) for _ in range(10)]
    say('drained', len([task for task in tasks if await task is None]))
    writer.close()
    await tell('wait_closed', writer.wait_closed())


async def try_connect(port, local=None):
    try:
        reader, writer = await asyncio.open_connection('127.0.0.1', port, local_addr=local)
    except OSError as exc:
        say('connect error', code_of(exc))
        return
    await tell('read', reader.read(-1))
    writer.close()
    await writer.wait_closed()


async def try_forever(server):
    try:
        await server.serve_forever()
    except asyncio.CancelledError:
        say('serve_forever cancelled')
    except RuntimeError:
        say('serve_forever refused')


async def life_server(reader, writer, server):
    def greet(reader, writer):
        writer.write(writer.get_extra_info('peername')[0].encode())
        writer.close()

    await tell('readline', reader.readline())
    other = await asyncio.start_server(greet, '127.0.0.1', 0, start_serving=False)
    port = other.sockets[0].getsockname()[1]
    say('is_serving', shown(other.is_serving()))
    await try_connect(port)
    await tell('start_serving', other.start_serving())
    await tell('start_serving', other.start_serving())
    say('is_serving', shown(other.is_serving()))
    await try_connect(port)
    await try_connect(port, ('127.0.0.2', 0))
    try:
        await asyncio.start_server(greet, '127.0.0.1', port)
    except OSError as exc:
        say('start_server error', code_of(exc))
    task = asyncio.ensure_future(try_forever(other))
    await asyncio.sleep(0)
    await try_forever(other)
    other.close()
    other.close()
    say('is_serving', shown(other.is_serving()), 'sockets', len(other.sockets))
    await task
    await tell('wait_closed', other.wait_closed())
    await try_forever(other)
    await try_connect(port)
    await end(writer)


async def try_paths(path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path + '.stale')
    for end_of_path in ('.none', '.stale'):
        try:
            await asyncio.open_unix_connection(path + end_of_path)
        except OSError as exc:
            say('connect error', code_of(exc))
    os.unlink(path + '.stale')
    try:
        await asyncio.start_unix_server(lambda reader, writer: None, path + '.none/below')
    except OSError as exc:
        say('start_unix_server error', code_of(exc))
    server = await asyncio.start_unix_server(lambda reader, writer: None, path)
    say('is there', shown(os.path.exists(path)))
    server.close()
    await tell('wait_closed', server.wait_closed())
    say('is there', shown(os.path.exists(path)))


async def paths_client(reader, writer):
    with tempfile.TemporaryDirectory(prefix='runnel-') as folder:
        await try_paths(os.path.join(folder, 'socket'))
    await polite_client(reader, writer)


SCENARIOS = {
    # name: (server, client, since, kinds)
    'echo': (echo_server, echo_client, (3, 8), 'tcp unix'),
    'half-close by the client': (client_half_server, client_half_client, (3, 8), 'tcp unix'),
    'half-close by the server': (server_half_server, server_half_client, (3, 8), 'tcp unix'),
    'reset with data unread': (reset_server, reset_client, (3, 8), 'tcp'),
    'slow reader': (slow_server, slow_client, (3, 8), 'tcp unix'),
    'close twice, wait twice': (ends_server, ends_client, (3, 8), 'tcp unix'),
    'abort': (abort_server, abort_client, (3, 8), 'tcp unix'),
    'server close': (close_server_server, close_server_client, (3, 8), 'tcp unix'),
    'close_clients': (close_clients_server, told_client, (3, 13), 'tcp unix'),
    'abort_clients': (abort_clients_server, told_client, (3, 13), 'tcp unix'),
    'a handler fails': (failing_server, told_client, (3, 11), 'tcp unix'),
    'a handler is cancelled': (cancelled_server, told_client, (3, 13), 'tcp unix'),
    'a connect is cancelled': (polite_server, cancelled_client, (3, 8), 'tcp'),
    'get_extra_info': (info_server, info_client, (3, 8), 'tcp unix'),
    'ten drains': (slow_server, drains_client, (3, 10), 'tcp unix'),
    "a server's life": (life_server, told_client, (3, 12), 'tcp'),
    'paths': (polite_server, paths_client, (3, 13), 'unix'),
}


async def serve(kind, address, scenario):
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    server = None
    loop.set_exception_handler(lambda loop, context: say('reported'))

    async def handle(reader, writer):
        try:
            await scenario[0](reader, writer, server)
        finally:
            # a turn later: what becomes of a failure is part of the story
            loop.call_soon(loop.call_soon, over.set_result, None)

    if kind == 'tcp':
        server = await asyncio.start_server(handle, '127.0.0.1', int(address))
        address = server.sockets[0].getsockname()[1]
    else:
        server = await asyncio.start_unix_server(handle, address)
    say('ready', address)
    await over
    server.close()
    await tell('server wait_closed', server.wait_closed())


async def connect(kind, address, scenario):
    if kind == 'tcp':
        reader, writer = await asyncio.open_connection('127.0.0.1', int(address))
    else:
        reader, writer = await asyncio.open_unix_connection(address)
    await scenario[1](reader, writer)


def main():
    role, kind, address, name = sys.argv[1:]
    asyncio.run({'serve': serve, 'connect': connect}[role](kind, address, SCENARIOS[name]))


if __name__ == '__main__':
    main()
