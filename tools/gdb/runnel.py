"""Runnel's tasks in gdb: on a live process and on a core file.

    (gdb) source tools/gdb/runnel.py
    (gdb) runnel tasks            every task of every loop, with what it waits for
    (gdb) runnel bt 7             the stack of task 7 of that list
    (gdb) runnel bt all

A parked task's registers are on its stack, where the switch left them. To show
its frames, an unwinder says, once, that the frame below the innermost one is
that of the task: nothing is written, so it works on a core as well. The way that
lost is to set $sp and $pc and put them back, which a core does not allow.
"""

import os

import gdb
import gdb.unwinder

# What the switch of each architecture leaves: the offset of each register from
# the saved stack pointer, and how much it takes (src/task/arch/switch_*.S).
LAYOUTS = {
    "i386:x86-64": (
        {"r15": 8, "r14": 16, "r13": 24, "r12": 32, "rbx": 40, "rbp": 48, "rip": 56},
        64, "rsp", "rip"),
    "aarch64": (
        dict([("x%d" % n, 8 * (n - 19)) for n in range(19, 31)] + [("pc", 88)]),
        176, "sp", "pc"),
}
NEVER = 2 ** 63 - 1
STATES = ("ready", "runs", "waits", "done")


def layout():
    name = gdb.selected_frame().architecture().name()
    if name not in LAYOUTS:
        raise gdb.GdbError("runnel: no layout of stacks for " + name)
    return LAYOUTS[name]


def word(address):
    raw = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(raw.tobytes(), "little")


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """Puts a parked task's frames behind the innermost frame of the thread."""

    def __init__(self):
        super().__init__("runnel parked task")
        self.values = None

    def park_at(self, saved_sp):
        offsets, size, sp, pc = layout()
        unsigned = gdb.lookup_type("unsigned long")
        self.sp, self.pc, self.top = sp, pc, int(gdb.parse_and_eval("$sp"))
        self.values = {r: gdb.Value(word(saved_sp + at)).cast(unsigned)
                       for r, at in offsets.items()}
        self.values[sp] = gdb.Value(saved_sp + size).cast(unsigned)
        self.below = saved_sp
        gdb.invalidate_cached_frames()

    def leave(self):
        self.values = None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.values is None or int(pending.read_register(self.sp)) != self.top:
            return None
        here = type("FrameId", (), {})()
        here.sp, here.pc = gdb.Value(self.below), pending.read_register(self.pc)
        info = pending.create_unwind_info(here)
        for register, value in self.values.items():
            info.add_saved_register(register, value)
        return info


unwinder = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, True)


def loop_of_thread():
    """By the thread's own variable; else by a frame of the loop's."""
    try:
        loop = gdb.parse_and_eval("'loop.c'::this_loop")
        if int(loop):
            return loop
    except gdb.error:
        pass
    frame = gdb.newest_frame()
    while frame is not None:
        if frame.name() in ("turn", "run", "rnl_run", "run_ready", "take_entries"):
            try:
                loop = frame.read_var("loop")
                if not loop.is_optimized_out and int(loop):
                    return loop
            except (ValueError, gdb.error):
                pass
        frame = frame.older()
    return None


def loops():
    before, found = gdb.selected_thread(), []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        gdb.newest_frame().select()
        loop = loop_of_thread()
        if loop is not None and int(loop) not in [int(l) for l in found]:
            found.append(loop)
    before.switch()
    return found


def tasks():
    task_type = gdb.lookup_type("struct rnl_task")
    offset = [f.bitpos // 8 for f in task_type.fields() if f.name == "all"][0]
    for loop in loops():
        head = loop["tasks"].address
        node = loop["tasks"]["next"]
        while int(node) != int(head):
            address = int(node) - offset
            yield loop, gdb.Value(address).cast(task_type.pointer()).dereference()
            node = node["next"]


def symbol(pointer):
    text = pointer.format_string(symbols=True, address=False)
    return text.strip("<>") if text.startswith("<") else text


def function_of(task):
    """The program's own function, behind the library's."""
    return symbol(task["entry"])


def deadline(task):
    """Of the wait, or of a limit of time around it: rnli_task_deadline."""
    first, scope = int(task["deadline"]), task["scopes"]
    while int(scope):
        timer = scope["timer"]
        if int(timer["index"]):
            first = min(first, int(timer["when_ns"]))
        scope = scope["outer"]
    return first


def describe(number, loop, task):
    """By the loop's own clock, at its last turn: a core has no other, a simulated loop neither."""
    state = STATES[int(task["state"])]
    text = "%4d  %-20s %-20s %s" % (number, task["name"].string() or "-", function_of(task), state)
    if state == "waits":
        now = int(loop["time"])
        text += " for %s since %.3f s" % (task["what"].string(), (now - int(task["since"])) / 1e9)
        if deadline(task) != NEVER:
            text += ", until %.3f s from now" % ((deadline(task) - now) / 1e9)
    return text + spawned(task)


def spawned(task):
    """By whom; of a handler: by the library."""
    if not int(task["spawned_at"]):
        return ""
    where = gdb.find_pc_line(int(task["spawned_at"]) - 1)
    name = symbol(task["spawned_at"]).split("+")[0]
    if where.symtab is None:
        return "; spawned by " + name
    return "; spawned by %s at %s:%d" % (name, os.path.basename(where.symtab.filename), where.line)


def backtrace(number, loop, task):
    print(describe(number, loop, task))
    if STATES[int(task["state"])] == "runs":
        print("      (its stack is the thread's: bt)")
        return
    gdb.newest_frame().select()
    unwinder.park_at(int(task["context"]["sp"]))
    try:
        frame, level = gdb.newest_frame().older(), 0
        while frame is not None and frame.is_valid():
            where = frame.find_sal()
            place = " at %s:%d" % (where.symtab.filename, where.line) if where.symtab else ""
            print("      #%-2d %s%s" % (level, frame.name() or hex(frame.pc()), place))
            frame, level = frame.older(), level + 1
    finally:
        unwinder.leave()


class Runnel(gdb.Command):
    """runnel tasks | runnel bt NUMBER | runnel bt all"""

    def __init__(self):
        super().__init__("runnel", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        listed = list(enumerate(tasks(), 1))
        if words[:1] == ["tasks"]:
            for number, (loop, task) in listed:
                print(describe(number, loop, task))
            print("%d tasks; times are of the loop's last turn" % len(listed))
        elif words[:1] == ["bt"] and len(words) == 2:
            for number, (loop, task) in listed:
                if words[1] in ("all", str(number)):
                    backtrace(number, loop, task)
        else:
            raise gdb.GdbError(self.__doc__)


Runnel()
