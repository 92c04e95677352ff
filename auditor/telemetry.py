"""What libraries would send home, switched off before any of them is imported."""

import os


def switch_off() -> None:
    """Say no for every library that asks."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
