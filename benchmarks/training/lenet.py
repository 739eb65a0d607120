"""W4 of training.py: LeNet-5 in PyTorch, on the first 10,000 images."""
import time


class LeNet:
    def __init__(self, torch, X, Y):
        nn = torch.nn
        self.torch = torch
        self.X, self.Y = X[:10000].reshape(-1, 1, 28, 28).contiguous(), Y[:10000]
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        self.opt = torch.optim.SGD(self.net.parameters(), 0.1)
        self.loss = nn.CrossEntropyLoss()

    def epoch(self):
        order = self.torch.randperm(len(self.X))
        start = time.perf_counter()
        for i in range(0, len(self.X), 64):
            rows = order[i : i + 64]
            self.opt.zero_grad(set_to_none=False)
            self.loss(self.net(self.X[rows]), self.Y[rows]).backward()
            self.opt.step()
        return time.perf_counter() - start
