#!/usr/bin/env python3
"""Runs the same scripts over asyncio and over Runnel and compares every step.

    conformance.py --core build/tests/conformance/conformance_core [options]

The end is a table and the line "N passed, N failed". README.md says more.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import random
import shlex
import sys
import time

import compare
import departures
import explore
import generate
import named
import refusals
import runners
import sockets
import until_script
import vectors

CHUNK = 1000
SHOWN = 5  # differences that are shrunk and printed


class Tally:
    """What the table at the end is made of."""

    def __init__(self):
        self.scripts = self.steps = 0
        self.differences = []  # (script, where it comes from)
        self.rows = collections.Counter()
        self.outside = collections.Counter()

    def add(self, other):
        self.scripts += other.scripts
        self.steps += other.steps
        self.differences += other.differences
        self.rows += other.rows
        self.outside += other.outside

    def judge(self, script, their_line, our_line, origin):
        """Counts one script in; the lines are the outcomes' JSON."""
        theirs = json.loads(their_line)
        ours = theirs if their_line == our_line else json.loads(our_line)
        verdict = compare.compare(theirs, ours)
        self.scripts += 1
        self.steps += verdict.steps
        self.rows.update(verdict.rows)
        if verdict.outside:
            self.outside[verdict.outside] += 1
        if verdict.at is not None:
            self.differences.append((script, origin))


def run_scripts(theirs, ours, scripts, origin):
    """One process of each side; origin(i) says where script i comes from."""
    lines = [json.dumps(s, separators=(',', ':')) for s in scripts]
    tally = Tally()
    both = zip(scripts, theirs.run_text(lines), ours.run_text(lines))
    for i, (script, their_line, our_line) in enumerate(both):
        tally.judge(script, their_line, our_line, origin(i))
    return tally


def run_chunk(theirs, ours, seed, first, count, lacks, streams):
    scripts = [generate.script(seed, n, lacks, streams) for n in range(first, first + count)]
    return run_scripts(theirs, ours, scripts,
                       lambda i: 'seed %s, script %d' % (seed, first + i))


def run_mass(theirs, ours, seed, count, lacks, jobs, streams):
    tally = Tally()
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        chunks = [pool.submit(run_chunk, theirs, ours, seed, first,
                              min(CHUNK, count - first), lacks, streams)
                  for first in range(0, count, CHUNK)]
        for chunk in chunks:
            tally.add(chunk.result())
    return tally


def run_until(theirs, ours, lacks):
    """The small world of readuntil: a script is a set of separators and a limit."""
    return run_scripts(theirs, ours, until_script.scripts(lacks), lambda i: 'small world')


def show_until(script, theirs, ours):
    """Of a small world's script, the first string that differs."""
    pairs = list(zip(theirs.run([script])[0], ours.run([script])[0]))
    their, our = next((pair for pair in pairs if pair[0] != pair[1]), ('?', '?'))
    print('\ndifference (small world): %s\n  %s: %s\n  %s: %s'
          % (json.dumps(script), theirs.name, their, ours.name, our))


def smallest(script, theirs, ours):
    def differs(scripts):
        pairs = zip(theirs.run(scripts), ours.run(scripts))
        return [compare.compare(t, o).at is not None for t, o in pairs]

    return compare.shrink(script, differs)


def show_differences(tally, theirs, ours):
    for script, origin in tally.differences[:SHOWN]:
        if script['kind'] == 'until':
            show_until(script, theirs, ours)
            continue
        small = smallest(script, theirs, ours)
        print('\ndifference (%s), the smallest script that shows it:' % origin)
        print(compare.side_by_side(small, theirs.run([small])[0], ours.run([small])[0],
                                   theirs.name, ours.name))
    more = len(tally.differences) - SHOWN
    if more > 0:
        print('\n... and %d more' % more)


class Report:
    """The table, and how many passed and failed."""

    def __init__(self):
        self.rows = []
        self.passed = self.failed = 0

    def count(self, passed, failed):
        self.passed += passed
        self.failed += failed

    def row(self, name, value):
        self.rows.append((name, value))

    def tally(self, name, tally, seconds):
        self.count(tally.scripts - len(tally.differences), len(tally.differences))
        self.row(name, '%d scripts, %d steps, %d differences, %.1f s' % (
            tally.scripts, tally.steps, len(tally.differences), seconds))
        for row, n in sorted(tally.rows.items()):
            self.row('  differ as row %d states' % row, n)
        for why, n in sorted(tally.outside.items()):
            self.row('  compared up to: ' + why, n)

    def print(self):
        print()
        for name, value in self.rows:
            print('%-62s %s' % (name, value))
        print('%d passed, %d failed' % (self.passed, self.failed))


def named_cases(report, theirs, ours, version, streams):
    for side, of in ((theirs, version), (ours, None)):
        failures, absent, known = named.run(side, of, streams)
        for name, since in absent:
            print('not in this version (since %d.%d): %s' % (since[0], since[1], name))
        for name, why in failures:
            print('%s: "%s": %s' % (side.name, name, why))
        report.count(known - len(failures), len(failures))
        report.row('named cases, ' + side.name,
                   '%d hold, %d do not, %d not in this version'
                   % (known - len(failures), len(failures), len(absent)))


def departures_of(report, theirs, ours, streams):
    for departure, wrong in departures.run(theirs, ours, streams):
        for sentence in wrong:
            print('row %d, %s: %s' % (departure.row, departure.name, sentence))
        report.count(not wrong, bool(wrong))
        report.row('row %d%s: %s' % (departure.row, ' (c)' if departure.compat else '',
                                     departure.name),
                   'NOT as stated' if wrong else 'as stated')
        for op, their, our in departure.shown():
            report.row('    %s' % json.dumps(op),
                       '%s: %s | Runnel: %s' % ('asyncio', their, our))


def refused(report, theirs, ours, emulated):
    number, wrong = refusals.run(theirs, ours, emulated)
    for sentence in wrong:
        print('refusing what is no script: %s' % sentence)
    report.count(number - len(wrong), len(wrong))
    report.row('lines that are no script', '%d refused as is said, %d not'
               % (number - len(wrong), len(wrong)))


def explored(report, theirs, ours, lacks, count, seed):
    if not explore.hypothesis:
        report.row('Hypothesis', 'not installed for the Python that runs this')
        return
    ran, worst = explore.run(theirs, ours, lacks, count, seed)
    if worst:
        worst = smallest(worst, theirs, ours)
        print('\ndifference (Hypothesis):')
        print(compare.side_by_side(worst, theirs.run([worst])[0], ours.run([worst])[0],
                                   theirs.name, ours.name))
    report.count(ran - bool(worst), bool(worst))
    report.row('scripts that Hypothesis chose', '%d, %d differences' % (ran, bool(worst)))


def timed(report, name, theirs, ours, run):
    began = time.time()
    tally = run()
    show_differences(tally, theirs, ours)
    report.tally(name, tally, time.time() - began)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--core', required=True, help='the C runner over the core')
    parser.add_argument('--task', help='the C runner through the task API')
    parser.add_argument('--peer', help='our end of real connections')
    parser.add_argument('--run-by', default='', metavar='WORDS',
                        help='what our programs are run by, as "wine"')
    parser.add_argument('--count', type=int, default=20000, help='random scripts')
    parser.add_argument('--seed', help='of the random scripts')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--only', choices=('mass', 'sockets'), help='leave all else out')
    parser.add_argument('--every', action='store_true',
                        help='with each CPython found, the newest last')
    parser.add_argument('--write-vectors', metavar='DIR',
                        help='keep the oracle\'s outcomes there, and do nothing else')
    return parser.parse_args()


def run_by(program):
    return runners.run_by + [program]


def run_all(opts, seed, version, command, ours):
    """Everything against one CPython."""
    theirs, features = runners.oracle(command)
    lacks = features['lacks']
    print('\n%s (%s); seed %s' % (theirs.name, ' '.join(command), seed))
    report = Report()
    if opts.only == 'sockets':
        sockets.run(report, command, version, run_by(opts.peer))
        report.print()
        return report.failed
    if opts.only != 'mass':
        named_cases(report, theirs, ours, version, bool(opts.task))
        departures_of(report, theirs, ours, bool(opts.task))
        refused(report, theirs, ours, bool(opts.run_by))
        timed(report, 'small world of readuntil', theirs, ours,
              lambda: run_until(theirs, ours, lacks))
        explored(report, theirs, ours, lacks, min(opts.count, 1000), seed)
        if opts.peer:
            sockets.run(report, command, version, run_by(opts.peer))
    timed(report, 'random scripts, seed ' + seed, theirs, ours,
          lambda: run_mass(theirs, ours, seed, opts.count, lacks, opts.jobs, bool(opts.task)))
    report.print()
    return report.failed


def main():
    opts = options()
    seed = opts.seed or '%08x' % random.SystemRandom().getrandbits(32)
    found = list(runners.pythons().items())
    if opts.write_vectors:
        vectors.write(opts.write_vectors, runners.oracle(found[-1][1])[0])
        return 0
    runners.run_by = shlex.split(opts.run_by)
    ours = runners.Side('Runnel', run_by(opts.task or opts.core))
    chosen = found if opts.every else found[-1:]
    failed = sum([run_all(opts, seed, version, command, ours) for version, command in chosen])
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
