"""tcp_proxy: both ways, half-closed, slow, and broken off."""

import socket
import threading

from programs import LIMIT, Case, Peer

BIG = bytes(range(256)) * 16384  # 4 MiB


class Proxy(Case):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        self.addCleanup(self.listener.close)
        self.server = self.serve("tcp_proxy", "0", "127.0.0.1",
                                 str(self.listener.getsockname()[1]))

    def pair(self):
        near = self.peer(self.server)
        far = Peer(sock=self.listener.accept()[0])
        self.addCleanup(far.close)
        return near, far

    def test_both_ways(self):
        near, far = self.pair()
        near.send(b"question\n")
        self.assertEqual(far.line(), b"question\n")
        far.send(b"answer\n")
        self.assertEqual(near.line(), b"answer\n")
        near.close()
        self.assertEqual(far.all(), b"")
        far.close()
        self.server.until_idle()
        self.ends_well(self.server)

    def test_half_closed_each_way(self):
        for swap in (False, True):
            one, other = self.pair()[::-1 if swap else 1]
            one.send(b"all of it")
            one.end_input()
            self.assertEqual(other.all(), b"all of it")
            other.send(BIG)  # long after the end of the other way
            other.end_input()
            self.assertEqual(one.all(), BIG)
        self.server.until_idle()
        self.ends_well(self.server)

    def test_much_both_ways_at_once(self):
        near, far = self.pair()
        threads = [threading.Thread(target=p.send, args=(BIG,)) for p in (near, far)]
        for thread in threads:
            thread.start()
        self.assertEqual(near.exactly(len(BIG)), BIG)
        self.assertEqual(far.exactly(len(BIG)), BIG)
        for thread in threads:
            thread.join()
        self.ends_well(self.server)

    def test_a_slow_side_slows_the_fast_one_down(self):
        near, far = self.pair()
        near.sock.settimeout(0)
        sent = 0
        with self.assertRaises(BlockingIOError):
            while sent < 1 << 30:
                sent += near.sock.send(BIG)
        self.assertLess(sent, 100 << 20)
        near.sock.settimeout(LIMIT)
        near.end_input()
        self.assertEqual(len(far.all()), sent)
        far.close()
        self.server.until_idle()
        self.ends_well(self.server)

    def test_resets(self):
        for victim in (0, 1):
            for start in (b"", b"some bytes", BIG):
                pair = self.pair()
                thread = threading.Thread(target=self.send_anyway, args=(pair[1 - victim], start))
                thread.start()
                pair[victim].reset()
                thread.join()
                pair[1 - victim].all()
                pair[1 - victim].close()
        self.server.until_idle()
        code, said = self.server.stop()
        self.assertEqual(code, 0)
        for line in said.splitlines():  # the far side's failures are told
            self.assertIn("handler failed", line)

    @staticmethod
    def send_anyway(peer, data):
        try:
            peer.send(data)
        except (ConnectionResetError, BrokenPipeError):
            pass

    def test_nobody_behind_it(self):
        self.listener.close()
        near = self.peer(self.server)
        self.assertEqual(near.all(), b"")
        code, said = self.server.stop()
        self.assertEqual(code, 0)
        self.assertIn("refused", said)

    def test_the_end_with_connections(self):
        pairs = [self.pair() for _ in range(10)]
        self.ends_well(self.server)
        for near, far in pairs:
            self.assertEqual((near.all(), far.all()), (b"", b""))
