"""The phrases of an annotation for review: their confidence, and the random sample.

The sample is the `size` phrases with the smallest sha256 of seed, image and position. Each phrase
has the same probability; a larger sample contains every smaller sample, and the random numbers of
no library are used. The union of the samples of two seeds is a random sample too. The draw does not
depend on words or masks, so the sample of a changed annotation is a random sample of its phrases.
"""

import hashlib
import heapq
import json
from array import array
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace

from gcg_bench.annotate.folder import RECIPE, AnnotationFolder
from gcg_bench.annotate.review.decisions import UNBOUND, VERSION, Decision, DecisionFile
from gcg_bench.annotate.scenes import Scene, TiedPhrase
from gcg_bench.errors import BadData

_AGAIN = "Write the page again with gcg-bench annotate review, and decide on that page"

Place = tuple[str, int]
"""An image and the position of a phrase in its caption."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The phrases of an annotation.

    Attributes:
        recipe: the hash of its recipe.
        digest: the sha256 of captions, phrases and masks of all images.
        counts: image -> the number of its phrases, for images with a caption, in their order.
        scores: the score of each phrase in that order: the lowest confidence of its objects, -1
            without objects.
        phrases: image -> phrases, only for the wanted images.
        contents: image -> the digest of its content (`content_of`), only for the wanted images.
    """

    recipe: str
    digest: str
    counts: Mapping[str, int]
    scores: "array[float]"
    phrases: Mapping[str, tuple[TiedPhrase, ...]]
    contents: Mapping[str, str]

    def places(self) -> Iterator[Place]:
        """All phrases in order."""
        return ((image, k) for image, count in self.counts.items() for k in range(count))

    def sample(self, size: int, seed: int) -> list[Place]:
        """The random sample in the order of drawing; all phrases if there are at most `size`.

        Any first part of it is a random sample too.
        """
        return heapq.nsmallest(size, self.places(), key=lambda place: _draw(seed, place))

    def least_certain(self, count: int) -> list[Place]:
        """The phrases with the lowest scores, the lowest first; ties in the order of images."""
        ranked = zip(self.scores, range(len(self.scores)), self.places(), strict=True)
        return [place for _, _, place in heapq.nsmallest(count, ranked)]

    def is_of_this_state(self, made: DecisionFile) -> bool:
        """Whether all captions, phrases and masks are those of the page that made a file."""
        return made.result == self.digest and (made.version != UNBOUND or self._has_recipe_of(made))

    def is_current(self, made: DecisionFile, decision: Decision) -> bool:
        """Whether a decision of a file is about the present content of its image."""
        if made.version == UNBOUND:
            return self.is_of_this_state(made)
        return self.contents.get(decision.image) == decision.content

    def bound(self, made: DecisionFile) -> DecisionFile:
        """A checked file of version 1 with the contents of its images, as version 2."""
        if made.version != UNBOUND:
            return made
        decisions = (replace(one, content=self.contents[one.image]) for one in made.decisions)
        return replace(made, decisions=tuple(decisions), version=VERSION)

    def check(self, made: DecisionFile) -> None:
        """Checks that decisions are about this annotation.

        Decisions about an earlier content of their image are allowed beside others.

        Raises:
            BadData: no decision is about the present content of its image, or one is about a
                missing phrase, or about a phrase with other words; the message names file, image,
                field and remedy.
        """
        same = self.is_of_this_state(made)
        if not same and not any(self.is_current(made, one) for one in made.decisions):
            raise self._other_state(made)
        sampled = set(self.sample(*made.sample)) if same else None
        for position, decision in enumerate(made.decisions):
            if not same and not self.is_current(made, decision):
                continue
            fault = self._fault(position, made, sampled)
            if fault is not None:
                field, what = fault
                raise BadData(
                    what,
                    file=made.file,
                    image=decision.image,
                    field=f"decisions[{position}].{field}",
                    remedy=_AGAIN,
                )

    def _has_recipe_of(self, made: DecisionFile) -> bool:
        return made.recipe == self.recipe

    def _other_state(self, made: DecisionFile) -> BadData:
        """The error for a file of which no decision can be used."""
        name, theirs, ours = "result", made.result, self.digest
        if made.version == UNBOUND and not self._has_recipe_of(made):
            name, theirs, ours = "recipe", made.recipe, self.recipe
        problem = f"is {theirs[:12]}, the annotation's is {ours[:12]}: another state of it"
        if made.decisions and made.version != UNBOUND:
            problem += ", in which every decided image has another caption or other masks"
        return BadData(problem, file=made.file, field=name, remedy=_AGAIN)

    def _fault(
        self, position: int, made: DecisionFile, sampled: Container[Place] | None
    ) -> tuple[str, str] | None:
        """The field of a decision that does not fit the annotation, and the reason.

        Args:
            position: the position of the decision.
            made: its file.
            sampled: the random sample of its page; None when that is not known any more.
        """
        decision = made.decisions[position]
        if decision.image not in self.counts:
            return "image", "no image with a caption has this id"
        if not self.is_current(made, decision):
            return "content", "is not that of the image's picture, caption and masks"
        if decision.phrase is None:
            return None
        count = self.counts[decision.image]
        if decision.phrase >= count:
            return "phrase", f"is {decision.phrase}; the caption has {count} phrases"
        phrase = self.phrases[decision.image][decision.phrase]
        if decision.words != phrase.text:
            return "words", f"are not those of the phrase, {phrase.text[:80]!r}"
        if decision.span != phrase.span:
            return "span", f"is not that of the phrase, {list(phrase.span)}"
        place = decision.image, decision.phrase
        if sampled is not None and decision.sampled != (place in sampled):
            size, seed = made.sample
            belongs = "does not belong" if decision.sampled else "belongs"
            return "sampled", f"the phrase {belongs} to the sample of {size} with seed {seed}"
        return None


def survey(folder: AnnotationFolder, wanted: Container[str] = frozenset()) -> Survey:
    """The phrases of an annotation; reads every scene once.

    Args:
        folder: the annotation.
        wanted: images whose phrases and contents are kept.

    Raises:
        BadData: a line of the folder is damaged.
    """
    digest, counts, scores = hashlib.sha256(), {}, array("d")
    phrases: dict[str, tuple[TiedPhrase, ...]] = {}
    contents: dict[str, str] = {}
    pictures = {image.id: image.sha256 for image in folder.images if image.id in wanted}
    for scene in folder.scenes():
        if not scene.caption:
            continue
        digest.update(_content(scene))
        counts[scene.image_id] = len(scene.phrases)
        scores.extend(score_of(scene, phrase) for phrase in scene.phrases)
        if scene.image_id in wanted:
            phrases[scene.image_id] = scene.phrases
            contents[scene.image_id] = content_of(scene, pictures[scene.image_id])
    return Survey(recipe_hash(folder), digest.hexdigest(), counts, scores, phrases, contents)


def content_of(scene: Scene, picture: str) -> str:
    """The sha256 (hex) of what people see of an image: picture, caption, phrases and masks.

    Args:
        scene: the image's scene.
        picture: the sha256 of the image's file or pixels (`SourceImage.sha256`).
    """
    return hashlib.sha256(_content(scene) + picture.encode("utf-8")).hexdigest()


def recipe_hash(folder: AnnotationFolder) -> str:
    """The hash of the folder's recipe; raises BadData when it is not text."""
    made = folder.recipe.get("hash")
    if not isinstance(made, str):
        raise BadData("should be text", file=folder.folder / RECIPE, field="hash")
    return made


def score_of(scene: Scene, phrase: TiedPhrase) -> float:
    """The lowest confidence of a phrase's objects; -1 without objects."""
    return min((made.score for made in scene.objects if made.id in phrase.ids), default=-1.0)


def _content(scene: Scene) -> bytes:
    """The parts of a scene that people see, as one line: words, spans and masks."""
    masks = {
        made.id: None if made.mask is None else made.mask.counts.decode("latin-1")
        for made in scene.objects
    }
    phrases = [
        [phrase.text, phrase.span, phrase.ids, [masks.get(id_) for id_ in phrase.ids]]
        for phrase in scene.phrases
    ]
    size = (scene.height, scene.width)
    line = json.dumps([scene.image_id, size, scene.caption, phrases])
    return line.encode("ascii") + b"\n"


def _draw(seed: int, place: Place) -> bytes:
    text = json.dumps([seed, *place])
    return hashlib.sha256(text.encode("ascii")).digest()
