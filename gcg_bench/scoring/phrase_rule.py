"""How a protocol compares phrases."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gcg_bench.text.agreement import Unknown, agreement_tables
from gcg_bench.text.encoders import Encoder
from gcg_bench.types import FloatArray


@dataclass(frozen=True)
class PhraseRule:
    """How phrases are compared.

    Attributes:
        encoder: computes the vectors of phrases, and compares words that WordNet does not know;
            None when such words agree only with themselves.
        equal_is_one: whether equal phrases have similarity 1.
        thresholds: the similarities at which decisions change, when metrics only compare
            similarities with thresholds; None when a metric reads their values.
    """

    encoder: Encoder | None
    equal_is_one: bool = False
    thresholds: tuple[float, ...] | None = None

    @cached_property
    def unknown(self) -> Unknown | None:
        """Compares nouns that WordNet does not know; None without an encoder.

        The encoder's model is loaded by the first such noun that is not in the cache.
        """
        return (
            None
            if self.encoder is None
            else Unknown(
                self.encoder.vectors,
                encoder=self.encoder.digest,
                quick=self.encoder.quick_vectors,
            )
        )

    @property
    def digest(self) -> str:
        """A text of everything that decides how two phrases compare."""
        encoder = "no encoder" if self.encoder is None else self.encoder.recipe.hex()
        return f"{encoder} {self.equal_is_one}"

    @property
    def named_encoder(self) -> tuple[str, str] | None:
        """Name and sha256 of the encoder; None without one."""
        return None if self.encoder is None else (self.encoder.name, self.encoder.digest)

    def agreement(self, references: Sequence[str], predicted: Sequence[str]) -> FloatArray:
        """The agreement of phrases, shape (R, P); NaN where a phrase has no words."""
        return agreement_tables([(references, predicted)], unknown=self.unknown)[0][2]
