#!/usr/bin/env python3
"""reference.py OUT: man pages and reference pages from the doc comments.

OUT/man/man3/NAME.3 for each public function, OUT/reference/HEADER.md for each
header. A comment belongs to the declarations right below it; its tagged lines
(Suspends:, Returns: ...) become sections, in the order they stand in. What a header
says of threads at its top is a section of each of its calls that does not say it
itself. Prints how many pages there are; fails if a public function has none, or
one without words.
"""
import pathlib
import re
import sys

TAGS = ("Suspends", "Returns", "Cancel", "Owns", "Lifetime", "Threads", "asyncio")
PIECE = re.compile(r"(/\*.*?\*/)|^(RNL_API[^;]*;)|(\n[ \t]*\n)", re.S | re.M)
NAMED = re.compile(r"`(rnl_[a-z0-9_]+)`")
NAME = re.compile(r"\b(rnl_[a-z0-9_]+)\s*\(")


def text_of(comment):
    lines = [re.sub(r"^\s*\*? ?", "", l) for l in comment[2:-2].split("\n")]
    return "\n".join(l.rstrip() for l in lines).strip()


def sections(text):
    """The words before the tags, and [(tag, words)]."""
    body, tagged, current = [], [], None
    for line in text.split("\n"):
        found = re.match(r"(%s):\s+(.*)" % "|".join(TAGS), line)
        if found:
            current = [found.group(1), [found.group(2)]]
            tagged.append(current)
        elif current is not None and line.startswith("   "):
            current[1].append(line.strip())
        else:
            current = None
            body.append(line)
    return "\n".join(body).strip(), [(t, " ".join(w)) for t, w in tagged]


def groups(header):
    """[(comment, [declaration])] of one header, in order; and what stands at its top."""
    source = header.read_text()
    found, comment, fresh = [], "", False
    for piece in PIECE.finditer(source):
        doc, declaration, blank = piece.groups()
        if doc:
            comment, fresh = text_of(doc), True
        elif declaration:
            declaration = re.sub(r"\s+", " ", declaration)
            declaration = declaration.replace("RNL_API ", "").replace("RNL_MUST_USE ", "")
            if fresh or not found:
                found.append((comment, []))
            found[-1][1].append(declaration)
            fresh = False
        elif blank and not fresh:
            comment, fresh = "", True
    top = text_of(re.search(r"/\*.*?\*/", source, re.S).group(0))
    return [(c, d) for c, d in found if d], top


def names(declarations):
    return [NAME.search(d).group(1) for d in declarations]


def roff(text):
    out = []
    for line in text.split("\n"):
        line = line.replace("\\", "\\e").replace("-", "\\-")
        out.append("\\&" + line if line[:1] in (".", "'") else line)
    return "\n".join(out)


def paragraphs(text):
    """Code (indented by four) as it stands, the rest filled."""
    out = []
    for part in re.split(r"\n\s*\n", text):
        code = all(l.startswith("    ") for l in part.split("\n"))
        out.append(".PP\n" + (".nf\n%s\n.fi" % roff(part) if code else roff(part)))
    return "\n".join(out)


def with_threads(tagged, top):
    """The sections of a call; its header's rule for threads where it has none."""
    if any(tag == "Threads" for tag, _ in tagged):
        return tagged
    rule = [pair for pair in sections(top)[1] if pair[0] == "Threads"]
    return sorted(tagged + rule, key=lambda pair: TAGS.index(pair[0]))


def man_page(header, top, comment, declarations, neighbours):
    own = names(declarations)
    body, tagged = sections(comment)
    first = re.split(r"[.:;]\s|[.:;]$", body.replace("\n", " "), maxsplit=1)[0] if body else top.split("\n")[0]
    page = ['.TH %s 3 "" "Runnel" "Runnel"' % own[0].upper(), ".SH NAME",
            "%s \\- %s" % (", ".join(own), roff(first)), ".SH SYNOPSIS", ".nf",
            "#include <runnel/%s>" % header.name, ""]
    page += [roff(d) for d in declarations] + [".fi", ".SH DESCRIPTION"]
    page.append(paragraphs(body) if body else ".PP\n" + roff(top.split("\n")[0]))
    for tag, words in with_threads(tagged, top):
        page += [".SH %s" % tag.upper(), roff(words)]
    page += [".SH SEE ALSO", ", ".join(roff(n) + "(3)" for n in neighbours if n not in own)]
    return "\n".join(page) + "\n"


def reference(header, top, all_groups):
    page = ["# runnel/%s" % header.name, "", "    " + top.replace("\n", "\n    "), ""]
    for comment, declarations in all_groups:
        body, tagged = sections(comment)
        page += ["## " + ", ".join("`%s`" % n for n in names(declarations)), "", "```c"]
        page += declarations + ["```", "", body, ""]
        page += ["* **%s**: %s" % pair for pair in with_threads(tagged, top)] + [""]
    return "\n".join(page)


def main(out):
    root = pathlib.Path(__file__).resolve().parent.parent / "include" / "runnel"
    man, ref = out / "man" / "man3", out / "reference"
    for folder in (man, ref):
        folder.mkdir(parents=True, exist_ok=True)
    count, wordless = 0, []
    for header in sorted(root.glob("*.h")):
        all_groups, top = groups(header)
        flat = [n for _, d in all_groups for n in names(d)]
        (ref / (header.stem + ".md")).write_text(reference(header, top, all_groups))
        for comment, declarations in all_groups:
            if not sections(comment)[0] or comment.startswith("----"):
                wordless += names(declarations)
            at = flat.index(names(declarations)[0])
            page = man_page(header, top, comment, declarations, flat[max(0, at - 4):at + 6])
            for name in names(declarations):
                (man / (name + ".3")).write_text(page)
                count += 1
    declared = set()
    for header in root.glob("*.h"):
        bare = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        declared |= set(re.findall(r"RNL_API[^;{]*?\b(rnl_[a-z0-9_]+)\s*\(", bare))
    missing = [n for n in sorted(declared) if not (man / (n + ".3")).exists()]
    for name in missing:
        print("no page for", name)
    for name in wordless:
        print("no words for", name)
    unlisted = declared - {n for page in ref.glob("*.md") for n in NAMED.findall(page.read_text())}
    for name in sorted(unlisted):
        print("not in the reference:", name)
    print("%d man pages" % count)
    return 1 if missing or wordless or unlisted else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
