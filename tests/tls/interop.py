"""Our TLS and other people's: openssl s_client and s_server, curl, and Python's ssl.

usage: interop.py DIR_OF_EXAMPLES [WORDS [OTHER_DIR]]

Our programs are run by WORDS ("wine"); those of OTHER_DIR, which are another platform's and
run as they are, then talk with them as well.

Runs the examples tls_echo, tls_proxy and http_headers against each peer, both
roles, TLS 1.2 and 1.3, with and without client certificates. Certificates are
made on the spot by the openssl program. A peer that is missing is named and
skipped; without the openssl program all of it is (exit 77).
"""
import contextlib
import pathlib
import re
import select
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

EXAMPLES = pathlib.Path(sys.argv[1])
RUN_BY = shlex.split(sys.argv[2]) if len(sys.argv) > 2 else []
OTHERS = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
LIMIT = 30  # seconds that anything may take
done = []


def example(name):
    path = EXAMPLES / name
    return [*RUN_BY, path if path.exists() else path.with_suffix(".exe")]


def check(name, condition, detail=""):
    done.append((name, bool(condition)))
    print(("ok   " if condition else "FAIL ") + name, "" if condition else detail)


def run(args, **options):
    """As subprocess.run. A program that fails says why: if another program runs ours (RUN_BY),
    an end without a word is that one's, as ci/wine-run has it, and is tried once more."""
    args = list(map(str, args))
    result = subprocess.run(args, capture_output=True, timeout=LIMIT, **options)
    if RUN_BY and result.returncode and not result.stdout and not result.stderr:
        print(f"{' '.join(RUN_BY)} did not start {args[len(RUN_BY)]}: once more")
        result = subprocess.run(args, capture_output=True, timeout=LIMIT, **options)
    return result


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=LIMIT)


def make_pki(top):
    ext = top / "ext"
    ext.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                   "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                   "extendedKeyUsage=serverAuth,clientAuth\n")
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *ec, "-keyout", top / "ca.key", "-out", top / "ca.pem",
            "-subj", "/CN=interop CA", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for who in ("server", "client"):
        openssl("req", *ec, "-keyout", top / f"{who}.key", "-out", top / f"{who}.csr",
                "-subj", f"/CN={who}")
        openssl("x509", "-req", "-in", top / f"{who}.csr", "-CA", top / "ca.pem",
                "-CAkey", top / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", ext,
                "-out", top / f"{who}.crt")
        (top / f"{who}.pem").write_text((top / f"{who}.crt").read_text()
                                        + (top / f"{who}.key").read_text())


@contextlib.contextmanager
def running(args, says):
    """A program until its line with a port has come; yields the port. Tried again as run does."""
    for _ in range(2 if RUN_BY else 1):
        p = subprocess.Popen(list(map(str, args)), stdout=subprocess.PIPE, stdin=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        found = next(filter(None, (re.search(says, line) for line in p.stdout)), None)
        if found:
            break
        p.communicate()
    try:
        if not found:
            raise RuntimeError(f"{args[0]} ended without a word")
        yield int(found.group(1))
    finally:
        p.send_signal(signal.SIGTERM)
        try:
            p.wait(LIMIT)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        p.stdin.close()
        p.stdout.close()


def ours(top, with_client_cert, program=None):
    more = [0, top / "ca.pem"] if with_client_cert else [0]
    return running([*(program or example("tls_echo")), "server", top / "server.pem", *more],
                   r"serving on 127\.0\.0\.1:(\d+)")


def s_client(top, port, version, cert):
    """A line there and back by openssl s_client."""
    args = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", top / "ca.pem",
            "-verify_return_error", "-verify_ip", "127.0.0.1", f"-tls{version}", "-quiet"]
    if cert:
        args += ["-cert", top / "client.crt", "-key", top / "client.key"]
    p = subprocess.Popen(list(map(str, args)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    killer = threading.Timer(LIMIT, p.kill)
    killer.start()
    try:
        p.stdin.write(b"a line of s_client's\n")
        p.stdin.flush()
        return p.stdout.readline()
    finally:
        killer.cancel()
        p.kill()
        p.wait()
        p.stdin.close()
        p.stdout.close()


def there_and_back(s, data):
    """What comes back of the data, by one thread: two must not use one connection of ssl."""
    sent, back = 0, b""
    s.setblocking(False)
    while len(back) < len(data):
        moved = 0
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if sent < len(data):
                moved = s.send(data[sent:sent + 65536])
                sent += moved
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            piece = s.recv(65536)
            if not piece:
                break
            back += piece
            moved += len(piece)
        if not moved and not any(select.select([s], [s] if sent < len(data) else [], [], LIMIT)):
            break
    s.settimeout(LIMIT)
    return back


def python_client(top, port, version, cert):
    context = ssl.create_default_context(cafile=top / "ca.pem")
    context.minimum_version = context.maximum_version = version
    if cert:
        context.load_cert_chain(top / "client.crt", top / "client.key")
    data = bytes(range(256)) * 1024
    with socket.create_connection(("127.0.0.1", port), LIMIT) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as s:
            back = there_and_back(s, data)
            s.unwrap()  # close_notify both ways
            return back == data


def our_client(top, port, cert, program=None):
    args = [*(program or example("tls_echo")), "client", "127.0.0.1", port, top / "ca.pem", "localhost"]
    if cert:
        args.append(top / "client.pem")
    return run(args, input="one line\nand two\n", text=True)


@contextlib.contextmanager
def python_server(top, version, cert):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(top / "server.crt", top / "server.key")
    context.minimum_version = context.maximum_version = version
    if cert:
        context.load_verify_locations(top / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED

    def serve():
        with contextlib.suppress(OSError), listener.accept()[0] as raw:
            raw.settimeout(LIMIT)
            with context.wrap_socket(raw, server_side=True) as s:
                while data := s.recv(65536):
                    s.sendall(data)
                s.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def with_openssl(top):
    for version in ("1_2", "1_3"):
        for cert in (False, True):
            with ours(top, cert) as port:
                check(f"s_client to our server, {version}, client certificate {cert}",
                      s_client(top, port, version, cert) == b"a line of s_client's\n")
        more = ["-Verify", "3", "-verify_return_error", "-CAfile", top / "ca.pem"]
        for cert in (False, True):
            with running(["openssl", "s_server", "-accept", "127.0.0.1:0", "-rev", "-naccept", "1",
                          "-cert", top / "server.crt", "-key", top / "server.key",
                          f"-tls{version}", *(more if cert else [])],
                         r"ACCEPT \S*?:(\d+)$") as port:
                result = our_client(top, port, cert)
                check(f"our client to s_server, {version}, client certificate {cert}",
                      result.stdout.splitlines()[1:] == ["enil eno", "owt dna"],
                      repr(result))
    with ours(top, True) as port:
        result = our_client(top, port, False)
        check("no client certificate where one is required", result.returncode == 1, result)


def with_python(top):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for cert in (False, True):
            with ours(top, cert) as port:
                check(f"Python to our server, {version.name}, client certificate {cert}",
                      python_client(top, port, version, cert))
            with python_server(top, version, cert) as port:
                result = our_client(top, port, cert)
                check(f"our client to Python, {version.name}, client certificate {cert}",
                      result.returncode == 0 and "one line\nand two\n" in result.stdout, result)


def with_others(top):
    """Ours with ours, built for another platform."""
    program = ["env", "-u", "RUNNEL_BACKEND", OTHERS / "tls_echo"]  # it has others
    for cert in (False, True):
        for name, server, client in (("their client to our server", None, program),
                                     ("our client to their server", program, None),
                                     ("our client to our server", None, None)):
            with ours(top, cert, server) as port:
                result = our_client(top, port, cert, client)
                check(f"{name}, client certificate {cert}",
                      result.returncode == 0 and "one line\nand two\n" in result.stdout, result)


def with_curl(top):
    page = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\nX-Test: yes\r\n\r\nhello\n"

    def serve(listener):
        for _ in range(3):
            with contextlib.suppress(OSError), listener.accept()[0] as s:
                s.settimeout(LIMIT)
                while b"\r\n\r\n" not in s.recv(65536):
                    pass
                s.sendall(page)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with running([*example("tls_proxy"), 0, top / "server.pem", "127.0.0.1",
                      listener.getsockname()[1]], r"serving on 127\.0\.0\.1:(\d+)") as port:
            for version in ("1.2", "1.3"):
                result = subprocess.run(
                    ["curl", "-sS", "--noproxy", "*", "--cacert", top / "ca.pem",
                     f"--tlsv{version}", "--tls-max", version, f"https://localhost:{port}/"],
                    capture_output=True, timeout=LIMIT)
                check(f"curl through tls_proxy, {version}", result.stdout == b"hello\n", result)
            result = run([*example("http_headers"), "--cacert", top / "ca.pem",
                          f"https://localhost:{port}/"])
            check("http_headers https://", b"X-Test: yes" in result.stdout, result)
        thread.join()


def smtp(top, offer, answer):
    """smtp_starttls against a script; its result, and whether TLS was reached."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(top / "server.crt", top / "server.key")
    heard = []

    def serve():
        with contextlib.suppress(OSError), listener.accept()[0] as raw:
            raw.settimeout(LIMIT)
            raw.sendall(b"220 mail.test ESMTP\r\n")
            heard.append(raw.recv(1000))
            raw.sendall(offer)
            heard.append(raw.recv(1000))
            raw.sendall(answer)
            with context.wrap_socket(raw, server_side=True) as s:
                heard.append(s.recv(1000))
                s.sendall(b"250 inside\r\n")
                heard.append(s.recv(1000))
                s.sendall(b"221 bye\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        thread = threading.Thread(target=serve)
        thread.start()
        result = run([*example("smtp_starttls"), "localhost", listener.getsockname()[1],
                      top / "ca.pem"])
        thread.join()
    return result, heard


def with_smtp(top):
    offer, go = b"250-mail.test\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"
    result, heard = smtp(top, offer, go)
    check("smtp_starttls", result.returncode == 0 and heard[-1] == b"QUIT\r\n", result)
    for name, args in {"not offered": (b"250 mail.test\r\n", go),
                       "refused": (offer, b"454 not now\r\n"),
                       "with more behind the answer": (offer, go + b"250 injected\r\n")}.items():
        result, heard = smtp(top, *args)
        check(f"J4 smtp_starttls fails closed: {name}",
              result.returncode == 1 and b"QUIT\r\n" not in heard, result)


def main():
    if not shutil.which("openssl"):
        print("skipped: no openssl program")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        make_pki(top)
        with_openssl(top)
        with_python(top)
        with_smtp(top)
        if OTHERS:
            with_others(top)
        if shutil.which("curl"):
            with_curl(top)
        else:
            print("skipped: no curl program")
    bad = sum(not ok for _, ok in done)
    print(f"{len(done) - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)


main()
