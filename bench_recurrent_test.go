package nn

import "testing"

// The benchmarks go forward and back over the rows of 28×28 images, in batches
// of 64, with 128 hidden features.
func benchmarkRecurrent(b *testing.B, l Layer) {
	const batch, steps, n = 64, 28, 28
	out, err := l.Build(Shape{steps, n}, testRand())
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range l.Params() {
		q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
	}
	x, dy := randomMatrix(testRand(), batch, steps*n), randomMatrix(testRand(), batch, out.Size())
	p, rng := new(Pass), testRand()
	b.ReportAllocs()
	for b.Loop() {
		p.reset(true, rng)
		l.Forward(p, x)
		l.(ParamLayer).BackwardParams(p, dy)
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "samples/s")
}

func BenchmarkRNN(b *testing.B)  { benchmarkRecurrent(b, RNN(128)) }
func BenchmarkLSTM(b *testing.B) { benchmarkRecurrent(b, LSTM(128)) }
func BenchmarkGRU(b *testing.B)  { benchmarkRecurrent(b, GRU(128)) }

// A character of a text, one sequence.
func BenchmarkSession(b *testing.B) {
	s, err := NewSession(New(nil, Input(64), Embedding(64, 64), LSTM(128), LSTM(128), Dense(64), Softmax()))
	if err != nil {
		b.Fatal(err)
	}
	x, y := NewMatrix(1, 1, 7), new(Matrix)
	b.ReportAllocs()
	for b.Loop() {
		s.StepTo(y, x)
	}
}

func BenchmarkNorm(b *testing.B) {
	for _, test := range []struct {
		name string
		l    Layer
		in   Shape
	}{
		{"BatchNorm/256", BatchNorm(), Shape{256}},
		{"BatchNorm/16x14x14", BatchNorm(), Shape{16, 14, 14}},
		{"LayerNorm/64x128", LayerNorm(), Shape{64, 128}},
		{"RMSNorm/64x128", RMSNorm(), Shape{64, 128}},
		{"GroupNorm/16x14x14", GroupNorm(4), Shape{16, 14, 14}},
	} {
		b.Run(test.name, func(b *testing.B) {
			if _, err := test.l.Build(test.in, testRand()); err != nil {
				b.Fatal(err)
			}
			for _, q := range test.l.Params() {
				q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
			}
			x := randomMatrix(testRand(), 16, test.in.Size())
			p, rng := new(Pass), testRand()
			b.ReportAllocs()
			for b.Loop() {
				p.reset(true, rng)
				test.l.Forward(p, x)
				test.l.Backward(p, x)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*len(x.Data)), "ns/value")
		})
	}
}
