"""TLS: server CPU against OpenSSL by hand over epoll, in the same run.

usage: tls.py BUILD [--rounds N]

Bulk in, bulk out (ns a KiB), small echoes and handshakes (ns each). The client is
Python's ssl; only the server's clock is read. The median of the rounds' ratios is
what counts: both servers of a round run one right after the other.
"""
import argparse
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile

MEBI = 1 << 20


def make_certificate(top):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{top}/key", "-out",
                    f"{top}/cert", "-subj", "/CN=bench", "-days", "2"],
                   check=True, capture_output=True)
    pem = pathlib.Path(top, "pem")
    pem.write_text(pathlib.Path(top, "cert").read_text() + pathlib.Path(top, "key").read_text())
    return pem


class Server:
    def __init__(self, program, mode, pem):
        self.process = subprocess.Popen([program, mode, pem], stdout=subprocess.PIPE, text=True)
        self.port = int(re.match(r"port (\d+)", self.process.stdout.readline()).group(1))

    def cpu_ns(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text()
        return int(text.split()[0])

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def connect(port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port)))


def receive(s, count, buffer=bytearray(MEBI)):
    while count > 0:
        got = s.recv_into(buffer, min(count, MEBI))
        if not got:
            raise EOFError
        count -= got


def bulk_in(port, scale):
    data = bytes(MEBI)
    with connect(port) as s:
        for _ in range(scale):
            s.sendall(data)
        receive(s, scale)
    return scale * 1024


def bulk_out(port, scale):
    with connect(port) as s:
        for _ in range(scale):
            s.sendall(b"x")
            receive(s, MEBI)
    return scale * 1024


def echoes(port, scale):
    with connect(port) as s:
        for _ in range(scale * 100):
            s.sendall(b"x" * 100)
            receive(s, 100)
    return scale * 100


def handshakes(port, scale):
    for _ in range(scale * 4):
        with connect(port) as s:
            s.sendall(b"x")
            receive(s, 1)
    return scale * 4


WORK = [("bulk in, ns a KiB", "sink", bulk_in, 1.05), ("bulk out, ns a KiB", "source", bulk_out, 1.05),
        ("echo of 100 bytes, ns", "echo", echoes, 1.10), ("handshake, ns", "echo", handshakes, 1.10)]


def measure(program, mode, work, pem, scale):
    server = Server(program, mode, pem)
    try:
        work(server.port, 4)
        before = server.cpu_ns()
        count = work(server.port, scale)
        return (server.cpu_ns() - before) / count
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, default=64)
    parser.add_argument("--strict", action="store_true", help="fail above the limits")
    args = parser.parse_args()
    over = 0
    with tempfile.TemporaryDirectory() as top:
        pem = make_certificate(top)
        for name, mode, work, limit in WORK:
            pairs = []
            for _ in range(args.rounds):
                pairs.append([measure(f"{args.build}/bench/{who}", mode, work, pem, args.scale)
                              for who in ("raw_tls", "rnl_tls")])
            ratio = statistics.median(ours / raw for raw, ours in pairs)
            raw, ours = (statistics.median(p[i] for p in pairs) for i in (0, 1))
            over += ratio > limit
            print(f"{name:24} raw {raw:10.0f}  runnel {ours:10.0f}  ratio {ratio:.2f}"
                  f" (limit {limit:.2f})", flush=True)
    sys.exit(1 if over and args.strict else 0)


main()
