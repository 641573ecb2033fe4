"""An event loop without a kernel: it runs what is ready until nothing is.

asyncio's own tasks, futures, readers and transports run on it unchanged; only
the waiting for sockets is missing, so that a script, and no kernel buffer,
decides what happens when. One turn after the other, in the order of the calls,
as asyncio's loop does it. Works with CPython 3.8 to 3.15.
"""

import asyncio
import collections
from asyncio import events


class Loop(asyncio.AbstractEventLoop):
    def __init__(self):
        self._ready = collections.deque()
        self._transports = {}
        self._readers = {}
        self._writers = {}
        self.trouble = []

    def call_soon(self, callback, *args, context=None):
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def run(self):
        """Runs until nothing is ready."""
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def create_future(self):
        return asyncio.Future(loop=self)

    def create_task(self, coro, **kwargs):
        return asyncio.Task(coro, loop=self, **kwargs)

    def get_debug(self):
        return False

    def is_running(self):
        return True

    def is_closed(self):
        return False

    def time(self):
        return 0.0

    def _timer_handle_cancelled(self, handle):
        pass

    def call_exception_handler(self, context):
        self.trouble.append(context)

    # What the selector transports ask for.

    def _ensure_fd_no_transport(self, fd):
        pass

    def _add_reader(self, fd, callback, *args, context=None):
        self._readers[fd] = (callback, args, context)

    def _remove_reader(self, fd):
        return self._readers.pop(fd, None) is not None

    def _add_writer(self, fd, callback, *args, context=None):
        self._writers[fd] = (callback, args, context)

    def _remove_writer(self, fd):
        return self._writers.pop(fd, None) is not None

    def readable(self, fd):
        """One report of the kernel: `fd` can be read. False if nobody looks."""
        return self._report(self._readers, fd)

    def writable(self, fd):
        return self._report(self._writers, fd)

    def _report(self, watched, fd):
        if fd not in watched:
            return False
        callback, args, context = watched[fd]
        self.call_soon(callback, *args, context=context)
        self.run()
        return True

    def enter(self):
        """From now on this is the thread's running loop."""
        events._set_running_loop(self)
