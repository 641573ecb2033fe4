"""Comparing outcomes, shrinking a script that shows a difference, printing it.

A difference that design row 3 states is none: asyncio's side brings a note with
it, and the bytes it lost are then in both outcomes.
"""

import json


class Verdict:
    __slots__ = ('steps', 'rows', 'at', 'outside')

    def __init__(self):
        self.steps = 0      # how many steps were compared
        self.rows = []      # deliberate differences that showed
        self.at = None      # the first step that differs
        self.outside = None


def compare(theirs, ours):
    """`theirs` is asyncio's outcome, `ours` Runnel's."""
    verdict = Verdict()
    for i, their in enumerate(theirs):
        if their[0] == 'outside':
            verdict.outside = their[1]
            return verdict
        if their[0] in ('crashed', 'not reached'):
            verdict.at = i
            return verdict
        note = their[-1] if isinstance(their[-1], dict) else None
        if i >= len(ours) or (their[:-1] if note else their) != ours[i]:
            verdict.at = i
            return verdict
        verdict.steps += 1
        if note:
            verdict.rows.append(note['row'])
    if len(ours) > len(theirs):
        verdict.at = len(theirs)
    return verdict


# ---- Shrinking


def smaller_texts(text):
    half = len(text) // 2
    if half:
        yield text[half:]
        yield text[:half]
    for i in range(len(text)):
        yield text[:i] + text[i + 1:]


def smaller_values(value):
    if isinstance(value, str):
        yield from smaller_texts(value)
    elif isinstance(value, list):
        for i in range(len(value)):
            yield value[:i] + value[i + 1:]
        for i, item in enumerate(value):
            for smaller in smaller_values(item):
                yield value[:i] + [smaller] + value[i + 1:]
    elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
        for smaller in sorted({0, value // 2, value - 1}):
            yield smaller


def smaller_steps(step):
    if step[0] == 'tick':
        for i in range(len(step[1])):
            yield ['tick', step[1][:i] + step[1][i + 1:]]
        for i, sub in enumerate(step[1]):
            for smaller in smaller_steps(sub):
                yield ['tick', step[1][:i] + [smaller] + step[1][i + 1:]]
    elif len(step) > 1 and not step[0].endswith(('exception', 'error')):
        for smaller in smaller_values(step[1]):
            if step[0] != 'recv' or smaller:
                yield [step[0], smaller] + step[2:]


def smaller_scripts(script):
    steps = script['steps']
    size = len(steps)
    while size:
        for i in range(0, len(steps) - size + 1):
            yield dict(script, steps=steps[:i] + steps[i + size:])
        size //= 2
    for i, step in enumerate(steps):
        if step[0] == 'tick':
            yield dict(script, steps=steps[:i] + step[1] + steps[i + 1:])
        for smaller in smaller_steps(step):
            yield dict(script, steps=steps[:i] + [smaller] + steps[i + 1:])
    for limit in sorted({1, script.get('limit', 1) // 2, script.get('limit', 1) - 1}):
        if 0 < limit < script.get('limit', 1):
            yield dict(script, limit=limit)


def shrink(script, differs, rounds=200):
    """The smallest script for which `differs` still holds. `differs` takes a list
    of scripts and answers a list of truths: a round is two processes."""
    for _ in range(rounds):
        smaller = list(smaller_scripts(script))
        smaller = smaller[:2000]
        found = [s for s, bad in zip(smaller, differs(smaller)) if bad] if smaller else []
        if not found:
            break
        script = found[0]
    return script


# ---- Printing


def side_by_side(script, theirs, ours, their_name, our_name):
    """Both outcomes of a script, step by step; "!" marks the first difference."""
    verdict = compare(theirs, ours)
    options = {k: v for k, v in script.items() if k not in ('steps', 'name')}
    rows = [('step', their_name, our_name)]
    for i, step in enumerate(script['steps']):
        rows.append((json.dumps(step),
                     json.dumps(theirs[i]) if i < len(theirs) else '-',
                     json.dumps(ours[i]) if i < len(ours) else '-'))
    if not script['steps']:
        rows.append(('', json.dumps(theirs), json.dumps(ours)))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [json.dumps(options)]
    for i, row in enumerate(rows):
        mark = '!' if verdict.at is not None and i == verdict.at + 1 else ' '
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append('%s %s' % (mark, '  '.join(cells).rstrip()))
    lines.append('script: ' + json.dumps(script, separators=(',', ':')))
    return '\n'.join(lines)
