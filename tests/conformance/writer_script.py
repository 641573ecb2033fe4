"""Scripts of kind "writer": asyncio's StreamWriter and its transport's queue.

    ["write", bytes]  ["writelines", [bytes, ...]]  ["write_eof"]
    ["marks", high, low]    -1: derived from the other
    ["sent", n]             the kernel takes n bytes more
    ["drain"]

Each step answers [result, done, queued, flags, sent]: its own result; those of the
drains that were waiting and are complete; bytes queued; "p" while the queue is above
its mark and "s" once our side is shut; the bytes that went out.
"""

import asyncio
from asyncio import selector_events

from kernel import Kernel
from reader_script import Outside, octets, text


class Runner:
    def __init__(self, loop, pauses=True):
        self.loop = loop
        self.kernel = Kernel()
        self.writelines_pauses = pauses
        reader = asyncio.StreamReader(loop=loop)
        self.protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        self.transport = selector_events._SelectorSocketTransport(
            loop, self.kernel, self.protocol)
        self.writer = asyncio.StreamWriter(self.transport, self.protocol, reader, loop)
        self.drains = []
        loop.run()

    def _write(self, call):
        try:
            call()
        except RuntimeError:
            return ['einval']
        return ['ok']

    def _marks(self, high, low):
        try:
            self.transport.set_write_buffer_limits(
                None if high < 0 else high, None if low < 0 else low)
        except ValueError:
            return ['einval']
        return ['ok']

    def _writelines(self, pieces):
        if not self.writelines_pauses:
            raise Outside('not in this version: writelines stops at the mark')
        return self._write(lambda: self.writer.writelines(pieces))

    def _do(self, op):
        name = op[0]
        if name == 'write':
            return self._write(lambda: self.writer.write(octets(op[1])))
        if name == 'writelines':
            return self._writelines([octets(piece) for piece in op[1]])
        if name == 'write_eof':
            self.writer.write_eof()
        elif name == 'marks':
            return self._marks(op[1], op[2])
        elif name == 'sent':
            self.kernel.space = op[1]
            while self.kernel.space and self.loop.writable(1000):
                pass
            self.kernel.space = 0
        return ['ok']

    def _drain(self):
        task = asyncio.Task(self.writer.drain(), loop=self.loop)
        self.loop.run()
        if task.done():
            return ['ok'] if task.exception() is None else ['busy']
        self.drains.append(task)
        return ['wait']

    def step(self, op):
        result = self._drain() if op[0] == 'drain' else self._do(op)
        self.loop.run()
        done = [['ok'] for task in self.drains if task.done() and task.exception() is None]
        self.drains = [task for task in self.drains if not task.done()]
        flags = 'p' * self.protocol._paused + 's' * self.kernel.shut
        return [result, done, self.transport.get_write_buffer_size(), flags,
                text(self.kernel.take_sent())]

    def close(self):
        if not self.kernel.closed:
            self.transport.abort()
        self.loop.run()
        for task in self.drains:
            task.cancel()
        self.loop.run()


def probe(loop):
    """What this version lacks."""
    lacks = []
    runner = Runner(loop)
    runner.step(['marks', 0, 0])
    if runner.step(['writelines', ['x']])[3] != 'p':
        lacks.append('writelines stops at the mark')
    else:
        runner.step(['drain'])
        if runner.step(['drain'])[0] == ['busy']:
            lacks.append('several drains')
    runner.close()
    return lacks


def run(loop, script):
    runner = Runner(loop, 'writelines stops at the mark' not in run.lacks)
    outcomes = []
    try:
        for op in script['steps']:
            outcomes.append(runner.step(op))
            if outcomes[-1][0] == ['busy']:
                outcomes.pop()
                raise Outside('not in this version: several drains at once')
    except Outside as exc:
        outcomes.append(['outside', str(exc)])
    runner.close()
    return outcomes


run.lacks = ()
