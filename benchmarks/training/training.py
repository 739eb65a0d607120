"""Workloads of training, by hand in NumPy or in PyTorch, timed on request.

Reads a line `WORKLOAD` from standard input, runs it once, and answers with
seconds (an epoch of W1, W1b, W4 and W5, a step of W2 and GPT, a prediction of W3).
main.go starts it; arguments: BACKEND (numpy or torch), DTYPE (float64 or
float32), the folder of MNIST, and 1 if pixels are standardised.
"""
import sys, time
import numpy as np

backend, dtype, folder, standardise = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "1"
with open(f"{folder}/train-images-idx3-ubyte", "rb") as f:
    X = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784).astype(dtype) / 255
with open(f"{folder}/train-labels-idx1-ubyte", "rb") as f:
    Y = np.frombuffer(f.read(), np.uint8, offset=8).astype(np.int64)
if standardise:
    s = X.std(0)
    X = (X - X.mean(0)) / np.where(s == 0, 1, s)
rng = np.random.default_rng(1)


class NumPy:
    """Dense layers with ReLU between, softmax and cross-entropy at the end;
    every matrix is allocated once."""

    def __init__(self, sizes, batch, adam):
        self.batch, self.adam, self.t = batch, adam, 0
        self.W = [rng.normal(0, np.sqrt(2 / m), (m, n)).astype(dtype) for m, n in zip(sizes, sizes[1:])]
        self.b = [np.zeros(n, dtype) for n in sizes[1:]]
        self.y = [np.empty((batch, n), dtype) for n in sizes[1:]]
        self.d = [np.empty((batch, n), dtype) for n in sizes[1:]]
        self.g = [np.empty_like(w) for w in self.W] + [np.empty_like(b) for b in self.b]
        self.m = [np.zeros_like(g) for g in self.g]
        self.v = [np.zeros_like(g) for g in self.g]
        self.u = [np.empty_like(g) for g in self.g]
        self.rows = np.arange(batch)

    def forward(self, x):
        n = len(x)
        for k, (W, b) in enumerate(zip(self.W, self.b)):
            y = self.y[k][:n]
            np.dot(x, W, out=y)
            y += b
            if k < len(self.W) - 1:
                np.maximum(y, 0, out=y)
            x = y
        x -= x.max(1, keepdims=True)
        np.exp(x, out=x)
        x /= x.sum(1, keepdims=True)
        return x

    def step(self, x, t):
        n, L = len(x), len(self.W)
        p = self.forward(x)
        d = self.d[-1][:n]
        d[:] = p
        d[self.rows[:n], t] -= 1
        d /= n
        for k in range(L - 1, -1, -1):
            d = self.d[k][:n]
            np.dot((self.y[k - 1][:n] if k else x).T, d, out=self.g[k])
            np.sum(d, 0, out=self.g[L + k])
            if k:
                e = self.d[k - 1][:n]
                np.dot(d, self.W[k].T, out=e)
                e *= self.y[k - 1][:n] > 0
        self.t += 1
        for w, g, m, v, u in zip(self.W + self.b, self.g, self.m, self.v, self.u):
            if not self.adam:
                g *= 0.1
                w -= g
                continue
            m *= 0.9
            np.multiply(g, 0.1, out=u)
            m += u
            v *= 0.999
            np.multiply(g, g, out=u)
            u *= 0.001
            v += u
            np.divide(v, 1 - 0.999**self.t, out=u)
            np.sqrt(u, out=u)
            u += 1e-8
            np.divide(m, u, out=u)
            u *= 1e-3 / (1 - 0.9**self.t)
            w -= u

    def epoch(self):
        order = rng.permutation(len(X))
        x = np.empty((self.batch, 784), dtype)
        start = time.perf_counter()
        for i in range(0, len(X), self.batch):
            rows = order[i : i + self.batch]
            np.take(X, rows, 0, out=x[: len(rows)])
            self.step(x[: len(rows)], Y[rows])
        return time.perf_counter() - start


class Torch:
    def __init__(self, sizes, batch, adam):
        layers = []
        for m, n in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(m, n), torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers[:-1])
        self.batch = batch
        p = self.net.parameters()
        self.opt = torch.optim.Adam(p, 1e-3) if adam else torch.optim.SGD(p, 0.1)
        self.loss = torch.nn.CrossEntropyLoss()

    def epoch(self):
        order = torch.randperm(len(X))
        start = time.perf_counter()
        for i in range(0, len(X), self.batch):
            rows = order[i : i + self.batch]
            self.opt.zero_grad(set_to_none=False)
            self.loss(self.net(X[rows]), Y[rows]).backward()
            self.opt.step()
        return time.perf_counter() - start

    def forward(self, x):
        with torch.no_grad():
            return torch.softmax(self.net(x), 1)


def xor_numpy():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    t = np.array([[0], [1], [1], [0]], dtype)
    W1, b1, W2, b2 = rng.normal(size=(2, 8)), np.zeros(8), rng.normal(size=(8, 1)), np.zeros(1)

    def step():
        nonlocal W1, b1, W2, b2
        h = np.tanh(x @ W1 + b1)
        y = 1 / (1 + np.exp(-(h @ W2 + b2)))
        d = (y - t) * y * (1 - y) * 0.5
        e = d @ W2.T * (1 - h * h)
        W2 -= 0.5 * (h.T @ d)
        b2 -= 0.5 * d.sum(0)
        W1 -= 0.5 * (x.T @ e)
        b1 -= 0.5 * e.sum(0)

    return step


def xor_torch():
    x = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=getattr(torch, dtype))
    t = torch.tensor([[0], [1], [1], [0]], dtype=getattr(torch, dtype))
    net = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1), torch.nn.Sigmoid())
    opt, loss = torch.optim.SGD(net.parameters(), 0.5), torch.nn.MSELoss()

    def step():
        opt.zero_grad(set_to_none=False)
        loss(net(x), t).backward()
        opt.step()

    return step


def repeat(f, n):
    f()
    start = time.perf_counter()
    for _ in range(n):
        f()
    return (time.perf_counter() - start) / n


Net, xor = NumPy, xor_numpy
if backend == "torch":
    import torch

    torch.set_default_dtype(getattr(torch, dtype))
    X, Y, Net, xor = torch.tensor(X), torch.tensor(Y), Torch, xor_torch
more = {}
if backend == "torch":
    sys.dont_write_bytecode = True
    import sequence
    from lenet import LeNet

    more |= sequence.workloads(X, Y)
    more["W4"] = LeNet(torch, X, Y).epoch
w1, w1b, one, w2 = Net([784, 128, 10], 32, False), Net([784, 256, 128, 10], 128, True), X[:1], xor()
print("ready", flush=True)
for line in sys.stdin:
    w = line.strip()
    t = {
        "W1": w1.epoch,
        "W1b": w1b.epoch,
        "W2": lambda: repeat(w2, 2000),
        "W3": lambda: repeat(lambda: w1.forward(one), 5000),
        **more,
    }[w]()
    print(t, flush=True)
