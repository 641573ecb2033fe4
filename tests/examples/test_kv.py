"""kv_server, in its own protocol, byte for byte."""

import threading

from programs import Case, Peer

OK = b"+OK\r\n"
NIL = b"$-1\r\n"


def bulk(value):
    return b"$%d\r\n%s\r\n" % (len(value), value)


def array(*words):
    return b"*%d\r\n" % len(words) + b"".join(bulk(word) for word in words)


class Kv(Case):
    def setUp(self):
        self.server = self.serve("kv_server", "0")
        self.client = self.peer(self.server)

    def ask(self, request, answer, client=None):
        client = client or self.client
        client.send(request)
        self.assertEqual(client.exactly(len(answer)), answer)

    def refused(self, request, word):
        """A request that ends its connection, with a sentence."""
        peer = self.peer(self.server)
        peer.send(request)
        answer = peer.all()
        self.assertTrue(answer.startswith(b"-ERR Protocol error"), answer)
        self.assertIn(word, answer)

    def test_each_command(self):
        for request, answer in (
                ((b"PING",), b"+PONG\r\n"), ((b"ping", b"hello"), bulk(b"hello")),
                ((b"ECHO", b""), bulk(b"")), ((b"GET", b"k"), NIL), ((b"SET", b"k", b"v"), OK),
                ((b"GET", b"k"), bulk(b"v")), ((b"EXISTS", b"k", b"k", b"no"), b":2\r\n"),
                ((b"MSET", b"a", b"1", b"b", b"2"), OK),
                ((b"MGET", b"a", b"no", b"b"), b"*3\r\n" + bulk(b"1") + NIL + bulk(b"2")),
                ((b"INCR", b"a"), b":2\r\n"), ((b"INCR", b"new"), b":1\r\n"),
                ((b"DEL", b"a", b"no", b"b"), b":2\r\n"), ((b"GET", b"a"), NIL),
                ((b"COMMAND",), b"*0\r\n"), ((b"COMMAND", b"DOCS"), b"*0\r\n"),
                ((b"CONFIG", b"GET", b"save"), b"*2\r\n" + bulk(b"save") + bulk(b"")),
                ((b"CONFIG", b"SET", b"x"), b"-ERR only CONFIG GET is supported\r\n"),
                ((b"SET", b"k", b""), OK), ((b"GET", b"k"), bulk(b"")),
                ((b"SET", b"\0\r\n", b"\0\xff\r\n"), OK), ((b"GET", b"\0\r\n"), bulk(b"\0\xff\r\n"))):
            self.ask(array(*request), answer)
        self.ask(array(b"QUIT"), OK)
        self.assertEqual(self.client.all(), b"")
        self.ends_well(self.server)

    def test_answers_to_what_is_wrong(self):
        for request, word in (
                ((b"NOSUCH",), b"unknown command"), ((b"GET",), b"wrong number"),
                ((b"GET", b"a", b"b"), b"wrong number"), ((b"MSET", b"a", b"1", b"b"), b"wrong number"),
                ((b"SET", b"k", b"v", b"XX"), b"syntax"), ((b"SET", b"k", b"v", b"EX", b"0"), b"expire"),
                ((b"SET", b"k", b"v", b"EX", b"-1"), b"expire"),
                ((b"SET", b"k", b"v", b"EX", b"9223372036854775807"), b"expire"),
                ((b"SET", b"k", b"v", b"EX", b"ten"), b"expire"), ((b"", ), b"unknown command")):
            self.client.send(array(*request))
            answer = self.client.line()
            self.assertTrue(answer.startswith(b"-ERR") and word in answer, answer)
        self.ask(array(b"PING"), b"+PONG\r\n")  # the connection lives on
        self.ends_well(self.server)

    def test_numbers(self):
        for value, good in ((b"41", True), (b"-1", True), (b"9223372036854775806", True),
                            (b"9223372036854775807", False), (b"-9223372036854775808", True),
                            (b"99999999999999999999", False), (b"-99999999999999999999", False),
                            (b"", False), (b" 1", False), (b"\t1", False), (b"+1", False),
                            (b"01", False), (b"1x", False), (b"1\0", False), (b"1\x002", False)):
            self.ask(array(b"SET", b"n", value), OK)
            self.client.send(array(b"INCR", b"n"))
            answer = self.client.line()
            self.assertEqual(answer, b":%d\r\n" % (int(value) + 1) if good else
                             b"-ERR value is not an integer or out of range\r\n", value)
        self.ends_well(self.server)

    def test_inline_commands(self):
        for line in (b"PING\r\n", b"PING\n", b"  ping  \r\n", b"\r\n\r\nPING\r\n"):
            self.ask(line, b"+PONG\r\n")
        self.ask(b"SET key value\r\nGET key\nEXISTS key\r\n", OK + bulk(b"value") + b":1\r\n")
        self.refused(b"x" * 70000 + b"\r\n", b"too big")
        self.ends_well(self.server)

    def test_pipelining(self):
        count = 20000
        request = b"".join(array(b"INCR", b"count") for _ in range(count))
        sender = threading.Thread(target=self.client.send, args=(request,))
        sender.start()
        answer = b"".join(b":%d\r\n" % i for i in range(1, count + 1))
        self.assertEqual(self.client.exactly(len(answer)), answer)
        sender.join()
        self.ends_well(self.server)

    def test_byte_by_byte(self):
        for byte in array(b"SET", b"key", b"value\r\n") + b"GET key\r\n" + array(b"GET", b"key"):
            self.client.send(bytes([byte]))
        answer = OK + 2 * bulk(b"value\r\n")
        self.assertEqual(self.client.exactly(len(answer)), answer)
        self.ends_well(self.server)

    def test_big_values(self):
        value = bytes(range(256)) * 65536  # 16 MiB: the most there may be
        self.ask(array(b"SET", b"big", value), OK)
        self.ask(array(b"GET", b"big"), bulk(value))
        self.ask(array(b"SET", b"big", b"small"), OK)
        self.ask(array(b"GET", b"big"), bulk(b"small"))
        self.refused(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$16777217\r\n", b"invalid bulk length")
        self.ends_well(self.server)

    def test_many_words(self):
        words = [b"%d" % i for i in range(1022)]
        self.ask(array(b"MSET", *words), OK)
        self.ask(array(b"MGET", *words[::2]), b"*511\r\n" + b"".join(map(bulk, words[1::2])))
        self.ask(array(b"DEL", *words, b"1022"), b":511\r\n")
        self.refused(array(b"MGET", *words, b"1022", b"1023"), b"invalid multibulk length")
        self.refused(b"get " + b"w " * 1024 + b"\r\n", b"too big")
        self.ends_well(self.server)

    def test_what_is_no_request(self):
        for request, word in ((b"*x\r\n", b"multibulk"), (b"*1\n", b"multibulk"),
                              (b"*99999999999999999999\r\n", b"multibulk"),
                              (b"*1\r\n:1\r\n", b"expected '$'"), (b"*1\r\n\n", b"expected '$'"),
                              (b"*1\r\n$-1\r\n", b"bulk length"), (b"*1\r\n$x\r\n", b"bulk length"),
                              (b"*1\r\n$" + b"1" * 70000 + b"\r\n", b"too big")):
            self.refused(request, word)
        self.ask(b"*0\r\n" + array(b"PING"), b"+PONG\r\n")
        self.ends_well(self.server)

    def test_a_request_that_would_eat_the_memory(self):
        peer = self.peer(self.server)
        with self.assertRaises((ConnectionResetError, BrokenPipeError)):
            peer.send(b"*100\r\n")
            for _ in range(100):
                peer.send(bulk(b"v" * 16777216))
        self.ask(array(b"PING"), b"+PONG\r\n")
        self.ends_well(self.server)

    def test_the_end_with_one_that_does_not_read(self):
        value = b"v" * 16777216
        self.ask(array(b"SET", b"big", value), OK)
        self.client.send(4 * array(b"GET", b"big"))
        self.assertEqual(self.client.exactly(1), b"$")  # and no more: the kernel is full
        self.ends_well(self.server)
        self.assertLess(len(self.client.all()), 4 * len(value))

    def test_time_to_live(self):
        other = self.peer(self.server)
        self.ask(array(b"SET", b"short", b"v", b"PX", b"1"), OK)
        self.ask(array(b"SET", b"second", b"v", b"EX", b"1"), OK)
        self.ask(array(b"SET", b"long", b"v", b"ex", b"1000"), OK)
        self.ask(array(b"SET", b"kept", b"1", b"EX", b"1"), OK)
        self.ask(array(b"SET", b"renewed", b"1", b"PX", b"1"), OK)
        self.ask(array(b"SET", b"renewed", b"1"), OK)
        self.ask(array(b"GET", b"second"), bulk(b"v"), other)
        for key in (b"short", b"second", b"kept"):
            while True:  # each look is a question to the server
                other.send(array(b"GET", key))
                if other.line() == NIL:
                    break
                other.line()
        self.ask(array(b"MGET", b"short", b"long", b"renewed"),
                 b"*3\r\n" + NIL + bulk(b"v") + bulk(b"1"))
        self.ask(array(b"INCR", b"kept"), b":1\r\n")  # anew
        self.ends_well(self.server)

    def test_it_breaks_off_anywhere(self):
        script = (array(b"SET", b"k", b"value") + b"SET k 12345\r\n" + array(b"GET", b"k") +
                  b"GET k\r\n")
        full = OK + OK + bulk(b"12345") + bulk(b"12345")
        for cut in range(len(script) + 1):
            peer = self.peer(self.server)
            peer.send(script[:cut])
            peer.end_input()
            answer = peer.all()
            self.assertTrue(full.startswith(answer), answer)
            self.assertEqual(answer == full, cut == len(script))
            peer.close()
            for leave in (Peer.close, Peer.reset):
                peer = Peer(self.server.port)
                peer.send(script[:cut])
                leave(peer)
        self.client.send(array(b"GET", b"k"))
        self.assertEqual(self.client.exactly(11), bulk(b"12345"))
        self.client.close()
        self.server.until_idle()
        self.ends_well(self.server)

    def test_many_clients_and_the_end(self):
        peers = [self.peer(self.server) for _ in range(100)]
        for i, peer in enumerate(peers):
            peer.send(array(b"SET", b"%d" % i, b"x" * i))
        for peer in peers:
            self.assertEqual(peer.exactly(5), OK)
        for i, peer in enumerate(peers):  # in the middle of a request
            peer.send(array(b"GET", b"%d" % i)[:i % 20])
        self.ends_well(self.server)
        for peer in peers:
            self.assertEqual(peer.all(), b"")
