"""Build the network that a ``model`` module describes."""

from __future__ import annotations

from torch import Tensor, nn

from kubepresso.config import ModelConfig
from kubepresso.errors import UserError
from kubepresso.models.checkpoint import load_checkpoint
from kubepresso.models.freezing import freeze_backbone
from kubepresso.models.initialisation import initialise
from kubepresso.models.registry import BACKBONES, HEADS


class VisionModel(nn.Module):
    """A backbone and a head."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, H, W] to the head's output, for classification logits [N, classes]."""
        out: Tensor = self.head(self.backbone(images))
        return out


def build_model(model_config: ModelConfig, num_classes: int) -> VisionModel:
    """Build, initialise, load the checkpoint that the configuration names, and freeze what it asks to freeze.

    Args:
        model_config: The ``model`` module.
        num_classes: Classes of the data.

    Returns:
        The model in training mode; its initial weights depend on torch's global seed alone.

    Raises:
        UserError: A name is unknown, or the checkpoint cannot be fetched, read or fitted.
    """
    architecture = model_config.architecture
    if architecture.backbone is None or architecture.head is None:
        raise UserError("model.architecture: full networks are not available, give a backbone and a head")
    backbone_class = BACKBONES.find(architecture.backbone.name, "model.architecture.backbone.name")
    head_class = HEADS.find(architecture.head.name, "model.architecture.head.name")
    backbone = backbone_class(architecture.backbone.params, architecture.backbone.stage_params)
    model = VisionModel(
        backbone, head_class(architecture.head.params, backbone.feature_channels, num_classes)
    )
    initialise(model)
    load_checkpoint(model, model_config)
    if model_config.freeze_backbone:
        freeze_backbone(model)
    return model
