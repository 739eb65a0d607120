"""Functions on slices: nn beside NumPy, ns per element, best of rounds that take turns.

    OPENBLAS_NUM_THREADS=1 python3 functions.py [rounds]

needs NumPy and go. The calls have 1,000 elements, of which NumPy spends some
0.3 ns each on the call itself; the last column is NumPy with 10,000.
"""
import re
import subprocess
import sys
import time

import numpy as np


def sigmoid(x, y):
    np.negative(x, out=y)
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    np.divide(1, y, out=y)


def softmax(x, y):
    np.subtract(x, x.max(), out=y)
    np.exp(y, out=y)
    np.divide(y, y.sum(), out=y)


# As in BenchmarkFunctions: the function and the range of its arguments.
FUNCTIONS = {
    "exp": (lambda x, y: np.exp(x, out=y), -10, 10),
    "log": (lambda x, y: np.log(x, out=y), 0, 10),
    "tanh": (lambda x, y: np.tanh(x, out=y), -5, 5),
    "sigmoid": (sigmoid, -10, 10),
    "softplus": (lambda x, y: np.logaddexp(0, x, out=y), -10, 10),
    "relu": (lambda x, y: np.maximum(x, 0, out=y), -5, 5),
    "softmax": (softmax, -5, 5),
    "sum": (lambda x, y: x.sum(), -5, 5),
    "dot": (lambda x, y: x.dot(x), -5, 5),
    "max": (lambda x, y: x.max(), -5, 5),
}


def numpy_time(f, lo, hi, n):
    x = lo + (hi - lo) * (np.arange(n) * 7919 % n + 0.5) / n
    y = np.empty(n)
    calls = 2_000_000 // n
    start = time.perf_counter()
    for _ in range(calls):
        f(x, y)
    return (time.perf_counter() - start) / calls / n * 1e9


def nn_times():
    cmd = ["go", "test", "-run", "NONE", "-bench", "Functions", "-benchtime", "20ms", "."]
    out = subprocess.run(cmd, cwd=sys.path[0] + "/..", capture_output=True, text=True, check=True).stdout
    return {m[1]: float(m[2]) for m in re.finditer(r"Functions/(\S+?)(?:-\d+)?\s.*?([\d.]+) ns/elem", out)}


best = {}
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
    times = {("nn", k): v for k, v in nn_times().items()}
    for name, f in FUNCTIONS.items():
        for n in 1000, 10000:
            times[n, name] = numpy_time(*f, n)
    for k, v in times.items():
        best[k] = min(v, best.get(k, v))

print(f"{'':10}{'nn':>8}{'Go math':>9}{'NumPy':>8}{'10,000':>8}")
for name in FUNCTIONS:
    go = best.get(("nn", name + "-math"))
    print(f"{name:10}{best['nn', name]:8.2f}{go and f'{go:.2f}' or '':>9}{best[1000, name]:8.2f}{best[10000, name]:8.2f}")
