"""A socket whose kernel is a script: it takes and brings what it is told.

CPython's own selector transport runs on it, so the rules compared are CPython's, and
no kernel buffer decides an outcome.
"""

import socket


class Kernel:
    family = getattr(socket, 'AF_UNIX', socket.AF_INET)
    type = socket.SOCK_STREAM
    proto = 0

    def __init__(self):
        self.inbox = []         # pieces that wait to be received; b'' is the end
        self.recv_error = None  # what a receive raises when the inbox is empty
        self.send_error = None
        self.space = 0          # bytes that sends may take
        self.sent = bytearray()
        self.sends = 0          # that took bytes
        self.shut = False
        self.closed = False

    # What the transport asks for.

    def fileno(self):
        return -1 if self.closed else 1000

    def gettimeout(self):
        return 0.0

    def setblocking(self, flag):
        pass

    def getsockname(self):
        return ''

    def getpeername(self):
        return ''

    def recv(self, size):
        if self.inbox:
            piece = self.inbox.pop(0)
            if len(piece) > size:
                self.inbox.insert(0, piece[size:])
            return piece[:size]
        if self.recv_error:
            raise self.recv_error
        raise BlockingIOError

    def send(self, data):
        if self.send_error:
            raise self.send_error
        if not self.space:
            raise BlockingIOError
        taken = bytes(data[:self.space])
        self.space -= len(taken)
        self.sent += taken
        self.sends += 1
        return len(taken)

    def sendmsg(self, buffers):
        return self.send(b''.join(buffers))

    def shutdown(self, how):
        self.shut = True

    def close(self):
        self.closed = True

    # What the script asks for.

    def readable(self):
        return bool(self.inbox or self.recv_error)

    def writable(self):
        return bool(self.space or self.send_error)

    def take_sent(self):
        sent, self.sent = bytes(self.sent), bytearray()
        return sent
