"""Workloads of sequences in PyTorch; training.py has the others.

W5 is an epoch of torch.nn.LSTM. A step of GPT is written twice: by hand, with
one product for queries, keys and values and the mask added by baddbmm, and
with torch.nn.TransformerEncoderLayer; the faster of the two counts.
"""
import math, time
import torch
from torch.nn import functional as F

VOCAB, STEPS, WIDTH, HEADS, BLOCKS, BATCH = 65, 64, 128, 4, 4, 16


class LSTM(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = torch.nn.LSTM(28, 128, batch_first=True), torch.nn.Linear(128, 10)

    def forward(self, x):
        return self.out(self.lstm(x.view(-1, 28, 28))[0][:, -1])


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        n = WIDTH
        self.norm1, self.norm2 = torch.nn.LayerNorm(n), torch.nn.LayerNorm(n)
        self.qkv, self.proj = torch.nn.Linear(n, 3 * n), torch.nn.Linear(n, n)
        self.up, self.down = torch.nn.Linear(n, 4 * n), torch.nn.Linear(4 * n, n)

    def forward(self, x, mask):
        b, t, n = x.shape
        d = n // HEADS
        qkv = self.qkv(self.norm1(x)).view(b, t, 3, HEADS, d).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.reshape(3, b * HEADS, t, d).unbind(0)
        p = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(d)).softmax(2)
        o = torch.bmm(p, v).view(b, HEADS, t, d).transpose(1, 2).reshape(b, t, n)
        x = x + self.proj(o)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(torch.nn.Module):
    def __init__(self, library):
        super().__init__()
        n = WIDTH
        self.embed, self.place = torch.nn.Embedding(VOCAB, n), torch.nn.Parameter(0.02 * torch.randn(STEPS, n))
        if library:
            block = lambda: torch.nn.TransformerEncoderLayer(n, HEADS, 4 * n, 0.0, "gelu", batch_first=True, norm_first=True)
        else:
            block = Block
        self.blocks = torch.nn.ModuleList(block() for _ in range(BLOCKS))
        self.norm, self.out = torch.nn.LayerNorm(n), torch.nn.Linear(n, VOCAB)
        self.register_buffer("mask", torch.full((STEPS, STEPS), -math.inf).triu(1))

    def forward(self, x):
        x = self.embed(x) + self.place
        for b in self.blocks:
            x = b(x, self.mask)
        return self.out(self.norm(x))


class Training:
    def __init__(self, net):
        self.net, self.opt = net, torch.optim.Adam(net.parameters(), 1e-3)

    def step(self, x, y):
        self.opt.zero_grad(set_to_none=False)
        z = self.net(x)
        loss = F.cross_entropy(z.view(-1, z.shape[-1]), y.view(-1))
        loss.backward()
        self.opt.step()
        return loss


def workloads(X, Y):
    made = {}

    def get(name, net):
        if name not in made:
            made[name] = Training(net())
        return made[name]

    def w5():
        t, n = get("W5", LSTM), 10000
        order = torch.randperm(n)
        start = time.perf_counter()
        for i in range(0, n, 64):
            rows = order[i : i + 64]
            t.step(X[rows], Y[rows])
        return time.perf_counter() - start

    x, y = torch.randint(VOCAB, (BATCH, STEPS)), torch.randint(VOCAB, (BATCH, STEPS))

    def gpt(library):
        t, n = get(("GPT", library), lambda: GPT(library)), 5
        t.step(x, y)
        start = time.perf_counter()
        for _ in range(n):
            t.step(x, y)
        return (time.perf_counter() - start) / n

    return {"W5": w5, "GPT": lambda: min(gpt(False), gpt(True))}
