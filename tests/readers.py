"""MegaDetector's own validator of its batch output: half a gigabyte, the extra `readers`.

The rig needs it (step `walk`); `make test` does without.
"""

import importlib
import importlib.util
import json
from pathlib import Path

MODULE = "megadetector.postprocessing.validate_batch_results"


def is_here() -> bool:
    """Say whether the validator is installed."""
    return importlib.util.find_spec("megadetector") is not None


def errors(text: str, pictures: Path | None = None) -> list[str]:
    """Give what the validator, if it is here, finds wrong, or misses below `pictures`."""
    if not is_here():
        return []
    validator = importlib.import_module(MODULE)
    options = validator.ValidateBatchResultsOptions()
    if pictures is not None:
        options.check_image_existence, options.relative_path_base = True, str(pictures)
    found = validator.validate_batch_results(json.loads(text), options)
    return list(found["validation_results"]["errors"])
