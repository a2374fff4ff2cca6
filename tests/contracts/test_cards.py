"""Laws that every data card must satisfy."""

from pathlib import Path

import pytest
from support.tiny import DATA, paint

from gcg_bench import registry, tasks
from gcg_bench.data import load_dataset
from gcg_bench.data.cards import card_names, front_matter, load_card, read_card, write_card
from gcg_bench.data.cards.locations import card_folder
from gcg_bench.masks import decode

PUBLISHED_PROMPT = (
    "Could you please give me a detailed description of the image? Please respond with interleaved"
    + 5 * " "
    + "segmentation masks for the corresponding parts of the answer."
)
SIZES = {  # of the images that a tiny data set needs for loading
    "refcocog_gcg": {"coco_2014/train2014/COCO_train2014_000000000005.jpg": (8, 10)},
}

COPIES = {  # card -> a file, and an id whose copy is in a split that has no other image
    "grand": ("GranD/annotations/part_1/sa_6.json", "sa_50"),
}


@pytest.fixture(params=card_names())
def card(request):
    return load_card(request.param)


@pytest.fixture
def root(card, tmp_path):
    """A data root with the card's tiny data set and the images that give it its sizes."""
    for name, size in SIZES.get(card.name, {}).items():
        paint(tmp_path / name, *size)
    if (DATA / card.name).is_dir():
        for file in (DATA / card.name).rglob("*.json*"):
            target = tmp_path / file.relative_to(DATA / card.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    if card.name in COPIES:
        name, other = COPIES[card.name]
        text = (tmp_path / name).read_text().replace(Path(name).stem, other)
        (tmp_path / name).with_stem(other).write_text(text)
    return tmp_path


def here(card, root):
    """The splits of the card that exist in the tiny data set."""
    if card.format == "shapes":
        return ["val"]
    if card.format in ("grand", "reasonseg", "geopixeld"):
        return list(card.splits)
    names = {file.with_suffix("").name for file in root.rglob("*.json*")}
    return [
        split.name
        for split in card.splits.values()
        if split.files
        and {Path(file).with_suffix("").name for file in split.files.values()} <= names
    ]


def test_the_name_is_the_file_name(card):
    assert card.name == Path(card.name).name
    assert (card_folder() / f"{card.name}.md").is_file()


def test_nothing_that_a_reader_must_know_is_left_out(card):
    for said in (card.version, card.title, card.license, card.image_license, card.origin):
        assert len(said.strip()) > 0
    assert card.homepage.startswith("https://") or card.name == "shapes"
    assert card.prompt.strip() == card.prompt
    # tasks with expressions and regions leave the instruction to the model
    assert card.prompt or not {"gcg", "caption"} & set(card.tasks)
    assert card.tasks
    assert card.known_issues
    assert card.splits


def test_citations_are_bibtex(card):
    entries = card.citation.split("@")[1:]
    assert entries
    for entry in entries:
        assert entry.count("{") == entry.count("}") > 0
        assert "title = {" in entry


def test_a_reader_finds_prose_below_the_front_matter(card):
    text = (card_folder() / f"{card.name}.md").read_text(encoding="utf-8")
    prose = text.split("\n---\n", 1)[1]
    assert prose.startswith("# ")
    assert len(prose) > 150


def test_the_format_exists_and_reads(card):
    assert card.format in registry.names("data.formats")
    plugin = registry.module("data.formats", card.format, "data set format")
    assert callable(plugin.read)


def test_splits_name_files_unless_they_are_found_or_generated(card):
    for split in card.splits.values():
        assert split.files or card.format in ("shapes", "grand")
        assert split.images or card.format == "shapes"


def test_what_a_hub_carries_lands_where_the_loader_looks(card):
    if card.hub is None:
        assert card.by_hand or card.format == "shapes"
        return
    landed = {Path(place) for place in card.hub.files.values()}
    sought = {
        Path(folder) / file
        for folder in card.folders
        for split in card.splits.values()
        for file in split.files.values()
    }
    assert landed <= sought
    assert len(landed) == sum(len(split.files) for split in card.splits.values())


def test_the_tiny_data_set_loads_and_is_sane(card, root):
    splits = here(card, root)
    assert splits
    for split in splits:
        loaded = load_dataset(card.name, split, root, limit=20)
        assert loaded.split == split
        assert len({sample.id for sample in loaded.samples}) == len(loaded.samples) > 0
        assert sorted(sample.order for sample in loaded.samples) == list(range(len(loaded.samples)))
        for sample in loaded.samples:
            size = sample.query.image.height, sample.query.image.width
            if "captions" in tasks.load(card.tasks[0]).reference:
                assert sample.captions[0] == sample.truth.caption
            tasks.load(card.tasks[0]).refuse_incomplete([sample])
            # a question and a name are worded differently
            assert sample.query.prompt == card.prompt or card.format == "reasonseg"
            for phrase in sample.truth.phrases:
                assert all(decode(mask).shape == size for mask in phrase.masks)
                if phrase.span is not None:
                    start, end = phrase.span
                    assert 0 <= start < end <= len(sample.truth.caption)


def test_a_limit_takes_the_first_images(card, root):
    for split in here(card, root):
        whole = load_dataset(card.name, split, root, limit=3).samples
        first = load_dataset(card.name, split, root, limit=1).samples
        assert [one.id for one in first] == [whole[0].id]
        assert first[0].truth == whole[0].truth


def test_a_card_written_is_the_card_read(card, tmp_path):
    write_card(card, tmp_path / "card.md", "# again\n")
    again = read_card(tmp_path / "card.md", home=None)
    assert again == card


def test_the_benchmark_has_the_published_prompt():
    assert load_card("grandf").prompt == PUBLISHED_PROMPT
    assert front_matter(card_folder() / "grandf.md")["prompt"] == PUBLISHED_PROMPT


def test_the_benchmark_says_that_sources_disagree_on_its_size():
    sizes = load_card("grandf").split("val").sizes
    assert [(size.count, size.within) for size in sizes] == [(2500, 50), (2000, 0)]
    assert "paper" in sizes[0].source
