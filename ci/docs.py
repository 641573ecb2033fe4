#!/usr/bin/env python3
"""docs.py: what the pages point at is there.

Links to files, and to headings in them; paths of the tree in code spans and in the
public headers; names of calls, types and constants. Links to other sites are not
followed. A line for each fault; answers 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.M)
ROOMS = "docs|examples|tools|include|src|tests|ci|fuzz|bench|cmake"
PATH = re.compile(r"(?<![\w/.-])(?:%s)/[A-Za-z0-9_./-]*[A-Za-z0-9_]" % ROOMS)
INCLUDED = re.compile(r"(?<![\w/])runnel/[a-z]+\.h")
NAME = re.compile(r"\b(?:rnl_[a-z0-9_]*[a-z0-9]|RNL_[A-Z0-9_]*[A-Z0-9])\b(?![_…]|\.\.\.)")
PLACEHOLDERS = re.compile(r"ROOM|NAME|\*")


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=TOP,
                         capture_output=True, text=True, check=True).stdout
    return [TOP / line for line in out.split("\n") if line]


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def slugs(text):
    """The anchors of a page, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*)$", without_code(text), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        found.add(slug)
    return found


def dead_links(page, text):
    for groups in LINK.findall(re.sub(r"`[^`]*`", "", without_code(text))):
        target = groups[0] or groups[1]
        if re.match(r"https?://[\w.-]+\.[a-z]+(/|$)", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            yield "dead link %s" % target
        elif anchor and (file.suffix != ".md" or anchor not in slugs(file.read_text())):
            yield "no heading for %s" % target


def dead_paths(text):
    for path in sorted(set(PATH.findall(text))):
        if not PLACEHOLDERS.search(path) and not (TOP / path).exists():
            yield "no such file: %s" % path
    for path in sorted(set(INCLUDED.findall(text))):
        if not (TOP / "include" / path).exists():
            yield "no such header: %s" % path


def known_names():
    known = set()
    for header in (TOP / "include").rglob("*.h"):
        known |= set(re.findall(r"\b(?:rnl_|RNL_)\w+", re.sub(r"/\*.*?\*/", "", header.read_text(),
                                                             flags=re.S)))
    return known


def main():
    faults, known = 0, known_names()
    pages = tracked("*.md")
    for page in pages + tracked("include/*.h"):
        text = page.read_text()
        found = list(dead_paths(text))
        if page.suffix == ".md":
            found += dead_links(page, text)
        found += ["nothing is called %s" % n for n in sorted(set(NAME.findall(text)) - known)]
        for fault in found:
            print("%s: %s" % (page.relative_to(TOP), fault))
        faults += len(found)
    print("%d pages, %d faults" % (len(pages), faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
