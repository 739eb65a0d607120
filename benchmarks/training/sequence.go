package main

import (
	"math/rand/v2"
	"time"

	"github.com/seed55f1b796/nn"
)

// sequenceWorkloads are those of sequences; see workloads.
func sequenceWorkloads(train nn.Dataset) map[string]func() float64 {
	src := func() rand.Source { return rand.NewPCG(1, 2) }
	few := nn.Dataset{X: train.X.RowRange(0, 10000), Y: train.Y.RowRange(0, 10000)}
	w5 := &nn.Trainer{Optimizer: &nn.Adam{LearningRate: 1e-3}, BatchSize: 64,
		Net: nn.New(src(), nn.Input(784), nn.Reshape(28, 28), nn.LSTM(128), nn.Last(), nn.Dense(10), nn.Softmax())}

	const vocab, steps, width, batch = 65, 64, 128, 16
	layers := nn.Layers{nn.Embedding(vocab, width), nn.Positions()}
	for range 4 {
		layers = append(layers, nn.TransformerBlock(nn.Attention(4).WithCausalMask(), width, 4*width, 0)...)
	}
	layers = append(layers, nn.LayerNorm(), nn.Dense(vocab), nn.Softmax())
	gpt := &nn.Trainer{Optimizer: &nn.Adam{LearningRate: 1e-3}, Net: nn.New(src(), nn.Input(steps), layers...)}
	rng := rand.New(src())
	x, y := nn.NewMatrix(batch, steps), nn.NewMatrix(batch, steps)
	for i := range x.Data {
		x.Data[i], y.Data[i] = float64(rng.IntN(vocab)), float64(rng.IntN(vocab))
	}
	return map[string]func() float64{
		"W5": func() float64 {
			start := time.Now()
			for range w5.Train(few, 1) {
			}
			return time.Since(start).Seconds()
		},
		"GPT": func() float64 {
			const n = 5
			gpt.Step(x, y)
			start := time.Now()
			for range n {
				gpt.Step(x, y)
			}
			return time.Since(start).Seconds() / n
		},
	}
}
