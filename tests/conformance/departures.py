"""Where Runnel departs from asyncio on purpose (docs/asyncio.md), and how.

A departure is a script with asyncio's outcome of each step and Runnel's. The rows
marked (c) depart only with `compat` off: with it on the outcome is asyncio's. The
others depart always. Anything else, also a departure that no longer shows, fails.
"""

import json

import cases


class Departure:
    def __init__(self, row, name, compat, limit, steps, kind='reader', lost=None):
        """`steps`: (operation, asyncio's outcome, Runnel's or None for the same, and
        if it is neither Runnel's with compat). `compat`: whether asyncio's way can
        be had. `lost`: what asyncio loses."""
        self.row, self.name, self.compat = row, name, compat
        self.limit, self.steps, self.kind, self.lost = limit, steps, kind, lost

    def script(self, compat):
        return {'kind': self.kind, 'limit': self.limit, 'compat': compat, 'beyond': True,
                **({'space': 100} if self.kind == 'stream' else {}),
                'steps': [step[0] for step in self.steps]}

    def theirs(self):
        return [list(step[1]) for step in self.steps]

    def ours(self):
        return [list(step[2] or step[1]) for step in self.steps]

    def with_compat(self):
        plain = self.theirs() if self.compat else self.ours()
        return [list(step[3]) if len(step) > 3 else same
                for step, same in zip(self.steps, plain)]

    def shown(self):
        """Where they part: [(operation, asyncio's outcome, Runnel's)]; what is lost."""
        if self.lost:
            return [(step[0], 'loses %r' % self.lost, 'keeps it')
                    for step in self.steps[2:3]]
        return [(step[0], told(theirs, ours), told(ours, theirs))
                for step, theirs, ours in zip(self.steps, self.theirs(), self.ours())
                if theirs != ours]

    def misfits(self, theirs, on, off):
        """What is not as stated, given asyncio's outcomes and Runnel's."""
        plain = [o[:-1] if isinstance(o[-1], dict) else o for o in theirs]
        wanted = (('asyncio', plain, self.theirs()), ('Runnel', off, self.ours()),
                  ('Runnel with compat', on, self.with_compat()))
        return ['%s: stated %r, got %r' % (who, want, got)
                for who, got, want in wanted if got != want]


def told(outcome, other):
    """The parts of it in which it is not the other."""
    return ' '.join(json.dumps(part) for part, its in zip(outcome, other) if part != its)


OK = ['ok']
WAIT = ['wait']

ALL = [
    # Row 3. The oracle puts what asyncio lost back in front, so that scripts can go
    # on; here its note is what shows the loss.
    Departure(3, 'a cancelled read(-1) loses nothing', False, 4, [
        (['read', -1], (WAIT, None, '', ''), None),
        (['feed', 'abc'], (OK, None, 'abc', ''), None),
        (['cancel'], (OK, ['cancelled'], 'abc', ''), None),
        (['read', 9], (['value', 'abc'], None, '', ''), None)], lost='abc'),
    Departure(3, 'an error during read(-1) loses nothing', False, 4, [
        (['read', -1], (WAIT, None, '', ''), None),
        (['feed', 'abc'], (OK, None, 'abc', ''), None),
        (['set_exception', 'ECONNRESET'], (OK, ['error', 'ECONNRESET'], 'abc', ''), None)],
        lost='abc'),
    Departure(5, 'readline keeps a line that is too long', True, 3, [
        (['feed', 'line1\nline2\n'], (OK, None, 'line1\nline2\n', 'p'), None),
        (['readline'], (['limit'], None, 'line2\n', 'p'),
         (['limit', 5], None, 'line1\nline2\n', 'p')),
        (['readexactly', 5], (['value', 'line2'], None, '\n', ''),
         (['value', 'line1'], None, '\nline2\n', 'p'))]),
    Departure(5, 'readline does not take the tail of a line for a line', True, 4, [
        (['feed', 'abcdef'], (OK, None, 'abcdef', ''), None),
        (['readline'], (['limit'], None, '', ''), (['limit', 6], None, 'abcdef', '')),
        (['feed', 'gh\n'], (OK, None, 'gh\n', ''), (OK, None, 'abcdefgh\n', 'p')),
        (['readline'], (['value', 'gh\n'], None, '', ''),
         (['limit', 8], None, 'abcdefgh\n', 'p'))]),
    Departure(5, 'a tail that is too long stays at the end', True, 2, [
        (['feed', 'abcdef'], (OK, None, 'abcdef', 'p'), None),
        (['feed_eof'], (OK, None, 'abcdef', 'p'), None),
        (['readline'], (['limit'], None, '', 'e'), (['limit', 6], None, 'abcdef', 'p'))]),
    # With compat the second reader steals, as in asyncio; but asyncio's readuntil then goes
    # on at an offset that is too far behind, passes over a separator, and waits on.
    Departure(19, 'readuntil misses nothing after a theft', False, 64, [
        (['feed', 'abcd'], (OK, None, 'abcd', ''), None),
        (['readuntil', '\n'], (WAIT, None, 'abcd', ''), None),
        (['read', 3], (['value', 'abc'], None, 'd', ''), (['busy'], None, 'abcd', ''),
         (['value', 'abc'], None, 'd', '')),
        (['feed', '\ne'], (OK, None, 'd\ne', ''), (OK, ['value', 'abcd\n'], 'e', ''),
         (OK, ['value', 'd\n'], 'e', ''))]),
    Departure(19, 'a second reader does not steal from one that waits', True, 64, [
        (['feed', 'abc'], (OK, None, 'abc', ''), None),
        (['readexactly', 4], (WAIT, None, 'abc', ''), None),
        (['read', 2], (['value', 'ab'], None, 'c', ''), (['busy'], None, 'abc', '')),
        (['read', 0], (['value', ''], None, 'c', ''), (['value', ''], None, 'abc', '')),
        (['feed', 'defg'], (OK, ['value', 'cdef'], 'g', ''), (OK, ['value', 'abcd'], 'efg', ''))]),
]


# ---- Through the task API: [result, done, left, flags, held, queued, sent]

def quiet(result, done=(), left='', flags='', sent=''):
    return (result, list(done), left, flags, 0, 0, sent)


RESET = ['error', 'ECONNRESET']

STREAMS = [
    Departure(8, 'a reset: the data first, then the error', True, 64, [
        (['recv', 'ab\ncd'], quiet(OK, left='ab\ncd'), None),
        (['recv_error', 'ECONNRESET'], quiet(OK, left=None, flags='cx'), None),
        (['readline'], quiet(RESET, left=None, flags='cx'),
         quiet(['value', 'ab\n'], left=None, flags='cx')),
        (['readline'], quiet(RESET, left=None, flags='cx'), None),
        (['drain'], quiet(RESET, left=None, flags='cx'), None)], 'stream'),
    Departure(9, 'one cancelled wait_closed leaves the others alone', False, 64, [
        (['wait_closed'], quiet(WAIT), None),
        (['wait_closed'], quiet(WAIT), None),
        (['cancel_wait_closed'], quiet(OK, [['cancelled'], ['cancelled']]),
         quiet(OK, [['cancelled']])),
        (['close'], quiet(OK, flags='ecx'), quiet(OK, [['ok']], flags='ecx')),
        (['wait_closed'], quiet(['cancelled'], flags='ecx'), quiet(['ok'], flags='ecx'))],
        'stream'),
    Departure(18, 'writes are gathered until the task waits', False, 64, [
        (['writes', ['one', 'two', 'three']], quiet([OK, OK, OK], sent='onetwothree'), None),
        (['sends'], quiet([3]), quiet([1]))], 'stream'),
    Departure(19, 'a second task does not steal from one that waits', True, 64, [
        (['recv', 'abc'], quiet(OK, left='abc'), None),
        (['readexactly', 4], quiet(WAIT, left='abc'), None),
        (['read', 2], quiet(['value', 'ab'], left='c'), quiet(['busy'], left='abc')),
        (['read', 0], quiet(['value', ''], left='c'), quiet(['value', ''], left='abc')),
        (['recv', 'defg'], quiet(OK, [['value', 'cdef']], 'g'),
         quiet(OK, [['value', 'abcd']], 'efg'))], 'stream'),
    Departure(20, 'a drain that waits does not succeed because of an abort', True, 64, [
        (['marks', 4, 1], quiet(OK), None),
        (['writes', ['x' * 100, 'y' * 9]], ([OK, OK], [], '', '', 0, 9, 'x' * 100), None),
        (['drain'], (WAIT, [], '', '', 0, 9, ''), None),
        (['abort'], quiet(OK, [OK], flags='ecx'),
         quiet(OK, [['error', 'ECLOSED']], flags='ecx'))], 'stream'),
]


def run(theirs, ours, streams=True):
    """[(departure, what is wrong with it)], the second empty if nothing is."""
    every = ALL + (STREAMS if streams else [])
    on = ours.run([d.script(True) for d in every])
    off = ours.run([d.script(False) for d in every])
    asyncio = theirs.run([d.script(True) for d in every])
    answer = []
    for d, t, c, n in zip(every, asyncio, on, off):
        wrong = d.misfits(t, c, n)
        if d.lost and not any(isinstance(o[-1], dict) and o[-1]['lost'] == d.lost for o in t):
            wrong.append('asyncio lost nothing')
        answer.append((d, wrong))
    return answer
