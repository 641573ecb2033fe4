"""http_hello and http_headers, with each other and with odd peers."""

import os
import socket
import subprocess

import programs
from programs import Case, Peer, run

PAGE = b"Hello from Runnel\n"


class Hello(Case):
    def test_headers(self):
        server = self.serve("http_hello", "0")
        code, out, err = run("http_headers", f"http://127.0.0.1:{server.port}/page")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.splitlines(), [
            "HTTP header> HTTP/1.0 200 OK", "HTTP header> Content-Type: text/plain",
            f"HTTP header> Content-Length: {len(PAGE)}"])
        self.ends_well(server)

    def test_get_and_head(self):
        server = self.serve("http_hello", "0")
        for method, body in ((b"GET", PAGE), (b"HEAD", b""), (b"POST", PAGE)):
            for end in (b"\r\n", b"\n"):
                peer = self.peer(server)
                for byte in method + b" / HTTP/1.0" + end + b"Host: x" + end + end:
                    peer.send(bytes([byte]))
                head, _, got = peer.all().partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.0 200 OK\r\n"))
                self.assertEqual(got, body)
        self.ends_well(server)

    def test_a_request_that_breaks_off_anywhere(self):
        request = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
        server = self.serve("http_hello", "0")
        for cut in range(len(request) + 1):
            peer = self.peer(server)
            peer.send(request[:cut])
            peer.end_input()
            got = peer.all()
            self.assertEqual(got.endswith(PAGE), cut == len(request))
            self.assertEqual(got == b"", cut < len(request))
            peer = Peer(server.port)
            peer.send(request[:cut])
            peer.reset()
        server.until_idle()
        self.ends_well(server)


class Headers(Case):
    def ask(self, answer, cut=1):
        """http_headers against a server that sends `answer`, `cut` bytes at a time."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = subprocess.Popen(
                [os.path.join(programs.folder, "http_headers"),
                 f"http://127.0.0.1:{listener.getsockname()[1]}"],
                env=programs.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            peer = Peer(sock=listener.accept()[0])
            request = peer.until(b"\r\n\r\n")
            try:
                for i in range(0, len(answer), cut):
                    peer.send(answer[i:i + cut])
            except (ConnectionResetError, BrokenPipeError):
                pass  # it has what it wants
            peer.close()
        out, err = client.communicate(timeout=programs.LIMIT)
        return client.returncode, out.decode(), err.decode(), request

    def test_byte_by_byte(self):
        code, out, err, request = self.ask(b"HTTP/1.1 200 OK\r\nA: b\n\r\nbody\r\n")
        self.assertEqual((code, out, err),
                         (0, "HTTP header> HTTP/1.1 200 OK\nHTTP header> A: b\n", ""))
        self.assertEqual(request, b"HEAD / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")

    def test_an_end_inside_the_headers(self):
        self.assertEqual(self.ask(b"HTTP/1.1 200 OK\r\nA: b", 100)[:3],
                         (0, "HTTP header> HTTP/1.1 200 OK\nHTTP header> A: b\n", ""))
        self.assertEqual(self.ask(b"")[:3], (0, "", ""))

    def test_a_header_beyond_the_limit(self):
        code, _, err, _ = self.ask(b"A: " + b"b" * 70000 + b"\r\n", 80000)
        self.assertEqual(code, 1)
        self.assertNotEqual(err, "")

    def test_what_is_no_url(self):
        for url in ("", "http://", "http://:80/", "ftp://x/", "http://a:b/", "http://[::1/",
                    "http://" + "a" * 300 + "/"):
            self.assertEqual(run("http_headers", url)[0], 1, url)
        self.assertEqual(run("http_headers")[0], 2)
