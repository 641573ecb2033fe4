#!/usr/bin/env python3
"""Plants bugs in the files that readiness backends share and in the order in which streams close, and
looks whether the simulator's property runs or the torture notice.

    planted.py [full|N] [--seed S]

In a copy of the tree each comparison and connective of these places is made wrong in turn (all of them,
or N that the seed draws). It is to be caught by what ci/job sim runs (sim_run, seeds 1 to 1,000, and
sim_fidelity: something fails, or hangs) or by the torture (every scenario, a few points of each kind, under
ASan). What survives both is listed: with the backends' contract suite where that notices, or with the reason
in ALIKE why nobody can; else the run fails.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'support'))
import mutate  # noqa: E402

# file, from, to: the part of it where bugs are planted (None: its beginning, its end)
PLACES = [('src/backend/ready.c', '/* ---- Slots', None),
          ('src/backend/serve.c', None, None),
          ('src/backend/wait.c', None, None),
          ('src/stream/conn.c', '/* ---- The end', '/* ---- References')]

# (file, line, what stands there, its place among those of the line): why no run can tell the wrong one
# from the right one.
ALIKE = {
    ('ready.c', 'if (errno == EAGAIN || errno == EWOULDBLOCK)', '||', 1): 'the two are one number here',
    ('serve.c', 'return err == EAGAIN || err == EWOULDBLOCK;', '||', 1):
        'the two are one number here',
    ('serve.c', 'if (n > 0 && (msg.msg_flags & MSG_CTRUNC))', '>', 1):
        'at the end of input the op ends whatever its slot says',
    ('serve.c', 'if (n >= 0 || errno != ENOTSOCK)', '>=', 1): 'at the end of input, read says the same',
    ('serve.c', 'if (len > RECV_MAX)', '>', 1): 'where both are the same, either is taken',
    ('serve.c', 'for (; tries > 0 && turn->count < turn->max && ready->naccepted < RNLI_ACCEPT_MAX; tries--) {',
     '>', 1): 'one error more is bounded all the same',
    ('serve.c', 'while ((answer = rnli_sys_connect(fd, &sa->u.any, sa->len)) < 0 && errno == EINTR)', '<', 1):
        'asked again, a connected socket says EISCONN, which is taken for success',
    ('serve.c', 'return asked && answer < 0 && errno == EISCONN ? 0 : answer;', '<', 1):
        'both answer 0 then',
    ('serve.c', 'err = events < 0 ? errno : verdict((int)op->sock);', '<', 1): 'no event is dealt with above',
    ('wait.c', 'return left < 0 || than < left ? than : left;', '<', 2):
        'where both are the same, either is taken',
    ('wait.c', 'return deadline > now ? deadline - now : 0;', '>', 1): 'both answer 0 then',
}


def part(path, text, first, last):
    begin = text.index(first) if first else 0
    end = text.index(last) if last else len(text)
    return [(path, site) for site in mutate.sites(text, logic=True) if begin <= site.place < end
            and not site.line.startswith('assert')]


def every():
    found = []
    for path, first, last in PLACES:
        with open(os.path.join(TOP, path)) as file:
            found += part(path, file.read(), first, last)
    return found


class Tree:
    """A copy that is built twice: for the property runs, and for the torture."""

    builds = {'sim': ['-DRUNNEL_EXAMPLES=OFF', '-DCMAKE_BUILD_TYPE=Release'],
              'torture': ['-DRUNNEL_EXAMPLES=OFF', '-DRUNNEL_FAULTS=ON', '-DRUNNEL_SANITIZE=address',
                          '-DCMAKE_BUILD_TYPE=Debug']}
    targets = {'sim': ['sim_run', 'sim_fidelity'],
               'torture': ['torture', 'backend_contract_epoll', 'backend_contract_select']}

    def __init__(self, folder):
        self.folder = os.path.join(folder, 'tree')
        shutil.copytree(TOP, self.folder, symlinks=True,
                        ignore=shutil.ignore_patterns('build*', '.git'))
        for name, options in self.builds.items():
            subprocess.run(['cmake', '-S', self.folder, '-B', self.build(name), '-G', 'Ninja']
                           + options, check=True, stdout=subprocess.DEVNULL)

    def build(self, name):
        return os.path.join(self.folder, 'build-' + name)

    def make(self, name):
        """None, or what the compiler says."""
        done = subprocess.run(['ninja', '-C', self.build(name)] + self.targets[name],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        return None if done.returncode == 0 else done.stdout

    def fails(self, name, program, arguments, seconds):
        program = os.path.join(self.build(name), 'tests', program)
        env = dict(os.environ, ASAN_OPTIONS='detect_leaks=1', UBSAN_OPTIONS='halt_on_error=1')
        try:
            done = subprocess.run([program] + arguments, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=env, timeout=seconds)
        except subprocess.TimeoutExpired:
            return 'hangs'
        return 'fails' if done.returncode else None

    def caught(self):
        """Who noticed: None, nobody."""
        for name, program, arguments, seconds in (
                ('sim', 'sim/sim_run', ['1', '1000'], 120), ('sim', 'sim_fidelity', [], 60),
                ('torture', 'torture/torture', ['6'], 240),
                ('torture', 'backend_contract_epoll', [], 120),
                ('torture', 'backend_contract_select', [], 120)):
            trouble = self.make(name)
            if trouble:
                return 'does not compile: ' + re.sub(r'\s+', ' ', trouble)[-200:]
            how = self.fails(name, program, arguments, seconds)
            if how:
                kind = 'survives both; ' if 'contract' in program else ''
                return '%s%s %s' % (kind, os.path.basename(program), how)
        return None

    def plant(self, path, site):
        path = os.path.join(self.folder, path)
        with open(path) as file:
            good = file.read()
        try:
            with open(path, 'w') as file:
                file.write(site.apply(good))
            return self.caught()
        finally:
            with open(path, 'w') as file:
                file.write(good)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('count', nargs='?', default='20', help='how many, or "full"')
    parser.add_argument('--seed', default='runnel')
    opts = parser.parse_args()
    if opts.count != 'full' and not re.fullmatch('[1-9][0-9]{0,8}', opts.count):
        parser.error('not a number from 1 up, nor "full": "%s"' % opts.count)
    return opts


def run(tree, opts):
    trouble = tree.caught()
    if trouble:
        sys.exit('the unchanged tree does not pass: ' + trouble)
    sites = every()
    if opts.count != 'full':
        sites = random.Random(opts.seed).sample(sites, min(int(opts.count), len(sites)))
    survived = alike = 0
    for path, site in sites:
        how = tree.plant(path, site)
        reason = ALIKE.get((os.path.basename(path), site.line, site.old, site.nth))
        if how is None and reason:
            how, alike = 'cannot be seen: ' + reason, alike + 1
        elif how is None:
            how, survived = 'SURVIVES: ' + site.line, survived + 1
        print('%-20s %-26s %s' % (os.path.basename(path), site, how), flush=True)
    print('%d planted, %d of them cannot be seen' % (len(sites), alike))
    print('%d passed, %d failed' % (len(sites) - survived, survived))
    return 1 if survived else 0


def main():
    opts, began = options(), time.time()
    folder = tempfile.mkdtemp(prefix='runnel-planted-')
    try:
        code = run(Tree(folder), opts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('%.0f s' % (time.time() - began))
    return code


if __name__ == '__main__':
    sys.exit(main())
