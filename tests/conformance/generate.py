"""Random scripts, small and mean: few letters, separators that overlap
themselves, limits from 1 up, sizes about every boundary, bytes split anywhere.

The same seed and number give the same script on every CPython.
"""

import random

ALPHABETS = ('ab', 'ab', 'a\n', 'ab\n', '\r\n', 'a\r\n', 'abc', 'A\xff\x00')
LIMITS = (1,) * 8 + (2,) * 8 + (3, 4, 5, 6, 8, 16) * 3 + (64, 200, 700)
ERRORS = ('ECONNRESET', 'EPIPE', 'EIO')


class Dice(random.Random):
    def __init__(self, seed, number):
        super().__init__('%s/%d' % (seed, number))

    def below(self, n):
        return int(self.random() * n)

    def pick(self, items):
        return items[int(self.random() * len(items))]

    def chance(self, p):
        return self.random() < p


def word(dice, alphabet, low, high):
    length = low + dice.below(high - low + 1)
    return ''.join([dice.pick(alphabet) for _ in range(length)])


def near(dice, limit):
    """A count near one of the places where something changes."""
    base = dice.pick((0, 1, limit, limit, 2 * limit, 2 * limit + 1, 3))
    return max(0, base + dice.below(5) - 2)


class Reader:
    """One script of kind "reader"."""

    def __init__(self, dice, lacks):
        self.dice = dice
        self.many = 'readuntil_any' not in lacks
        self.alphabet = dice.pick(ALPHABETS)
        self.limit = dice.pick(LIMITS)
        self.seps = [word(dice, self.alphabet, 1, 4) for _ in range(1 + dice.below(3))]
        self.by_lines = dice.chance(0.1)
        if self.by_lines:
            self.many_lines()
        elif dice.chance(0.12):
            self.long_separators()
        # Most reads of a script ask for the same, so that memory of earlier ones shows.
        self.favourite = self.fresh_read()

    def long_separators(self):
        """Such as repeat themselves, nearly."""
        dice = self.dice
        for i in range(len(self.seps)):
            period = word(dice, self.alphabet, 1, 4)
            sep = (period * 12)[:9 + dice.below(7)]
            at = dice.below(len(sep))
            self.seps[i] = sep[:at] + dice.pick(self.alphabet) + sep[at + 1:]
        self.limit = dice.pick((8, 16, 64, 200))

    def many_lines(self):
        """More of them at once than a look at 64 bytes can tell."""
        self.alphabet = self.dice.pick(('ab\n', 15 * 'a' + '\r\n', 30 * 'a' + '\n'))
        self.limit = self.dice.pick((36, 44, 52, 60, 64, 65, 100, 150))

    def separators(self):
        seps = [self.dice.pick(self.seps) for _ in range(1 + self.dice.below(3))]
        if self.dice.chance(0.02):
            return []
        return seps + [''] if self.dice.chance(0.02) else seps

    def fresh_read(self):
        dice = self.dice
        roll = dice.below(100)
        if roll < 30 and self.many:
            return ['readuntil_any', self.separators()]
        if roll < 55:
            return ['readuntil', '' if dice.chance(0.02) else dice.pick(self.seps)]
        if roll < 70:
            return ['readline']
        if roll < 82:
            return ['readexactly', near(dice, self.limit)]
        if roll < 94:
            return ['read', near(dice, self.limit)]
        return ['read', -1] if roll < 98 else ['lines']

    def read(self):
        if self.by_lines and self.dice.chance(0.8):
            return ['readline']
        return self.favourite if self.dice.chance(0.5) else self.fresh_read()

    def bytes(self):
        dice = self.dice
        if dice.chance(0.03):
            return ''
        data = word(dice, self.alphabet, 1, 2 + near(dice, self.limit))
        if dice.chance(0.4):
            data = self.near_misses(len(data))
        return data + dice.pick(self.seps) if dice.chance(0.3) else data

    def near_misses(self, size):
        """Beginnings and ends of separators, one after the other."""
        dice, data = self.dice, ''
        while len(data) < size:
            sep = dice.pick(self.seps)
            cut = dice.below(len(sep) + 1)
            data += sep[:cut] if dice.chance(0.7) else sep[cut:] + dice.pick(self.alphabet)
        return data

    def feeds(self):
        """What comes in one piece, or in several, or with a new read in one turn."""
        dice, data = self.dice, self.bytes()
        cut = dice.below(len(data) + 1)
        if dice.chance(0.5):
            return [['feed', data]]
        if dice.chance(0.6):
            return [['feed', data[:cut]], ['feed', data[cut:]]]
        if dice.chance(0.5):
            return [['feed', piece] for piece in data]
        return [['tick', [['feed', data[:cut]], ['feed', data[cut:]]]]]

    def tick(self):
        """Several things in one turn of the loop."""
        dice = self.dice
        roll = dice.below(5)
        if roll == 0:
            return ['tick', [['feed', self.bytes()], ['feed_eof']]]
        if roll == 1:
            return ['tick', [['cancel'], self.read()]]
        if roll == 2:
            return ['tick', [['cancel'], ['feed', self.bytes()]]]
        if roll == 3:
            return ['tick', [['feed', self.bytes()], ['cancel']]]
        return ['tick', [['cancel'], self.read(), self.read(), ['feed', self.bytes()]]]

    def other(self):
        roll = self.dice.below(100)
        if roll < 35:
            return ['cancel']
        if roll < 65:
            return self.tick()
        if roll < 78:
            return ['feed_eof']
        if roll < 86:
            return ['set_exception', self.dice.pick(ERRORS)]
        return ['at_eof'] if roll < 95 else ['exception']

    def script(self):
        dice, steps = self.dice, []
        for _ in range(3 + dice.below(30 if self.by_lines else 8)):
            roll = dice.below(100)
            if roll < 45:
                steps.append(self.read())
            elif roll < 82:
                steps += self.feeds()
            else:
                steps.append(self.other())
        if dice.chance(0.4):
            steps += [['feed_eof'], self.read(), self.read()]
        return {'kind': 'reader', 'limit': self.limit, 'compat': True, 'steps': steps}


class Writer:
    """One script of kind "writer"."""

    def __init__(self, dice):
        self.dice = dice
        self.high = dice.pick((0, 1, 2, 4, 8, 20) * 2 + (5000, 9000))
        self.letters = 0

    def bytes(self, most):
        """Each byte of a script is another, so that order shows."""
        size = self.dice.below(most + 1)
        text = ''.join([chr(33 + (self.letters + i) % 90) for i in range(size)])
        self.letters += size
        return text

    def size(self):
        return near(self.dice, self.high)

    def marks(self):
        dice = self.dice
        high = dice.pick((-1, self.high, self.high, self.size()))
        low = dice.pick((-1, -1, -1, 0, 1, self.high, self.size()))
        if high < 0 and dice.chance(0.5):
            low = dice.pick((1, 2, 3))
        return ['marks', high, low]

    def step(self):
        roll = self.dice.below(100)
        if roll < 38:
            return ['write', self.bytes(self.size())]
        if roll < 48:
            count = self.dice.below(4)
            return ['writelines', [self.bytes(self.size()) or '!' for _ in range(count)]]
        if roll < 70:
            return ['sent', 100000 if self.dice.chance(0.15) else self.size()]
        if roll < 90:
            return ['drain']
        return self.marks() if roll < 97 else ['write_eof']

    def script(self):
        steps = [self.marks()] if self.dice.chance(0.8) else []
        steps += [self.step() for _ in range(3 + self.dice.below(12))]
        return {'kind': 'writer', 'steps': steps}


class Stream:
    """One script of kind "stream": both of the above, and the connection's end."""

    def __init__(self, dice, lacks):
        self.dice = dice
        self.reader = Reader(dice, lacks)
        self.reader.limit = min(self.reader.limit, 64)
        self.writer = Writer(dice)
        self.writer.high = dice.pick((0, 1, 2, 4, 8, 20))

    def read(self):
        op = self.reader.read()
        return ['read', 3] if op == ['read', -1] else op

    def kernel(self):
        dice = self.dice
        roll = dice.below(100)
        if roll < 62:
            return ['recv', self.reader.bytes() or 'a']
        if roll < 88:
            return ['space', self.writer.size()]
        if roll < 94:
            return ['recv_eof']
        return [dice.pick(('recv_error', 'send_error')), dice.pick(('ECONNRESET', 'EPIPE'))]

    def end(self):
        roll = self.dice.below(100)
        if roll < 30:
            return ['close']
        if roll < 45:
            return ['abort']
        if roll < 70:
            return ['wait_closed']
        return ['write_eof'] if roll < 85 else ['is_closing']

    def write(self):
        roll = self.dice.below(10)
        if roll < 4:
            return ['write', self.writer.bytes(self.writer.size())]
        if roll < 5:
            return ['writelines', [self.writer.bytes(3) or '!' for _ in range(self.dice.below(4))]]
        return ['drain'] if roll < 9 else self.writer.marks()

    def step(self):
        roll = self.dice.below(100)
        if roll < 24:
            return self.read()
        if roll < 54:
            return self.kernel()
        if roll < 82:
            return self.write()
        if roll < 92:
            return self.end()
        return [self.dice.pick(('cancel', 'cancel_drain', 'at_eof', 'exception',
                                'can_write_eof'))]

    def script(self):
        dice = self.dice
        steps = [self.writer.marks()] if dice.chance(0.7) else []
        steps += [self.step() for _ in range(4 + dice.below(12))]
        return {'kind': 'stream', 'limit': self.reader.limit, 'compat': True,
                'space': dice.pick((0, 0, 5, 1000)), 'steps': steps}


def script(seed, number, lacks=(), streams=False):
    """One script in four is about writing; where `streams` are wanted, half are those."""
    dice = Dice(seed, number)
    if streams and number % 2:
        return Stream(dice, lacks).script()
    return Writer(dice).script() if number % 4 == 2 else Reader(dice, lacks).script()
