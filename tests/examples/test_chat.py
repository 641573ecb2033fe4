"""chat_server: joining, talking, leaving in every way, and the end."""

import socket

from programs import Case, Peer


class Chat(Case):
    def join(self, server, name, others=()):
        peer = self.peer(server)
        self.assertEqual(peer.until(b"name? "), b"name? ")
        peer.send(name + b"\n")
        for other in others:
            self.assertEqual(other.line(), b"* %s joined\n" % name)
        return peer

    def trio(self, server):
        # A client is in the room once somebody else has heard of it, or heard it.
        anna = self.join(server, b"anna")
        bert = self.join(server, b"bert", [anna])
        carl = self.join(server, b"carl", [anna, bert])
        return anna, bert, carl

    def test_everybody_hears_everybody_else(self):
        server = self.serve("chat_server", "0")
        anna, bert, carl = self.trio(server)
        for speaker, name, others in ((anna, b"anna", (bert, carl)), (bert, b"bert", (anna, carl)),
                                      (carl, b"carl", (anna, bert))):
            for text in (b"hello", b"", b"%s%n%d", b"x" * 3000):
                speaker.send(text + b"\r\n")
                for other in others:
                    self.assertEqual(other.line(), b"%s: %s\n" % (name, text))
        self.ends_well(server)
        for peer in (anna, bert, carl):
            self.assertEqual(peer.all(), b"")

    def test_leaving_in_each_way(self):
        server = self.serve("chat_server", "0")
        anna = self.join(server, b"anna")
        for leave in (Peer.close, Peer.reset, Peer.end_input):
            bert = self.join(server, b"bert", [anna])
            bert.send(b"bye\n")
            self.assertEqual(anna.line(), b"bert: bye\n")
            leave(bert)
            self.assertEqual(anna.line(), b"* bert left\n")
        bert = self.join(server, b"bert", [anna])
        bert.send(b"the last words")
        bert.end_input()
        self.assertEqual(anna.line(), b"bert: the last words\n")
        self.assertEqual(anna.line(), b"* bert left\n")
        anna.close()
        server.until_idle()
        self.ends_well(server)

    def test_odd_names(self):
        server = self.serve("chat_server", "0")
        anna = self.join(server, b"anna")
        for name, heard in ((b"", b""), (b"n" * 100, b"n" * 31), (b"%s%n", b"%s%n"),
                            (b"a\0b", b"a")):
            peer = self.peer(server)
            peer.send(name + b"\r\n")
            self.assertEqual(anna.line(), b"* %s joined\n" % heard)
            peer.close()
            self.assertEqual(anna.line(), b"* %s left\n" % heard)
        nameless = self.peer(server)
        nameless.end_input()
        self.assertEqual(nameless.all(), b"name? ")
        self.ends_well(server)

    def test_one_that_does_not_read_is_dropped(self):
        server = self.serve("chat_server", "0")
        anna = self.join(server, b"anna")
        slow = socket.socket()
        self.addCleanup(slow.close)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(b"slow\n")
        self.assertEqual(anna.line(), b"* slow joined\n")
        bert = self.join(server, b"bert", [anna])
        sent = 0
        bert.sock.settimeout(0)
        anna.sock.settimeout(0)
        heard = b""
        while b"* slow left\n" not in heard:
            try:
                bert.send(b"y" * 2999 + b"\n")
                sent += 1
            except BlockingIOError:
                self.fail("the slow one keeps the others from talking")
            want = b"bert: " + b"y" * 2999 + b"\n"
            while heard.count(want) < sent:
                try:
                    heard += anna.sock.recv(1 << 20)
                except BlockingIOError:
                    pass
            self.assertLess(sent, 10000)
        for peer in (anna, bert):
            peer.close()
        server.until_idle()
        self.ends_well(server)

    def test_forty_clients_that_come_and_go(self):
        server = self.serve("chat_server", "0")
        anna = self.join(server, b"anna")
        for round in range(5):
            peers = [self.join(server, b"p%d" % i, [anna]) for i in range(40)]
            for i, peer in enumerate(peers):
                peer.send(b"hello from %d\n" % i)
            for i, peer in enumerate(peers):
                peer.reset() if (i + round) % 2 else peer.close()
            heard = b""
            while heard.count(b" left\n") < 40:
                heard += anna.line()
        anna.close()
        server.until_idle()
        self.ends_well(server)
