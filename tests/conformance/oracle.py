#!/usr/bin/env python3
"""The Python runner: a script a line on standard input, its outcomes a line on
standard output. Any CPython from 3.8 to 3.15; see README.md for the language.

    oracle.py             run scripts
    oracle.py --interactive   answer each before the next is there
    oracle.py --features  say which version this is and what it lacks
"""

import asyncio
import json
import sys
import warnings

import reader_script
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


def main():
    warnings.simplefilter('ignore')
    loop = Loop()
    loop.enter()
    known = features(loop)
    if '--features' in sys.argv[1:]:
        print(json.dumps(known))
        return
    writer_script.run.lacks = stream_script.run.lacks = known['lacks']
    interactive = '--interactive' in sys.argv[1:]
    for line in sys.stdin:
        script = json.loads(line)
        outcomes = KINDS[script['kind']](loop, script)
        sys.stdout.write(json.dumps(outcomes, separators=(',', ':')) + '\n')
        if interactive:
            sys.stdout.flush()
    sys.stdout.flush()


if __name__ == '__main__':
    main()
