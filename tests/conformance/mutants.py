#!/usr/bin/env python3
"""Makes the core wrong in many small ways and looks whether the tests notice.

    mutants.py [full|N] [--seed S] [--no-fuzz]

Each mutation (mutations.py, and as many again generated from the comparisons and
the "+ 1" and "- 1" of the reader) is made in a copy of the core. It must be
caught by the conformance run (the named cases, the departures, 2,000 random
scripts) and by a fuzz target that starts from its corpus, within 60 seconds. Those
of cost, timers and parsing, which no script can see, must be caught by the test
program that is named with them; generated ones of what asyncio does not have, by any
of these. What nobody catches is listed: a hole in the tests.
N is a sample, chosen by the seed.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import cases
import compare
import departures
import generate
import mutations
import named
import runners

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'support'))
import mutate  # noqa: E402
SCRIPTS = 2000
MARKS = [{'kind': 'writer', 'steps': [['marks', 8, -1], ['write', 'abcdefghi'], ['sent', 6],
                                      ['sent', 1]]},
         {'kind': 'writer', 'steps': [['marks', -1, 2], ['write', 'abcdef'], ['write', 'ghi']]}]
GENERATED = 14
FUZZ_SECONDS = 60
FLAGS = ['-std=c11', '-O1', '-g', '-D_POSIX_C_SOURCE=200809L', '-DRNL_STATIC']
COMMON = ['runner_core.c', 'runner.c', 'script_check.c', 'outcome.c', 'reader_script.c',
          'writer_script.c', 'until_script.c', 'json.c']
READERS = ['readuntil', 'readuntil_any', 'reader']
TARGETS = {'writer.c': ['writer'], 'find.c': ['find', 'readuntil']}  # else READERS
FUZZED = sorted(set(READERS).union(*TARGETS.values()))


def parts(target):
    """The files of fuzz/ that a target is linked from."""
    more = ['pair.c', 'model.c'] if target.startswith('read') else []
    return [target + '.c', 'replay.c', 'support.c'] + more


class Mutation:
    def __init__(self, file, what, old, new, place=None, test=None, ours=False):
        self.file, self.what, self.old, self.new, self.place = file, what, old, new, place
        self.test = test  # the program of tests/core that must notice; None: see above
        self.ours = ours  # asyncio has no such thing: one job has to catch it

    def apply(self, text):
        if self.place is not None:
            at = self.place
        elif text.count(self.old) == 1:
            at = text.index(self.old)
        else:
            return None
        return text[:at] + self.new + text[at + len(self.old):]


# ---- Generated mutations

def sites(file, text):
    for site in mutate.sites(text):
        key = (file, site.line, site.old)
        # What is counted, and what only debug builds look at (rules.h), is no rule.
        if key not in mutations.SAME and not site.line.startswith(('RNLI_WORK', 'RNLI_RULE')):
            yield Mutation(file, str(site), site.old, site.new, site.place,
                           ours=key in mutations.OURS)


def generated(dice, source, many):
    every = [m for file in mutations.GENERATED_FILES for m in sites(file, source(file))]
    return dice.sample(every, min(many, len(every)))


# ---- Building

class Workshop:
    """A copy of the core, its objects, and what is linked with them."""

    def __init__(self, folder, fuzz):
        self.folder, self.fuzz = folder, fuzz
        self.core = os.path.join(folder, 'src', 'core')
        shutil.copytree(os.path.join(TOP, 'src', 'core'), self.core)
        self.files = sorted(f for f in os.listdir(self.core) if f.endswith('.c'))
        self.cc = os.environ.get('CC', 'cc')
        self.include = ['-I' + os.path.join(TOP, 'include'), '-I' + os.path.join(folder, 'src')]

    def run(self, command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        return done.returncode == 0, done.stdout

    def compile(self, source, to, extra):
        flags = FLAGS + self.include + extra + ['-w', '-c', source, '-o', to]
        return self.run([self.cc] + flags)

    def object(self, kind, file):
        return os.path.join(self.folder, '%s_%s.o' % (kind, file[:-2]))

    def kinds(self):
        count = os.path.join(TOP, 'fuzz', 'count.h')
        yield 'plain', []
        if self.fuzz:
            yield 'fuzz', ['-DRNLI_COUNT_WORK', '-include', count]

    def build_core(self, files):
        for kind, extra in self.kinds():
            for file in files:
                ok, text = self.compile(os.path.join(self.core, file),
                                        self.object(kind, file), extra)
                if not ok:
                    return text
        return None

    def build_rest(self):
        """What no mutation touches: the runner and the targets."""
        for file in COMMON:
            self.must(self.compile(os.path.join(HERE, file), self.object('run', file), []))
        if self.fuzz:
            folder = os.path.join(TOP, 'fuzz')
            for file in sorted(set(f for name in FUZZED for f in parts(name))):
                self.must(self.compile(os.path.join(folder, file), self.object('target', file),
                                       ['-I' + folder]))

    def must(self, result):
        if not result[0]:
            sys.exit('does not compile: ' + result[1])

    def link(self, name, kind, others):
        program = os.path.join(self.folder, name)
        objects = [self.object(kind, file) for file in self.files]
        self.must(self.run([self.cc] + others + objects + ['-o', program]))
        return program

    def archive(self):
        """The core as a library: a program that has a file of its own keeps it."""
        library = os.path.join(self.folder, 'libcore.a')
        if os.path.exists(library):
            os.remove(library)
        self.must(self.run(['ar', 'rcs', library] + [self.object('plain', f) for f in self.files]))
        return library

    def test(self, name):
        """(whether it was built, the program or why not): the work test has the core's files
        in it, and may not compile with a wrong one."""
        program = os.path.join(self.folder, 'test_' + name)
        tests = os.path.join(TOP, 'tests')
        return self.run([self.cc] + FLAGS + ['-I' + tests, '-I' + os.path.join(self.folder, 'src'),
                                             '-I' + os.path.join(TOP, 'include'), '-w',
                                             os.path.join(tests, 'core', 'test_%s.c' % name),
                                             os.path.join(tests, 'support', 'suite.c'),
                                             self.archive(), '-lcunit', '-o', program]), program

    def runner(self):
        return self.link('runner', 'plain', [self.object('run', f) for f in COMMON])

    def target(self, name):
        return self.link('fuzz_' + name, 'fuzz', [self.object('target', f) for f in parts(name)])


# ---- Judging

class Conformance:
    """The scripts and asyncio's outcomes, asked for once."""

    def __init__(self, seed):
        version, command = list(runners.pythons().items())[-1]
        theirs, features = runners.oracle(command)
        self.name = theirs.name
        known = [c for c in cases.CASES if named.holds(c, version)]
        self.scripts = ([named.script_of(c) for c in known]
                        + [d.script(True) for d in departures.ALL if d.compat or d.lost]
                        + MARKS
                        + [generate.script(seed, n, features['lacks']) for n in range(SCRIPTS)])
        self.outcomes = theirs.run(self.scripts)
        self.lines = [json.dumps(s, separators=(',', ':')) for s in self.scripts]

    def catches(self, runner):
        """How the first difference looks, or None."""
        try:
            done = subprocess.run([runner], input='\n'.join(self.lines) + '\n',
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  universal_newlines=True, timeout=20)
        except subprocess.TimeoutExpired:
            return 'hangs'
        lines = done.stdout.split('\n')[:-1]
        for script, theirs, line in zip(self.scripts, self.outcomes, lines):
            ours = json.loads(line)
            at = compare.compare(theirs, ours).at
            if at is not None:
                return 'script of %d steps' % len(script['steps'])
        return None if len(lines) == len(self.lines) else 'crashes'


def replay_catches(shop, name):
    """Whether the target's corpus alone shows it."""
    corpus = os.path.join(TOP, 'fuzz', 'corpus', name)
    try:
        done = subprocess.run([shop.target(name), corpus], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def fuzzing_catches(shop, name):
    """Whether AFL++ finds it from the corpus in a minute: built and run by ci/fuzz.sh in
    a copy of the tree."""
    tree = os.path.join(shop.folder, 'tree')
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, 'src'))
    for part in ('fuzz', 'include', 'ci'):
        os.symlink(os.path.join(TOP, part), os.path.join(tree, part))
    os.symlink(shop.core, os.path.join(tree, 'src', 'core'))
    env = dict(os.environ, RUNNEL_FUZZ_DIR=os.path.join(tree, 'build'))
    done = subprocess.run(['sh', os.path.join(tree, 'ci', 'fuzz.sh'), str(FUZZ_SECONDS), name],
                          env=env, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    if done.returncode != 0 and 'replay:' not in done.stdout:
        sys.exit('%s was not fuzzed: %s' % (name, done.stdout[-500:]))
    return done.returncode != 0


def fuzz_catches(shop, mutation):
    targets = TARGETS.get(mutation.file, READERS)
    for name in targets:
        if replay_catches(shop, name):
            return 'corpus of ' + name
    for name in targets[-1:]:
        if fuzzing_catches(shop, name):
            return 'fuzzing ' + name
    return None


def test_catches(shop, name):
    (built, text), program = shop.test(name)
    if not built:
        sys.exit('test_%s does not compile: %s' % (name, text))
    try:
        done = subprocess.run([program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=60)
    except subprocess.TimeoutExpired:
        return 'hangs'
    return 'core.' + name if done.returncode else None


def caught_by_any(shop, conformance, mutation):
    for name in TARGETS.get(mutation.file, READERS):
        if shop.fuzz and replay_catches(shop, name):
            return 'corpus of ' + name
    return (test_catches(shop, 'reader_work') or test_catches(shop, 'reader_memory')
            or conformance.catches(shop.runner()))


def judge(shop, conformance, mutation):
    """Who caught it, None for each who did not: conformance and a fuzz target, or the test;
    or a sentence why it does not apply."""
    path = os.path.join(shop.core, mutation.file)
    with open(path) as file:
        good = file.read()
    bad = mutation.apply(good)
    if bad is None:
        return 'no longer applies'
    files = [mutation.file] if mutation.file.endswith('.c') else shop.files
    try:
        with open(path, 'w') as file:
            file.write(bad)
        trouble = shop.build_core(files)
        if trouble:
            return 'does not compile: ' + trouble.split('\n')[0]
        if mutation.test:
            return [test_catches(shop, mutation.test)]
        if mutation.ours:
            return [caught_by_any(shop, conformance, mutation)]
        caught = conformance.catches(shop.runner())
        return caught, fuzz_catches(shop, mutation) if shop.fuzz else None
    finally:
        with open(path, 'w') as file:
            file.write(good)
        shop.build_core(files)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('count', nargs='?', default='8', help='how many, or "full"')
    parser.add_argument('--seed', default='runnel')
    parser.add_argument('--no-fuzz', action='store_true', help='the conformance run only')
    parser.add_argument('--generated', type=int, default=GENERATED)
    opts = parser.parse_args()
    if opts.count != 'full' and not re.fullmatch('[1-9][0-9]{0,8}', opts.count):
        parser.error('not a number from 1 up, nor "full": "%s"' % opts.count)
    return opts


def all_mutations(seed, many):
    def source(file):
        with open(os.path.join(TOP, 'src', 'core', file)) as text:
            return text.read()

    hand = [Mutation(*m) for m in mutations.READER + mutations.WRITER]
    hand += [Mutation(*m[1:], test=m[0]) for m in mutations.TESTED]
    return hand + generated(random.Random(seed), source, many)


def run(shop, opts):
    conformance = Conformance(opts.seed)
    shop.build_rest()
    trouble = shop.build_core(shop.files)
    if trouble or conformance.catches(shop.runner()):
        sys.exit('the unchanged core does not pass: %s'
                 % (trouble or conformance.catches(shop.runner())))
    for name in sorted({m[0] for m in mutations.TESTED}):
        if test_catches(shop, name):
            sys.exit('the unchanged core does not pass core.' + name)
    every = all_mutations(opts.seed, opts.generated)
    stale = [m for m in every if m.place is None and
             m.apply(open(os.path.join(shop.core, m.file)).read()) is None]
    chosen = every if opts.count == 'full' else random.Random(opts.seed + opts.count).sample(
        every, min(int(opts.count), len(every)))
    print('%d of %d mutations, against %s; seed %s'
          % (len(chosen), len(every), conformance.name, opts.seed))
    failed = len(stale)
    for m in stale:
        print('no longer applies: %s: %s' % (m.file, m.what))
    for m in chosen:
        verdict = judge(shop, conformance, m)
        if isinstance(verdict, str):
            by, fine = verdict, False
        else:
            verdict = verdict[:1 + shop.fuzz]
            by = ' | '.join(str(v) if v else 'SURVIVES' for v in verdict)
            fine = all(verdict)
        failed += not fine
        print('%-8s %-16s %-52s %s' % ('caught' if fine else 'NOT', m.file, m.what, by), flush=True)
    print('%d passed, %d failed' % (len(chosen) - failed + len(stale), failed))
    return 1 if failed else 0


def main():
    opts = options()
    began = time.time()
    fuzz = not opts.no_fuzz and os.path.isdir(os.path.join(TOP, 'fuzz'))
    folder = tempfile.mkdtemp(prefix='runnel-mutants-')
    try:
        code = run(Workshop(folder, fuzz), opts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('%.0f s' % (time.time() - began))
    return code


if __name__ == '__main__':
    sys.exit(main())
