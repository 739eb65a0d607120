package nn

import (
	"fmt"
	"testing"
)

// BenchmarkConv times convolutions, forward and back, on batches of 32: the two of
// LeNet, a middle one of a residual network, and such with a filter for each
// channel. First comes the peak to compare with. It also reports how much memory the
// pass holds after a trip, for each sample.
func BenchmarkConv(b *testing.B) {
	const n = 32
	b.Run("peak", func(b *testing.B) {
		// What a tile makes of operands in the first cache.
		_, nr, _ := gemmTile()
		nr = max(nr, 8)
		const m, k = 48, 64
		x, y, z := benchOperand(m*k), benchOperand(k*nr), make([]float64, m*nr)
		for b.Loop() {
			for range 50 {
				gemmSerial(false, false, m, nr, k, x, k, y, nr, z, nr, true)
			}
		}
		reportFlops(b, 50*m, nr, k)
	})
	for _, w := range []struct {
		name  string
		layer *Conv2DLayer
		in    Shape
	}{
		{"LeNet1", Conv2D(6, 5).WithPadding(2), Shape{1, 28, 28}},
		{"LeNet2", Conv2D(16, 5), Shape{6, 14, 14}},
		{"64x64x3x3", Conv2D(64, 3).WithPadding(1), Shape{64, 32, 32}},
		{"1x1", Conv2D(64, 1), Shape{64, 32, 32}},
		{"depthwise", Conv2D(64, 3).WithPadding(1).WithGroups(64), Shape{64, 32, 32}},
		{"depthwise/2", Conv2D(64, 3).WithPadding(1).WithStride(2).WithGroups(64), Shape{64, 32, 32}},
		{"depthwise14", Conv2D(128, 3).WithPadding(1).WithGroups(128), Shape{128, 14, 14}},
		{"depthwise7", Conv2D(256, 3).WithPadding(1).WithGroups(256), Shape{256, 7, 7}},
	} {
		out, err := w.layer.Build(w.in, testRand())
		if err != nil {
			b.Fatal(err)
		}
		for _, q := range w.layer.Params() {
			q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
		}
		x, dy := randomMatrix(testRand(), n, w.in.Size()), randomMatrix(testRand(), n, out.Size())
		g, p := &w.layer.conv, new(Pass)
		flops := 2 * float64(n*g.positions()) * float64(g.f*g.depth())
		dw, db := w.layer.W.Grad.Data, w.layer.B.Grad.Data
		y, dx := NewMatrix(n, out.Size()), NewMatrix(n, w.in.Size())
		for _, op := range []struct {
			name  string
			flops float64
			f     func()
		}{
			{"forward", flops, func() { g.correlate(y.Data, x.Data, w.layer.W.Value.Data, w.layer.B.Value.Data, n, nil) }},
			{"dx", flops, func() { g.spread(dx.Data, dy.Data, w.layer.W.Value.Data, nil, n) }},
			{"dW", flops, func() { p.reset(false, nil); g.gradients(p, dw, db, dy.Data, x.Data, n) }},
			{"both", 3 * flops, func() {
				p.reset(true, nil)
				w.layer.Forward(p, x)
				w.layer.Backward(p, dy)
			}},
		} {
			b.Run(w.name+"/"+op.name, func(b *testing.B) {
				op.f()
				b.ReportAllocs()
				for b.Loop() {
					op.f()
				}
				b.ReportMetric(op.flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				if op.name == "both" {
					b.ReportMetric(float64(8*passValues(p))/n, "B-held/sample")
				}
			})
		}
	}
}

// BenchmarkPool times pooling, forward and back, on batches of 32.
func BenchmarkPool(b *testing.B) {
	const n = 32
	in := Shape{16, 28, 28}
	for _, l := range []Layer{MaxPool2D(2), MaxPool2D(3).WithStride(2).WithPadding(1), MaxPool2D(3).WithStride(1).WithPadding(1), AvgPool2D(2), GlobalAvgPool2D(), GlobalMaxPool2D()} {
		out, err := l.Build(in, nil)
		if err != nil {
			b.Fatal(err)
		}
		x, dy := randomMatrix(testRand(), n, in.Size()), NewMatrix(n, out.Size())
		b.Run(describe(l), func(b *testing.B) {
			p := new(Pass)
			b.ReportAllocs()
			for b.Loop() {
				p.reset(true, nil)
				l.Forward(p, x)
				l.Backward(p, dy)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(x.Data)), "ns/element")
		})
	}
}

// leNet returns the layers of LeNet-5, with ReLU and the largest of each window.
func leNet() Layers {
	return Layers{Conv2D(6, 5).WithPadding(2), ReLU, MaxPool2D(2),
		Conv2D(16, 5), ReLU, MaxPool2D(2), Flatten(),
		Dense(120), ReLU, Dense(84), ReLU, Dense(10), Softmax()}
}

// BenchmarkLeNet times a step of training on batches of several sizes, and reports
// what the pass holds after it beside what the outputs of all layers take and what
// the patches that the convolutions meet would take.
func BenchmarkLeNet(b *testing.B) {
	for _, n := range []int{16, 32, 64} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			in, outputs, patches := Shape{1, 28, 28}, 0, 0
			for _, l := range leNet() {
				out, err := l.Build(in, nil)
				if err != nil {
					b.Fatal(err)
				}
				outputs += n * out.Size()
				if c, ok := l.(*Conv2DLayer); ok {
					patches += n * c.conv.depth() * c.conv.positions()
				}
				in = out
			}
			t := Trainer{Optimizer: &SGD{LearningRate: 0.1}, Net: New(testRand(), Input(1, 28, 28), leNet()...)}
			x, y := randomMatrix(testRand(), n, 784), NewMatrix(n, 1)
			for i := range y.Data {
				y.Data[i] = float64(i % 10)
			}
			t.Step(x, y)
			b.ReportAllocs()
			for b.Loop() {
				t.Step(x, y)
			}
			b.ReportMetric(float64(8*passValues(&t.pass)), "B-held")
			b.ReportMetric(float64(8*outputs), "B-outputs")
			b.ReportMetric(float64(8*patches), "B-patches")
		})
	}
}
