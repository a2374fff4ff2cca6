"""BibTeX of what a run rests on: this software, its data, its metrics, its models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gcg_bench import __version__
from gcg_bench.data.cards import DataCard, load_card
from gcg_bench.errors import BadOption, MissingData, UnknownName
from gcg_bench.runs import Run
from gcg_bench.scoring.results import label_of
from gcg_bench.scoring.signature import fields_of, spelt

SOFTWARE = f"""@software{{gcg_bench,
  title = {{gcg-bench: benchmark and evaluation toolkit for grounded conversation generation}},
  author = {{{{The gcg-bench authors}}}},
  version = {{{__version__}}}
}}"""

_GLAMM = r"""@inproceedings{rasheed2024glamm,
  title = {GLaMM: Pixel Grounding Large Multimodal Model},
  author = {Rasheed, Hanoona and Maaz, Muhammad and Shaji, Sahal and Shaker, Abdelrahman and
            Khan, Salman and Cholakkal, Hisham and Anwer, Rao M. and Xing, Eric and
            Yang, Ming-Hsuan and Khan, Fahad S.},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  year = {2024}
}"""

_COCO = r"""@inproceedings{lin2014microsoft,
  title = {Microsoft {COCO}: Common Objects in Context},
  author = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and
            Perona, Pietro and Ramanan, Deva and Doll{\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle = {European Conference on Computer Vision (ECCV)},
  pages = {740--755},
  year = {2014}
}"""

_METEOR = r"""@inproceedings{denkowski2014meteor,
  title = {Meteor Universal: Language Specific Translation Evaluation for Any Target Language},
  author = {Denkowski, Michael and Lavie, Alon},
  booktitle = {Proceedings of the Ninth Workshop on Statistical Machine Translation},
  pages = {376--380},
  year = {2014}
}"""

_CIDER = r"""@inproceedings{vedantam2015cider,
  title = {{CIDEr}: Consensus-based Image Description Evaluation},
  author = {Vedantam, Ramakrishna and Zitnick, C. Lawrence and Parikh, Devi},
  booktitle = {Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  pages = {4566--4575},
  year = {2015}
}"""

_PANOPTIC = r"""@inproceedings{kirillov2019panoptic,
  title = {Panoptic Segmentation},
  author = {Kirillov, Alexander and He, Kaiming and Girshick, Ross and Rother, Carsten and
            Doll{\'a}r, Piotr},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition
               (CVPR)},
  pages = {9404--9413},
  year = {2019}
}"""

_BLEU = r"""@inproceedings{papineni2002bleu,
  title = {{BLEU}: a Method for Automatic Evaluation of Machine Translation},
  author = {Papineni, Kishore and Roukos, Salim and Ward, Todd and Zhu, Wei-Jing},
  booktitle = {Proceedings of the 40th Annual Meeting of the Association for Computational
               Linguistics},
  pages = {311--318},
  year = {2002}
}"""

_ROUGE = r"""@inproceedings{lin2004rouge,
  title = {{ROUGE}: A Package for Automatic Evaluation of Summaries},
  author = {Lin, Chin-Yew},
  booktitle = {Text Summarization Branches Out},
  pages = {74--81},
  year = {2004}
}"""

_SPICE = r"""@inproceedings{anderson2016spice,
  title = {{SPICE}: Semantic Propositional Image Caption Evaluation},
  author = {Anderson, Peter and Fernando, Basura and Johnson, Mark and Gould, Stephen},
  booktitle = {European Conference on Computer Vision (ECCV)},
  pages = {382--398},
  year = {2016}
}"""

_BERT = r"""@inproceedings{devlin2019bert,
  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language Understanding},
  author = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and Toutanova, Kristina},
  booktitle = {Proceedings of the 2019 Conference of the North American Chapter of the Association
               for Computational Linguistics: Human Language Technologies},
  pages = {4171--4186},
  year = {2019}
}"""

_MINILM = r"""@inproceedings{wang2020minilm,
  title = {{MiniLM}: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
           Transformers},
  author = {Wang, Wenhui and Wei, Furu and Dong, Li and Bao, Hangbo and Yang, Nan and Zhou, Ming},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}"""

_SENTENCES = r"""@inproceedings{reimers2019sentence,
  title = {{Sentence-BERT}: Sentence Embeddings using Siamese {BERT}-Networks},
  author = {Reimers, Nils and Gurevych, Iryna},
  booktitle = {Proceedings of the 2019 Conference on Empirical Methods in Natural Language
               Processing},
  pages = {3982--3992},
  year = {2019}
}"""

_KOSMOS2 = r"""@article{peng2023kosmos2,
  title = {Kosmos-2: Grounding Multimodal Large Language Models to the World},
  author = {Peng, Zhiliang and Wang, Wenhui and Dong, Li and Hao, Yaru and Huang, Shaohan and
            Ma, Shuming and Wei, Furu},
  journal = {arXiv preprint arXiv:2306.14824},
  year = {2023}
}"""

# metric, encoder and model by the name that signatures and settings have for them; what is not
# here (phrase F1, hallucination, words) has no source of its own
METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "meteor": (_METEOR,),
        "cider": (_CIDER,),
        "bleu": (_BLEU,),
        "rouge_l": (_ROUGE,),
        "spice": (_SPICE,),
        "ap50": (_COCO,),
        "f1_avg": (_COCO,),
        "miou": (_GLAMM,),
        "mask_recall": (_GLAMM,),
        "gpq": (_PANOPTIC,),
    }
)
ENCODERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"bert-base-uncased": (_BERT,), "minilm": (_MINILM, _SENTENCES)}
)
MODELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"glamm": (_GLAMM,), "glamm-tiny": (_GLAMM,), "kosmos2": (_KOSMOS2,)}
)
# models with nothing to cite: they are this software's own
_OWN = (
    "centre-box", "copy-truth", "frequent-caption", "shuffled-truth", "silent", "whole-image",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Citation:
    """One BibTeX entry.

    Attributes:
        key: its key.
        bibtex: the entry.
        used: what it stands for, e.g. `metric ap50`.
    """

    key: str
    bibtex: str
    used: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bibliography:
    """What runs rest on.

    Attributes:
        citations: software first, then data, metrics, encoders, models; a key stands once.
        unknown: what was used and has no citation here, one line each.
    """

    citations: tuple[Citation, ...]
    unknown: tuple[str, ...]

    def bibtex(self) -> str:
        """A `.bib` file; each entry is preceded by a line that says what it stands for."""
        parts = [f"{_comment(', '.join(one.used))}\n{one.bibtex}\n" for one in self.citations]
        return "\n".join([*parts, *(f"{_comment(line)}\n" for line in self.unknown)])


def bibliography(runs: Sequence[Run], *, card: DataCard | None = None) -> Bibliography:
    """The BibTeX of exactly what some scored runs used.

    Args:
        runs: at least one.
        card: the data card, in the place of the shipped one of the runs' data set.

    Raises:
        MissingData: a run has not been scored.
    """
    found: dict[str, tuple[str, dict[str, None]]] = {}
    unknown: dict[str, None] = {}
    uses: list[tuple[str, tuple[str, ...]]] = [("this software", (SOFTWARE,))]
    for run in runs:
        uses += _uses(run, card)
    # in the order software, data, metrics, encoders, models, whichever run comes first
    order = ("this software", "data set", "metric", "encoder", "model")
    for used, works in sorted(uses, key=lambda use: _place(use[0], order)):
        if not works:
            unknown.setdefault(f"no citation is known here for {used}")
        for key, bibtex in (entry for work in works for entry in entries(work)):
            found.setdefault(key, (bibtex, {}))[1].setdefault(used)
    return Bibliography(
        tuple(Citation(key, bibtex, tuple(used)) for key, (bibtex, used) in found.items()),
        tuple(unknown),
    )


def entries(bibtex: str) -> Iterator[tuple[str, str]]:
    """The entries of some BibTeX with their keys; indentation before them is dropped.

    Raises:
        BadOption: braces that do not close.
    """
    for start in re.finditer(r"^[ \t]*@\w+\s*\{\s*([^,\s]+)\s*,", bibtex, re.MULTILINE):
        depth, at = 0, bibtex.index("{", start.start())
        for place in range(at, len(bibtex)):
            depth += {"{": 1, "}": -1}.get(bibtex[place], 0)
            if depth == 0:
                yield start[1], bibtex[start.start() : place + 1].strip()
                break
        else:
            raise BadOption(f"the BibTeX entry {start[1]} has no end: a brace does not close")


def _uses(run: Run, card: DataCard | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a run used, each with its works; () where they are not known."""
    verdicts = run.all_scores()
    if not verdicts:
        raise MissingData(f"{run.folder}: not scored yet; gcg-bench score {run.folder}")
    yield _data(run, card)
    for verdict in verdicts:
        told = fields_of(verdict["signature"])
        for metric in spelt(told.get("metrics", "")):
            if metric.name in METRICS:
                yield f"metric {metric.name}", METRICS[metric.name]
        encoder = told.get("encoder", "").rpartition("@")[0]
        yield f"encoder {encoder}", ENCODERS.get(encoder.rpartition("/")[2], ())
    model = label_of(run)
    head = model.partition(":")[0].replace("_", "-")
    if head not in _OWN:
        yield f"model {model}", MODELS.get(head, ())


def _data(run: Run, card: DataCard | None) -> tuple[str, tuple[str, ...]]:
    name = str(run.settings.get("dataset", "unnamed"))
    try:
        found = card or load_card(name, shipped=True)
    except (UnknownName, MissingData):  # the user's own, given by its path
        return f"data set {name}, whose card is not here (give it with --dataset)", ()
    return f"data set {found.name}", (found.citation,) if found.citation else ()


def _place(used: str, order: Sequence[str]) -> int:
    return next(k for k, start in enumerate(order) if used.startswith(start))


def _comment(text: str) -> str:
    """A line that BibTeX passes over: it reads on after the next @."""
    return f"% {' '.join(text.split())}".replace("@", "(at)")
