"""The sizes of a GLaMM: four frozen dataclasses, read from a config.json without transformers.

A published config.json has `model_type: llava`, which is another model in current versions of
transformers, and it has only the language model's sizes. So it is parsed here. Sizes that it lacks
come from its sections `vision`, `grounding` and `region` if this package wrote them, or from the
caller (shapes of the weights, the CLIP folder), or else from the published sizes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import inf
from typing import Any, Self, TypeVar

from gcg_bench.errors import BadData
from gcg_bench.glamm.size_limits import check_sizes

Sizes = TypeVar("Sizes", bound="LanguageConfig | VisionConfig | GroundingConfig | RegionConfig")


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """The LLaMA; names and defaults as in the published config.json (7B, seven added tokens)."""

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
        select_layer: index of the hidden state whose patches the language model gets; -2 is the
            output of the last block but one, without the final layer norm.
        crop: whether to prepare the image as published: shorter side to `image_size`, then a centre
            crop. False scales the whole image to the square, for models trained that way.
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
        """Number of rows of an image in the language model's sequence (576 as published)."""
        return self.grid * self.grid


@dataclass(frozen=True, kw_only=True)
class RegionConfig:
    """The region encoder (defaults as published).

    Attributes:
        levels: number of CLIP layers that are read; every third one, downwards from the last but
            one.
        size: width of a region vector before the projection to the language model's width.
        groups: groups of the GroupNorm in the fusion rounds.
        rounds: number of fusion rounds over the pyramid.
        roi_size: side of the grid that RoIAlign samples from a box.
        position_size: hidden width of the embedding of the box's coordinates.
        extent: side in pixels by which normalised boxes are multiplied. It is 224 as published,
            although the image has 336, so boxes cover only the top left two thirds of the maps; a
            newly trained model sets it to the image size.
    """

    levels: int = 4
    size: int = 1024
    groups: int = 64
    rounds: int = 5
    roi_size: int = 14
    position_size: int = 256
    extent: int = 224

    def layers(self, states: int) -> tuple[int, ...]:
        """Indices of the hidden states to read, lowest first; the tower has `states` of them."""
        indices = range(states - 2, -1, -3)[: self.levels]
        return tuple(reversed(indices))


@dataclass(frozen=True, kw_only=True)
class GroundingConfig:
    """SAM's image encoder, prompt embedding and mask decoder (defaults: ViT-H at 1024 px).

    Attributes:
        global_layers: blocks with attention over the whole image; the others use windows.
        prompt_size: width of image embeddings and prompts (`out_dim` in config.json).
        decoder_downsample: the factor by which the decoder's cross attention is narrower.
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
        """Side of the low-resolution masks: four logits for each cell along each side."""
        return 4 * self.grid


@dataclass(frozen=True, kw_only=True)
class GlammConfig:
    """All sizes of a model; `region` is None for a model without boxes.

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
                check_sizes(part, getattr(self, part))
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
        levels = len(region.layers(self.vision.num_hidden_layers + 1))
        if levels < region.levels:
            raise BadData(
                f"{region.levels} levels need {3 * region.levels - 2} CLIP layers, "
                f"but there are {self.vision.num_hidden_layers}",
                field="region",
                remedy="Set region to null for a model without boxes",
            )
        if self.vision.hidden_size % region.groups or self.vision.hidden_size % 4:
            raise BadData(
                f"CLIP width {self.vision.hidden_size} is not a multiple of {region.groups} "
                "(groups) and of 4",
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
        """The sizes of a config.json, completed by the caller's.

        Args:
            settings: the decoded config.json.
            vision: used when `settings` has no section `vision`.
            grounding: used when `settings` has no section `grounding`.
            region: used when `settings` has no section `region`.

        Raises:
            BadData: a field is missing, has the wrong type, or describes another model.
        """
        if settings.get("rope_scaling") is not None:
            raise BadData("scaled rotary positions are not supported", field="rope_scaling")
        language = _section(LanguageConfig, settings, strict=False)
        if "num_key_value_heads" not in settings:
            language = replace(language, num_key_value_heads=language.num_attention_heads)
        tower = _section_or_default(VisionConfig, settings, "vision", vision)
        if "mm_vision_select_layer" in settings:
            layer = _typed("mm_vision_select_layer", settings["mm_vision_select_layer"], int)
            tower = replace(tower, select_layer=layer)
        if settings.get("mm_vision_select_feature", "patch") != "patch":
            raise BadData("only patch features are supported", field="mm_vision_select_feature")
        sam = _section_or_default(GroundingConfig, settings, "grounding", grounding)
        if "out_dim" in settings:
            sam = replace(sam, prompt_size=_typed("out_dim", settings["out_dim"], int))
        return cls(language=language, vision=tower, grounding=sam, region=_region(settings, region))

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
    """The tower's sizes from a CLIP config.json, of the whole model or of its vision part."""
    section = settings.get("vision_config")
    return _section(
        VisionConfig, section if isinstance(section, Mapping) else settings, strict=False
    )


def _section_or_default(
    kind: type[Sizes], settings: Mapping[str, Any], name: str, default: Sizes | None
) -> Sizes:
    section = settings.get(name)
    if isinstance(section, Mapping):
        return _section(kind, section, strict=True)
    return kind() if default is None else default


def _region(settings: Mapping[str, Any], default: RegionConfig | None) -> RegionConfig | None:
    """The region encoder's sizes; None for `with_region: false` or `region: null`."""
    is_null = "region" in settings and settings["region"] is None
    if is_null or settings.get("with_region") is False:
        return None
    region = _section_or_default(RegionConfig, settings, "region", default)
    if "num_level_reg_features" in settings:
        levels = _typed("num_level_reg_features", settings["num_level_reg_features"], int)
        region = replace(region, levels=levels)
    return region


def _section(kind: type[Sizes], settings: Mapping[str, Any], *, strict: bool) -> Sizes:
    """A value of `kind` from the fields of the same names; `strict` refuses other fields."""
    types = {field.name: field.type for field in fields(kind)}
    unknown = sorted(set(settings) - set(types))
    if strict and unknown:
        raise BadData(f"{kind.__name__} has no such size", field=unknown[0])
    values = {
        name: _typed(name, settings[name], expected)
        for name, expected in types.items()
        if name in settings
    }
    return kind(**values)


def _typed(name: str, value: Any, expected: Any) -> Any:
    """`value` with the type of a size; raises BadData with the field's name."""
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
        return tuple(_typed(name, item, int) for item in value)
    type_name = getattr(expected, "__name__", expected)
    raise BadData(f"expected {type_name}, got {type(value).__name__}", field=name)
