"""One quantised .tflite model on one runtime: refused unless it is what its card says.

The runtime maps the file and packs the weights anew, so the file's own pages are given back.
"""

import contextlib
import ctypes
import importlib
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trapnode.devices.cards import ModelFile, ModelRefused, Quantised, Source, check, refusal
from trapnode.errors import DeviceError

__all__ = ["RUNTIMES", "Model", "Output", "Runtime"]

Runtime = Literal["ai-edge-litert", "tflite-runtime"]
# In order of preference: on x86 the first runs int8 models 12 to 15 times faster.
RUNTIMES: dict[Runtime, str] = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}


@dataclass(frozen=True, slots=True)
class Output:
    """What a card promises of one output; `what` names it in a refusal."""

    what: str
    index: int  # Its place among the model's outputs.
    shape: tuple[int, ...]
    stored: Quantised


class Model:
    """Pixels in, real numbers out."""

    def __init__(
        self,
        file: ModelFile,
        source: Source,
        outputs: Sequence[Output],
        *,
        runtime: Runtime | None = None,
        threads: int = 1,
    ) -> None:
        """Load the model; raise ModelRefused if it differs from its card in anything."""
        self._file, self._outputs = file, outputs
        check(file)
        self._interpreter = _interpreter(file.path, runtime, threads)
        _give_back(file.path)
        given, made = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        _counted(file, "input", len(given), 1)
        _counted(file, "output", len(made), len(outputs))
        shape = (1, source.height, source.width, 3)
        self._input = _end(file, given[0], Output("input", 0, shape, source.stored))
        self._ends = [_end(file, made[each.index], each) for each in outputs]
        self._stored = _stored_by_value(source)

    def run(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
        """Run on height x width x 3 pixels; give each output dequantised. Raise DeviceError."""
        tensor = pixels if self._stored is None else _translated(pixels, self._stored)
        try:
            self._interpreter.set_tensor(self._input, tensor[np.newaxis])
            self._interpreter.invoke()
            stored = [self._interpreter.get_tensor(index)[0] for index in self._ends]
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"model {self._file.name} failed: {error}") from error
        return [
            (values.astype(np.float64) - end.stored.zero_point) * end.stored.scale
            for values, end in zip(stored, self._outputs, strict=True)
        ]


def _interpreter(path: Path, runtime: Runtime | None, threads: int) -> Any:
    reasons = []
    for name in [runtime] if runtime else RUNTIMES:
        try:
            module = importlib.import_module(RUNTIMES[name])
            interpreter = module.Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
            return interpreter
        except (ImportError, SystemError, ValueError, RuntimeError) as error:
            # SystemError: tflite-runtime 2.14 under numpy 2.
            reasons.append(f"{name}: {error}")
    raise ModelRefused(f"model {path}: no runtime can load it ({'; '.join(reasons)})")


def _give_back(path: Path) -> None:
    """Take a mapped file out of memory; whoever needs a page of it again reads it again."""
    advise, whole = ctypes.CDLL(None).madvise, str(path.resolve())
    with contextlib.suppress(OSError), open("/proc/self/maps", errors="replace") as maps:
        for line in maps:
            span, rights, _, _, _, *name = line.rstrip("\n").split(maxsplit=5)
            if name == [whole] and rights == "r--s":  # Else it could lose what was written.
                begin, end = (int(side, 16) for side in span.split("-"))
                advise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)
        with path.open("rb") as file:  # Nobody maps it now: out of the cache, too.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _counted(file: ModelFile, end: str, found: int, promised: int) -> None:
    if found != promised:
        raise refusal(file, f"number of {end}s", found, promised)


def _end(file: ModelFile, tensor: Any, promise: Output) -> int:
    """Give the index of a tensor, once it is what the card says."""
    what, stored = promise.what, promise.stored
    if (found := [int(side) for side in tensor["shape"]]) != list(promise.shape):
        raise refusal(file, f"{what} shape", found, list(promise.shape))
    if (dtype := np.dtype(tensor["dtype"]).name) != stored.dtype:
        raise refusal(file, f"{what} dtype", dtype, stored.dtype)
    scale, zero_point = tensor["quantization"]
    if not np.isclose(scale, stored.scale, rtol=1e-4, atol=0):  # decimal against float32
        raise refusal(file, f"{what} scale", scale, stored.scale)
    if zero_point != stored.zero_point:
        raise refusal(file, f"{what} zero point", zero_point, stored.zero_point)
    return int(tensor["index"])


def _translated(pixels: NDArray[np.uint8], table: NDArray[Any]) -> NDArray[Any]:
    """Look up byte by byte: numpy's own look-up makes eight bytes of each pixel first."""
    return np.frombuffer(pixels.tobytes().translate(table.tobytes()), table.dtype).reshape(
        pixels.shape
    )


def _stored_by_value(source: Source) -> NDArray[Any] | None:
    """Give what the model stores for each pixel value 0..255; None where it is the value itself."""
    limits = np.iinfo(source.stored.dtype)
    real = (np.arange(256) - source.mean) / source.std
    stored = np.rint(real / source.stored.scale + source.stored.zero_point)
    table = stored.clip(limits.min, limits.max).astype(source.stored.dtype)
    return None if np.array_equal(table, np.arange(256)) else table
