"""BibTeX of the phrase encoders with a short name."""

from collections.abc import Mapping

_BERT_CITATION = r"""@inproceedings{devlin2019bert,
  title = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language Understanding},
  author = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and Toutanova, Kristina},
  booktitle = {Proceedings of the 2019 Conference of the North American Chapter of the Association
               for Computational Linguistics: Human Language Technologies},
  pages = {4171--4186},
  year = {2019}
}"""

_MINILM_CITATION = r"""@inproceedings{wang2020minilm,
  title = {{MiniLM}: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
           Transformers},
  author = {Wang, Wenhui and Wei, Furu and Dong, Li and Bao, Hangbo and Yang, Nan and Zhou, Ming},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  year = {2020}
}"""

_SENTENCES_CITATION = r"""@inproceedings{reimers2019sentence,
  title = {{Sentence-BERT}: Sentence Embeddings using Siamese {BERT}-Networks},
  author = {Reimers, Nils and Gurevych, Iryna},
  booktitle = {Proceedings of the 2019 Conference on Empirical Methods in Natural Language
               Processing},
  pages = {3982--3992},
  year = {2019}
}"""

CITATIONS: Mapping[str, tuple[str, ...]] = {
    "bert-base-uncased": (_BERT_CITATION,),
    "minilm": (_MINILM_CITATION, _SENTENCES_CITATION),
}
"""BibTeX of the encoders with a name, by that name."""
