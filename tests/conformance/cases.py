"""Named cases: what asyncio's reader does, in our words, case by case.

A case is (name, since, limit, steps); each step is (operation, result) or
(operation, result, more), where `more` says what else is expected:

    done=   the result of the read that was waiting
    left=   the bytes that nobody has read
    flags=  "p" paused, "e" at the end of input

`since` is the Python from which the case holds; with an older one it is reported as
"not in this version". Both sides must answer what the case says. Where docs/asyncio.md
says that we depart, the case is in departures.py.
"""

DEFAULT = 65536
ANY = object()
WAIT = ['wait']
OK = ['ok']


def value(text, *which):
    return ['value', text] + list(which)


def incomplete(partial, expected=None):
    return ['incomplete', partial, expected]


def limit(consumed):
    return ['limit', consumed]


RESET = ['error', 'ECONNRESET']


def feed(text, **more):
    return (['feed', text], OK, more)


def eof(**more):
    return (['feed_eof'], OK, more)


def fails(name='ECONNRESET', **more):
    return (['set_exception', name], OK, more)


def cancel(**more):
    return (['cancel'], OK, more)


def read(n, result, **more):
    return (['read', n], result, more)


def readline(result, **more):
    return (['readline'], result, more)


def readexactly(n, result, **more):
    return (['readexactly', n], result, more)


def readuntil(sep, result, **more):
    return (['readuntil', sep], result, more)


def any_of(seps, result, **more):
    return (['readuntil_any', seps], result, more)


def at_eof(truth):
    return (['at_eof'], [truth], {})


def exception(name):
    return (['exception'], [name], {})


def lines(result, **more):
    return (['lines'], result, more)


def tick(*steps, **more):
    return (['tick', [s[0] for s in steps]], [s[1] for s in steps], more)


BASE = (3, 8)
MANY = (3, 13)  # several separators
LINES = (3, 14)  # writelines heeds the marks

CASES = [
    # -- feeding
    ('feeding nothing changes nothing', BASE, DEFAULT, [
        feed('', left='', flags='')]),
    ('feeding appends', BASE, DEFAULT, [
        feed('ab', left='ab'), feed('cd', left='abcd')]),
    ('feeding after the end is refused', BASE, DEFAULT, [
        eof(flags='e'), (['feed', 'x'], ['einval'], {'left': ''})]),
    ('feeding nothing after the end is refused too', BASE, DEFAULT, [
        eof(), (['feed', ''], ['einval'], {})]),
    ('the end may be fed twice', BASE, DEFAULT, [
        eof(), eof(flags='e')]),
    ('at the end means: ended and all read', BASE, DEFAULT, [
        at_eof(False), feed('x'), eof(flags=''), at_eof(False), read(1, value('x')),
        at_eof(True)]),
    ('an error does not count for the end', BASE, DEFAULT, [
        eof(), fails(), at_eof(True), exception('ECONNRESET')]),
    ('an empty feed does not wake a reader', BASE, DEFAULT, [
        read(5, WAIT), feed('', done=None), feed('a', done=value('a'))]),

    # -- limits
    ('a limit of 0 is refused', BASE, 0, []),

    # -- read(n)
    ('read(0) answers at once', BASE, DEFAULT, [
        read(0, value('')), feed('ab'), read(0, value(''), left='ab')]),
    ('read(0) never conflicts', BASE, DEFAULT, [
        read(5, WAIT), read(0, value('')), feed('x', done=value('x'))]),
    ('read takes what there is', BASE, DEFAULT, [
        feed('hello'), read(30, value('hello'), left='')]),
    ('read takes no more than asked for', BASE, DEFAULT, [
        feed('one\ntwo'), read(5, value('one\nt'), left='wo')]),
    ('read waits once, for the first bytes', BASE, DEFAULT, [
        read(30, WAIT), feed('a', done=value('a')), feed('b', left='b')]),
    ('all that comes in one turn is read at once', BASE, DEFAULT, [
        read(30, WAIT), tick(feed('a'), feed('b'), done=value('ab'))]),
    ('read knows no limit', BASE, 3, [
        feed('chunk'), read(5, value('chunk'), left='')]),
    ('read at the end is empty', BASE, DEFAULT, [
        eof(), read(1024, value('')), read(1024, value(''))]),
    ('a waiting read is woken by the end', BASE, DEFAULT, [
        read(1024, WAIT), eof(done=value(''))]),
    ('what came with the end is read first', BASE, DEFAULT, [
        read(9, WAIT), tick(feed('ab'), eof(), done=value('ab')), read(9, value(''))]),

    # -- read(-1)
    ('read(-1) reads to the end', BASE, DEFAULT, [
        read(-1, WAIT), feed('chunk1\n'), feed('chunk2'), eof(done=value('chunk1\nchunk2'))]),
    ('read(-1) is not limited', BASE, 2, [
        feed('0123456789'), read(-1, WAIT), feed('abc'), eof(done=value('0123456789abc'))]),
    ('read(-1) is never paused', BASE, 2, [
        feed('01234', flags='p'), read(-1, WAIT, flags=''), feed('56789', flags=''),
        eof(done=value('0123456789'))]),
    ('read(-1) at the end is empty', BASE, DEFAULT, [
        eof(), read(-1, value(''))]),
    ('an error ends read(-1)', BASE, DEFAULT, [
        read(-1, WAIT), fails(done=RESET)]),

    # -- readline
    ('a line in one piece', BASE, DEFAULT, [
        feed('line1\nline2\n'), readline(value('line1\n'), left='line2\n')]),
    ('a line in many pieces, the rest is kept', BASE, DEFAULT, [
        feed('chunk1 '), readline(WAIT), feed('chunk2 '), feed('chunk3 '),
        feed('\n chunk4', done=value('chunk1 chunk2 chunk3 \n'), left=' chunk4')]),
    ('an empty line', BASE, DEFAULT, [
        feed('\n\n'), readline(value('\n')), readline(value('\n')), readline(WAIT)]),
    ('only the newline ends a line', BASE, DEFAULT, [
        feed('a\rb\x0bc\x00\n'), readline(value('a\rb\x0bc\x00\n'))]),
    ('the last line may lack its newline', BASE, DEFAULT, [
        feed('some data'), eof(), readline(value('some data')), readline(value(''))]),
    ('readline at the end is empty', BASE, DEFAULT, [
        eof(), readline(value('')), at_eof(True)]),
    ('the end ends a waiting readline', BASE, DEFAULT, [
        feed('half'), readline(WAIT), eof(done=value('half'))]),
    ('a line and then a count', BASE, DEFAULT, [
        feed('line1\nline2\nline3\n'), readline(value('line1\n')),
        read(7, value('line2\nl'), left='ine3\n')]),
    ('a line may be as long as the limit', BASE, 3, [
        feed('abc\n'), readline(value('abc\n'))]),
    ('a line over the limit is dropped, the rest stays', BASE, 3, [
        feed('line1\nline2\n'), readline(['limit'], left='line2\n'),
        readline(['limit'], left='')]),
    ('a line over the limit whose end is not there: all is dropped', BASE, 4, [
        feed('li'), feed('ne1'), feed('li'), readline(['limit'], left='')]),
    ('... and its tail is then taken for a line', BASE, 4, [
        feed('abcdef'), readline(['limit'], left=''), feed('gh\n'), readline(value('gh\n'))]),
    ('the limit of lines that are there at once', BASE, 40, [
        feed('a\n' + 50 * 'b' + '\n' + 20 * 'c'), readline(value('a\n')),
        readline(['limit'], left=20 * 'c')]),
    ('many lines at once end a pause at the limit', BASE, 70, [
        feed(8 * 'thirteen more\n'), readline(value('thirteen more\n')),
        readline(value('thirteen more\n')), feed(8 * 'thirteen more\n', flags='p')]
        + 8 * [readline(value('thirteen more\n'), flags='p')]
        + [readline(value('thirteen more\n'), flags='')]),
    ('an error between lines that are there at once', BASE, DEFAULT, [
        feed(20 * 'line\n'), readline(value('line\n')), readline(value('line\n')), fails(),
        readline(RESET)]),
    ('a waiting readline notices the limit', BASE, 4, [
        readline(WAIT), feed('chunk', done=['limit'], left='')]),
    ('... also when more comes in the same turn', BASE, 7, [
        readline(WAIT), tick(feed('chunk1'), feed('chunk2\n'), feed('chunk3\n'), eof(),
                             done=['limit'], left='chunk3\n'),
        readline(value('chunk3\n'))]),
    ('dropping a line resumes', BASE, 2, [
        feed('abcdefg\n', flags='p'), readline(['limit'], left='', flags='')]),
    ('at the end, a tail over the limit is dropped', BASE, 2, [
        feed('abcdef'), eof(), readline(['limit'], left='', flags='e'), readline(value(''))]),
    ('at the end, a tail of the limit is a line', BASE, 2, [
        feed('ab'), eof(), readline(value('ab'))]),

    # -- iteration
    ('iteration ends at the end', BASE, DEFAULT, [
        feed('one\ntwo\nthree'), eof(), lines(['lines', ['one\n', 'two\n', 'three'], None])]),
    ('iteration waits for lines', BASE, DEFAULT, [
        lines(WAIT), feed('a\nb'), feed('\n'), eof(done=['lines', ['a\n', 'b\n'], None])]),
    ('iteration ends with an error', BASE, DEFAULT, [
        feed('a\n'), lines(WAIT), fails(done=['lines', ['a\n'], RESET])]),
    ('a cancelled iteration keeps its place', BASE, DEFAULT, [
        lines(WAIT), feed('a\nb'), cancel(done=['lines', ['a\n'], ['cancelled']], left='b'),
        feed('\n'), readline(value('b\n'))]),

    # -- readexactly
    ('readexactly(0) answers at once', BASE, DEFAULT, [
        readexactly(0, value('')), feed('ab'), readexactly(0, value(''), left='ab')]),
    ('readexactly waits for all', BASE, DEFAULT, [
        readexactly(6, WAIT), feed('ab'), feed('cde', done=None),
        feed('fgh', done=value('abcdef'), left='gh')]),
    ('readexactly knows no limit', BASE, 3, [
        feed('chunk'), readexactly(5, value('chunk'), left='')]),
    ('readexactly beyond the pause point', BASE, 2, [
        readexactly(20, WAIT), feed('0123456789', flags=''), feed('0123456789',
        done=value('01234567890123456789'), flags='')]),
    ('... also when reading was paused before', BASE, 2, [
        feed('01234', flags='p'), readexactly(6, WAIT, flags=''),
        feed('5', done=value('012345'), flags='')]),
    ('readexactly at the end says what there was', BASE, DEFAULT, [
        readexactly(8, WAIT), feed('abc'), eof(done=incomplete('abc', 8), left='', flags='e')]),
    ('... and nothing is left of it', BASE, DEFAULT, [
        feed('abc'), eof(), readexactly(8, incomplete('abc', 8)),
        readexactly(8, incomplete('', 8))]),
    ('an incomplete read does not resume', BASE, 1, [
        feed('abc', flags='p'), eof(), readexactly(9, incomplete('abc', 9), flags='pe')]),

    # -- readuntil
    ('an empty separator is refused', BASE, DEFAULT, [
        readuntil('', ['einval']), feed('a'), readuntil('', ['einval'], left='a')]),
    ('a separator in one piece', BASE, DEFAULT, [
        feed('lineAAAxxx'), readuntil('AAA', value('lineAAA'), left='xxx')]),
    ('a separator over three pieces', BASE, DEFAULT, [
        feed('yyy'), readuntil('aaa', WAIT), feed('a'), feed('a'),
        feed('a', done=value('yyyaaa'), left='')]),
    ('a beginning of the separator, and then not', BASE, DEFAULT, [
        readuntil('aaa', WAIT), feed('QWEaa'), feed('XYaa'), feed('a', done=value('QWEaaXYaaa'))]),
    ('the separator alone', BASE, DEFAULT, [
        feed('aaa'), readuntil('aaa', value('aaa'))]),
    ('a separator that overlaps itself', BASE, DEFAULT, [
        readuntil('aab', WAIT), feed('aa'), feed('a'), feed('ab', done=value('aaaab'))]),
    ('the first of two', BASE, DEFAULT, [
        feed('a..b..'), readuntil('..', value('a..')), readuntil('..', value('b..'))]),
    ('dots count from the left', BASE, DEFAULT, [
        feed('a...b'), readuntil('..', value('a..'), left='.b')]),
    ('at the end the partial bytes are handed out', BASE, DEFAULT, [
        feed('some dataAA'), eof(), readuntil('AAA', incomplete('some dataAA'), left='')]),
    ('a separator that is there at the end', BASE, DEFAULT, [
        feed('dataAAA'), eof(), readuntil('AAA', value('dataAAA'))]),
    ('over the limit: bytes that cannot be part of a separator', BASE, 3, [
        feed('some dataAA'), readuntil('AAA', limit(9), left='some dataAA'),
        feed('A'), readuntil('AAA', limit(9), left='some dataAAA')]),
    ('one byte less may still become a separator', BASE, 3, [
        feed('abcdA'), readuntil('AAA', WAIT), feed('A', done=limit(4), left='abcdAA')]),
    ('exactly the limit before the separator', BASE, 3, [
        feed('abc\n'), readuntil('\n', value('abc\n'))]),
    ('one more than the limit before the separator', BASE, 3, [
        feed('abcd\n'), readuntil('\n', limit(4), left='abcd\n', flags='')]),
    ('over the limit again and again, until skipped', BASE, 3, [
        feed('abcdef\ngh\n'), readuntil('\n', limit(6)), readuntil('\n', limit(6)),
        readexactly(6, value('abcdef')), readuntil('\n', value('\n')),
        readuntil('\n', value('gh\n'))]),
    ('over the limit does not resume', BASE, 2, [
        feed('abcdef\n', flags='p'), readuntil('\n', limit(6), flags='p')]),
    ('at the end, the limit comes first', BASE, 2, [
        feed('abcdef'), eof(), readuntil('\n', limit(6), left='abcdef'),
        readuntil('\n', limit(6), left='abcdef')]),
    ('at the end, as much as the limit allows is partial', BASE, 2, [
        feed('abcd'), eof(), readuntil('\r\n\r', incomplete('abcd'), left='')]),
    ('a long separator with a small limit', BASE, 1, [
        feed('0123456789abcdef!'), readuntil('0123456789abcdef', value('0123456789abcdef'),
                                             left='!')]),
    ('another separator begins from the front', BASE, DEFAULT, [
        feed('one;two'), readuntil('\n', WAIT), cancel(done=['cancelled']),
        readuntil(';', value('one;'))]),
    ('another long separator, after a cancelled one', BASE, DEFAULT, [
        feed('0123456789'), readuntil('abcdefghijk', WAIT), cancel(done=['cancelled']),
        readuntil('123456789', value('0123456789'))]),
    ('all but the last byte of a long one is there', BASE, DEFAULT, [
        feed('xxabcdefghij'), readuntil('abcdefghijk', WAIT),
        feed('k', done=value('xxabcdefghijk'))]),
    ('zero bytes and high bytes', BASE, DEFAULT, [
        feed('\xff\x00\xfe\x00\x00rest'), readuntil('\x00\x00', value('\xff\x00\xfe\x00\x00'))]),

    # -- several separators
    ('no separators at all are refused', MANY, DEFAULT, [
        any_of([], ['einval'])]),
    ('an empty one among them is refused', MANY, DEFAULT, [
        any_of([''], ['einval']), any_of(['a', ''], ['einval'])]),
    ('whichever comes first', MANY, DEFAULT, [
        feed('line 1\nline 2\r'), any_of(['\r', '\n'], value('line 1\n', 1)),
        any_of(['\r', '\n'], value('line 2\r', 0), left='')]),
    ('the one that ends first wins, though it is longer', MANY, DEFAULT, [
        feed('ABCDEFG'), any_of(['DEF', 'BCDE'], value('ABCDE', 1), left='FG')]),
    ('a short one hides a longer one with the same beginning', MANY, DEFAULT, [
        feed('ab\r\ncd'), any_of(['\r\n', '\r'], value('ab\r', 1), left='\ncd')]),
    ('on a tie the shortest counts, for the limit too', MANY, 1, [
        feed('xyzA'), any_of(['A', 'yzA'], limit(3), left='xyzA')]),
    ('... whatever their order', MANY, 1, [
        feed('xyzA'), any_of(['yzA', 'A'], limit(3), left='xyzA')]),
    ('the limit with several, found', MANY, 3, [
        feed('some dataA'), any_of(['A', 'ome dataA'], limit(9), left='some dataA')]),
    ('the limit counts by the longest, not found', MANY, 2, [
        feed('abc'), any_of(['x', 'yz'], WAIT), feed('d', done=limit(3), left='abcd')]),
    ('enough for the shortest, too little for the longest', MANY, DEFAULT, [
        feed('data'), any_of(['A', 'long sep'], WAIT), feed('Z'),
        feed('Aaaa', done=value('dataZA', 0), left='aaa')]),
    ('the end with several', MANY, DEFAULT, [
        feed('data'), eof(), any_of(['A', 'B'], incomplete('data'))]),
    ('a long one and a single byte', MANY, DEFAULT, [
        feed('abc'), any_of(['0123456789', 'x'], WAIT), feed('y'),
        feed('xz', done=value('abcyx', 1), left='z')]),
    ('others of the same lengths, after a cancelled one', MANY, DEFAULT, [
        feed('ax'), any_of(['ab', 'c'], WAIT), cancel(done=['cancelled']),
        any_of(['ax', 'c'], value('ax', 0))]),
    ('the same one twice', MANY, DEFAULT, [
        feed('a-b'), any_of(['-', '-'], value('a-', 0))]),

    # -- pausing
    ('paused above twice the limit, not at it', BASE, 4, [
        feed('01234567', flags=''), feed('8', flags='p')]),
    ('resumed at the limit', BASE, 4, [
        feed('012345678', flags='p'), read(4, value('0123'), flags='p'),
        read(1, value('4'), flags='')]),
    ('read(0) does not resume', BASE, 4, [
        feed('012345678', flags='p'), read(0, value(''), flags='p')]),
    ('more may be fed while paused', BASE, 1, [
        feed('abc', flags='p'), feed('def', left='abcdef', flags='p')]),
    ('a reader that waits has resumed', BASE, 1, [
        feed('abc', flags='p'), readexactly(4, WAIT, flags='')]),
    ('readuntil resumes', BASE, 2, [
        feed('ab\nef', flags='p'), readuntil('\n', value('ab\n'), flags='')]),

    # -- errors
    ('a stored error is raised again and again', BASE, DEFAULT, [
        fails(), read(2, RESET), read(2, RESET), readline(RESET), readexactly(2, RESET),
        readuntil('\n', RESET)]),
    ('it comes before the data', BASE, DEFAULT, [
        feed('line\n'), fails(left='line\n'), readline(RESET, left='line\n')]),
    ('it comes before the end', BASE, DEFAULT, [
        eof(), fails(), read(-1, RESET), read(5, RESET)]),
    ('reads of nothing raise it too', BASE, DEFAULT, [
        fails(), read(0, RESET), readexactly(0, RESET)]),
    ('a bad separator comes before it', BASE, DEFAULT, [
        fails(), readuntil('', ['einval'])]),
    ('a later error takes its place', BASE, DEFAULT, [
        fails(), fails('EPIPE'), exception('EPIPE'), read(2, ['error', 'EPIPE'])]),
    ('a waiting reader gets it', BASE, DEFAULT, [
        feed('par'), readexactly(9, WAIT), fails(done=RESET, left='par')]),
    ('a later one replaces it', BASE, DEFAULT, [
        fails(), fails('EPIPE'), exception('EPIPE'), read(1, ['error', 'EPIPE'])]),
    ('no error at first', BASE, DEFAULT, [
        exception(None), fails(), exception('ECONNRESET')]),
    ('an error after a cancelled reader', BASE, DEFAULT, [
        read(2, WAIT), cancel(done=['cancelled']), fails(done=None), read(2, RESET)]),
    ('feeding goes on after an error', BASE, DEFAULT, [
        fails(), feed('late', left='late'), read(9, RESET, left='late')]),

    # -- cancelling
    ('a cancelled readexactly takes nothing', BASE, DEFAULT, [
        feed('abc'), readexactly(9, WAIT), cancel(done=['cancelled'], left='abc'),
        readexactly(3, value('abc'))]),
    ('a cancelled readuntil takes nothing', BASE, DEFAULT, [
        feed('abc'), readuntil('\n', WAIT), feed('def'), cancel(done=['cancelled'], left='abcdef'),
        feed('\n'), readuntil('\n', value('abcdef\n'))]),
    ('cancelled in the turn in which the data came', BASE, DEFAULT, [
        readline(WAIT), tick(feed('line\n'), cancel(), done=['cancelled'], left='line\n'),
        readline(value('line\n'))]),
    ('data in the turn of the cancel', BASE, DEFAULT, [
        readline(WAIT), tick(cancel(), feed('line\n'), done=['cancelled'], left='line\n')]),
    ('a new reader in the turn of the cancel', BASE, DEFAULT, [
        read(5, WAIT), tick(cancel(), (['read', 5], WAIT), done=['cancelled']),
        feed('x', done=value('x'))]),
    ('nothing to cancel', BASE, DEFAULT, [
        (['cancel'], ['none'], {})]),

    # -- two readers
    ('a second reader is refused', BASE, DEFAULT, [
        read(1, WAIT), read(1, ['busy']), readline(['busy']), readexactly(1, ['busy']),
        readuntil('x', ['busy']), feed('a', done=value('a'))]),
    ('... and may come again afterwards', BASE, DEFAULT, [
        read(1, WAIT), read(1, ['busy']), feed('ab', done=value('a')), read(1, value('b'))]),
    ('a second reader that need not wait steals', BASE, DEFAULT, [
        feed('abc'), readexactly(10, WAIT), read(2, value('ab'), left='c'),
        feed('defghijkl', done=value('cdefghijkl'))]),
    ('an error for a second reader', BASE, DEFAULT, [
        read(1, WAIT), fails(done=RESET), read(1, RESET)]),
]


# ---- Whole connections, through the task API (kind "stream")

def on(op, result, *done, **more):
    return (op, result, dict(more, done=list(done)))


def recv(text, *done, **more):
    return on(['recv', text], OK, *done, **more)


def space(n, *done, **more):
    return on(['space', n], OK, *done, **more)


def write(text, **more):
    return on(['write', text], OK, **more)


def lines_of(*pieces, **more):
    return on(['writelines', list(pieces)], OK, **more)


def drain(result, *done, **more):
    return on(['drain'], result, *done, **more)


def wait_closed(result, *done, **more):
    return on(['wait_closed'], result, *done, **more)


def marks(high, low, **more):
    return on(['marks', high, low], OK, **more)


EPIPE = ['error', 'EPIPE']

# (name, since, limit, space, steps)
STREAMS = [
    ('a read waits for the kernel', BASE, 64, 0, [
        on(['readline'], WAIT), recv('ab'), recv('c\nd', value('abc\n'), left='d')]),
    ('reading stops above twice the limit, and goes on at it', BASE, 2, 0, [
        recv('01234', left='01234', held=0), recv('56', left='01234', held=2),
        on(['read', 2], value('01'), left='234', held=2),
        on(['read', 1], value('2'), left='3456', held=0)]),
    ('write goes out at once', BASE, 64, 9, [
        write('hello', sent='hello', queued=0), write('world', sent='worl', queued=1)]),
    ('what the kernel takes at once counts for no mark', BASE, 64, 5, [
        marks(1, 0), write('123456', sent='12345', queued=1), drain(OK)]),
    ('drain below the mark does not wait', BASE, 64, 0, [
        marks(4, 1), write('1234', queued=4), drain(OK)]),
    ('drain above the mark waits for the low one', BASE, 64, 0, [
        marks(4, 1), write('12345', queued=5), drain(WAIT), space(3, queued=2),
        space(1, OK, queued=1)]),
    ('several drains wait at once', (3, 10), 64, 0, [
        marks(0, 0), write('1'), drain(WAIT), drain(WAIT), space(1, OK, OK)]),
    ('ten drains wait at once, and go on at once', (3, 10), 64, 0, [
        marks(4, 1), write('12345')] + 10 * [drain(WAIT)] + [
        space(3, queued=2), space(1, *(10 * [OK]), queued=1), drain(OK)]),
    ('one of ten drains is cancelled, nine go on', (3, 10), 64, 0, [
        marks(0, 0), write('1')] + 10 * [drain(WAIT)] + [
        on(['cancel_drain'], OK, ['cancelled']), space(1, *(9 * [OK]), sent='1')]),
    ('writelines goes out as one', LINES, 64, 99, [
        lines_of('one', '', 'two', sent='onetwo', queued=0)]),
    ('writelines keeps what the kernel does not take', LINES, 64, 4, [
        lines_of('one', 'two', 'three', sent='onet', queued=7), space(3, sent='wot', queued=4),
        space(9, sent='hree', queued=0)]),
    ('writelines stands behind what is queued', LINES, 64, 0, [
        write('a'), lines_of('b', 'c', queued=3), space(9, sent='abc')]),
    ('writelines of nothing', LINES, 64, 9, [
        lines_of('', sent='', queued=0)]),
    ('writelines counts for the mark', LINES, 64, 0, [
        marks(4, 1), lines_of('12', '34', '5', queued=5), drain(WAIT), space(3, queued=2),
        space(1, OK, queued=1)]),
    ('writelines after write_eof is refused', LINES, 64, 9, [
        on(['write_eof'], OK), on(['writelines', ['a', 'b']], ['einval'], sent='', flags='s')]),
    ('writelines to a lost connection is dropped', LINES, 64, 9, [
        on(['recv_error', 'ECONNRESET'], OK, flags='cx'), lines_of('late', queued=0, sent=''),
        drain(RESET)]),
    ('a cancelled drain loses nothing', BASE, 64, 0, [
        marks(0, 0), write('1'), drain(WAIT), on(['cancel_drain'], OK, ['cancelled']),
        space(1, sent='1')]),
    ('an error while draining', BASE, 64, 0, [
        marks(0, 0), write('1'), drain(WAIT), on(['send_error', 'EPIPE'], OK, EPIPE, flags='cx'),
        drain(EPIPE), wait_closed(EPIPE), wait_closed(EPIPE), on(['read', 5], EPIPE)]),
    ('writes to a lost connection are dropped', BASE, 64, 0, [
        on(['recv_error', 'ECONNRESET'], OK, flags='cx'), write('late', queued=0), drain(RESET)]),
    ('the end of the input ends nothing else', BASE, 64, 99, [
        on(['recv_eof'], OK, flags='e'), on(['is_closing'], [False]), write('on', sent='on')]),
    ('write_eof after what is queued', BASE, 64, 0, [
        write('last'), on(['write_eof'], OK, flags=''), on(['write', 'x'], ['einval']),
        on(['write', ''], ['einval']), space(4, flags='s', sent='last'), on(['write_eof'], OK)]),
    ('write_eof leaves reading alone', BASE, 64, 9, [
        on(['write_eof'], OK, flags='s'), recv('a\n'), on(['readline'], value('a\n'))]),
    ('it can always be said over plain sockets', BASE, 64, 0, [
        on(['can_write_eof'], [True])]),
    ('close sends what is queued', BASE, 64, 0, [
        write('last'), on(['close'], OK, flags='c'), wait_closed(WAIT), space(3, sent='las'),
        space(3, OK, sent='t', flags='ecx')]),
    ('close after write_eof: the socket is closed, not shut first', BASE, 64, 0, [
        write('a'), on(['write_eof'], OK), on(['close'], OK), space(1, flags='ecx', sent='a')]),
    ('close with nothing queued', BASE, 64, 0, [
        on(['close'], OK, flags='ecx'), wait_closed(OK), wait_closed(OK), drain(RESET)]),
    ('after close, what was received can be read, then the end', BASE, 64, 0, [
        recv('ab'), on(['close'], OK), on(['read', 9], value('ab')), on(['read', 9], value(''))]),
    ('close wakes a reader with the end', BASE, 64, 0, [
        on(['readline'], WAIT), on(['close'], OK, value(''))]),
    ('a write while a close flushes still goes out', BASE, 64, 0, [
        write('a'), on(['close'], OK), write('b', queued=2), space(9, sent='ab')]),
    ('abort drops what is queued', BASE, 64, 0, [
        write('lost'), on(['abort'], OK, flags='ecx', queued=0, sent=''), wait_closed(OK)]),
    ('abort lets a waiting drain go', BASE, 64, 0, [
        marks(0, 0), write('1'), drain(WAIT), on(['abort'], OK, OK), drain(RESET)]),
    ('wait_closed does not close', BASE, 64, 0, [
        wait_closed(WAIT), on(['is_closing'], [False]), on(['close'], OK, OK)]),
    ('close sends with no deadline, and a drain waits for it', BASE, 64, 0, [
        marks(4, 1), write('12345'), drain(WAIT), on(['close'], OK, flags='c'),
        space(2, queued=3), space(9, OK, flags='ecx', queued=0)]),
    ('write_eof after close says nothing', BASE, 64, 0, [
        write('ab'), on(['close'], OK), on(['write_eof'], OK, flags='c'),
        space(9, sent='ab', flags='ecx')]),
    ('a second close changes nothing', BASE, 64, 0, [
        write('ab'), on(['close'], OK), on(['close'], OK, queued=2),
        on(['is_closing'], [True]), space(9, sent='ab')]),
    ('a write after a close that had nothing to send is dropped', BASE, 64, 9, [
        on(['close'], OK), write('late', queued=0, sent=''), drain(RESET)]),
    ('abort ends a reader', BASE, 64, 0, [
        on(['readline'], WAIT), on(['abort'], OK, value('')), on(['read', 9], value(''))]),
    ('several tasks wait for the close', BASE, 64, 0, [
        wait_closed(WAIT), wait_closed(WAIT), on(['close'], OK, OK, OK)]),
    ('each that waits for the close gets the error', BASE, 64, 0, [
        wait_closed(WAIT), wait_closed(WAIT),
        on(['recv_error', 'ECONNRESET'], OK, RESET, RESET)]),
    ('unread bytes do not hold up the close', BASE, 64, 0, [
        recv('left\n'), on(['close'], OK), wait_closed(OK), on(['readline'], value('left\n')),
        on(['at_eof'], [True])]),
    ('closed: at the end, and nothing to read', BASE, 64, 0, [
        on(['close'], OK), wait_closed(OK), on(['at_eof'], [True]), on(['read', 9], value(''))]),
    ('the end of the input ends a waiting line', BASE, 64, 0, [
        recv('par'), on(['readline'], WAIT), on(['recv_eof'], OK, value('par'), flags='e')]),
    ('a failed write after the end of the input fails the reads too', BASE, 64, 0, [
        on(['recv_eof'], OK), on(['read', 9], value('')), write('x'),
        on(['send_error', 'EPIPE'], OK, flags='ecx'), on(['read', 9], EPIPE), drain(EPIPE),
        wait_closed(EPIPE)]),
    ('every drain that waits gets the error', (3, 10), 64, 0, [
        marks(0, 0), write('1'), drain(WAIT), drain(WAIT),
        on(['recv_error', 'ECONNRESET'], OK, RESET, RESET), drain(RESET), drain(RESET)]),
    ('marks the wrong way round are refused', BASE, 64, 0, [
        on(['marks', 1, 2], ['einval'])]),
    ('a reset wakes the reader with the error', BASE, 64, 0, [
        recv('par'), on(['readexactly', 9], WAIT), on(['recv_error', 'ECONNRESET'], OK, RESET)]),
]
