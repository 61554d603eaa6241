"""The settings of a run: their fields and how they are read from flags, environment and ``assay.toml``."""

from assay.client.layers import CONFIG, from_env, handed_over, load_settings
from assay.client.settings_model import HAND_OVER, SECRETS, Settings, flag, variable

__all__ = [
    "CONFIG",
    "HAND_OVER",
    "SECRETS",
    "Settings",
    "flag",
    "from_env",
    "handed_over",
    "load_settings",
    "variable",
]
