package nn

import (
	"math/rand/v2"
	"testing"
)

// benchGPT returns a language model of 4 blocks of width 128 with 4 heads, for
// sequences of 64 characters of 64 kinds.
func benchGPT() *Network {
	layers := Layers{Embedding(64, 128), Positions()}
	for range 4 {
		layers = append(layers, TransformerBlock(Attention(4).WithCausalMask(), 128, 512, 0)...)
	}
	return New(rand.NewPCG(1, 2), Input(64), append(layers, LayerNorm(), Dense(64), Softmax())...)
}

func benchText(samples int) (x, y *Matrix) {
	rng := testRand()
	x, y = NewMatrix(samples, 64), NewMatrix(samples, 64)
	for i := range x.Data {
		x.Data[i], y.Data[i] = float64(intN(rng, 64)), float64(intN(rng, 64))
	}
	return x, y
}

// BenchmarkAttention is a transformer: a step of training on 16 sequences of 64
// characters, prediction of one such sequence, and generation of its characters
// one by one.
func BenchmarkAttention(b *testing.B) {
	net := benchGPT()
	b.Run("train", func(b *testing.B) {
		tr := Trainer{Net: net}
		x, y := benchText(16)
		tr.Step(x, y)
		b.ReportAllocs()
		for b.Loop() {
			tr.Step(x, y)
		}
		reportSamples(b, 16)
	})
	b.Run("predict", func(b *testing.B) {
		x, _ := benchText(1)
		y := net.Predict(x)
		b.ReportAllocs()
		for b.Loop() {
			net.PredictTo(y, x)
		}
		reportSamples(b, 1)
	})
	b.Run("generate", func(b *testing.B) {
		s, err := NewSession(net)
		if err != nil {
			b.Fatal(err)
		}
		x, y := NewMatrix(1, 1), new(Matrix)
		run := func() {
			for range 64 {
				s.StepTo(y, x)
			}
			s.Reset()
		}
		run()
		b.ReportAllocs()
		for b.Loop() {
			run()
		}
		reportSamples(b, 64)
	})
	// The layer without its products with weights.
	b.Run("heads", func(b *testing.B) {
		a := Attention(4).WithCausalMask()
		a.Build(Input(64, 128), testRand())
		q, kv, o := randomMatrix(testRand(), 1024, 128), randomMatrix(testRand(), 1024, 256), NewMatrix(1024, 128)
		weights := make([]float64, 16*4*64*64)
		b.ReportAllocs()
		for b.Loop() {
			t := a.task(16, 64, 64, q, kv)
			t.causal, t.weights, t.o = true, weights, sequences{o.Data, 128, 64 * 128}
			t.start()
		}
	})
}
