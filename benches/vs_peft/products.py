"""PyTorch's products on one thread, at the shapes of `product_speed` in src/ops/cpu/weights/panels_tests.rs, to stand beside what that prints.

  python benches/vs_peft/products.py     (in the environment that scripts/bench-vs-peft makes)
"""

import time

import torch

SHAPES = [(64, 4096, 576), (128, 576, 1536), (224, 576, 576), (224, 1536, 576), (224, 512, 2048), (432, 3072, 576)]


def speed(m: int, n: int, k: int, dtype, back: bool) -> float:
    """GFLOP/s, the best of 20."""
    x, w = torch.randn(m, k).to(dtype), torch.randn(*((k, n) if back else (n, k))).to(dtype)
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        x @ (w if back else w.T)
        best = min(best, time.perf_counter() - began)
    return 2 * m * n * k / best / 1e9


def main():
    torch.set_num_threads(1)
    for m, n, k in SHAPES:
        for back in (False, True):
            f32, bf16 = (speed(m, n, k, dtype, back) for dtype in (torch.float32, torch.bfloat16))
            print(f"torch {torch.__version__} {m}×{n}×{k} {'Back' if back else 'Forward'}: {f32:.0f} GFLOP/s, in bf16 {bf16:.0f}")


if __name__ == "__main__":
    main()
