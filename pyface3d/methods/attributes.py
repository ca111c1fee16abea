"""The 40 attributes of CelebA in the nine groups of MCNN (Hand and Chellappa 2017), and an optional tenth."""

from torch import Tensor

CELEBA_GROUPS: dict[str, tuple[str, ...]] = {
    "gender": ("Male",),
    "nose": ("Big_Nose", "Pointy_Nose"),
    "mouth": ("Big_Lips", "Smiling", "Wearing_Lipstick", "Mouth_Slightly_Open"),
    "eyes": ("Arched_Eyebrows", "Bags_Under_Eyes", "Bushy_Eyebrows", "Narrow_Eyes", "Eyeglasses"),
    "face": ("Attractive", "Blurry", "Oval_Face", "Pale_Skin", "Young", "Heavy_Makeup"),
    "around": (
        "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Wearing_Earrings", "Wearing_Necklace",
        "Wearing_Necktie", "Bald", "Receding_Hairline", "Bangs", "Wearing_Hat", "Straight_Hair", "Wavy_Hair",
    ),
    "facial_hair": ("5_o_Clock_Shadow", "Mustache", "No_Beard", "Sideburns", "Goatee"),
    "cheeks": ("High_Cheekbones", "Rosy_Cheeks"),
    "fat": ("Chubby", "Double_Chin"),
}  # fmt: skip
RACE_GROUP = {"race": ("Asian", "White", "Black", "Indian")}

# the columns of list_attr_celeba.txt, which are in alphabetical order
CELEBA_ATTRIBUTES: tuple[str, ...] = tuple(sorted(name for group in CELEBA_GROUPS.values() for name in group))


def positive_weights(labels: Tensor, limits: tuple[float, float] = (0.1, 20.0)) -> Tensor:
    """Weight of each attribute's positives: negatives over positives of the training split, within limits.

    Args:
        labels: (M, A) 1, 0 and unknown -1.
        limits: smallest and largest weight; an attribute without positives gets the largest.

    Returns:
        (A,) float32.

    Example:
        >>> positive_weights(torch.tensor([[1, 1], [0, 1], [0, 1], [-1, 0]]))
        tensor([2.0000, 0.3333])
    """
    positives, negatives = (labels == 1).sum(0), (labels == 0).sum(0)
    return (negatives / positives.clamp(min=1)).masked_fill(positives == 0, limits[1]).clamp(*limits)
