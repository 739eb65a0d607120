"""Models of PyTorch and their tensors in files, for the tests of Import, Export,
ReadTensors and ReadTorch.

    python3 exchange.py make DIR     writes the files that stand beside this script
    python3 exchange.py make DIR N   the same with other numbers, by the seed N > 0,
                                     and every model in both formats
    python3 exchange.py check DIR    loads what Go exported to DIR into the models and
                                     compares their outputs with those of Go

Made with PyTorch 1.13. The safetensors files are written and read by the few
lines below, from the format's description, and not by its package.
"""
import json
import math
import os
import struct
import sys

import torch
from torch import nn

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}


def raw(t):
    t = t.detach().contiguous()
    if t.numel() == 0:
        return b""
    return bytes(t.clone().storage().untyped())


def save(name, tensors, metadata=None):
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for key, t in tensors.items():
        dtype = next(k for k, v in DTYPES.items() if v == t.dtype)
        b = raw(t)
        header[key] = {"dtype": dtype, "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(b)]}
        data += b
    h = json.dumps(header).encode()
    with open(name, "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + data)


def load(name):
    with open(name, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), f.read()
    tensors = {}
    for key, r in header.items():
        if key != "__metadata__":
            lo, hi = r["data_offsets"]
            b = bytearray(data[lo:hi])
            t = torch.frombuffer(b, dtype=DTYPES[r["dtype"]]) if b else torch.empty(0, dtype=DTYPES[r["dtype"]])
            tensors[key] = t.reshape(r["shape"])
    return tensors


class Recurrent(nn.Module):
    """Recurrent layers of each kind, stacked and in both directions."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 5, num_layers=2, batch_first=True)
        self.rnn = nn.RNN(5, 3, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x, _ = self.lstm(x)
        x, _ = self.gru(x)
        x, _ = self.rnn(x)
        return self.head(x[:, -1])


class Transformer(nn.Module):
    """Token indices to a distribution for every step."""

    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(7, 6)
        self.pos = nn.Parameter(torch.randn(5, 6))
        layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.norm = nn.LayerNorm(6)
        self.out = nn.Linear(6, 7, bias=False)

    def forward(self, x):
        x = self.tok(x.long()) + self.pos
        mask = torch.triu(torch.full((5, 5), -math.inf, dtype=x.dtype), diagonal=1)
        return torch.softmax(self.out(self.norm(self.encoder(x, mask))), -1)


def models():
    """The models with the shapes of their inputs."""
    return {
        "mlp": (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), (3, 4)),
        "cnn": (
            nn.Sequential(
                nn.Conv2d(2, 4, (3, 2), padding=1),
                nn.BatchNorm2d(4),
                nn.PReLU(4),
                nn.MaxPool2d(2),
                nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False),
                nn.GroupNorm(3, 6),
                nn.ConvTranspose2d(6, 4, (2, 3), stride=2, groups=2),
                nn.InstanceNorm2d(4, affine=True),
                nn.LayerNorm([4, 4, 5]),
                nn.Flatten(2),
                nn.Conv1d(4, 3, 4, stride=2),
                nn.Flatten(),
                nn.BatchNorm1d(27),
                nn.Linear(27, 3),
            ),
            (2, 2, 6, 6),
        ),
        "recurrent": (Recurrent(), (2, 5, 3)),
        "transformer": (Transformer(), (2, 5)),
    }


def prepare(name, model, shape):
    """Gives every parameter and statistic a value of its own, and returns an input."""
    for key, t in model.state_dict().items():
        if key.endswith("num_batches_tracked"):
            t.fill_(12)
        elif key.endswith("running_var"):
            t.uniform_(0.5, 2)
        elif t.dim() == 1:
            t.uniform_(-1, 1)
        else:
            t.normal_(0, 1 / math.sqrt(t[0].numel()))
    if name == "transformer":
        return torch.randint(0, 7, shape).double()
    return torch.randn(shape).double()


def numbers(t):
    """A tensor as the golden files have it; JSON has no NaN and no infinity."""
    text = lambda v: v if math.isfinite(v) else {math.inf: "Inf", -math.inf: "-Inf"}.get(v, "NaN")
    return {"shape": list(t.shape), "data": [text(v) for v in t.detach().double().flatten().tolist()]}


def typed():
    """Tensors of every type and kind of view."""
    floats = torch.tensor([0.0, -0.0, 1.0, -2.5, 0.1, 1e-7, 65504.0, math.inf, -math.inf, math.nan])
    ts = {str(t)[6:]: floats.to(t) for t in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}
    for t in (torch.int8, torch.int16, torch.int32, torch.int64):
        i = torch.iinfo(t)
        ts[str(t)[6:]] = torch.tensor([0, 1, -1, i.min, i.max], dtype=t)
    ts["uint8"] = torch.tensor([0, 1, 255], dtype=torch.uint8)
    ts["bool"] = torch.tensor([[True, False], [False, True]])
    ts["scalar"] = torch.tensor(2.5)
    ts["empty"] = torch.empty(0, 3)
    ts["rank4"] = torch.arange(24.0).reshape(2, 1, 3, 4)
    return ts


def views():
    base = torch.arange(24.0, dtype=torch.float64)
    m = base.reshape(4, 6)
    return {
        "base": base,
        "whole": m,
        "transposed": m.T,
        "rows": m[1:3],
        "columns": m[:, 2:5],
        "every other": m[::2, ::3],
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
        "expanded": base[5:6].expand(2, 3),
        "one": m[3, 5],
        "none": m[4:, :],
        "unit": m[:, 3:4],
        "parameter": nn.Parameter(m[2]),
        "channels last": torch.arange(12.0).reshape(1, 3, 2, 2).contiguous(memory_format=torch.channels_last),
    }


def make(dir, seed=0):
    torch.manual_seed(seed)
    golden = {}
    for name, (model, shape) in models().items():
        x = prepare(name, model, shape)
        state = model.state_dict()
        # The transformer's file has float64, the others the usual float32.
        if name == "transformer":
            state = model.double().state_dict()
        if seed or name != "transformer":
            save(os.path.join(dir, name + ".safetensors"), state, {"format": "pt"})
        if seed or name in ("mlp", "transformer"):
            torch.save(state, os.path.join(dir, name + ".pt"))
        with torch.no_grad():
            y = model.double().eval()(x)
        golden[name] = {"x": numbers(x.flatten(1)), "y": numbers(y.flatten(1))}
    ts = typed()
    save(os.path.join(dir, "types.safetensors"), ts, {"a": "b", "é": "\n"})
    golden["types"] = {k: numbers(v) for k, v in ts.items()}
    ts.update(views())
    nested = {"model": ts, "epoch": 3, "rate": 0.5, "name": "é", "size": torch.Size([2, 3]), "long": 1 << 40, "no": None,
              "yes": True, "list": [torch.tensor([1, 2]), (torch.tensor(3), "x")], 7: {8: torch.tensor(9)}}
    torch.save(nested, os.path.join(dir, "types.pt"))
    torch.save(torch.tensor([1.0, 2.0]), os.path.join(dir, "alone.pt"))
    golden["views"] = {k: numbers(v) for k, v in ts.items()}
    with open(os.path.join(dir, "golden.json"), "w") as f:
        json.dump(golden, f, separators=(",", ":"))
        f.write("\n")


def check(dir):
    for name, (model, _) in models().items():
        ts = load(os.path.join(dir, name + ".safetensors"))
        io = load(os.path.join(dir, name + ".io.safetensors"))
        model.double().eval().load_state_dict(ts, strict=True)
        x, y = io["x"], io["y"]
        with torch.no_grad():
            got = model(x).flatten(1)
        worst = (got - y).abs().max().item()
        print(f"{name}: {worst:.3g}")
        assert y.numel() > 0 and worst < 1e-12, name


if __name__ == "__main__":
    {"make": lambda d, s="0": make(d, int(s)), "check": check}[sys.argv[1]](*sys.argv[2:])
