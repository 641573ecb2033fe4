"""Whether a line is a script, before it is run; script_check.c says the same in the
same words. README.md has the language."""

import json
import re

DEPTH, MOST = 16, 1000000000
PIECES, TICK, CALLS, ARRIVALS, WRITTEN = 64, 16, 64, 256, 65536
KINDS = ('reader', 'writer', 'stream', 'until')
ERRORS = ('ECONNABORTED', 'ECONNRESET', 'EIO', 'EPIPE', 'ETIMEDOUT')
READS = ('read', 'readexactly', 'readline', 'readuntil', 'readuntil_any', 'lines')


class Refused(Exception):
    """This is no script; the reason is the argument."""


STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
SQUARE = bytes.maketrans(b'{}', b'[]')
OTHERS = bytes(byte for byte in range(256) if byte not in b'[]{}')


# ---- JSON of which a string is bytes


def whole(digits):
    if len(digits.lstrip('-')) > 10 or abs(int(digits)) > MOST:
        raise Refused('a number is too big')
    return int(digits)


def fraction(digits):
    raise Refused('numbers are integers')


def constant(word):
    raise Refused('it is no JSON')


def members(pairs):
    for i, (name, _) in enumerate(pairs):
        if name in [other for other, _ in pairs[:i]]:
            raise Refused('"%s" is there twice' % quoted(name))
    return dict(pairs)


def check_bytes(value):
    if isinstance(value, str):
        if any(ord(c) > 0xff for c in value):
            raise Refused('a string is bytes: none is beyond \\u00ff')
    elif isinstance(value, list):
        for item in value:
            check_bytes(item)
    elif isinstance(value, dict):
        for name in value:
            check_bytes(name)
            check_bytes(value[name])


def check_depth(line):
    """Takes the innermost brackets away, again and again."""
    brackets = STRING.sub(b'', line).translate(SQUARE, OTHERS)
    for _ in range(DEPTH):
        brackets = brackets.replace(b'[]', b'')
    if brackets:
        raise Refused('it is nested too deeply')


def read_json(line):
    if not line.isascii():
        raise Refused('all but ASCII is written as \\u0080 to \\u00ff, each a byte')
    try:
        value = json.loads(line.decode('ascii'), parse_int=whole, parse_float=fraction,
                           parse_constant=constant, object_pairs_hook=members)
    except ValueError:
        raise Refused('it is no JSON')
    except RecursionError:
        raise Refused('it is nested too deeply')
    check_depth(line)
    if b'\\u' in line:
        check_bytes(value)
    return value


# ---- Values


def quoted(text):
    return re.sub('[^ -~]', '?', text[:32])


def number_from(value, least, most=MOST):
    return type(value) is int and least <= value <= most


def strings(value, least, most, shortest):
    return (isinstance(value, list) and least <= len(value) <= most
            and all(isinstance(s, str) and len(s) >= shortest for s in value))


def name_of(names):
    return lambda value: isinstance(value, str) and value in names


# A letter: what such a value must be, and whether one is.
VALUES = {
    's': ('an array of steps', lambda v: isinstance(v, list)),
    'n': ('a number from 0 up', lambda v: number_from(v, 0)),
    'i': ('a number from -1 up', lambda v: number_from(v, -1)),
    '1': ('a number from 1 up', lambda v: number_from(v, 1)),
    '8': ('a number from 1 to 8', lambda v: number_from(v, 1, 8)),
    'f': ('true or false', lambda v: isinstance(v, bool)),
    'u': ('an array of 1 to 4 strings, none of them empty', lambda v: strings(v, 1, 4, 1)),
    'b': ('a string', lambda v: isinstance(v, str)),
    'B': ('a string that is not empty', lambda v: isinstance(v, str) and v != ''),
    'l': ('an array of at most 64 strings', lambda v: strings(v, 0, PIECES, 0)),
    't': ('an array of at most 16 steps', lambda v: isinstance(v, list) and len(v) <= TICK),
    'e': ('ECONNABORTED, ECONNRESET, EIO, EPIPE or ETIMEDOUT', name_of(ERRORS)),
    'k': ('reader, writer, stream or until', name_of(KINDS)),
}

# Of each kind, in the order in which they are looked at.
MEMBERS = {
    'reader': {'kind': 'k', 'steps': 's', 'limit': 'n', 'compat': 'f', 'beyond': 'f'},
    'writer': {'kind': 'k', 'steps': 's'},
    'stream': {'kind': 'k', 'steps': 's', 'limit': '1', 'compat': 'f', 'beyond': 'f',
               'space': 'n'},
    'until': {'kind': 'k', 'limit': '1', 'seps': 'u', 'length': '8'},
}
MAY_LACK = ('beyond', 'space')

READ_STEPS = {'read': 'i', 'readexactly': 'n', 'readline': '', 'readuntil': 'b',
              'readuntil_any': 'l', 'lines': '', 'cancel': '', 'at_eof': '', 'exception': ''}
WRITE_STEPS = {'write': 'b', 'writelines': 'l', 'drain': '', 'marks': 'ii', 'write_eof': ''}
STEPS = {
    'reader': dict(READ_STEPS, feed='b', feed_eof='', set_exception='e', tick='t'),
    'writer': dict(WRITE_STEPS, sent='n'),
    'stream': dict(READ_STEPS, **WRITE_STEPS, recv='B', recv_eof='', recv_error='e', space='n',
                   send_error='e', writes='l', close='', abort='', is_closing='',
                   can_write_eof='', wait_closed='', cancel_drain='', cancel_wait_closed='',
                   sends=''),
    'until': {},
}


# ---- Steps


def check_args(name, args, values):
    if len(values) != len(args):
        raise Refused('"%s" takes another number of values: %d' % (name, len(args)))
    for what, value in zip(args, values):
        must_be, fits = VALUES[what]
        if not fits(value):
            raise Refused('what "%s" takes must be %s' % (name, must_be))


def check_step(kind, op, in_tick=False):
    if not (isinstance(op, list) and op and isinstance(op[0], str)):
        raise Refused('a step is an array that begins with a name')
    if op[0] not in STEPS[kind]:
        raise Refused('this kind has no step "%s"' % quoted(op[0]))
    args = STEPS[kind][op[0]]
    if args == 't' and in_tick:
        raise Refused('there is no tick in a tick')
    check_args(op[0], args, op[1:])
    for sub in op[1] if args == 't' else []:
        check_step(kind, sub, True)


class Room:
    """A connection has room for so much of a script."""

    def __init__(self):
        self.calls = self.arrivals = self.written = 0

    def check(self, op):
        self.calls += op[0] in READS + ('drain', 'wait_closed')
        self.arrivals += op[0] in ('recv', 'recv_eof')
        if op[0] in ('write', 'writes', 'writelines'):
            self.written += len(''.join(op[1]))
        if self.calls > CALLS:
            raise Refused('a connection has no more than %d calls that may wait' % CALLS)
        if self.arrivals > ARRIVALS:
            raise Refused('a connection receives no more than %d pieces' % ARRIVALS)
        if self.written > WRITTEN:
            raise Refused('a connection writes no more than %d bytes' % WRITTEN)


def check_steps(kind, steps):
    room = Room()
    for i, op in enumerate(steps):
        try:
            check_step(kind, op)
            if kind == 'stream':
                room.check(op)
        except Refused as exc:
            raise Refused('step %d: %s' % (i + 1, exc))


# ---- The script


def check_member(script, name, what):
    must_be, fits = VALUES[what]
    if name not in script:
        if name not in MAY_LACK:
            raise Refused('"%s" is missing' % name)
    elif not fits(script[name]):
        raise Refused('"%s" must be %s' % (name, must_be))


def parse(line):
    """The script that a line, which is bytes, holds; or Refused."""
    script = read_json(line)
    if not isinstance(script, dict):
        raise Refused('a script is an object')
    check_member(script, 'kind', 'k')
    kind = script['kind']
    for name in script:
        if name not in MEMBERS[kind]:
            raise Refused('this kind has no member "%s"' % quoted(name))
    for name, what in MEMBERS[kind].items():
        check_member(script, name, what)
    check_steps(kind, script.get('steps', []))
    return script
