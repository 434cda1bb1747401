"""What characters say by themselves: marks at a name's edge, and scripts that put no spaces between words."""

import re

CLOSE = dict(zip("([{（［《〈「『【", ")]}）］》〉」』】", strict=True))
OPEN = {closing: opening for opening, closing in CLOSE.items()}
DOUBLE, SINGLE = frozenset('"“”„‟«»'), frozenset("'‘’‚‛‹›`´")
QUOTES = DOUBLE | SINGLE | {"``", "''"}
"""Which opens and which closes depends on the language: ”x”, „x“, »x« and «x» are all in use."""
STARTS_NONE, ENDS_NONE = frozenset(",;:?…—–，、；："), frozenset(",;:—–，、；：")
"""Marks that no name begins or ends with; an ellipsis ends those that were made anonymous."""
EDGES = OPEN.keys() | CLOSE.keys() | QUOTES | STARTS_NONE | ENDS_NONE
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3005-\u3007\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Letters of Thai, Lao, Tibetan, Burmese, Khmer, Tai, Japanese and Chinese: no space between words."""
INCHES = re.compile(r"\d ?[\"”]$")
LETTERED = re.compile(r"(?:^|\s)\w ?\)$")
"""The end of an enumeration: `Article 6 a)`."""


def odd_edge(name: str, before: str, after: str) -> bool:
    """Say whether an entity begins or ends with a mark that belongs to the text around it.

    A bracket or a quote belongs to the name if its partner is in it, too; so does an apostrophe, unless its
    partner stands right beyond the other end.

    name: the entity's text. before, after: the tokens next to it; empty at the document's ends.
    """
    first, last = name[0], name[-1]
    if first in OPEN or last in CLOSE or first in STARTS_NONE or last in ENDS_NONE:
        return True
    if first in CLOSE and name.count(first) > name.count(CLOSE[first]):
        return True
    if last in OPEN and name.count(last) > name.count(OPEN[last]):
        return not LETTERED.search(name) or (before.endswith(OPEN[last]) and not after.startswith(last))
    if first in QUOTES and last in QUOTES:
        return False
    plain = name.replace("``", '"').replace("''", '"')
    if plain[0] in DOUBLE or plain[-1] in DOUBLE:
        return sum(map(plain.count, DOUBLE)) % 2 == 1 and not INCHES.search(plain)
    return (first in SINGLE and after in SINGLE) or (last in SINGLE and before in SINGLE)


def is_unspaced(character: str) -> bool:
    """Say whether a character is a letter of a script without spaces between words."""
    return UNSPACED.match(character) is not None
