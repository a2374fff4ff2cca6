"""WordNet 3.0 from METEOR's jar: words, their meanings, and which meaning is a kind of which.

The jar has two files that are read here. `synonym/english.synsets` gives for each word the numbers
of its meanings, nouns first. `synonym/english.relations` gives for each meaning its neighbours in
the hierarchy: the broader ones (hypernyms) stand before the narrower ones (hyponyms), and nothing
marks where the second kind begins. The first neighbour of a noun is always broader, and following
the first neighbours leads to *entity*. So a neighbour whose own first neighbour is the noun itself
is narrower, and so are all neighbours after it; the numbers of the narrower ones are in ascending
order. The depth below *entity* decides the few remaining cases.

The numbers of nouns, verbs and adjectives overlap. The file of relations has the nouns first and
the verbs after them. A number belongs to a noun when it is in the first part, and all numbers
before it in the word's line also belong to nouns, because each line has the nouns first.

The jar does not state which meaning of a word is usual. `lists/senses.txt` states it, in the order
of WordNet 3.0, so that *dog* is not *hot dog* and *cat* is not *guy*.
"""

import zipfile
from collections.abc import Iterable, Mapping
from functools import cache, cached_property

from gcg_bench.errors import EnvironmentProblem
from gcg_bench.text import lists
from gcg_bench.text.java import jar

ENTITY = "00001740"
"""The meaning that is the root of all nouns."""


class WordNet:
    """Nouns and verbs of WordNet 3.0.

    A word is in lower case, with underscores between the words of a compound. A meaning is the
    eight digits of its number.

    Args:
        words: word -> the numbers of its meanings, separated by spaces, nouns first.
        nouns: meaning of a noun -> its neighbours, separated by spaces.
        verbs: the meanings of verbs.
        usual: word -> positions of its usual meanings among its nouns, then a semicolon and the
            positions of further meanings, if any. All meanings of a word that is not in `usual` are
            usual.
    """

    def __init__(
        self,
        words: Mapping[str, str],
        nouns: Mapping[str, str],
        verbs: Iterable[str],
        usual: Mapping[str, str],
    ) -> None:
        self._words, self._nouns, self._usual = words, nouns, usual
        self._verbs = frozenset(verbs)
        self._senses: dict[str, tuple[str, ...]] = {}
        self._preferred: dict[str, frozenset[str]] = {}
        self._hypernyms: dict[str, tuple[str, ...]] = {}
        self._ancestors: dict[str, frozenset[str]] = {}

    def __contains__(self, word: str) -> bool:
        """Whether a word has a meaning of any part of speech."""
        return word in self._words

    def senses(self, word: str) -> tuple[str, ...]:
        """All meanings of a word as a noun, in the order of the jar; empty when it has none."""
        known = self._senses.get(word)
        if known is None:
            nouns = []
            for number in self._words.get(word, "").split():
                if number not in self._nouns:
                    break
                nouns.append(number)
            known = self._senses[word] = tuple(dict.fromkeys(nouns))
        return known

    def usual_senses(self, word: str) -> frozenset[str]:
        """The usual meanings of a word as a noun; all meanings when the order is not known."""
        known = self._preferred.get(word)
        if known is None:
            chosen = self._listed(word, 0) or self.senses(word)
            known = self._preferred[word] = frozenset(chosen)
        return known

    def further_senses(self, word: str) -> frozenset[str]:
        """Meanings of a word as a noun that are less usual, but not rare."""
        return frozenset(self._listed(word, 2))

    def _listed(self, word: str, part: int) -> tuple[str, ...]:
        senses = self.senses(word)
        positions = map(int, self._usual.get(word, "").partition(";")[part].split())
        return tuple(senses[k] for k in positions if k < len(senses))

    def is_verb(self, word: str) -> bool:
        """Whether a word has a meaning as a verb."""
        numbers = self._words.get(word, "").split()
        return any(number in self._verbs for number in numbers[len(self.senses(word)) :])

    def modifier_senses(self, word: str) -> frozenset[str]:
        """The meanings of a word as an adjective or an adverb."""
        numbers = self._words.get(word, "").split()[len(self.senses(word)) :]
        return frozenset(number for number in numbers if number not in self._verbs)

    def only_modifies(self, word: str) -> bool:
        """Whether a word is known, and neither a noun nor a verb: an adjective or an adverb."""
        return word in self._words and not self.senses(word) and not self.is_verb(word)

    def hypernyms(self, sense: str) -> tuple[str, ...]:
        """The meanings directly above a meaning; empty for *entity*."""
        known = self._hypernyms.get(sense)
        if known is None:
            known = self._hypernyms[sense] = tuple(self._above(sense))
        return known

    def ancestors(self, sense: str) -> frozenset[str]:
        """All meanings above a meaning, without itself."""
        known = self._ancestors.get(sense)
        if known is None:
            above: set[str] = set()
            waiting = [sense]
            while waiting:
                for parent in self.hypernyms(waiting.pop()):
                    if parent not in above:
                        above.add(parent)
                        waiting.append(parent)
            known = self._ancestors[sense] = frozenset(above - {sense})
        return known

    def depth(self, sense: str) -> int:
        """Steps from a meaning to *entity* along the first neighbours."""
        steps = 0
        while sense != ENTITY:
            sense = self._first[sense]
            steps += 1
        return steps

    @cached_property
    def _first(self) -> dict[str, str]:
        """Meaning -> its first neighbour, which is broader."""
        return {sense: near[:8] for sense, near in self._nouns.items()}

    def _above(self, sense: str) -> list[str]:
        if sense == ENTITY:
            return []
        first, *others = self._nouns[sense].split()
        return [
            first,
            *(other for other in self._undecided(sense, others) if self._up(sense, other)),
        ]

    def _undecided(self, sense: str, others: Iterable[str]) -> list[str]:
        """The neighbours before the first one that is certainly narrower."""
        undecided: list[str] = []
        for other in others:
            if self._first.get(other) == sense:
                break
            undecided.append(other)
        return undecided

    def _up(self, sense: str, other: str) -> bool:
        """Whether `other` is above `sense`, for neighbours whose order does not decide it."""
        if other == ENTITY:
            return True
        if self._out_of_order(sense, other) != self._out_of_order(other, sense):
            return self._out_of_order(sense, other)
        if other not in self._nouns or sense not in self._undecided(
            other, self._nouns[other].split()[1:]
        ):
            return True
        widths = [self._has_narrower(each) for each in (sense, other)]
        if widths[0] != widths[1]:
            return widths[1]
        return (self.depth(other), other) < (self.depth(sense), sense)

    def _out_of_order(self, sense: str, other: str) -> bool:
        """Whether a neighbour's number is greater than a later one's; narrower ones ascend."""
        near = self._nouns[sense].split()
        return any(later < other for later in near[near.index(other) + 1 :])

    def _has_narrower(self, sense: str) -> bool:
        return any(self._first.get(near) == sense for near in self._nouns[sense].split())


@cache
def wordnet() -> WordNet:
    """WordNet from the jar of METEOR, which is read once for a process (about 0.2 s).

    Raises:
        EnvironmentProblem: pycocoevalcap is missing, or the jar is damaged.
    """
    path = jar("meteor-1.5.jar")
    try:
        with zipfile.ZipFile(path) as archive:
            words = archive.read("synonym/english.synsets").decode().split("\n")
            relations = archive.read("synonym/english.relations").decode().split("\n")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise EnvironmentProblem(f"{path}: WordNet cannot be read from it ({error})") from error
    numbers = relations[::2]
    end = numbers.index(ENTITY, 1)  # the first verb has the same number as the first noun
    usual = (line.partition(" ") for line in lists.lines("senses"))
    return WordNet(
        dict(zip(words[::2], words[1::2], strict=False)),
        dict(zip(numbers[:end], relations[1 : 2 * end : 2], strict=True)),
        numbers[end:],
        {word: positions for word, _, positions in usual},
    )


@cache
def irregular_forms() -> Mapping[str, tuple[str, ...]]:
    """Irregular form -> its basic forms, from the same jar: `feet` -> `foot`, `worn` -> `wear`.

    Raises:
        EnvironmentProblem: pycocoevalcap is missing, or the jar is damaged.
    """
    path = jar("meteor-1.5.jar")
    try:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read("synonym/english.exceptions").decode().split("\n")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise EnvironmentProblem(f"{path}: WordNet cannot be read from it ({error})") from error
    found: dict[str, tuple[str, ...]] = {}
    for basic, forms in zip(lines[::2], lines[1::2], strict=False):
        for form in forms.split():
            found[form] = (*found.get(form, ()), basic)
    return found
