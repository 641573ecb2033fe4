"""Scripts of kind "reader": asyncio.StreamReader, fed by hand.

    ["feed", bytes]  ["feed_eof"]  ["set_exception", name]
    ["read", n]  ["readexactly", n]  ["readline"]  ["readuntil", bytes]     -1: all
    ["readuntil_any", [bytes, ...]]  ["lines"]      until there are no more
    ["cancel"]  ["at_eof"]  ["exception"]           the first: the read that waits
    ["tick", [step, ...]]   several of these in one turn of the loop

Each step answers [result, done, left, flags]: its own result; the results of
reads that were waiting and are complete now; the bytes that nobody has read;
"p" while reading is paused and "e" at the end of input. A step may have a fifth
element, a note for the driver: where design row 3 showed, what asyncio lost.

Row 3 (a cancelled or failed read(-1) loses what it had taken) would make the rest of
a script incomparable. So the loss is noted, and the bytes are put back in front
when the next read wants some.
"""

import asyncio
import errno
import sys

KEEPS_PLACE = ('readuntil', 'readuntil_any', 'readline', 'lines')


def text(data):
    return bytes(data).decode('latin-1')


def octets(string):
    return string.encode('latin-1')


def error_of(name):
    return OSError(getattr(errno, name), name)


def code_of(exc):
    return errno.errorcode.get(getattr(exc, 'errno', None), type(exc).__name__)


def which_of(value, seps):
    """The separator that `value` ends in: the shortest, the first among equals."""
    order = sorted(range(len(seps)), key=lambda i: len(seps[i]))
    return next(i for i in order if value.endswith(seps[i]))


class Pipe:
    """What a StreamReader asks of its transport."""

    def __init__(self):
        self.paused = False

    def pause_reading(self):
        assert not self.paused
        self.paused = True

    def resume_reading(self):
        assert self.paused
        self.paused = False


class Read:
    """A read in flight."""

    __slots__ = ('op', 'task', 'all', 'given_up')

    def __init__(self, op):
        self.op = op
        self.task = None
        self.given_up = False
        self.all = None  # read(-1): what there was at its start and came since

    def taken(self, reader):
        """What read(-1) holds outside the buffer."""
        if self.all is None:
            return b''
        return bytes(self.all[:len(self.all) - len(reader._buffer)])


class Outside(Exception):
    """The script has left what can be compared; the reason is the argument."""


class Runner:
    def __init__(self, loop, script):
        self.loop = loop
        self.reader = asyncio.StreamReader(limit=script['limit'], loop=loop)
        self.pipe = Pipe()
        self.reader.set_transport(self.pipe)
        self.waiting = None
        self.started = []
        self.aside = b''  # what a read(-1) lost
        self.note = None
        self.beyond = script.get('beyond')  # to where nothing is compared

    # -- reads

    async def _call(self, read):
        reader, op = self.reader, read.op
        name = op[0]
        self._put_back(op)
        if name == 'read':
            if op[1] < 0:
                read.all = bytearray(reader._buffer)
            return ['value', text(await reader.read(op[1]))]
        if name == 'readline':
            return ['value', text(await reader.readline())]
        if name == 'readexactly':
            return ['value', text(await reader.readexactly(op[1]))]
        if name == 'readuntil':
            return ['value', text(await reader.readuntil(octets(op[1])))]
        seps = tuple(octets(sep) for sep in op[1])
        if sys.version_info < (3, 13):
            raise Outside('not in this version: several separators')
        value = await reader.readuntil(seps)
        return ['value', text(value), which_of(value, seps)]

    async def _lines(self):
        self._put_back(['lines'])
        lines = []
        try:
            async for line in self.reader:
                lines.append(text(line))
        except BaseException as exc:
            return ['lines', lines, self._refusal(exc, ['readline'])]
        return ['lines', lines, None]

    async def _read(self, read):
        if read.op[0] == 'lines':
            return await self._lines()
        try:
            return await self._call(read)
        except Outside:
            raise
        except BaseException as exc:
            self._rescue(read)
            return self._refusal(exc, read.op)

    def _refusal(self, exc, op):
        if isinstance(exc, asyncio.CancelledError):
            return ['cancelled']
        if isinstance(exc, asyncio.IncompleteReadError):
            return ['incomplete', text(exc.partial), exc.expected]
        if isinstance(exc, asyncio.LimitOverrunError):
            return ['limit', exc.consumed]
        if isinstance(exc, ValueError):
            return ['limit'] if op[0] == 'readline' else ['einval']
        if isinstance(exc, RuntimeError):
            return ['busy']
        if isinstance(exc, OSError):
            return ['error', code_of(exc)]
        raise exc

    def _rescue(self, read):
        taken = read.taken(self.reader)
        if taken:
            self.aside = taken
            self.note = {'row': 3, 'lost': text(taken)}
        read.all = None

    def _put_back(self, op):
        """Before a read that will look at the buffer."""
        refused = op[0].startswith('readuntil') and (not op[1] or '' in op[1:] + list(op[1]))
        if self.reader.exception() is None and not refused and op[1:] != [0]:
            self.reader._buffer[:0] = self.aside
            self.aside = b''

    def _start(self, op):
        other = self.waiting
        if other and other.all is not None and op != ['read', 0]:
            raise Outside('a second reader beside read(-1)')
        if self.started and self.started[-1].op[0] in KEEPS_PLACE + ('read',):
            raise Outside('two readers in one turn')
        if op == ['read', -1] and (other and self.reader._buffer or self.started):
            raise Outside('read(-1) beside another reader')
        if op[0] == 'lines' and (other or self.started):
            raise Outside('iteration beside another reader')
        read = Read(op)
        read.task = asyncio.Task(self._read(read), loop=self.loop)
        self.started.append(read)
        return read

    def _cancel(self):
        if not self.waiting or self.waiting.given_up:
            return ['none']
        self.waiting.given_up = True
        self.waiting.task.cancel()
        return ['ok']

    # -- steps

    def _feed(self, data):
        try:
            self.reader.feed_data(data)
        except AssertionError:
            return ['einval']
        if self.waiting and self.waiting.all is not None:
            self.waiting.all += data
        return ['ok']

    def _do(self, op):
        name = op[0]
        if name == 'feed':
            return self._feed(octets(op[1]))
        if name == 'feed_eof':
            self.reader.feed_eof()
        elif name == 'set_exception':
            self.reader.set_exception(error_of(op[1]))
        elif name == 'cancel':
            return self._cancel()
        elif name == 'at_eof':
            return [self._at_eof()]
        elif name == 'exception':
            exc = self.reader.exception()
            return [exc and code_of(exc)]
        else:
            return self._start(op)
        return ['ok']

    def _left(self):
        if self.waiting and self.waiting.all is not None:
            return text(self.waiting.all)
        return text(self.aside + self.reader._buffer)

    def _at_eof(self):
        return self.reader.at_eof() and not self.aside

    def _result(self, read):
        if not read.task.done():
            self.waiting = read
            return ['wait']
        if read.task.cancelled():
            return ['cancelled']
        return read.task.result()

    def _done(self):
        if not (self.waiting and self.waiting.task.done()):
            return None
        done, self.waiting = self._result(self.waiting), None
        return done

    def _check_steal(self, before):
        other = self.waiting
        if (not self.beyond and other and other.op[0] in KEEPS_PLACE and self.started
                and len(self.reader._buffer) < before):
            raise Outside('a second reader moves the ground under a search')

    def step(self, op):
        self.started, self.note = [], None
        before = len(self.reader._buffer)
        if op[0] == 'tick':
            results = [self._do(sub) for sub in op[1]]
        else:
            results = [self._do(op)]
        self.loop.run()
        self._check_steal(before)
        done = self._done()
        results = [self._result(r) if isinstance(r, Read) else r for r in results]
        flags = 'p' * self.pipe.paused + 'e' * self._at_eof()
        outcome = [results if op[0] == 'tick' else results[0], done, self._left(), flags]
        return outcome + [self.note] if self.note else outcome

    def close(self):
        if self.waiting:
            self.waiting.task.cancel()
        self.loop.run()


def run(loop, script):
    if script['limit'] <= 0:
        try:
            asyncio.StreamReader(limit=script['limit'], loop=loop)
        except ValueError:
            return [['einval']]
    runner = Runner(loop, script)
    outcomes = []
    try:
        for op in script['steps']:
            outcomes.append(runner.step(op))
    except Outside as exc:
        outcomes.append(['outside', str(exc)])
    runner.close()
    return outcomes
