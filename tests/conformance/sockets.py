"""Real sockets: Python's client at our server, our client at Python's server.

The story that each end tells must be the one that asyncio tells with asyncio at the
other end, on TCP and on Unix sockets, with each backend.
"""

import os
import subprocess
import tempfile

import peer
import runners

SECONDS = 60


class End:
    """A command, and where it finds the file system's root that the other one has."""

    def __init__(self, command, root=''):
        self.command, self.root = command, root

    def arguments(self, role, kind, address, name):
        return self.command + [role, kind, self.root + address if kind == 'unix' else address,
                               name]


def stories(server, client, kind, path, name, env=None):
    """What both ends say. `path` is a Unix socket's, as asyncio's end sees it."""
    told = one_try(server, client, kind, path, name, env)
    return told or one_try(server, client, kind, path, name, env)


def one_try(server, client, kind, path, name, env):
    """None: the server was not started."""
    address = '0' if kind == 'tcp' else path
    options = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                   env=env)
    with subprocess.Popen(server.arguments('serve', kind, address, name), **options) as serving:
        try:
            first = serving.stdout.readline().split()
            if first[:1] != ['ready']:
                serving.kill()
                why = serving.stderr.read().strip()
                if runners.not_started(serving.wait(), first, why):
                    return None
                return ['did not start', why], []
            if kind == 'tcp':
                address = first[1]
            done = runners.run(client.arguments('connect', kind, address, name),
                               timeout=SECONDS, env=env)
            out, err = serving.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            serving.kill()
            out, err = serving.communicate()
            return out.splitlines() + ['hangs', err.strip()], ['hangs?']
    return story(serving.returncode, out, err), story(done.returncode, done.stdout, done.stderr)


def story(code, out, err):
    # When a handler's failure is reported depends on the collector before 3.12.
    lines = sorted(out.splitlines(), key=lambda line: line == 'reported')
    return lines if code == 0 else lines + ['ended with %d' % code] + err.splitlines()[-3:]


def show(title, expected, got):
    print('\n' + title)
    for who, want, have in zip(('server', 'client'), expected, got):
        if want != have:
            print('  %s: expected %s\n  %s  got      %s'
                  % (who, ' | '.join(want), ' ' * len(who), ' | '.join(have)))


def ask(ours, what):
    done = runners.run(ours + [what])
    done.check_returncode()
    return done.stdout.split()


def run(report, python, version, ours):
    """`python` and `ours` are commands."""
    folder = os.environ.get('RUNNEL_ORACLE_DIR', runners.HERE)
    root = os.environ.get('RUNNEL_ORACLE_ROOT', '')
    theirs = End(python + [os.path.join(folder, 'peer.py')])
    ends = theirs, End(ours, root), ask(ours, 'backends')
    kinds = ask(ours, 'kinds')
    with tempfile.TemporaryDirectory(prefix='runnel-sockets-', dir=root + '/tmp') as where:
        path = os.path.join(where, 'socket')[len(root):]
        for name, scenario in peer.SCENARIOS.items():
            if version < scenario[2]:
                print('not in this version (since %d.%d): %s' % (scenario[2] + (name,)))
                continue
            for kind in scenario[3].split():
                if kind not in kinds:
                    report.row('sockets, %s: %s' % (kind, name), 'not there: no such sockets')
                    continue
                run_scenario(report, ends, kind, path, name)


def run_scenario(report, ends, kind, path, name):
    theirs, ours, names = ends
    expected = stories(theirs, theirs, kind, path, name)
    failed = []
    for backend in names:
        env = dict(os.environ, RUNNEL_BACKEND=backend)
        for title, server, client in (('our server', ours, theirs), ('our client', theirs, ours)):
            got = stories(server, client, kind, path, name, env)
            if got != expected:
                failed.append(backend)
                show('%s, %s, %s, %s' % (name, kind, title, backend), expected, got)
    report.count(2 * len(names) - len(failed), len(failed))
    report.row('sockets, %s: %s' % (kind, name),
               'as asyncio, on ' + ' '.join(names) if not failed else 'DIFFERS')
