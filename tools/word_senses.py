"""Makes `gcg_bench/text/lists/senses.txt` from the files of WordNet 3.0.

METEOR's jar has the meanings of each word without their order. The distribution of WordNet 3.0
(Debian: `apt-get download wordnet-base`) has the order and how often each meaning was tagged. For
each noun with several meanings, the file names the usual ones by their position in the jar's line.
A meaning is usual when it can be pointed at in an image, and is the first of these, or was tagged
at least 3 times and at least a twentieth as often as the first. When no meaning was ever tagged,
the first two are usual. Further meanings, which stand after a semicolon, are artifacts among the
first two that can be pointed at, and were tagged. Left out are persons and places with names of
their own; names that are spelt with a capital, when a noun is spelt without one (a Pole, a pole);
plants, when the word is a food as well (apple trees); persons, unless that is what the word nearly
always means, because most are figures of speech (a chicken, a rat) or trades (a printer), and
beside an animal only when tagged 3 times (a tiger); and the rare meanings of `RARE`.

    python tools/word_senses.py /usr/share/wordnet gcg_bench/text/lists/senses.txt
"""

import sys
from pathlib import Path

from gcg_bench.text import wordnet as module
from gcg_bench.text.wordnet import WordNet

# lexicographer files: Tops, animal, artifact, attribute (only when alone), body, food, group,
# location, object, person, phenomenon, plant, shape, substance
VISIBLE = {"03", "05", "06", "08", "13", "14", "15", "17", "18", "19", "20", "25", "27"}
ANIMAL, FOOD, PERSON, PLANT, ARTIFACT = "05", "13", "18", "20", "06"
TAGGED, SHARE, FURTHER = 3, 0.05, 2
RARE = {
    **dict.fromkeys(("kite", "drill", "queen"), ANIMAL),
    **dict.fromkeys(("turtle", "grape", "cake", "spider", "beetle"), ARTIFACT),
    **dict.fromkeys(("letter", "ruler"), PERSON),
    "mug": "08",
    "noodle": "08",
    "leopard": "27",
    "mushroom": "19",
    "saucer": "25",
    "poster": f"{ANIMAL} {PERSON}",
    "hoop": "03534429",
    "grass": FOOD,
    "table": "14",
    "wing": "04592962",
    "peacock": "02279257",
    "ghost": "10128748",
    "bill": "02838958",
    "napkin": "03188531",
    "stage": "04297098",
    "plate": "03528901 03959936 03960664",
}
"""Word -> the lexicographer file or the numbers of meanings that images hardly show: home plate."""

HEADER = (
    "# Usual meanings of nouns: positions among the word's nouns in METEOR's english.synsets.",
    "# Made by tools/word_senses.py from WordNet 3.0, Copyright 2006 by Princeton University. All",
    "# rights reserved. THIS SOFTWARE AND DATABASE IS PROVIDED 'AS IS' AND PRINCETON UNIVERSITY",
    "# MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR IMPLIED. The whole licence stands in the",
    "# jar, synonym/COPYING.WORDNET.",
)


def tagged(folder: Path) -> dict[str, int]:
    """Sense key -> how often it was tagged."""
    lines = (line.split() for line in (folder / "cntlist.rev").open())
    return {key: int(count) for key, _, count in lines}


Pairs = set[tuple[str, str]]


def keys(folder: Path) -> tuple[dict[tuple[str, str], str], set[str], Pairs]:
    """(Word, meaning) -> sense key; meanings of one person, place or thing; words in lower case."""
    found, named, small = {}, set(), set()
    for line in (folder / "data.noun").open():
        if line.startswith(" "):
            continue
        parts = line.partition("|")[0].split(" ")
        if "@i" in parts:
            named.add(parts[0])
        for k in range(int(parts[3], 16)):
            word, number = parts[4 + 2 * k].lower(), int(parts[5 + 2 * k], 16)
            if parts[4 + 2 * k] == word:
                small.add((word, parts[0]))
            found[word, parts[0]] = f"{word}%1:{parts[1]}:{number:02d}::"
    return found, named, small


def visible(ranked: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Those of (meaning, times tagged, lexicographer file) that can be pointed at."""
    seen = [item for item in ranked if item[2] in VISIBLE]
    if any(item[2] == ANIMAL for item in seen):
        seen = [item for item in seen if item[2] != PERSON or item[1] >= TAGGED]
    if any(item[2] == FOOD for item in seen):
        seen = [item for item in seen if item[2] != PLANT]
    most = max((count for _, count, _ in seen), default=0)
    others = [item for item in seen if item[2] != PERSON or (item[1] and item[1] >= most / 2)]
    return others or seen or ranked[:1]


def usual(visible: list[tuple[str, int, str]]) -> list[str]:
    """The usual ones of meanings that can be pointed at, which are in WordNet's order."""
    if not any(count for _, count, _ in visible):
        return [sense for sense, _, _ in visible[:2]]
    most = max(count for _, count, _ in visible)
    first, *rest = visible
    return [first[0], *(s for s, count, _ in rest if count >= max(TAGGED, SHARE * most))]


def rows(folder: Path, nouns: WordNet) -> list[str]:
    """The lines of the file."""
    counts, (sense_keys, named, small) = tagged(folder), keys(folder)
    written = []
    for line in (folder / "index.noun").open():
        if line.startswith(" "):
            continue
        word, _, size, *rest = line.split()
        order = [s for s in rest[-int(size) :] if s not in named] or rest[-int(size) :]
        jar = nouns.senses(word)
        files = {s: sense_keys[word, s].split(":")[1] for s in order}
        spelt = [s for s in order if (word, s) in small and files[s] in VISIBLE]
        ranked = [
            (s, counts.get(sense_keys[word, s], 0), files[s])
            for s in order
            if s in jar and ((word, s) in small or not spelt)
        ]
        rare = RARE.get(word, "").split()
        seen = visible([item for item in ranked if not {item[0], item[2]} & {*rare}] or ranked)
        chosen = usual(seen) if seen else []
        further = [s for s, n, file in seen[:FURTHER] if n and file == ARTIFACT and s not in chosen]
        if chosen and len(chosen) < len(jar):
            listed = [" ".join(str(jar.index(s)) for s in part) for part in (chosen, further)]
            written.append(f"{word} {';'.join(filter(None, listed))}")
    return sorted(written)


def main(folder: str, target: str) -> None:
    """Writes the file."""
    Path(target).touch()
    lines = [*HEADER, *rows(Path(folder), module.wordnet())]
    Path(target).write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(lines) - len(HEADER)} words")


if __name__ == "__main__":
    main(*sys.argv[1:])
