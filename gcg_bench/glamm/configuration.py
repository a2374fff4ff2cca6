"""The sizes of a GLaMM: four frozen values, read from a config.json by ourselves.

A published config.json says `model_type: llava`, which names another model in today's transformers,
and it holds only the language model's sizes. So it is parsed here; what it leaves out comes from
its own sections `vision`, `grounding` and `region` where a checkpoint of ours wrote them, else
from the caller (shapes of the weights, the CLIP folder), else from the published sizes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import inf
from typing import Any, Self, TypeVar

from gcg_bench.errors import BadData
from gcg_bench.glamm.plausible import check_each

Sizes = TypeVar("Sizes", bound="LanguageConfig | VisionConfig | GroundingConfig | RegionConfig")


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """The LLaMA: names and defaults as in the published config.json (7B, seven added tokens)."""

    vocab_size: int = 32007
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int = 32
    max_position_embeddings: int = 4096
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """The global image encoder: a CLIP vision tower (defaults: ViT-L/14 at 336 px).

    Attributes:
        select_layer: index into the hidden states whose patches the language model sees; -2 is the
            output of the last block but one, without the final layer norm.
        crop: the published preparation: shorter side to `image_size`, centre crop. False squeezes
            the whole image into the square, for models trained that way.
    """

    image_size: int = 336
    patch_size: int = 14
    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    layer_norm_eps: float = 1e-5
    hidden_act: str = "quick_gelu"
    select_layer: int = -2
    crop: bool = True

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_size // self.patch_size

    @property
    def tokens(self) -> int:
        """Rows that an image takes in the language model's sequence (576 as published)."""
        return self.grid * self.grid


@dataclass(frozen=True, kw_only=True)
class RegionConfig:
    """The region encoder (defaults as published).

    Attributes:
        levels: CLIP layers read; every third one downwards from the last but one.
        size: width of a region vector before it is lifted to the language model's.
        groups: groups of the GroupNorm in the fusing rounds.
        rounds: fusing rounds over the pyramid.
        roi_size: side of the grid that RoIAlign samples from a box.
        position_size: hidden width of the box's own embedding.
        extent: side in pixels that normalised boxes are multiplied by. As published it is 224
            although the image has 336, so boxes reach the top left two thirds of the maps only;
            a model trained afresh sets it to the image size.
    """

    levels: int = 4
    size: int = 1024
    groups: int = 64
    rounds: int = 5
    roi_size: int = 14
    position_size: int = 256
    extent: int = 224

    def layers(self, states: int) -> tuple[int, ...]:
        """Indices of the hidden states read, lowest first, of a tower with `states` of them."""
        chosen = range(states - 2, -1, -3)[: self.levels]
        return tuple(reversed(chosen))


@dataclass(frozen=True, kw_only=True)
class GroundingConfig:
    """SAM's image encoder, prompt embedding and mask decoder (defaults: ViT-H at 1024 px).

    Attributes:
        global_layers: blocks that attend over the whole image; the others see windows.
        prompt_size: width of image embeddings and prompts (`out_dim` in config.json).
        decoder_downsample: how much narrower the decoder's cross attention is.
    """

    image_size: int = 1024
    patch_size: int = 16
    hidden_size: int = 1280
    mlp_size: int = 5120
    num_hidden_layers: int = 32
    num_attention_heads: int = 16
    window_size: int = 14
    global_layers: tuple[int, ...] = (7, 15, 23, 31)
    prompt_size: int = 256
    decoder_layers: int = 2
    decoder_heads: int = 8
    decoder_mlp_size: int = 2048
    decoder_downsample: int = 2
    iou_size: int = 256

    @property
    def grid(self) -> int:
        """Cells along one side of the image embedding."""
        return self.image_size // self.patch_size

    @property
    def mask_size(self) -> int:
        """Side of the low-resolution masks: four logits a cell along each side."""
        return 4 * self.grid


@dataclass(frozen=True, kw_only=True)
class GlammConfig:
    """All sizes of a model. `region` is None for a model that takes no boxes.

    Raises:
        BadData: sizes that do not fit together.
    """

    language: LanguageConfig = LanguageConfig()
    vision: VisionConfig = VisionConfig()
    grounding: GroundingConfig = GroundingConfig()
    region: RegionConfig | None = RegionConfig()

    def __post_init__(self) -> None:
        for part in ("language", "vision", "grounding", "region"):
            if getattr(self, part) is not None:
                check_each(part, getattr(self, part))
        for part, width, heads in (
            ("language", self.language.hidden_size, self.language.num_attention_heads),
            ("vision", self.vision.hidden_size, self.vision.num_attention_heads),
            ("grounding", self.grounding.hidden_size, self.grounding.num_attention_heads),
            ("grounding", self.grounding.prompt_size, 2 * self.grounding.decoder_heads),
        ):
            if width % heads:
                raise BadData(f"width {width} is not a multiple of {heads}", field=part)
        for part, side, patch in (
            ("vision", self.vision.image_size, self.vision.patch_size),
            ("grounding", self.grounding.image_size, self.grounding.patch_size),
        ):
            if side % patch:
                raise BadData(f"image size {side} is not a multiple of patch {patch}", field=part)
        if self.region is not None:
            self._check_region(self.region)

    def _check_region(self, region: RegionConfig) -> None:
        found = len(region.layers(self.vision.num_hidden_layers + 1))
        if found < region.levels:
            raise BadData(
                f"{region.levels} levels need {3 * region.levels - 2} CLIP layers, "
                f"there are {self.vision.num_hidden_layers}",
                field="region",
                remedy="Set region to null for a model without boxes",
            )
        if self.vision.hidden_size % region.groups or self.vision.hidden_size % 4:
            raise BadData(
                f"CLIP width {self.vision.hidden_size} does not split into {region.groups} groups "
                "and quarters",
                field="region.groups",
            )

    @classmethod
    def parse(
        cls,
        settings: Mapping[str, Any],
        *,
        vision: VisionConfig | None = None,
        grounding: GroundingConfig | None = None,
        region: RegionConfig | None = None,
    ) -> Self:
        """The sizes that a config.json names, completed by what the caller knows.

        Args:
            settings: the decoded config.json.
            vision: used where `settings` has no section `vision`; likewise the other two.

        Raises:
            BadData: a field is missing, of the wrong type, or means another model.
        """
        if settings.get("rope_scaling") is not None:
            raise BadData("scaled rotary positions are not supported", field="rope_scaling")
        language = _section(LanguageConfig, settings, strict=False)
        if "num_key_value_heads" not in settings:
            language = replace(language, num_key_value_heads=language.num_attention_heads)
        tower = _chosen(VisionConfig, settings, "vision", vision)
        if "mm_vision_select_layer" in settings:
            layer = _checked("mm_vision_select_layer", settings["mm_vision_select_layer"], int)
            tower = replace(tower, select_layer=layer)
        if settings.get("mm_vision_select_feature", "patch") != "patch":
            raise BadData("only patch features are supported", field="mm_vision_select_feature")
        eye = _chosen(GroundingConfig, settings, "grounding", grounding)
        if "out_dim" in settings:
            eye = replace(eye, prompt_size=_checked("out_dim", settings["out_dim"], int))
        return cls(language=language, vision=tower, grounding=eye, region=_region(settings, region))

    def to_json(self) -> dict[str, Any]:
        """A config.json that `parse` reads back to an equal value."""
        region = None if self.region is None else asdict(self.region)
        grounding = asdict(self.grounding) | {"global_layers": list(self.grounding.global_layers)}
        return asdict(self.language) | {
            "architectures": ["GLaMMForCausalLM"],
            "model_type": "glamm",
            "vision": asdict(self.vision),
            "grounding": grounding,
            "region": region,
        }


def clip_config(settings: Mapping[str, Any]) -> VisionConfig:
    """The tower's sizes from a CLIP folder's config.json (whole model or vision part)."""
    inner = settings.get("vision_config")
    return _section(VisionConfig, inner if isinstance(inner, Mapping) else settings, strict=False)


def _chosen(
    kind: type[Sizes], settings: Mapping[str, Any], name: str, known: Sizes | None
) -> Sizes:
    section = settings.get(name)
    if isinstance(section, Mapping):
        return _section(kind, section, strict=True)
    return kind() if known is None else known


def _region(settings: Mapping[str, Any], known: RegionConfig | None) -> RegionConfig | None:
    """The region encoder's sizes; None by `with_region: false` or `region: null`."""
    absent = "region" in settings and settings["region"] is None
    if absent or settings.get("with_region") is False:
        return None
    region = _chosen(RegionConfig, settings, "region", known)
    if "num_level_reg_features" in settings:
        levels = _checked("num_level_reg_features", settings["num_level_reg_features"], int)
        region = replace(region, levels=levels)
    return region


def _section(kind: type[Sizes], settings: Mapping[str, Any], *, strict: bool) -> Sizes:
    """A value of `kind` from the fields of the same names; other fields are errors if `strict`."""
    known = {field.name: field.type for field in fields(kind)}
    unknown = sorted(set(settings) - set(known))
    if strict and unknown:
        raise BadData(f"{kind.__name__} has no such size", field=unknown[0])
    given = {
        name: _checked(name, settings[name], expected)
        for name, expected in known.items()
        if name in settings
    }
    return kind(**given)


def _checked(name: str, value: Any, expected: Any) -> Any:
    """`value` as the type a size has, or BadData naming the field."""
    if expected is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # a whole number of more than 308 digits
            return inf
    if expected is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if expected in (str, bool) and isinstance(value, expected):
        return value
    if expected == tuple[int, ...] and isinstance(value, list | tuple):
        return tuple(_checked(name, item, int) for item in value)
    told = getattr(expected, "__name__", expected)
    raise BadData(f"expected {told}, got {type(value).__name__}", field=name)
