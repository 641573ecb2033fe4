#!/usr/bin/env python3
"""Drives the benchmarks and prints their table.

run.py BUILD_DIR [--rounds N] [--scale F] [--only WHAT]

The figure is the CPU time of the server's thread for each message, from
/proc/PID/schedstat: rates of good servers are the load generator's. All servers
of a table are up at once, pinned to one core, the load on another, and visited in
turn, so that a slow minute of the machine falls on each. A ratio is to raw epoll
in the same round; the table has the median and half the range between the
quartiles. A bar of time is met if the median less that half is at most the bar:
that is told, and fails nothing. Counted figures (system calls, instructions) do
not depend on the machine's mood: over their bars, the script fails.

It runs itself anew in a network namespace of its own with cubic as congestion
control: other kernels' defaults (bbr) pace even loopback.
"""
import argparse
import atexit
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

SERVERS = ["raw", "uv", "rnl"]
NAMES = {"raw": "raw epoll", "uv": "libuv", "rnl": "Runnel"}
# title, mode, connections, messages a batch, bytes, messages a round, bar
LOADS = [
    ("echo 64 B x 64", "echo", 64, 1, 64, 100_000, 1.10),
    ("echo 64 B x 1,000", "echo", 1000, 1, 64, 100_000, 1.10),
    ("lines 32 B, 16 a batch", "lines", 64, 16, 32, 1_000_000, 1.30),
    ("lines 32 B, 1,024 a batch", "lines", 64, 1024, 32, 10_000_000, 1.30),
]
IDLE_BAR = 9 * 1024  # bytes a connection
CALLS_BAR = 2.02     # receive and send a message, waits apart
# Instructions a message in user space, one connection (callgrind): guards against
# getting slower, a little above what was measured when they were set.
INSTRUCTIONS_BAR = {"echo": 2200, "lines": 600}
IDLE = 10_000
THP = "/sys/kernel/mm/transparent_hugepage/enabled"


running = []


def log(text):
    print(text, flush=True)


def run(command, **how):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how)
    running.append(process)
    return process


@atexit.register
def end_all():
    for process in running:
        if process.poll() is None:
            process.kill()


def pinned(core):
    def prepare():
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return prepare


class Server:
    def __init__(self, build, name, mode, prefix=()):
        command = [*prefix, f"{build}/bench/{name}_server", mode]
        self.process = run(command, preexec_fn=pinned(0))
        line = self.process.stdout.readline()
        found = re.fullmatch(r"serving on .*:(\d+)\n", line)
        if not found:
            sys.exit(f"{name}_server said: {line!r}")
        self.port = found.group(1)
        self.pid = self.process.pid

    def cpu_ns(self):
        with open(f"/proc/{self.pid}/schedstat") as f:
            return int(f.read().split()[0])

    def memory(self):
        """Bytes: proportional set size, page tables apart."""
        with open(f"/proc/{self.pid}/smaps_rollup") as f:
            return int(re.search(r"^Pss: +(\d+) kB", f.read(), re.M).group(1)) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            sys.exit("a server did not end well")


class Load:
    def __init__(self, build, server, connections, batch, size):
        self.process = run(
            [f"{build}/bench/load", server.port, str(connections), str(batch), str(size)],
            stdin=subprocess.PIPE, preexec_fn=pinned(1))
        if self.process.stdout.readline() != "ready\n":
            sys.exit("the load generator failed")

    def go(self, count):
        self.process.stdin.write(f"go {count}\n")
        self.process.stdin.flush()
        word = self.process.stdout.readline().split()
        if not word or word[0] != "done":
            sys.exit("the load generator failed")
        return int(word[1]), int(word[2])

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def measure_cpu(build, rounds, scale):
    log(f"\nserver CPU a message, {rounds} interleaved rounds; ratio to raw epoll "
        "(median, +- half the range between the quartiles)\n")
    log(f"{'load':28}{'server':12}{'ns':>8}{'ratio':>8}{'+-':>7}   bar")
    for title, mode, connections, batch, size, count, bar in LOADS:
        count = max(int(count * scale), connections * batch)
        up = {}
        for name in SERVERS:
            server = Server(build, name, mode)
            up[name] = server, Load(build, server, connections, batch, size)
        cost = {name: [] for name in SERVERS}
        for turn in range(rounds + 1):  # the first one warms up
            order = SERVERS[turn % 3:] + SERVERS[:turn % 3]
            for name in order:
                server, load = up[name]
                before = server.cpu_ns()
                done, _ = load.go(count)
                if turn > 0:
                    cost[name].append((server.cpu_ns() - before) / done)
        for server, load in up.values():
            load.stop()
            server.stop()
        for name in SERVERS:
            ratios = [a / b for a, b in zip(cost[name], cost["raw"])]
            low, middle, high = quartiles(ratios)
            spread = (high - low) / 2
            verdict = ""
            if name == "rnl":
                verdict = f"{bar:.2f} " + ("met" if middle - spread <= bar else "MISSED")
            log(f"{title if name == 'raw' else '':28}{NAMES[name]:12}"
                f"{statistics.median(cost[name]):8.0f}{middle:8.3f}{spread:7.3f}   {verdict}")


def idle_bytes(build, name):
    server = Server(build, name, "lines")
    small = Load(build, server, 1, 1, 32)
    before = server.memory()
    load = Load(build, server, IDLE, 1, 32)
    each = (server.memory() - before) / IDLE
    load.stop()
    small.stop()
    server.stop()
    return each


def measure_idle(build):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < IDLE + 100:
        log(f"\nidle connections: skipped, the descriptor limit is below {IDLE + 100}")
        return
    log(f"\nbytes of the server for each of {IDLE:,} idle connections, one line exchanged (Pss)\n")
    log(f"{'huge pages':28}{'server':12}{'bytes':>8}   bar")
    for title, force in ("as the machine has them", False), ("forced", True):
        old = None
        if force:
            try:
                with open(THP) as f:
                    old = re.search(r"\[(\w+)\]", f.read()).group(1)
                with open(THP, "w") as f:
                    f.write("always")
            except OSError as error:
                log(f"{title:28}skipped: {error}")
                continue
        try:
            for name in SERVERS:
                each = idle_bytes(build, name)
                verdict = ""
                if name == "rnl":
                    verdict = f"{IDLE_BAR:,} " + ("met" if each <= IDLE_BAR else "MISSED")
                log(f"{title if name == 'raw' else '':28}{NAMES[name]:12}{each:8.0f}   {verdict}")
        finally:
            if old:
                with open(THP, "w") as f:
                    f.write(old)


def calls_a_message(build, name, title):
    _, mode, connections, batch, size, _, _ = next(x for x in LOADS if x[0] == title)
    count = 20_000 * batch
    server = Server(build, name, mode)
    load = Load(build, server, connections, batch, size)
    with tempfile.NamedTemporaryFile("r") as out:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-o", out.name, "-p", str(server.pid)],
                                  stderr=subprocess.PIPE, text=True)
        tracer.stderr.readline()  # "attached"
        done, _ = load.go(count)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
        text = out.read()
    load.stop()
    server.stop()
    table = {}
    for line in text.splitlines():
        word = line.split()
        if len(word) >= 5 and word[3].isdigit() and word[-1] != "total":
            table[word[-1]] = int(word[3])
    waits = sum(n for call, n in table.items() if "epoll" in call and "ctl" not in call)
    batches = done / batch
    return (sum(table.values()) - waits) / batches, waits / batches, table


def measure_calls(build):
    if not shutil.which("strace"):
        log("\nsystem calls: skipped, no strace")
        return True
    ok = True
    log("\nsystem calls a batch of messages (strace)\n")
    log(f"{'load':28}{'server':12}{'calls':>8}{'waits':>8}   bar")
    for title in (LOADS[0][0], LOADS[2][0]):
        for name in SERVERS:
            calls, waits, table = calls_a_message(build, name, title)
            verdict = ""
            if name == "rnl":
                met = calls <= CALLS_BAR
                ok = ok and met
                verdict = f"{CALLS_BAR} " + ("met" if met else f"MISSED {table}")
            log(f"{title if name == 'raw' else '':28}{NAMES[name]:12}{calls:8.3f}{waits:8.3f}   {verdict}")
    return ok


def instructions(build, name, mode, batch, count):
    """Of a whole run of the server; the difference of two runs is what counts."""
    with tempfile.TemporaryDirectory() as where:
        log_file = f"{where}/log"
        server = Server(build, name, mode, (
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={where}/out",
            f"--log-file={log_file}"))
        load = Load(build, server, 1, batch, 64 if mode == "echo" else 32)
        load.go(count)
        load.stop()
        server.stop()
        with open(log_file) as f:
            return int(re.search(r"Collected : (\d+)", f.read()).group(1))


def measure_instructions(build):
    if not shutil.which("valgrind"):
        log("\ninstructions: skipped, no valgrind")
        return True
    ok = True
    log("\ninstructions in user space a message, one connection (callgrind)\n")
    log(f"{'load':28}{'server':12}{'count':>8}   bar")
    for mode, batch, few, many in ("echo", 1, 1000, 5000), ("lines", 16, 16_000, 80_000):
        for name in SERVERS:
            low, high = (instructions(build, name, mode, batch, n) for n in (few, many))
            each = (high - low) / (many - few)
            verdict = ""
            if name == "rnl":
                met = each <= INSTRUCTIONS_BAR[mode]
                ok = ok and met
                verdict = f"{INSTRUCTIONS_BAR[mode]} " + ("met" if met else "MISSED")
            title = "echo 64 B" if mode == "echo" else "lines 32 B, 16 a batch"
            log(f"{title if name == 'raw' else '':28}{NAMES[name]:12}{each:8.0f}   {verdict}")
    return ok


def enter_namespace():
    """Runs the script anew where loopback is its own; the congestion control there."""
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as f:
        default = f.read().strip()
    if os.environ.get("RUNNEL_BENCH_NETNS"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        routed = subprocess.run(["ip", "route", "replace", "local", "127.0.0.0/8", "dev", "lo",
                                 "table", "local", "proto", "kernel", "scope", "host", "src",
                                 "127.0.0.1", "congctl", "cubic"], check=False)
        return "cubic" if routed.returncode == 0 else default
    for how in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("ip") and subprocess.run([*how, "true"], capture_output=True).returncode == 0:
            os.environ["RUNNEL_BENCH_NETNS"] = "1"
            os.execvp(how[0], [*how, sys.executable, *sys.argv])
    log("no network namespace to be had here: measured with the machine's congestion control")
    return default


def stopped(number, _):
    """Once: a second signal (timeout sends two) would cut off what restores the machine."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit("stopped")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=["cpu", "idle", "calls", "instructions"])
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, stopped)
    control = enter_namespace()
    log(f"{os.cpu_count()} cores, Linux {os.uname().release}, {control}")
    ok = True
    if args.only in (None, "cpu"):
        measure_cpu(args.build, args.rounds, args.scale)
    if args.only in (None, "idle"):
        measure_idle(args.build)
    if args.only in (None, "calls"):
        ok = measure_calls(args.build) and ok
    if args.only in (None, "instructions"):
        ok = measure_instructions(args.build) and ok
    sys.exit(0 if ok else "a counted figure is over its bar")


main()
