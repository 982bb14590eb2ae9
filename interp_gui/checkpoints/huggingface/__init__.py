"""Folders as Hugging Face writes them: config.json, weights and the way an image is prepared.

transformers builds the networks and renames tensors of older releases; it is given a checked
config and tensors that were read here, never a path, so that it reads nothing, asks nobody and
runs no code of the folder.
"""

from interp_gui.checkpoints.huggingface.folder import open_folder
from interp_gui.checkpoints.huggingface.timm_config import hints_from_timm_config, is_timm_config

__all__ = ["hints_from_timm_config", "is_timm_config", "open_folder"]
