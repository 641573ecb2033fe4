"""Scripts of kind "stream": a whole connection, over a kernel that is a script.

The kernel's side:     ["recv", bytes] ["recv_eof"] ["recv_error", name]
                       ["space", n]    sends may take n bytes more
                       ["send_error", name]
The program's side:    the reads of kind "reader"; ["write", bytes], ["writelines", [...]],
                       ["drain"], ["marks", high, low], ["write_eof"], ["close"], ["abort"],
                       ["is_closing"], ["can_write_eof"], ["wait_closed"], ["cancel"] (the read),
                       ["cancel_drain"], ["cancel_wait_closed"] (the first that waits), ["writes", [bytes, ...]]
                       (several writes without a wait), ["sends"] (how many sends took bytes)

Each step answers [result, done, left, flags, held, queued, sent]: its own result; what
is complete now of the calls that were waiting, in the order in which they began; the bytes
received and not read (null once the connection has failed: nobody can read them);
"e" at the end, "c" closing, "s" our side shut, "x" socket closed; how many bytes the
kernel still holds (more than 0 while reading is paused; 0 once it failed); how many wait to be sent; the
bytes that went out.
"""

import asyncio
from asyncio import selector_events

import reader_script
from kernel import Kernel
from reader_script import Outside, Read, code_of, error_of, octets, text

FD = 1000


class Call:
    """A drain or a wait_closed in flight."""

    def __init__(self, op, task):
        self.op, self.task, self.all = op, task, None


class Runner(reader_script.Runner):
    def __init__(self, loop, script, lacks):
        self.loop, self.lacks = loop, lacks
        self.kernel = Kernel()
        self.kernel.space = script.get('space', 0)
        self.reader = asyncio.StreamReader(limit=script['limit'], loop=loop)
        self.protocol = asyncio.StreamReaderProtocol(self.reader, loop=loop)
        self.transport = selector_events._SelectorSocketTransport(
            loop, self.kernel, self.protocol)
        self.writer = asyncio.StreamWriter(self.transport, self.protocol, self.reader, loop)
        self.waiting, self.started, self.aside, self.note = None, [], b'', None
        self.beyond = script.get('beyond')
        self.calls = []
        loop.run()

    # -- the program's side

    async def _wait(self, coro):
        try:
            await coro
        except asyncio.CancelledError:
            return ['cancelled']
        except ConnectionResetError:
            return ['error', 'ECONNRESET']
        except OSError as exc:
            return ['error', code_of(exc)]
        except AssertionError:
            raise Outside('not in this version: several drains at once')
        return ['ok']

    def _call_and_wait(self, op, coro):
        call = Call(op, asyncio.Task(self._wait(coro), loop=self.loop))
        self.calls.append(call)
        return call

    def _write(self, call):
        try:
            call()
        except RuntimeError:
            return ['einval']
        except AttributeError:
            raise Outside('asyncio trips over a write after the end')
        return ['ok']

    def _marks(self, high, low):
        try:
            self.transport.set_write_buffer_limits(
                None if high < 0 else high, None if low < 0 else low)
        except ValueError:
            return ['einval']
        return ['ok']

    def _cancel_first(self, name):
        for call in self.calls:
            if call.op[0] == name and not call.task.done():
                call.task.cancel()
                return ['ok']
        return ['none']

    def _kernel(self, op):
        kernel, name = self.kernel, op[0]
        if name == 'recv':
            kernel.inbox.append(octets(op[1]))
        elif name == 'recv_eof':
            kernel.inbox.append(b'')
        elif name == 'recv_error':
            kernel.recv_error = error_of(op[1])
        elif name == 'send_error':
            kernel.send_error = error_of(op[1])
        elif name == 'space':
            kernel.space += op[1]
        else:
            return None
        return ['ok']

    def _ask(self, op):
        name = op[0]
        if name == 'is_closing':
            return [self.writer.is_closing()]
        if name == 'can_write_eof':
            return [self.writer.can_write_eof()]
        if name == 'marks':
            return self._marks(op[1], op[2])
        if name in ('cancel_drain', 'cancel_wait_closed'):
            return self._cancel_first(name[7:])
        if name == 'sends':
            return [self.kernel.sends]
        return None

    def _act(self, op):
        name = op[0]
        if name == 'write':
            return self._write(lambda: self.writer.write(octets(op[1])))
        if name == 'writes':
            return [self._write(lambda: self.writer.write(octets(piece))) for piece in op[1]]
        if name == 'writelines':
            if 'writelines stops at the mark' in self.lacks:
                raise Outside('not in this version: writelines stops at the mark')
            pieces = [octets(piece) for piece in op[1]]
            return self._write(lambda: self.writer.writelines(pieces))
        if name == 'write_eof':
            self.writer.write_eof()
        elif name == 'close':
            self.writer.close()
        elif name == 'abort':
            self._abort()
        else:
            return None
        return ['ok']

    def _abort(self):
        if not self.kernel.closed:  # afterwards CPython's has an AttributeError
            self.transport.abort()

    def _do(self, op):
        if op[0] == 'drain':
            return self._call_and_wait(op, self.writer.drain())
        if op[0] == 'wait_closed':
            return self._call_and_wait(op, self.writer.wait_closed())
        return self._kernel(op) or self._ask(op) or self._act(op) or super()._do(op)

    # -- steps

    def _pump(self):
        """Lets the kernel report until nobody listens or nothing is left."""
        self.loop.run()
        moving = True
        while moving:
            moving = self.kernel.readable() and self.loop.readable(FD)
            moving = (self.kernel.writable() and self.loop.writable(FD)) or moving

    def _flags(self):
        return ('e' * self._at_eof() + 'c' * self.transport.is_closing()
                + 's' * self.kernel.shut + 'x' * self.kernel.closed)

    def _finished(self):
        done = [call.task.result() for call in self.calls if call.task.done()]
        self.calls = [call for call in self.calls if not call.task.done()]
        return done

    def step(self, op):
        self.started, self.note = [], None
        if op == ['read', -1]:
            raise Outside('read(-1) is compared over the core')
        known = list(self.calls)
        before = len(self.reader._buffer)
        result = self._do(op)
        self._pump()
        self._check_steal(before)
        done = [d for d in [self._done()] if d]
        if isinstance(result, Read):
            result = self._result(result)
            done += self._finished()
        elif isinstance(result, Call):
            self.calls, new = known, result
            result = new.task.result() if new.task.done() else ['wait']
            done += self._finished()
            self.calls += [new] * (result == ['wait'])
        else:
            done += self._finished()
        failed = self.reader.exception() is not None
        held = 0 if failed else sum(map(len, self.kernel.inbox))
        return [result, done, None if failed else self._left(), self._flags(), held,
                self.transport.get_write_buffer_size(), text(self.kernel.take_sent())]

    def close(self):
        self._abort()
        self.loop.run()
        for call in self.calls + [self.waiting] * bool(self.waiting):
            call.task.cancel()
        self.loop.run()


def run(loop, script):
    runner = Runner(loop, script, run.lacks)
    outcomes = []
    try:
        for op in script['steps']:
            outcomes.append(runner.step(op))
    except Outside as exc:
        outcomes.append(['outside', str(exc)])
    runner.close()
    return outcomes


run.lacks = ()
