"""Scripts that Hypothesis (Debian: python3-hypothesis) chooses and shrinks.

The mass of scripts is generate.py's; here a library looks for what that one would not
think of: its choices follow what earlier scripts have shown, and it shrinks by itself.
"""

import json
import subprocess

import compare

try:
    import hypothesis
    from hypothesis import strategies as st
except ImportError:
    hypothesis = None
else:
    LETTERS = st.sampled_from('ab\n')


class Talk:
    """A runner that answers script by script."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        universal_newlines=True)

    def ask(self, script):
        self.process.stdin.write(json.dumps(script) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or '[["crashed"]]')

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def pieces_of(seps):
    """Beginnings and ends of separators, which together make one."""
    return sorted({piece for sep in seps for i in range(len(sep))
                   for piece in (sep[:i + 1], sep[i:])})


def alone(step):
    return [step]


def split_feed(sep, at):
    """A read that waits for a separator, which comes in two pieces."""
    at %= len(sep)
    return [('readuntil', sep), ('feed', sep[:at]), ('feed', sep[at:])]


def steps_with(seps, lacks):
    """Steps about these separators, and about their ends: what is fed is mostly parts of
    them."""
    seps = seps + [sep[1:] for sep in seps if len(sep) > 1]
    number = st.integers(0, 20)
    sep = st.sampled_from(seps)
    reads = [st.tuples(st.just('read'), st.integers(-1, 20)), st.just(('readline',)),
             st.tuples(st.just('readexactly'), number), st.just(('lines',)),
             st.tuples(st.just('readuntil'), sep)]
    if 'readuntil_any' not in lacks:
        reads.append(st.tuples(st.just('readuntil_any'), st.lists(sep, max_size=4)))
    text = st.one_of(st.sampled_from(pieces_of(seps)), st.text(LETTERS, max_size=12))
    feed = st.tuples(st.just('feed'), text)
    cancel = st.just(('cancel',))
    tick = st.tuples(st.just('tick'), st.lists(st.one_of(feed, cancel), min_size=1, max_size=3))
    rest = [feed, feed, feed, tick, cancel, st.just(('feed_eof',)),
            st.just(('set_exception', 'EPIPE')), st.just(('at_eof',))]
    split = st.builds(split_feed, sep, number)
    some = st.one_of(st.one_of(reads).map(alone), st.one_of(rest).map(alone), split)
    return st.lists(some, max_size=9).map(lambda lists: sum(lists, []))


def scripts(lacks):
    some = st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=2)
    steps = some.flatmap(lambda seps: steps_with(seps, lacks))
    return st.builds(lambda limit, steps: {'kind': 'reader', 'limit': limit, 'compat': True,
                                           'steps': steps}, st.integers(1, 9), steps)


def run(theirs, ours, lacks, count, seed):
    """(how many scripts, the smallest that differs or None)."""
    left, right = Talk(theirs.command + ['--interactive']), Talk(ours.command)
    ran, worst = [0], [None]

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=count, deadline=None, database=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(scripts(lacks))
    def explore(script):
        ran[0] += 1
        script = json.loads(json.dumps(script))
        if compare.compare(left.ask(script), right.ask(script)).at is not None:
            worst[0] = script
            raise AssertionError('differs')

    try:
        explore()
    except AssertionError:
        pass
    left.close()
    right.close()
    return ran[0], worst[0]
