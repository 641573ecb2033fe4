"""Runs the named cases over one side and says what is not as they say."""

import cases


FIELDS = ('done', 'left', 'flags')
STREAM_FIELDS = FIELDS + ('held', 'queued', 'sent')


def script_of(case):
    if len(case) == 4:
        script = {'kind': 'reader', 'limit': case[2], 'compat': True}
    else:
        script = {'kind': 'stream', 'limit': case[2], 'compat': True, 'space': case[3]}
    return dict(script, steps=[step[0] for step in case[-1]])


def step_fits(step, outcome, fields):
    result, more = step[1], step[2]
    got = dict(zip(fields, outcome[1:]))
    return (result == outcome[0] and all(got[name] == want for name, want in more.items())
            and (not got['done'] or 'done' in more))


def misfit(case, outcomes):
    """What is wrong with the outcomes of a case; None if nothing is."""
    steps = case[-1]
    if case[2] <= 0:
        return None if outcomes == [['einval']] else 'not refused: %r' % outcomes
    fields = FIELDS if len(case) == 4 else STREAM_FIELDS
    for step, outcome in zip(steps, outcomes):
        if outcome[0] in ('outside', 'crashed') or not step_fits(step, outcome, fields):
            return '%r: expected %r %r, got %r' % (step + (outcome,))
    if len(outcomes) != len(steps):
        return 'it ended after %d steps of %d' % (len(outcomes), len(steps))
    return None


def holds(case, version):
    return tuple(version) >= case[1]


def run(side, version=None, streams=True):
    """(failures, absent, how many were run); `version` is Python's, None for ours."""
    every = cases.CASES + (cases.STREAMS if streams else [])
    known = [c for c in every if version is None or holds(c, version)]
    outcomes = side.run([script_of(c) for c in known])
    failures = [(c[0], misfit(c, o)) for c, o in zip(known, outcomes)]
    absent = [(c[0], c[1]) for c in every if c not in known]
    return [f for f in failures if f[1]], absent, len(known)
