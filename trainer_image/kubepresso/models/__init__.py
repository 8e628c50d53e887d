"""Backbones, heads and the model bundle in which a trained, compressed or retrained model is kept."""

from kubepresso.models.build import VisionModel, build_model
from kubepresso.models.bundle import Bundle, BundleManifest, load_bundle, load_manifest, save_bundle
from kubepresso.models.freezing import freeze_backbone

__all__ = [
    "Bundle",
    "BundleManifest",
    "VisionModel",
    "build_model",
    "freeze_backbone",
    "load_bundle",
    "load_manifest",
    "save_bundle",
]
