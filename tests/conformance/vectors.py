"""Vectors: the oracle's outcomes of the named cases and of the small world, kept for
machines without Python and replayed by conformance_replay.

    # comment
    {"kind":...}             a script
    [[["ok"],null,...]]      its outcomes, or, where they are long,
    fnv1a64:89abcdef01234567 a digest of that line

Those of refused.txt are written by hand: what is no script, and "refused: " with the sentence.
"""

import json
import os

import cases
import named
import until_script

SHORT = 1500
REFUSED = 'refused.txt'


def digest(text):
    value = 0xcbf29ce484222325
    for byte in text.encode('ascii'):
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return 'fnv1a64:%016x' % value


def line_of(script):
    return json.dumps(script, separators=(',', ':'))


def write_file(path, version, about, scripts, theirs):
    """`scripts`: (name or None, script)."""
    outcomes = theirs.run_text([line_of(script) for _, script in scripts])
    with open(path, 'w') as out:
        out.write('# %s\n# Made by %s; conformance.py --write-vectors makes it anew.\n'
                  % (about, version))
        for (name, script), outcome in zip(scripts, outcomes):
            if name:
                out.write('# %s\n' % name)
            out.write(line_of(script) + '\n')
            out.write((outcome if len(outcome) <= SHORT else digest(outcome)) + '\n')


def write(folder, theirs):
    os.makedirs(folder, exist_ok=True)
    write_file(os.path.join(folder, 'named.txt'), theirs.name, 'The named cases.',
               [('%s (%d.%d)' % ((case[0],) + case[1]), named.script_of(case))
                for case in cases.CASES + cases.STREAMS], theirs)
    write_file(os.path.join(folder, 'until.txt'), theirs.name,
               'The small world of readuntil.',
               [(None, script) for script in until_script.scripts(())], theirs)
