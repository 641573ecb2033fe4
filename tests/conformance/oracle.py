#!/usr/bin/env python3
"""The Python runner: a script a line on standard input, its outcomes a line on
standard output. Any CPython from 3.8 to 3.15; see README.md for the language.

    oracle.py             run scripts
    oracle.py --interactive   answer each before the next is there
    oracle.py --features  say which version this is and what it lacks
    oracle.py --check     run none: say of each line "ok", or why it is refused
"""

import asyncio
import json
import sys
import warnings

import reader_script
import script_check
import stream_script
import until_script
import writer_script
from loop import Loop

KINDS = {'reader': reader_script.run, 'stream': stream_script.run, 'until': until_script.run,
         'writer': writer_script.run}


def features(loop):
    lacks = writer_script.probe(loop)
    if sys.version_info < (3, 13):
        lacks.append('readuntil_any')
    return {'version': '%d.%d.%d' % sys.version_info[:3], 'lacks': lacks}


def say_refusals():
    for line in sys.stdin.buffer:
        try:
            script_check.parse(line)
            print('ok')
        except script_check.Refused as exc:
            print('refused: %s' % exc)


def run_line(loop, number, line):
    try:
        script = script_check.parse(line)
    except script_check.Refused as exc:
        sys.stdout.flush()
        sys.stderr.write('oracle: line %d: %s\n' % (number, exc))
        sys.exit(2)
    return KINDS[script['kind']](loop, script)


def main():
    if '--check' in sys.argv[1:]:
        say_refusals()
        return
    warnings.simplefilter('ignore')
    loop = Loop()
    loop.enter()
    known = features(loop)
    if '--features' in sys.argv[1:]:
        print(json.dumps(known))
        return
    writer_script.run.lacks = stream_script.run.lacks = known['lacks']
    interactive = '--interactive' in sys.argv[1:]
    for number, line in enumerate(sys.stdin.buffer, 1):
        outcomes = run_line(loop, number, line)
        sys.stdout.write(json.dumps(outcomes, separators=(',', ':')) + '\n')
        if interactive:
            sys.stdout.flush()
    sys.stdout.flush()


if __name__ == '__main__':
    main()
