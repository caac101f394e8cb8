"""Files of one source, guessed from their names: frames of a film, pictures of a patient."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

#: A name's end that counts: optional separator, digits, extension.
_COUNTER = re.compile(r"[ _.\-(]*\d+\)?$")


def stem_groups(sources: Sequence[str]) -> dict[str, int]:
    """Files by what their names begin with when the trailing counter is taken away.

    sources: relative paths. A stem that all files share says nothing and is left out, as is the folder's own name,
    and one of a single file.

    >>> stem_groups(["a/film1_001.png", "a/film1_002.png", "a/film2_001.png", "a/film2_007.png", "a/x.png"])
    {'film1': 2, 'film2': 2}
    """
    stems = [_COUNTER.sub("", source.rpartition("/")[2].rpartition(".")[0]) for source in sources]
    folders = [source.rpartition("/")[0].rpartition("/")[2].lower() for source in sources]
    counts = Counter(stem for stem, folder in zip(stems, folders, strict=True) if stem and stem.lower() != folder)
    several = {stem: count for stem, count in sorted(counts.items()) if count > 1}
    return several if len(several) > 1 else {}


def divided(groups_by_split: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Groups that stand in more than one split, each with the splits that hold it."""
    where: dict[str, list[str]] = {}
    for split, groups in groups_by_split.items():
        for group in set(groups):
            where.setdefault(group, []).append(split)
    return {group: tuple(splits) for group, splits in sorted(where.items()) if len(splits) > 1}
