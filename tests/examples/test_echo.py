"""echo_server, echo_client, unix_echo, register_socket."""

import os
import signal
import socket
import tempfile

import programs
from programs import Case, Peer, run


class Echo(Case):
    def test_client_and_server(self):
        server = self.serve("echo_server", "0")
        self.assertEqual(run("echo_client", "127.0.0.1", str(server.port)),
                         (0, "send: Hello World!\nreceived: Hello World!\n", ""))
        self.assertEqual(run("echo_client", "localhost", str(server.port), "by name"),
                         (0, "send: by name\nreceived: by name\n", ""))
        self.ends_well(server)

    def test_many_lines_and_a_last_one_without_its_end(self):
        server = self.serve("echo_server", "0")
        text = b"".join(b"%d\n" % i for i in range(20000)) + b"the last"
        peer = self.peer(server)
        peer.send(text)
        peer.end_input()
        self.assertEqual(peer.all(), text)
        self.ends_well(server, signal.SIGTERM)

    def test_two_hundred_clients_at_once(self):
        server = self.serve("echo_server", "0")
        peers = [self.peer(server) for _ in range(200)]
        for i, peer in enumerate(peers):
            peer.send(b"client %d\n" % i)
        for i, peer in enumerate(peers):
            self.assertEqual(peer.line(), b"client %d\n" % i)
        self.ends_well(server)
        self.assertEqual({peer.all() for peer in peers}, {b""})

    def test_a_line_beyond_the_limit_is_told_once(self):
        server = self.serve("echo_server", "0")
        peer, other = self.peer(server), self.peer(server)
        try:
            peer.send(b"a" * 1000000)
        except (ConnectionResetError, BrokenPipeError):
            pass  # it closes before all of it is sent
        self.assertEqual(peer.all(), b"")
        other.send(b"not disturbed\n")
        self.assertEqual(other.line(), b"not disturbed\n")
        code, said = server.stop()
        self.assertEqual((code, said.count("\n")), (0, 1))
        self.assertIn("handler failed", said)

    def test_a_client_that_resets(self):
        server = self.serve("echo_server", "0")
        for _ in range(50):
            peer = Peer(server.port)
            peer.send(b"line\nhalf a li")
            peer.reset()
        server.until_idle()
        self.ends_well(server)

    def test_a_client_that_never_reads_does_not_keep_the_server(self):
        server = self.serve("echo_server", "0")
        peer = self.peer(server)
        peer.sock.settimeout(0)
        try:
            while True:
                peer.sock.send(b"line\n" * 10000)
        except BlockingIOError:
            self.ends_well(server)

    def test_nobody_listens(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))  # bound, not listening
            code, out, err = run("echo_client", "127.0.0.1", str(held.getsockname()[1]))
        self.assertEqual((code, out), (1, ""))
        self.assertIn("refused", err)

    def test_a_server_that_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = programs.subprocess.Popen(
                [os.path.join(programs.folder, "echo_client"), "127.0.0.1",
                 str(listener.getsockname()[1])],
                env=programs.environment(), stdout=programs.subprocess.PIPE,
                stderr=programs.subprocess.PIPE)
            Peer(sock=listener.accept()[0]).close()
            _, err = client.communicate(timeout=programs.LIMIT)
        self.assertEqual(client.returncode, 1)
        self.assertNotEqual(err, b"")

    def test_words_that_are_no_ports(self):
        for word in ("", "x", "-1", "65536", "80x"):
            self.assertEqual(run("echo_server", word)[0], 2)
        self.assertEqual(run("echo_client")[0], 2)

    def test_a_port_that_is_taken(self):
        server = self.serve("echo_server", "0")
        code, _, err = run("echo_server", str(server.port))
        self.assertEqual(code, 1)
        self.assertIn("in use", err)
        self.ends_well(server)

    def test_an_unknown_backend_is_told_which_there_are(self):
        done = programs.subprocess.run(
            [os.path.join(programs.folder, "register_socket")], capture_output=True, check=False,
            env=dict(programs.environment(), RUNNEL_BACKEND="carrier pigeons"),
            timeout=programs.LIMIT)
        self.assertEqual(done.returncode, 1)
        for word in (b"carrier pigeons", b"epoll", b"select"):
            self.assertIn(word, done.stderr)


class Cxx(Case):
    def setUp(self):
        super().setUp()
        if not os.path.exists(os.path.join(programs.folder, "echo_server_cxx")):
            self.skipTest("built without a C++ compiler")

    def test_lines_an_end_and_a_reset(self):
        server = self.serve("echo_server_cxx", "0")
        peer, gone, rests = self.peer(server), Peer(server.port), self.peer(server)
        gone.send(b"line\n")
        gone.reset()
        peer.send(b"one\ntwo")
        peer.end_input()
        self.assertEqual(peer.all(), b"one\ntwo")
        rests.send(b"rests\n")
        self.assertEqual(rests.line(), b"rests\n")
        self.ends_well(server)
        self.assertEqual(rests.all(), b"")

    def test_a_port_that_is_taken(self):
        server = self.serve("echo_server_cxx", "0")
        code, _, err = run("echo_server_cxx", str(server.port))
        self.assertEqual(code, 1)
        self.assertIn("in use", err)
        self.ends_well(server)


class Unix(Case):
    def test_there_and_back(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "sock")
            self.assertEqual(run("unix_echo", path, "through a path"),
                             (0, f"serving on {path}\nreceived: through a path\n", ""))
            self.assertEqual(os.listdir(place), [])
            long = "0123456789" * 10000
            self.assertEqual(run("unix_echo", path, long)[1].splitlines()[1], "received: " + long)

    def test_a_stale_path_and_a_file(self):
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "sock")
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(path)
            self.assertEqual(run("unix_echo", path)[0], 0)
            with open(path, "w", encoding="utf-8") as file:
                file.write("precious")
            self.assertEqual(run("unix_echo", path)[0], 1)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), "precious")

    def test_a_path_too_long(self):
        code, _, err = run("unix_echo", "/tmp/" + "p" * 200)
        self.assertEqual(code, 1)
        self.assertIn("too long", err)
        self.assertEqual(run("unix_echo")[0], 2)


class Register(Case):
    def test_waits_for_data(self):
        self.assertEqual(run("register_socket"), (0, "Received: hello\n", ""))
