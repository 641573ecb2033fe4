"""Where a C file could be wrong in a small way: each comparison and each "+ 1" or "- 1" outside comments
and preprocessing; on request each condition's connectives and negations too."""

import re

OPERATORS = {'<=': '<', '>=': '>', '<': '<=', '>': '>=', '==': '!=', '!=': '==',
             '+ 1': '+ 2', '- 1': '- 2'}
SITE = re.compile(r'(?<= )(<=|>=|==|!=|<|>|\+ 1|- 1)(?=[ ;),])')
LOGIC = {'&&': '||', '||': '&&', '!': ''}
LOGIC_SITE = re.compile(r'(?<= )(&&|\|\|)(?= )|(?<=[ (])(!)(?=[a-z(])')


class Site:
    """One such place: what stands there, what is to stand there instead."""

    def __init__(self, text, match, new):
        self.place, self.old, self.new = match.start(), match.group(), new
        self.number = text.count('\n', 0, match.start())
        begin = text.rfind('\n', 0, match.start()) + 1
        self.nth = text.count(self.old, begin, match.start()) + 1  # of its kind in the line
        self.line = text.split('\n')[self.number].strip()

    def __str__(self):
        return 'line %d: "%s" for "%s"' % (self.number + 1, self.new, self.old)

    def apply(self, text):
        return text[:self.place] + self.new + text[self.place + len(self.old):]


def sites(text, logic=False):
    blank = re.sub(r'/\*.*?\*/|^#.*?$', lambda m: re.sub(r'[^\n]', ' ', m.group()), text,
                   flags=re.S | re.M)
    found = [Site(text, m, OPERATORS[m.group()]) for m in SITE.finditer(blank)]
    if logic:
        found += [Site(text, m, LOGIC[m.group()]) for m in LOGIC_SITE.finditer(blank)]
    return sorted(found, key=lambda site: site.place)
