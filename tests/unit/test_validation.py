"""Scores of predictions in memory, and of a validation step in a training loop."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from support.fences import ROOT
from support.worlds import block, phrase, sample

from gcg_bench import Validation, load_dataset, score
from gcg_bench.errors import BadData, BadOption, GcgBenchError, MissingData, UnknownName
from gcg_bench.metrics.miou import MeanIoU
from gcg_bench.tasks import EvalProtocol
from gcg_bench.types import Grounding, Mask, Phrase, Prediction

MASKS = EvalProtocol("masks", 1, (MeanIoU(),))
DISK = Grounding("A disk.", (phrase("disk", block(0, 0)),))
HALF = Grounding("A disk.", (phrase("disk", block(0, 0, 10, 5)),))
SAMPLES = [sample("a", DISK), sample("b", DISK)]
ANSWERS = [Prediction("a", DISK), Prediction("b", HALF)]  # IoU 1 and 1/2: the mean is 3/4


def test_samples_and_predictions_are_scored_without_a_data_set():
    (result,) = evaluation = score(SAMPLES, ANSWERS, [MASKS])
    assert evaluation.values() == {"masks/mIoU": 0.75}
    assert "dataset:samples|card:1|split:given|" in result.signature
    by_id = {prediction.id: prediction for prediction in ANSWERS}
    assert score(iter(SAMPLES), by_id, [MASKS]).values() == evaluation.values()


def test_the_signature_tells_references_apart():
    truths = set()
    for samples in (SAMPLES, SAMPLES[::-1], [sample("a", HALF), SAMPLES[1]]):
        (result,) = score(samples, ANSWERS, [MASKS])
        truths.add(result.data.truth)
    assert len(truths) == 3


def test_protocols_are_given_by_name():
    data = load_dataset("shapes", "val", limit=2)
    truth = [Prediction(sample.id, sample.truth) for sample in data.samples]
    evaluation = score(data, truth, ["strict"], encoder="minilm")
    assert evaluation["strict"]["F1"].value == 1.0


@pytest.mark.parametrize(
    ("samples", "predictions", "error", "message"),
    [
        ([], [], MissingData, "no samples"),
        ([SAMPLES[0]] * 2, ANSWERS, BadData, "two samples have this id"),
        (SAMPLES, ANSWERS[:1], MissingData, "1 of 2 images have no prediction: 'b'"),
        (SAMPLES, [*ANSWERS, Prediction("c")], BadData, "'c'"),
        (SAMPLES, [*ANSWERS, ANSWERS[0]], BadData, "two predictions of one image"),
        (
            [replace(s, query=replace(s.query, task=t)) for s, t in zip(SAMPLES, ("gcg", "caption"),
             strict=True)],
            ANSWERS, BadOption, "several tasks: caption, gcg",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(samples, predictions, error, message):
    with pytest.raises(error, match=message):
        score(samples, predictions, [MASKS])


def test_a_missing_prediction_can_count_as_empty():
    assert score(SAMPLES, ANSWERS[:1], [MASKS], missing="empty").values() == {"masks/mIoU": 0.5}


def test_a_validation_scores_what_its_batches_add():
    validation = Validation(SAMPLES, [MASKS])
    validation.update(ANSWERS[0])
    assert validation.compute(partial=True).values() == {"masks/mIoU": 1.0}
    with pytest.raises(MissingData, match="'b'"):
        validation.compute()
    validation.update(iter(ANSWERS[1:]))
    assert validation.compute().values() == {"masks/mIoU": 0.75}
    assert validation.compute()[0]["mIoU"].low is None  # no intervals unless they are asked for
    validation.reset()
    validation.update([Prediction("a", HALF), Prediction("b", HALF)])
    assert validation.compute().values() == {"masks/mIoU": 0.5}


def test_a_batch_is_added_whole_or_not_at_all():
    validation = Validation(SAMPLES, [MASKS])
    with pytest.raises(BadData, match="no sample"):
        validation.update([ANSWERS[0], Prediction("c")])
    validation.update(ANSWERS)
    with pytest.raises(BadData, match=r"reset\(\)"):
        validation.update(ANSWERS[:1])


def test_nothing_can_be_scored_in_part_without_a_prediction():
    with pytest.raises(MissingData, match="no images to score"):
        Validation(SAMPLES, [MASKS]).compute(partial=True)


def test_shares_are_gathered_and_the_lower_rank_counts():
    others = [{"a": Prediction("a", DISK)}, {"b": Prediction("b", HALF)}]

    def gather(mine):
        assert list(mine) == ["a"]
        return [others[0], mine, others[1]]

    validation = Validation(SAMPLES, [MASKS], gather=gather)
    validation.update(Prediction("a", HALF))  # rank 1 has repeated what rank 0 has
    assert validation.compute().values() == {"masks/mIoU": 0.75}


# A process of a distributed training: rank 0 has `a`, rank 1 has `b`, and `a` again.
PROCESS = """
import sys
from datetime import timedelta

import torch.distributed as dist
sys.path.insert(0, "tests")
from unit.test_validation import ANSWERS, MASKS, SAMPLES, Prediction, HALF
from gcg_bench import Validation
from gcg_bench.errors import GcgBenchError

rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group(
    "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=60)
)
validation = Validation(SAMPLES, [MASKS])
validation.update(ANSWERS[:1] if rank == 0 else [ANSWERS[1], Prediction("a", HALF)])
print(validation.compute().values())
validation.reset()
validation.update(ANSWERS[:1])
try:
    validation.compute()
except GcgBenchError as error:
    print(type(error).__name__, str(error)[:60])
dist.destroy_process_group()
"""


def test_two_processes_get_one_evaluation_and_one_error(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(rank), str(tmp_path / "store")],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    first, second = (out.splitlines() for out, _ in said)
    assert first[0] == second[0] == "{'masks/mIoU': 0.75}"
    assert first[1] == "MissingData 1 of 2 images have no prediction: 'b'. Predict them, or scor"
    assert second[1].startswith("GcgBenchError the process of rank 0 could not compute")
    assert issubclass(MissingData, GcgBenchError)


def with_mask(mask):
    return Prediction("a", Grounding("A disk.", (Phrase("disk", (mask,)),)))


WHOLE = block(0, 0)


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ({"id": "a", "caption": "A disk."}, "a prediction is an object, not a Prediction"),
        (None, "a prediction is null, not a Prediction"),
        (Prediction("a", Grounding(None)), "image a: caption: should be text, not null"),
        (Prediction("a", Grounding("", ("A disk",))), "phrases: should be a Phrase, not 'A disk'"),
        (Prediction("a", Grounding("", (Phrase("A", score=math.nan),))), "phrase 0: score: should"),
        (Prediction("a", Grounding("", (Phrase("A", np.ones((2, 2))),))), "of type ndarray"),
        (with_mask(np.ones((20, 20), bool)), "image a: phrase 0: masks[0]: a mask is of type nd"),
        # runs of 5 and 3; native code does not end on runs that do not sum to the pixels
        (with_mask(replace(WHOLE, counts=b"53")), "masks[0].counts: run lengths sum to 8, not to"),
        (with_mask(replace(WHOLE, counts=b"zzz")), "masks[0].counts: counts hold characters"),
        (with_mask(Mask(10, 20, b"")), "the mask is 10 x 20, the image"),
    ],
)
def test_predictions_in_memory_are_checked_as_those_of_files(prediction, message):
    with pytest.raises(BadData) as caught:
        score(SAMPLES[:1], [prediction], [MASKS])
    assert message in str(caught.value)


def test_masks_of_a_program_need_not_be_canonical():
    text = replace(WHOLE, counts=WHOLE.counts.decode())  # pycocotools gives bytes, JSON text
    assert score(SAMPLES[:1], [with_mask(text)], [MASKS]).values() == {"masks/mIoU": 1.0}


def test_a_batch_of_something_else_is_refused_before_it_is_added():
    validation = Validation(SAMPLES, [MASKS])
    with pytest.raises(BadData, match="not a Prediction"):
        validation.update([ANSWERS[0], {"id": "b"}])
    validation.update(ANSWERS)
    assert validation.compute()["masks"]["mIoU"].value == 0.75


def test_one_name_is_one_protocol():
    with pytest.raises(UnknownName, match="named 'strikt'; did you mean 'strict'"):
        score(SAMPLES, ANSWERS, "strikt")


def test_exchanged_arguments_are_named():
    with pytest.raises(BadOption, match="hold a Prediction, which is no Sample"):
        score(ANSWERS, SAMPLES, [MASKS])
