#!/usr/bin/env python3
"""amalgamate.py FOLDER: writes runnel.c, runnel.h, runnel.hpp and runnel_switch.S there.

For programs that would rather add four files than a library:

    cc -c runnel.c runnel_switch.S                       without TLS
    cc -c -DRUNNEL_WITH_TLS runnel.c runnel_switch.S     with OpenSSL 3 (-lssl -lcrypto)

runnel.c holds every file of src/ for every system, each under the condition that it is
built on. What a file keeps to itself (static functions and variables, its types,
enumerators and macros) gets the file's name in front, for two files may use one name.
A header is put where it is first included; again only where that was under a condition
that does not hold here.
"""

import functools
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KQUEUE = ("defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || "
          "defined(__OpenBSD__) || defined(__DragonFly__)")
# The public headers that runnel.h holds, besides those that it includes.
MORE_HEADERS = ("runnel/backend.h", "runnel/sim.h", "runnel/tls.h")
# CPU: its condition. What has none of them, or asks for it, switches by ucontext.
CPUS = {
    "x86_64": "defined(__x86_64__)",
    "aarch64": "defined(__aarch64__)",
    "riscv64": "defined(__riscv) && __riscv_xlen == 64",
    "i386": "defined(__i386__)",
}
INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<(runnel[^>]*)>)')
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/|'
                   r'\.\.\.|->|[A-Za-z_]\w*|\d[\w.]*|\s+|.', re.S)
WORD = re.compile(r"[A-Za-z_]\w*\Z")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def condition_of(path):
    """When a source file is part of the build, as cmake/RunnelPlatform.cmake has it."""
    room, name = path.split("/")[1], os.path.basename(path)
    if room == "tls":
        if "/off/" in path:
            return "!defined(RUNNEL_WITH_TLS)"
        system = {"_win.c": " && defined(_WIN32)", "osix.c": " && !defined(_WIN32)"}
        return "defined(RUNNEL_WITH_TLS)" + system.get(name[-6:], "")
    if name == "switch_ucontext.c":
        return "!defined(_WIN32) && defined(RNLI_UCONTEXT)"
    if name in ("epoll.c", "ktls_linux.c"):
        return "defined(__linux__)"
    if name == "kqueue.c":
        return KQUEUE
    if name.endswith("_win.c") or name.startswith("iocp"):
        return "defined(_WIN32)"
    if room == "backend" and name in ("forkmark.c", "select.c", "unixpath.c", "os_posix_pass.c",
                                      "os_posix_pipe.c"):
        return "!defined(_WIN32)"
    if room == "task" and (name in ("overflow.c", "stack.c", "switch.c") or
                           name.endswith("_posix.c")):
        return "!defined(_WIN32)"
    return None


def sources():
    for room in ("core", "backend", "backend/sim", "task", "task/arch", "stream", "tls", "tls/off"):
        folder = os.path.join(TOP, "src", room)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".c"):
                yield f"src/{room}/{name}"


# ---- What a file keeps to itself -------------------------------------------------

def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def bodies(text, head):
    """The texts between the braces behind each match of `head`."""
    for match in re.finditer(head, text, re.M):
        at = text.find("{", match.start())
        depth, end = 1, at + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield text[at + 1:end - 1]


@functools.lru_cache(maxsize=None)
def named_by_headers():
    """Tags that a header mentions are not a file's alone."""
    tags = set()
    for folder, _, files in os.walk(os.path.join(TOP, "src")):
        for name in files:
            if name.endswith(".h"):
                path = os.path.relpath(os.path.join(folder, name), TOP)
                tags |= set(re.findall(r"\b(?:struct|union|enum)\s+(\w+)", without_comments(read(path))))
    return frozenset(tags)


def kept_names(text):
    text = re.sub(r"\b_Atomic\([^()]*\)", "int", without_comments(text))
    names = set(re.findall(r"^(?:struct|union|enum)\s+(\w+)\s*\{", text, re.M))
    names |= set(re.findall(r"^\}\s*(\w+)\s*(?:=|;|\[)", text, re.M))
    # Statics: the last word before what ends the declarator.
    for line in re.findall(r"^static\s+([^;{]*?)\s*(?:;|=|\{|\n\{)", text, re.M | re.S):
        pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*[\[)]", line)
        plain = re.search(r"(\w+)\s*(?:\(|(?:\[[^\]]*\]\s*)*\Z)", line)
        if pointer and (not plain or pointer.start() < plain.end()):
            names.add(pointer.group(1))
            continue
        for part in re.split(r",(?![^(\[]*[)\]])", line if "(" not in line else line[:line.index("(") + 1]):
            found = re.search(r"(\w+)\s*(?:\(|(?:\[[^\]]*\]\s*)*\Z)", part.strip())
            if found:
                names.add(found.group(1))
    for name in re.findall(r"^typedef\b[^;{]*?(\w+)\s*(?:\([^;]*\)|\[[^;]*\])?;", text, re.M):
        names.add(name)
    for body in bodies(text, r"^(?:typedef\s+|static\s+)?enum\s*\w*\s*\{"):
        while re.search(r"\([^()]*\)", body): # commas in there part no enumerators
            body = re.sub(r"\([^()]*\)", " ", body)
        for part in body.split(","):
            found = re.match(r"\s*([A-Za-z_]\w*)", part)
            if found:
                names.add(found.group(1))
    defaults = set(re.findall(r"^#\s*ifndef\s+(\w+)\n\s*#\s*define\s+\1\b", text, re.M))
    for name in re.findall(r"^#\s*define\s+(\w+)", text, re.M):
        if name not in defaults and not name.startswith("_"):
            names.add(name)
        elif name in defaults:
            names.discard(name)
    # What other files know.
    words = {"struct", "union", "enum"}
    return {n for n in names if not re.match(r"rnli?_|RNLI?_", n)} - words - defaults - named_by_headers()


def struct_spans(text):
    """Where the bodies of structs and unions of the file's own are: members there are
    nobody's business."""
    spans = []
    for match in re.finditer(r"^(?:static\s+|typedef\s+)?(?:const\s+)?(?:struct|union)\s*\w*\s*\{", text, re.M):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        spans.append((match.end(), end - 1))
    return spans


def renamed(text, prefix):
    names = kept_names(text)
    spans = struct_spans(text)
    out, at, before = [], 0, ("", "")
    for match in TOKEN.finditer(text):
        token = match.group()
        if WORD.match(token) and token in names:
            member = before[1] in (".", "->")
            inside = any(a <= at < b for a, b in spans)
            tag = before[1] in ("struct", "union", "enum")
            constant = token.isupper()
            if not member and (not inside or tag or constant):
                token = prefix + token
        out.append(token)
        at = match.end()
        if not match.group().isspace() and not match.group().startswith("/*"):
            before = (before[1], match.group())
    return "".join(out)


# ---- One struct of each backend ----------------------------------------------------

# Each backend has a struct rnl_backend of its own, which the others see as an opaque one:
# here it gets a name of its own, and is turned into where a member is asked for.
def backend_of(path):
    name = os.path.basename(path)[:-2]
    if path.startswith("src/backend/sim/") or path == "src/task/simulated.c":
        return "sim"
    if path.startswith("src/backend/iocp"):
        return "iocp"
    known = path.startswith("src/backend/") and name in ("epoll", "kqueue", "select", "select_win")
    return name if known else None


def with_own_backend(path, text):
    own = backend_of(path)
    if not own:
        return text
    struct = f"struct rnli_{own}_backend"
    text = re.sub(r"(?<![\w.>])(backend|sim|caller|rnli_sim_of\(sim\)|sim_of\(backend\))->",
                  rf"rnli_{own}_self(\1)->", text)
    text = re.sub(r"sizeof(\(\*(?:backend|sim)\)| \*(?:backend|sim)\b(?!->))", f"sizeof({struct})", text)
    return re.sub(r"^struct rnl_backend (\{.*?^\};\n)",
                  lambda m: f"{struct} {m.group(1)}\nstatic inline {struct} *rnli_{own}_self("
                            f"const struct rnl_backend *backend)\n{{\n    return ({struct} *)"
                            "(uintptr_t)backend;\n}\n", text, flags=re.M | re.S)


# ---- What is compiled twice ----------------------------------------------------------

# sim/shared.c compiles three files once more, with names redefined by sim/calls.h. Here
# there is one file, so the names are changed in the text; the headers stay as they are, and
# what they declare is declared again by its other name.
CALLS = "src/backend/sim/calls.h"
SHARED = "src/backend/sim/shared.c"
TWICE = ("src/backend/ready.c", "src/backend/serve.c", "src/backend/wait.c")
OVER_CALLS = (CALLS, SHARED, "src/backend/sim/calls.c", "src/backend/sim/readiness.c")
REDEFINED = re.compile(r"^#define (\w+) +(\w+)\n", re.M)


def other_names(text):
    names = dict(REDEFINED.findall(read(CALLS)))
    return re.sub(r"\b\w+\b", lambda m: names.get(m.group(), m.group()), text)


def declared_again():
    names = dict(REDEFINED.findall(read(CALLS)))
    for header in ("src/backend/ready.h", "src/backend/slot.h"):
        text = without_comments(read(header))
        for found in re.findall(r"^(?!static|#|\s)[^;{}()]*\b(\w+)\([^;{}]*\);", text, re.M):
            if found in names:
                yield other_names(re.search(r"^[^;{}()\n]*\b%s\([^;{}]*\);" % found, text, re.M).group())


def over_calls(path, text):
    if path == SHARED:
        text = re.sub(r'^#include "backend/(?:ready|serve|wait)\.c"\n', "", text, flags=re.M)
        for twice in TWICE:
            prefix = "backend_sim_shared_" + os.path.basename(twice)[:-2] + "__"
            text += "\n" + renamed(read(twice), prefix)
    if path == CALLS:
        text = re.sub(r"^#ifdef RNLI_BACKEND_READY_H\n#error.*\n#endif\n", "", text, flags=re.M)
        text = REDEFINED.sub("", text)
        again = "\n".join(declared_again())
        return text.replace('#include "backend/ready.h"\n',
                            f'#include "backend/ready.h"\n#include "backend/slot.h"\n\n{again}\n')
    return other_names(text)


def text_of(path):
    text = with_own_backend(path, read(path))
    return over_calls(path, text) if path in OVER_CALLS else text


# ---- Putting headers in ------------------------------------------------------------

class Writer:
    def __init__(self, public):
        self.public = public  # those in runnel.h, which runnel.c includes
        self.placed = {}      # header: the conditions that it was placed under
        self.lines = []

    def place(self, path, text, around=()):
        """`text` of the file `path`, with the project's headers in it."""
        stack = list(around)
        guard = re.search(r"^#ifndef (\w+_H(?:PP)?)\n#define \1\n", text, re.M)
        guard = guard.group(1) if guard else None
        for line in text.splitlines():
            directive = re.match(r"\s*#\s*(ifdef|ifndef|if|elif|else|endif)\b(.*)", line)
            if directive:
                self.conditions(stack, directive.group(1), directive.group(2).strip(), guard)
            include = INCLUDE.match(line)
            if not include:
                self.lines.append(line)
                continue
            name = include.group(1) or include.group(2)
            if include.group(2) and self.public:
                continue  # runnel.h is on top
            file = self.find(path, name)
            where = tuple(c for c in stack if c)
            earlier = self.placed.setdefault(file, [])
            if any(where[:len(e)] == e for e in earlier):
                continue
            earlier.append(where)
            self.place(file, text_of(file), stack)

    @staticmethod
    def conditions(stack, word, rest, guard):
        if word in ("if", "ifdef", "ifndef"):
            stack.append("" if word == "ifndef" and rest == guard else f"{word} {rest}")
        elif word == "endif":
            stack.pop()
        elif stack[-1]:
            stack[-1] = f"{stack[-1]} / {word} {rest}"

    @staticmethod
    def find(path, name):
        for folder in (os.path.dirname(path), "src", "include"):
            at = os.path.normpath(os.path.join(folder, name))
            if os.path.exists(os.path.join(TOP, at)):
                return at
        raise SystemExit(f"{path}: no {name}")


def banner(what):
    version = re.search(r'RNL_VERSION_STRING "(.*)"', read("include/runnel/base.h")).group(1)
    licence = read("LICENSE").rstrip().replace("\n", "\n * ").replace(" * \n", " *\n")
    return (f"/* {what} of Runnel {version}, put together by tools/amalgamate.py from the sources;\n"
            f" * changes belong there.\n *\n * {licence} */\n")


def make_header():
    writer = Writer(public=False)
    writer.place("include/runnel.h", read("include/runnel.h"))
    # Inside the umbrella's guard, for it comes last.
    end = max(i for i, line in enumerate(writer.lines) if line == "#endif")
    tail, writer.lines = writer.lines[end:], writer.lines[:end]
    for name in MORE_HEADERS:
        file = "include/" + name
        if file not in writer.placed:
            writer.placed[file] = [()]
            writer.place(file, read(file))
    return banner("runnel.h") + "\n".join(writer.lines + tail) + "\n"


def make_source():
    writer = Writer(public=True)
    writer.lines += [
        "#ifndef _WIN32", "#ifndef _GNU_SOURCE", "#define _GNU_SOURCE", "#endif", "#endif",
        "#ifndef RNL_BUILDING", "#define RNL_BUILDING", "#endif",
        '#include "runnel.h"', "",
        "/* A CPU that has no assembly in runnel_switch.S. */",
        "#if !defined(_WIN32) && !defined(RNLI_UCONTEXT) && !(" +
        " || ".join(f"({c})" for c in CPUS.values()) + ")",
        "#define RNLI_UCONTEXT 1", "#endif"]
    for path in sources():
        prefix = re.sub(r"\W", "_", path[len("src/"):-len(".c")]) + "__"
        condition = condition_of(path)
        writer.lines += ["", f"/* ==== {path} " + "=" * max(4, 74 - len(path)) + " */", ""]
        if condition:
            writer.lines.append(f"#if {condition}")
        writer.place(path, renamed(text_of(path), prefix),
                     [f"if {condition}"] if condition else [])
        if condition:
            writer.lines.append("#endif")
    return banner("runnel.c") + "\n".join(writer.lines) + "\n"


def make_assembly():
    lines = ["#ifndef _WIN32"]
    word = "if"
    for cpu, condition in CPUS.items():
        path = f"src/task/arch/switch_{cpu}.S"
        lines.append(f"#{word} {condition} && !defined(RNLI_UCONTEXT)")
        for line in read(path).splitlines():
            lines.append(read("src/task/arch/asm.h") if line == '#include "asm.h"' else line)
        word = "elif"
    # A file for the linker even where there is no switch in it.
    lines += ["#endif", "#if defined(__ELF__) && defined(RNLI_UCONTEXT)",
              '    .section .note.GNU-stack, "", %progbits', "#endif", "#endif"]
    return banner("runnel_switch.S") + "\n".join(lines) + "\n"


def make_cxx():
    text = re.sub(r"#include <runnel\.h>\n#include <runnel/tls\.h>\n", '#include "runnel.h"\n',
                  read("include/runnel.hpp"))
    if "<runnel" in text:
        raise SystemExit("runnel.hpp includes what is not in runnel.h")
    return banner("runnel.hpp") + text


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, make in (("runnel.h", make_header), ("runnel.c", make_source),
                       ("runnel_switch.S", make_assembly), ("runnel.hpp", make_cxx)):
        with open(os.path.join(sys.argv[1], name), "w", encoding="utf-8") as file:
            file.write(make())


if __name__ == "__main__":
    main()
