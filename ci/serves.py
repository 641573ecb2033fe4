#!/usr/bin/env python3
"""serves.py PROGRAM: starts it, finds the port it listens at, and wants its lines back.
serves.py PROGRAM CERTIFICATE CLIENT: the same over TLS; the client, which trusts the
certificate as a system's would, says what it got."""
import glob
import os
import re
import socket
import subprocess
import sys
import time


def listening(pid):
    """The first port that the process listens at, by the kernel's word."""
    inodes = set()
    for fd in glob.glob("/proc/%d/fd/*" % pid):
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(fd)))
        except OSError:
            pass
    with open("/proc/%d/net/tcp" % pid) as table:
        for line in table.read().split("\n")[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == "0A" and words[9] in inodes:
                return int(words[1].split(":")[1], 16)
    return None


def echoes(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"to and fro\nagain\n")
        client.shutdown(socket.SHUT_WR)
        got = b""
        while piece := client.recv(100):
            got += piece
    if got != b"to and fro\nagain\n":
        sys.exit("%s answered %r" % (sys.argv[1], got))


def greets(port, certificate, client):
    environ = dict(os.environ, PORT=str(port), SSL_CERT_FILE=certificate)
    got = subprocess.run([client, "localhost"], env=environ, stdout=subprocess.PIPE, timeout=10)
    if got.returncode or got.stdout != b"hello\n":
        sys.exit("%s got %r" % (client, got.stdout))


def main():
    program = subprocess.Popen(sys.argv[1:3])
    try:
        while (port := listening(program.pid)) is None:
            if program.poll() is not None:
                sys.exit("%s ended" % sys.argv[1])
            time.sleep(0.01)
        if len(sys.argv) > 3:
            greets(port, *sys.argv[2:])
        else:
            echoes(port)
    finally:
        program.kill()
        program.wait()


main()
