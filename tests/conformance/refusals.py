"""What is no script is refused, by both sides, with a sentence (vectors/refused.txt)."""

import os
import subprocess

import compare
import runners
import vectors

GOOD = '{"kind":"writer","steps":[["write","a"]]}'
BAD = '{"kind":"writer","steps":[["wirte","a"]]}'
WHY = 'line 2: step 1: this kind has no step'


def kept():
    """(lines, the sentence of each)"""
    with open(os.path.join(runners.HERE, 'vectors', vectors.REFUSED), 'rb') as file:
        lines = [line for line in file.read().split(b'\n') if line[:1] != b'#']
    return lines[:-1:2], [line.decode('ascii') for line in lines[1::2]]


def of_oracle(theirs):
    """The sentences that are not those kept. The C side's are replayed with the vectors."""
    lines, sentences = kept()
    done = subprocess.run(theirs.command + ['--check'], input=b'\n'.join(lines) + b'\n',
                          stdout=subprocess.PIPE)
    got = done.stdout.decode('ascii').split('\n')[:-1]
    got += ['nothing'] * (len(sentences) - len(got))
    return len(sentences), ['kept "%s", got "%s"' % pair for pair in zip(sentences, got)
                            if pair[0] != pair[1]]


def of_runner(side, emulated=False):
    """What goes before a bad script has its outcomes; it and what follows have none. An
    emulator may say more after the sentence."""
    good, bad, behind = side.run_text([GOOD, BAD, GOOD])
    if ('["crashed",2,' if emulated else WHY) not in bad.replace(', ', ',') or 'crashed' in good or 'not reached' not in behind:
        return ['%s: a bad script between two good ones: %s' % (side.name, (good, bad, behind))]
    return []


def of_comparison():
    """Two that failed alike are not the same."""
    alike = [[['crashed', 2, 'why']], [['not reached']]]
    return ['that both sides crash is no difference' for outcomes in alike
            if compare.compare(outcomes, outcomes).at is None]


def run(theirs, ours, emulated):
    """(how many, what is wrong)"""
    number, wrong = of_oracle(theirs)
    wrong += of_runner(theirs) + of_runner(ours, emulated) + of_comparison()[:1]
    return number + 3, wrong
