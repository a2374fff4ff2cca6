"""Measures what this machine can do: products of matrices and copies of memory in a second."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from gcg_bench.glamm.estimate import Machine


def measure_machine(device: torch.device | str, dtype: torch.dtype = torch.float32) -> Machine:
    """A machine's peak and bandwidth, measured with a large matrix product and a large copy.

    Takes about a second; other running programs make the figures too low.
    """
    device = torch.device(device)
    side = 4096 if device.type == "cuda" else 1024
    left = torch.ones(side, side, device=device, dtype=dtype)
    source = torch.ones(2**26 if device.type == "cuda" else 2**23, device=device)
    target = torch.empty_like(source)
    product = _fastest(lambda: left @ left, device)
    copy = _fastest(lambda: target.copy_(source), device)
    return Machine(
        name=torch.cuda.get_device_name(device) if device.type == "cuda" else "this CPU",
        flops=2 * side**3 / product,
        bandwidth=2 * 4 * source.numel() / copy,
    )


def _fastest(action: Callable[[], Tensor], device: torch.device) -> float:
    """Seconds of the fastest of eight runs."""
    best = float("inf")
    for _ in range(8):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return best
