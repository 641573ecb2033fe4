"""Scripts of kind "until": a small world of readuntil, all of it at once.

    {"kind":"until","seps":["a","ab"],"limit":2,"length":6}

For every string over {a, b} of 1 to `length` letters, and every cut of it into at most
two pieces, the outcome has one entry: [text], where the text reads

    ab|ba w v:abb:1 =a      fed "ab": waits; fed "ba": read "abb", which ended in
                            separator 1; "a" is left
    aaa l:2 =aaa            over the limit, 2 may be skipped; all is left
    ab w i:ab =             waits; then the input ended, "ab" was partial

Coroutines are driven by hand here: half a million reads need no tasks.
"""

import asyncio
import itertools

from reader_script import octets, text, which_of


def pieces(length):
    for size in range(1, length + 1):
        for letters in itertools.product('ab', repeat=size):
            string = ''.join(letters)
            yield [string]
            for cut in range(1, size):
                yield [string[:cut], string[cut:]]


def resume(read):
    """One go of a waiting coroutine: None while it waits, else what it answers."""
    try:
        read.send(None)
    except StopIteration as stop:
        return 'v:' + text(stop.value), stop.value
    except asyncio.LimitOverrunError as exc:
        return 'l:%d' % exc.consumed, None
    except asyncio.IncompleteReadError as exc:
        return 'i:' + text(exc.partial), None
    return None


def one(loop, seps, separator, limit, fed):
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    read = reader.readuntil(separator)
    story = ['|'.join(fed)]
    answer = None
    for piece in fed:
        reader.feed_data(octets(piece))
        if answer is None:
            answer = resume(read)
            if answer is None:
                story.append('w')
    if answer is None:
        reader.feed_eof()
        answer = resume(read)
    word, value = answer
    story.append(word if value is None else '%s:%d' % (word, which_of(value, seps)))
    story.append('=' + text(reader._buffer))
    return [' '.join(story)]


def run(loop, script):
    seps = [octets(sep) for sep in script['seps']]
    separator = seps[0] if len(seps) == 1 else tuple(seps)
    outcomes = [one(loop, seps, separator, script['limit'], fed)
                for fed in pieces(script['length'])]
    loop.run()
    return outcomes


def scripts(lacks, longest=3, length=6, limits=(1, 2, 3, 4)):
    seps = [''.join(s) for n in range(1, longest + 1) for s in itertools.product('ab', repeat=n)]
    sets = [[sep] for sep in seps]
    if 'readuntil_any' not in lacks:
        sets += [list(pair) for pair in itertools.product(seps, repeat=2)]
    return [{'kind': 'until', 'seps': chosen, 'limit': limit, 'length': length}
            for chosen in sets for limit in limits]
