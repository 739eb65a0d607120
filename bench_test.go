package nn

import (
	"math/rand/v2"
	"testing"
)

// The benchmarks report what their workload is measured by: GFLOP/s for
// products, samples/s for training and prediction, ns/element for functions.
// Compare two versions of the code by benchstat of ten runs each.

// benchNet is a workload: a network, and data like those it is meant for.
type benchNet struct {
	name      string
	net       *Network
	data      Dataset
	batch     int
	optimizer Optimizer
}

// sparse returns n samples like images of digits: four of five values are 0.
func sparse(n, cols, classes int) Dataset {
	rng := testRand()
	d := Dataset{X: NewMatrix(n, cols), Y: NewMatrix(n, 1)}
	for i := range d.X.Data {
		if intN(rng, 5) == 0 {
			d.X.Data[i] = uniform(rng)
		}
	}
	for i := range d.Y.Data {
		d.Y.Data[i] = float64(intN(rng, classes))
	}
	return d
}

func benchNets() []benchNet {
	src := func() rand.Source { return rand.NewPCG(1, 2) }
	return []benchNet{
		{"XOR", New(src(), Input(2), Dense(8), Tanh, Dense(1), Sigmoid), xorData(), 4, &SGD{LearningRate: 0.5}},
		{"digits", New(src(), Input(64), Dense(128), ReLU, Dropout(0.2), Dense(64), ReLU, Dropout(0.2), Dense(10), Softmax()), sparse(1437, 64, 10), 32, &Adam{}},
		{"MNIST", New(src(), Input(784), Dense(128), ReLU, Dense(10), Softmax()), sparse(6400, 784, 10), 32, &SGD{LearningRate: 0.1}},
	}
}

func reportSamples(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkStep is one step of training on one batch.
func BenchmarkStep(b *testing.B) {
	for _, w := range benchNets() {
		b.Run(w.name, func(b *testing.B) {
			tr := Trainer{Net: w.net, Optimizer: w.optimizer, Loss: nil}
			x, y := w.data.X.RowRange(0, w.batch), w.data.Y.RowRange(0, w.batch)
			tr.Step(x, y)
			b.ReportAllocs()
			for b.Loop() {
				tr.Step(x, y)
			}
			reportSamples(b, w.batch)
		})
	}
}

// BenchmarkEpoch is one epoch of training. MNIST's has 6,400 samples here, not
// 60,000.
func BenchmarkEpoch(b *testing.B) {
	for _, w := range benchNets() {
		b.Run(w.name, func(b *testing.B) {
			tr := Trainer{Net: w.net, Optimizer: w.optimizer, BatchSize: w.batch}
			for range tr.Train(w.data, 1) {
			}
			b.ReportAllocs()
			for b.Loop() {
				for range tr.Train(w.data, 1) {
				}
			}
			reportSamples(b, w.data.Len())
		})
	}
}

// BenchmarkPredict is the prediction of one sample by one goroutine, of many at
// once, and of single samples from goroutines on all processors.
func BenchmarkPredict(b *testing.B) {
	for _, w := range benchNets() {
		one := w.data.X.RowRange(0, 1)
		b.Run(w.name+"/one", func(b *testing.B) {
			y := w.net.Predict(one)
			b.ReportAllocs()
			for b.Loop() {
				w.net.PredictTo(y, one)
			}
			reportSamples(b, 1)
		})
		b.Run(w.name+"/all", func(b *testing.B) {
			y := w.net.Predict(w.data.X)
			b.ReportAllocs()
			for b.Loop() {
				w.net.PredictTo(y, w.data.X)
			}
			reportSamples(b, w.data.Len())
		})
		b.Run(w.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				y := new(Matrix)
				for pb.Next() {
					w.net.PredictTo(y, one)
				}
			})
			reportSamples(b, 1)
		})
	}
}
