"""The two sides of the comparison, as processes: scripts in, outcomes out.

And which Python: RUNNEL_PYTHON (a command), else the newest CPython found on the
PATH and among pyenv's versions.
"""

import glob
import json
import os
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OLDEST = (3, 8)


# Another program runs ours (--run-by). Ours do not fail without a word, so such an end is
# that one's, as ci/wine-run has it.
run_by = []


def not_started(code, out, err):
    if not run_by or not code or out or err:
        return False
    print('%s did not start a program: once more' % ' '.join(run_by), file=sys.stderr)
    return True


def run(command, **options):
    """subprocess.run with both outputs as text."""
    for _ in range(2):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, **options)
        if not not_started(done.returncode, done.stdout, done.stderr):
            break
    return done


class Side:
    """A runner: `command` reads scripts and prints outcomes."""

    def __init__(self, name, command):
        self.name = name
        self.command = command

    def run_text(self, lines):
        """Outcomes of scripts, both as lines of JSON. Where the runner died, the
        script that killed it, and those behind, have ["crashed", why]."""
        done = run(self.command, input='\n'.join(lines) + '\n')
        out = done.stdout.split('\n')[:-1]
        if len(out) < len(lines):
            why = ['crashed', done.returncode, done.stderr.strip().split('\n')[-1]]
            out.append(json.dumps([why]))
            out += [json.dumps([['not reached']])] * (len(lines) - len(out))
        return out

    def run(self, scripts):
        lines = [json.dumps(s, separators=(',', ':')) for s in scripts]
        return [json.loads(line) for line in self.run_text(lines)]


def version_of(command):
    """(major, minor, micro) of a CPython, or None."""
    ask = ('import sys; print(sys.implementation.name == "cpython", '
           '*sys.version_info[:3])')
    try:
        out = subprocess.run(command + ['-c', ask], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, universal_newlines=True,
                             timeout=60).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return tuple(map(int, out[1:])) if out[:1] == ['True'] else None


def candidates():
    """Commands that may be a Python."""
    root = os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv'))
    found = glob.glob(os.path.join(root, 'versions', '*', 'bin', 'python3'))
    for name in ['python3'] + ['python3.%d' % minor for minor in range(8, 20)]:
        for folder in os.environ.get('PATH', '').split(os.pathsep):
            path = shutil.which(name, path=folder)
            if path:
                found.append(path)
    real = sorted(set(found), key=found.index)
    return [[path] for path in real + [sys.executable]]


def pythons():
    """All that can be the oracle: {version: command}, the newest last."""
    if os.environ.get('RUNNEL_PYTHON'):
        command = shlex.split(os.environ['RUNNEL_PYTHON'])
        version = version_of(command)
        if not version:
            sys.exit('RUNNEL_PYTHON: this is no CPython: ' + ' '.join(command))
        return {version: command}
    found = {}
    for command in candidates():
        version = version_of(command)
        if version and version >= OLDEST and version not in found:
            found[version] = command
    return dict(sorted(found.items()))


def oracle(command):
    """The Python side, and what it says of itself."""
    # Where the oracle sees another file system, RUNNEL_ORACLE_DIR is this folder there.
    folder = os.environ.get('RUNNEL_ORACLE_DIR', HERE)
    command = command + [os.path.join(folder, 'oracle.py')]
    out = subprocess.run(command + ['--features'], stdout=subprocess.PIPE, check=True,
                         universal_newlines=True).stdout
    features = json.loads(out)
    return Side('CPython ' + features['version'], command), features
