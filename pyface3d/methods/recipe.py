"""How a method is trained: plain data, with the source of each number."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """Optimizer, schedule and batch of one training run.

    Attributes:
        optimizer: "sgd" or "adam".
        learning_rate: rate after the warm-up.
        batch_size: samples in a batch.
        epochs: passes over the training set.
        momentum: of SGD.
        nesterov: Nesterov's variant of SGD.
        weight_decay: L2 on the weights.
        milestones: epochs after which the rate is multiplied by ``gamma``.
        gamma: see ``milestones``.
        warmup_epochs: epochs at ``warmup_factor`` of the rate, from the start.
        warmup_factor: see ``warmup_epochs``.
        gradient_clip: largest norm of the gradient; None: no limit.
        data: training sets.
        sources: field name to where its value comes from; "default" marks our own choice.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    milestones: tuple[int, ...] = ()
    gamma: float = 0.2
    warmup_epochs: int = 0
    warmup_factor: float = 0.2
    gradient_clip: float | None = None
    data: tuple[str, ...] = ("300W-LP",)
    sources: dict[str, str] = field(default_factory=dict)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0.

        Example:
            >>> Recipe("sgd", 0.1, 8, 50, milestones=(30, 40), gamma=0.5).rate(35)
            0.05
        """
        if epoch < self.warmup_epochs:
            return self.learning_rate * self.warmup_factor
        return self.learning_rate * self.gamma ** sum(epoch >= milestone for milestone in self.milestones)
