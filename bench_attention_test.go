package nn

import (
	"fmt"
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

// BenchmarkGenerate generates sequences of several lengths, character by
// character: by a Session, whose steps cost the same at any length but for the
// scores of attention, and by predicting the whole sequence so far for each
// character.
func BenchmarkGenerate(b *testing.B) {
	const longest = 256
	gpt := func(steps int) *Network {
		layers := Layers{Embedding(64, 64), Positions()}
		for range 3 {
			layers = append(layers, TransformerBlock(Attention(4).WithCausalMask(), 64, 256, 0)...)
		}
		return New(rand.NewPCG(1, 2), Input(steps), append(layers, LayerNorm(), Dense(64), Softmax())...)
	}
	lstm := func(steps int) *Network {
		return New(rand.NewPCG(1, 2), Input(steps), Embedding(64, 64), LSTM(128), Dense(64), Softmax())
	}
	for _, test := range []struct {
		name string
		make func(steps int) *Network
	}{{"GPT", gpt}, {"LSTM", lstm}} {
		net := test.make(longest)
		s, err := NewSession(net)
		if err != nil {
			b.Fatal(err)
		}
		x, y := NewMatrix(1, 1), new(Matrix)
		for n := 16; n <= longest; n *= 2 {
			b.Run(fmt.Sprintf("%s/session/%d", test.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Reset()
					for t := range n {
						x.Data[0] = float64(t % 64)
						s.StepTo(y, x)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*n), "µs/char")
			})
		}
		for n := 16; n <= longest; n *= 4 {
			var prefixes []*Network
			for t := range n {
				prefixes = append(prefixes, test.make(t+1))
			}
			b.Run(fmt.Sprintf("%s/predict/%d", test.name, n), func(b *testing.B) {
				for b.Loop() {
					for t, prefix := range prefixes {
						prefix.PredictTo(y, NewMatrix(1, t+1))
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*n), "µs/char")
			})
		}
	}
}
