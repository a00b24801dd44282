"""Recipes: named values that say how a network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from aiart_edge.image import InputRule

# The keys of `architectures.ARCHITECTURES`, for what must not wait for Keras.
ARCHITECTURE_NAMES = (
    "original",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "mobilenet_v2",
    *(f"clip_vit_b16_cut{cut}" for cut in range(1, 13)),
)
FROM_CHANCE = ("original",)  # what no pretrained weights are for
SCHEDULES = ("constant", "cosine")
BALANCES = ("none", "class", "source")


def _option(help_: str, default: Any) -> Any:
    return field(default=default, metadata={"help": help_})


def _expect(values: Augmentation | Recipe, name: str, what: str, holds: bool) -> None:
    if not holds:
        raise ValueError(f"Expected {name} {what}. Received {getattr(values, name)!r}.")


@dataclass(frozen=True)
class Augmentation:
    """How far the views of a picture differ.

    Args:
        flip: whether to mirror every other view.
        zoom: the largest share of each side that is cut off, from 0 to below 1.
        rescale: share of the views that are reduced and enlarged again, by up to 2; 0 to 1.
        jpeg: share of the views that are encoded as JPEG, of quality 30 to 95, after rescaling:
            as pictures on the web are, and so that compression does not give a class away; 0 to 1.
        colour: the largest relative change of brightness, contrast and saturation, from 0 to
            below 1.
    """

    flip: bool = _option("Mirror every other view.", False)
    zoom: float = _option("Cut off up to this share of each side.", 0.0)
    rescale: float = _option("Reduce and enlarge this share of views.", 0.0)
    jpeg: float = _option("Encode this share of views as JPEG.", 0.0)
    colour: float = _option("Change brightness, contrast, saturation.", 0.0)

    def __post_init__(self) -> None:
        for name in ("zoom", "colour"):
            _expect(self, name, "from 0 to below 1", 0 <= getattr(self, name) < 1)
        for name in ("rescale", "jpeg"):
            _expect(self, name, "from 0 to 1", 0 <= getattr(self, name) <= 1)

    @property
    def ways(self) -> tuple[Augmentation, ...]:
        """Each change alone, but for mirroring, which goes with all of them; at least one way."""
        changes = {name: value for name, value in vars(self).items() if value and name != "flip"}
        alone = (Augmentation(self.flip, **{name: value}) for name, value in changes.items())
        return tuple(alone) or (self,)


UNCHANGED = Augmentation()


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    The head alone is fitted first, by logistic regression on the features as they were pretrained.
    Then what lies behind `train_from` is trained with AdamW on the binary cross-entropy; the
    statistics of batch normalisation stay as they were. Either may be left out. Each value but the
    name is also an option of `aiart-train fit`, whose --help describes it.
    """

    name: str
    architecture: str = _option("The network.", "efficientnet_lite0")
    size: int = _option("Pixels a side of the network's input.", 224)
    resize: str = _option("How a picture comes to that size.", "squash")
    batch_size: int = _option("Pictures per step.", 16)
    dropout: float = _option("Rate of dropout before the head.", 0.2)
    head_views: int = _option(
        "Views of each picture that the head is fitted on: the first as it is, each other one "
        "changed in one way; 0: no fit.",
        0,
    )
    head_penalty: float = _option("Of the squared weights of the head, when it is fitted.", 0.3)
    head_consistency: float = _option(
        "Penalty of how far the head's logit moves when a picture is changed.", 0.0
    )
    epochs: int = _option("Epochs in which the network learns, after the head's fit.", 0)
    learning_rate: float = _option("At the begin of these epochs.", 0.001)
    train_from: str = _option("The layer from which on it learns; '' for all.", "")
    schedule: str = _option("Of the learning rate.", "constant")
    weight_decay: float = _option("Of AdamW.", 0.0)
    label_smoothing: float = _option("Of the binary cross-entropy.", 0.0)
    balance: str = _option(
        "What weighs alike: none, class, or source (each class, and in it each source by the "
        "square root of its size).",
        "none",
    )
    averaging: float = _option("Momentum of the moving average of the weights; 0 for none.", 0.0)
    patience: int = _option(
        "Stop after so many epochs without a better validation loss, and keep the best weights; "
        "0 trains to the end.",
        0,
    )
    augmentation: Augmentation = UNCHANGED

    def __post_init__(self) -> None:
        known = self.architecture in ARCHITECTURE_NAMES
        _expect(self, "architecture", f"among {ARCHITECTURE_NAMES}", known)
        for name in ("size", "batch_size", "head_penalty", "learning_rate"):
            _expect(self, name, "above 0", getattr(self, name) > 0)
        InputRule(self.size, self.size, self.resize)  # refuses a rule that it does not know
        for name in ("head_views", "head_consistency", "epochs", "patience", "weight_decay"):
            _expect(self, name, "of at least 0", getattr(self, name) >= 0)
        for name in ("dropout", "label_smoothing", "averaging"):
            _expect(self, name, "from 0 to below 1", 0 <= getattr(self, name) < 1)
        _expect(self, "schedule", f"among {SCHEDULES}", self.schedule in SCHEDULES)
        _expect(self, "balance", f"among {BALANCES}", self.balance in BALANCES)
        _expect(self, "epochs", "above 0, or head_views", self.head_views + self.epochs > 0)

    @property
    def input(self) -> InputRule:
        """How the network wants its pictures."""
        return InputRule(self.size, self.size, self.resize)


HEAD = "p_human"  # the last layer of every architecture


def override(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Change values of a recipe.

    Args:
        recipe: to start from.
        values: by the name of a field of `Recipe` or `Augmentation`.

    Returns:
        Another recipe.

    Raises:
        TypeError: there is no such field.
        ValueError: a value is outside its range.
    """
    own = {item.name for item in fields(Recipe)}
    views = {name: value for name, value in values.items() if name not in own}
    return replace(
        recipe,
        **{name: value for name, value in values.items() if name in own},
        augmentation=replace(recipe.augmentation, **views),
    )


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """Read a recipe from a card.

    Args:
        values: of `dataclasses.asdict`.

    Returns:
        The recipe.

    Raises:
        KeyError, TypeError, ValueError: they are not a recipe's.
    """
    return Recipe(**{**values, "augmentation": Augmentation(**values["augmentation"])})


_VIEWS = Augmentation(flip=True, zoom=0.2, rescale=1, jpeg=1, colour=0.15)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        # The original study's network and training.
        Recipe(
            "seed", "original", size=150, batch_size=32, dropout=0.5, epochs=20, learning_rate=0.001
        ),
        # A first look in two minutes: a head on features as ImageNet left them.
        Recipe("quick", size=192, batch_size=32, head_views=1),
        # The embedded model: for art of many sources, none of which may dominate.
        Recipe(
            "default",
            size=240,
            batch_size=64,
            dropout=0.0,
            head_views=5,
            head_penalty=0.1,
            head_consistency=0.1,
            epochs=12,
            learning_rate=0.0003,
            schedule="cosine",
            label_smoothing=0.05,
            averaging=0.99,
            balance="source",
            augmentation=_VIEWS,
        ),
        # A stronger model for a device that can wait: a head on what CLIP's first blocks see.
        Recipe(
            "strong",
            "clip_vit_b16_cut8",
            dropout=0.0,
            head_views=1,
            head_penalty=0.03,
            balance="source",
        ),
        # The best on one source: the same at a higher resolution.
        Recipe(
            "lite0",
            size=288,
            head_views=5,
            head_consistency=0.1,
            balance="class",
            augmentation=_VIEWS,
        ),
    )
}
