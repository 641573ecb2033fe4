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


def scripts(lacks):
    letters = st.sampled_from('ab\n')
    text = st.text(letters, max_size=12)
    sep = st.text(letters, min_size=1, max_size=4)
    number = st.integers(0, 20)
    reads = [st.tuples(st.just('read'), st.integers(-1, 20)), st.just(('readline',)),
             st.tuples(st.just('readexactly'), number), st.just(('lines',)),
             st.tuples(st.just('readuntil'), sep)]
    if 'readuntil_any' not in lacks:
        reads.append(st.tuples(st.just('readuntil_any'), st.lists(sep, max_size=3)))
    feed = st.tuples(st.just('feed'), text)
    cancel = st.just(('cancel',))
    tick = st.tuples(st.just('tick'), st.lists(st.one_of(feed, cancel), min_size=1, max_size=3))
    rest = [feed, feed, feed, tick, cancel, st.just(('feed_eof',)),
            st.just(('set_exception', 'EPIPE')), st.just(('at_eof',))]
    steps = st.lists(st.one_of(st.one_of(reads), st.one_of(rest)), max_size=12)
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
