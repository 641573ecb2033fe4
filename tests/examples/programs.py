"""Starting the examples and talking to them. Nothing here sleeps: each wait is for
a byte, an end or a process, and has a limit."""

import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

LIMIT = 60  # seconds for anything; a machine may be slow, never this slow
folder = backend = None  # set by run.py


def environment():
    return dict(os.environ, RUNNEL_BACKEND=backend, RUNNEL_DEBUG="1")


def run(name, *args):
    """Runs an example to its end: its code, standard output and standard error."""
    done = subprocess.run([os.path.join(folder, name), *args], env=environment(), timeout=LIMIT,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Server:
    """A server on a port of its own. What it says on standard error is kept."""

    def __init__(self, name, *args):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [os.path.join(folder, name), *args], env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline().decode()
        if not line.startswith("serving on "):
            self.process.kill()
            raise AssertionError(f"{name} said {line!r}, {self.said()!r}")
        self.port = int(line.rsplit(":", 1)[1])
        self.before = self.descriptors()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def until_idle(self):
        """Until every descriptor that came since the start has gone again."""
        end = time.monotonic() + LIMIT
        while self.descriptors() != self.before:
            if time.monotonic() > end:
                raise AssertionError(f"{self.descriptors()} descriptors, {self.before} at the start")
            os.sched_yield()

    def said(self):
        """What it wrote to standard error, but for what only tells of a slow machine."""
        self.errors.seek(0)
        return "".join(line for line in self.errors.read().decode().splitlines(keepends=True)
                       if "ran for over 100 ms" not in line)

    def stop(self, number=signal.SIGINT):
        """Ends it: its code, and what it said on standard error."""
        self.process.send_signal(number)
        code = self.process.wait(LIMIT)
        said = self.said()
        self.close()
        return code, said

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Peer:
    """A plain socket, connected to a server or accepted from a client."""

    def __init__(self, port=None, sock=None):
        self.sock = sock or socket.create_connection(("127.0.0.1", port), LIMIT)
        self.sock.settimeout(LIMIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, data):
        self.sock.sendall(data)

    def until(self, mark):
        """The bytes up to and including `mark`."""
        while mark not in self.rest:
            piece = self.sock.recv(1 << 20)
            if not piece:
                raise AssertionError(f"the end came before {mark!r}: {self.rest[-200:]!r}")
            self.rest += piece
        end = self.rest.index(mark) + len(mark)
        taken, self.rest = self.rest[:end], self.rest[end:]
        return taken

    def line(self):
        return self.until(b"\n")

    def exactly(self, count):
        pieces, have = [self.rest], len(self.rest)
        while have < count:
            pieces.append(self.sock.recv(1 << 20))
            if not pieces[-1]:
                raise AssertionError(f"the end came after {have} bytes of {count}")
            have += len(pieces[-1])
        data = b"".join(pieces)
        self.rest = data[count:]
        return data[:count]

    def all(self):
        """Up to the end; a reset is an end too, and loses what the kernel still had."""
        data = self.rest
        try:
            while piece := self.sock.recv(1 << 20):
                data += piece
        except ConnectionResetError:
            pass
        self.rest = b""
        return data

    def end_input(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


class Case(unittest.TestCase):
    def serve(self, name, *args):
        server = Server(name, *args)
        self.addCleanup(server.close)
        return server

    def peer(self, server):
        peer = Peer(server.port)
        self.addCleanup(peer.close)
        return peer

    def ends_well(self, server, number=signal.SIGINT, said=""):
        self.assertEqual(server.stop(number), (0, said))
