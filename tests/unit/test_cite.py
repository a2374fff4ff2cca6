"""BibTeX: exactly what a run used, each entry once and whole."""

import re

import pytest
from support.scored import SMALL_STRICT, rows, run_folder

from gcg_bench import __version__, metrics, registry
from gcg_bench.cli import main
from gcg_bench.data.cards import card_names, load_card
from gcg_bench.errors import BadOption, MissingData
from gcg_bench.execution.models import describe_models
from gcg_bench.reporting import citations
from gcg_bench.reporting.citations import SOFTWARE, bibliography, entries
from gcg_bench.reporting.model_card import model_index
from gcg_bench.tasks.gcg import OFFICIAL, STRICT
from gcg_bench.text import encoder_citations

METRICS = {name: metrics.load(name).citation for name in registry.names("metrics")}
MODELS = {model.name: model.citation for model in describe_models()}
WORKS = [
    work
    for table in (METRICS, encoder_citations.CITATIONS, MODELS)
    for works in table.values()
    for work in works
]


def keys(found):
    return [one.key for one in found.citations]


def test_exactly_what_was_used(tmp_path):
    run = run_folder(tmp_path / "r", "silent", rows([1, 2]), protocols=[SMALL_STRICT])
    found = bibliography([run])
    # of the small protocol only mIoU has a source; a baseline has none, phrase F1 neither
    assert keys(found) == ["gcg_bench", "rasheed2024glamm", "wang2020minilm", "reimers2019sentence"]
    assert found.unknown == ()
    assert found.citations[0].used == ("this software", "data set shapes")
    assert f"version = {{{__version__}}}" in found.citations[0].bibtex


def test_data_metrics_encoder_and_model_of_two_runs_stand_once(tmp_path):
    given = {"dataset": "flickr30k-gcg", "encoder": "bert-base-uncased@1234"}
    settings = {"dataset": "flickr30k-gcg"}
    runs = [
        run_folder(tmp_path / name, name, rows([1]), settings=settings, **given)
        for name in ("glamm:x", "shuffled_truth")
    ]
    found = bibliography(runs)
    assert keys(found) == [
        "gcg_bench", "rasheed2024glamm", "young2014image", "plummer2017flickr30k",
        "devlin2019bert",
    ]  # fmt: skip
    assert found.unknown == ()
    assert len(set(keys(found))) == len(keys(found))
    shared = next(one for one in found.citations if one.key == "rasheed2024glamm")
    assert shared.used == ("data set flickr30k_gcg", "metric miou", "model glamm:x")


def test_the_whole_protocols_have_their_sources():
    works = [
        work
        for protocol in (OFFICIAL, STRICT)
        for metric in protocol.metrics
        for work in metric.citation
    ]
    assert {re.match(r"@\w+\{(\w+)", work)[1] for work in works} == {
        "denkowski2014meteor", "vedantam2015cider", "lin2014microsoft", "rasheed2024glamm",
        "kirillov2019panoptic", "dong2024capture",
    }  # fmt: skip
    assert {OFFICIAL.encoder, STRICT.encoder} <= set(encoder_citations.CITATIONS)


def test_metrics_models_and_encoders_say_what_they_implement():
    def sources(table):
        return {
            name: [re.match(r"@\w+\{(\w+)", work)[1] for work in works]
            for name, works in table.items()
            if works
        }

    assert sources(METRICS) == {
        "ap50": ["lin2014microsoft"],
        "ap50_scored": ["lin2014microsoft"],
        "bleu": ["papineni2002bleu"],
        "cider": ["vedantam2015cider"],
        "ciou": ["lai2024lisa"],
        "f1_avg": ["lin2014microsoft"],
        "giou": ["lai2024lisa"],
        "gpq": ["kirillov2019panoptic"],
        "mask_recall": ["rasheed2024glamm"],
        "meteor": ["denkowski2014meteor"],
        "miou": ["rasheed2024glamm"],
        "naming": ["dong2024capture"],
        "refusal": ["liu2023gres"],
        "rouge_l": ["lin2004rouge"],
        "spice": ["anderson2016spice"],
    }
    assert sources(MODELS) == {
        "clipseg": ["luddecke2022image"],
        "florence-2": ["xiao2024florence"],
        "glamm": ["rasheed2024glamm"],
        "glamm-tiny": ["rasheed2024glamm"],
        "kosmos-2": ["peng2023kosmos2"],
        "sam3": ["carion2025sam3"],
    }
    assert sources(encoder_citations.CITATIONS) == {
        "bert-base-uncased": ["devlin2019bert"],
        "minilm": ["wang2020minilm", "reimers2019sentence"],
    }


def test_what_is_not_known_is_said(tmp_path):
    run = run_folder(
        tmp_path / "r", "predictions:/x/@home", rows([1]), dataset="mine",
        encoder="/models/odd@99",
    )  # fmt: skip
    found = bibliography([run])
    assert [line.partition(" for ")[2].split(",")[0] for line in found.unknown] == [
        "data set mine", "encoder /models/odd", "model predictions:/x/@home",
    ]  # fmt: skip
    comments = [line for line in found.bibtex().splitlines() if line.startswith("%")]
    assert not any("@" in line for line in comments)  # BibTeX would read on there


def test_a_card_of_ones_own(tmp_path):
    run = run_folder(tmp_path / "r", "silent", rows([1]), dataset="mine")
    found = bibliography([run], card=load_card("flickr30k_gcg"))
    assert "young2014image" in keys(found)
    assert found.unknown == ()


def test_a_run_must_be_scored(tmp_path):
    with pytest.raises(MissingData, match="gcg-bench score"):
        bibliography([run_folder(tmp_path / "r", "silent", rows([1]), protocols=[])])


@pytest.mark.parametrize("name", card_names())
def test_every_shipped_card_can_be_cited(name):
    found = list(entries(load_card(name).citation))
    assert found
    assert len(found) == load_card(name).citation.count("@")


@pytest.mark.parametrize("work", [SOFTWARE, *WORKS], ids=lambda work: work.split("{")[1][:12])
def test_works_are_whole(work):
    ((key, text),) = entries(work)
    assert text == work
    names = re.findall(r"^  (\w+) = \{", work, re.MULTILINE)
    assert len(names) == len(set(names))
    assert {"title", "author"} <= set(names)
    assert "year" in names or work is SOFTWARE
    # every field but the last ends in a comma
    fields = re.split(r"\n  (?=\w+ = )", work)[1:]
    assert all(one.endswith("},") for one in fields[:-1])
    assert fields[-1].endswith("}\n}")
    assert key == re.match(r"@\w+\{(\w+),", work)[1]


def test_keys_are_not_shared_by_different_works():
    found = {}
    for work in WORKS:
        for key, text in entries(work):
            assert found.setdefault(key, text) == text


def test_entries_are_cut_where_their_braces_close():
    text = "prose\n  @misc{a, title = {x {@} y}}\n@misc{ b ,\n note={}}\nmore @ {"
    assert [key for key, _ in entries(text)] == ["a", "b"]
    assert next(entries(text))[1] == "@misc{a, title = {x {@} y}}"
    with pytest.raises(BadOption, match="entry a has no end"):
        list(entries("@misc{a, title = {x}"))


def test_the_file_is_read_back(tmp_path):
    run = run_folder(tmp_path / "r", "glamm", rows([1]))
    found = citations.bibliography([run])
    assert [key for key, _ in entries(found.bibtex())] == keys(found)


# --- model cards


def card_of(*runs):
    """The model-index of runs, as huggingface_hub reads it back."""
    from huggingface_hub import ModelCard

    return ModelCard(f"---\n{model_index(list(runs))}---\n").data


def test_a_model_card_has_the_headline_scores(tmp_path):
    # 3 of 10 phrases: F1 30.0; the mask IoU of the images is 1/5 and 2/5
    run = run_folder(tmp_path / "r", "silent", rows([1, 2]), protocols=[SMALL_STRICT])
    data = card_of(run)
    assert data.model_name == "silent"
    scores = {score.metric_name: score for score in data.eval_results}
    assert set(scores) == {"F1 (strict-2)", "Recall (strict-2)", "mIoU (strict-2)"}
    f1 = scores["F1 (strict-2)"]
    assert (f1.metric_type, f1.metric_value, f1.metric_config) == ("f1", 30.0, "strict-2")
    assert (f1.dataset_name, f1.dataset_split, f1.task_type) == (
        "shapes", "val", "image-segmentation",
    )  # fmt: skip
    assert f1.metric_args["low"] <= 30.0 <= f1.metric_args["high"]
    assert f1.metric_args["signature"].startswith("protocol:strict-2|dataset:shapes|")


def test_a_model_card_is_of_one_model(tmp_path):
    runs = [
        run_folder(tmp_path / name, name, rows([1]), protocols=[SMALL_STRICT])
        for name in ("silent", "loud")
    ]
    with pytest.raises(BadOption, match="silent, loud"):
        model_index(runs)
    with pytest.raises(MissingData, match="not scored yet"):
        model_index([run_folder(tmp_path / "bare", "bare", rows([1]), protocols=[])])


def test_a_data_set_of_the_hub_is_named_by_its_repository(tmp_path):
    given = {"dataset": "grandf"}
    run = run_folder(
        tmp_path / "r", "silent", rows([1]), protocols=[SMALL_STRICT], settings=given, **given
    )
    repository = load_card("grandf").hub
    assert {score.dataset_type for score in card_of(run).eval_results} == {
        "grandf" if repository is None else repository.repo
    }


def test_a_model_card_is_typed(tmp_path, capsys):
    run = run_folder(tmp_path / "r", "silent", rows([1, 2]), protocols=[SMALL_STRICT])
    with pytest.raises(SystemExit) as left:
        main(["cite", str(run.folder), "--model-card"])
    assert not left.value.code
    out = capsys.readouterr().out
    assert out.startswith("---\nmodel-index:\n- name: silent\n")
    assert out.endswith("\n---\n")
