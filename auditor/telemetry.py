"""What libraries would send home or tell of patients, switched off before any of them is imported."""

import logging
import os


def switch_off() -> None:
    """Say no for every library that asks."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("pydicom").addFilter(lambda _: False)  # its warnings quote what stands in headers
