package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func reportFlops(b *testing.B, m, n, k int) {
	b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// benchOperand returns n values that are not zero.
func benchOperand(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i%17)/16 - 0.45
	}
	return x
}

// BenchmarkMul times products C = op(A)·op(B), named m×k×n by the sizes of op(A)
// (m, k) and op(B) (k, n), with -TN for Aᵀ·B and -NT for A·Bᵀ.
func BenchmarkMul(b *testing.B) {
	type size struct {
		m, k, n int
		op      string
	}
	var sizes []size
	for _, n := range []int{64, 128, 256, 512, 1024, 2048} {
		sizes = append(sizes, size{n, n, n, ""})
	}
	sizes = append(sizes,
		// x·W, xᵀ·dy and dy·Wᵀ of a layer from 784 to 128 with a batch of 32 …
		size{32, 784, 128, ""}, size{784, 32, 128, "-TN"}, size{32, 128, 784, "-NT"},
		// … from 784 to 256 with a batch of 128 …
		size{128, 784, 256, ""}, size{784, 128, 256, "-TN"}, size{128, 256, 784, "-NT"},
		// … and from 128 to 10 with a batch of 32.
		size{32, 128, 10, ""}, size{128, 32, 10, "-TN"}, size{32, 10, 128, "-NT"},
		// One sample.
		size{1, 784, 128, ""}, size{1, 128, 784, "-NT"},
		// XOR: 2 to 8 to 1, four samples.
		size{4, 2, 8, ""}, size{2, 4, 8, "-TN"}, size{4, 8, 1, ""}, size{8, 4, 1, "-TN"}, size{4, 1, 8, "-NT"},
	)
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%dx%dx%d%s", s.m, s.k, s.n, s.op), func(b *testing.B) {
			ta, tb := s.op == "-TN", s.op == "-NT"
			lda, ldb := s.k, s.n
			if ta {
				lda = s.m
			}
			if tb {
				ldb = s.k
			}
			x, y, z := benchOperand(s.m*s.k), benchOperand(s.k*s.n), make([]float64, s.m*s.n)
			b.ReportAllocs()
			for b.Loop() {
				gemm(ta, tb, s.m, s.n, s.k, x, lda, y, ldb, z, s.n, false)
			}
			reportFlops(b, s.m, s.n, s.k)
		})
	}
}

// BenchmarkLadder climbs from the naive loop to gemm, one idea at a time; the
// comment at the top of gemm.go explains each. All rungs compute the same bits.
func BenchmarkLadder(b *testing.B) {
	for _, n := range []int{256, 1024} {
		x, y, z := benchOperand(n*n), benchOperand(n*n), make([]float64, n*n)
		rung := func(name, kernels string, f func()) {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", n, n, n, name), func(b *testing.B) {
				if kernels != "" {
					if !slices.Contains(kernelNames(), kernels) {
						b.Skip("not on this machine")
					}
					defer useKernels(kernels)()
				}
				for b.Loop() {
					f()
				}
				reportFlops(b, n, n, n)
			})
		}
		serial := func() { gemmSerial(false, false, n, n, n, x, n, y, n, z, n, false) }
		rung("naive", "", func() { mulNaive(n, x, y, z) })
		rung("rows", "", func() { mulRows(n, x, y, z) })
		rung("steps", "plain", serial)
		for _, kernels := range []string{"NEON", "AVX2", "AVX-512"} {
			rung("tiles "+kernels, kernels, func() { mulTiles(n, x, y, z) })
		}
		rung("blocks", "", func() { mulBlocks(n, x, y, z) })
		rung("packed", "", serial)
		rung("parallel", "", func() { gemm(false, false, n, n, n, x, n, y, n, z, n, false) })
	}
}

// mulNaive is the definition: each element is a row times a column.
func mulNaive(n int, a, b, c []float64) {
	for i := range n {
		for j := range n {
			s := 0.0
			for p := range n {
				s = math.FMA(a[i*n+p], b[p*n+j], s)
			}
			c[i*n+j] = s
		}
	}
}

// mulRows adds rows of B, times a number, to a row of C: everything is read in the
// order in which it lies in memory.
func mulRows(n int, a, b, c []float64) {
	clear(c)
	for i := range n {
		z := c[i*n:][:n]
		for p := range n {
			row1(z, b[p*n:][:n], a[i*n+p])
		}
	}
}

// The rungs of BenchmarkLadder compute what gemm does.
func TestLadder(t *testing.T) {
	n := 300
	x, y, want, z := benchOperand(n*n), benchOperand(n*n), make([]float64, n*n), make([]float64, n*n)
	gemm(false, false, n, n, n, x, n, y, n, want, n, false)
	for name, f := range map[string]func(n int, a, b, c []float64){"naive": mulNaive, "rows": mulRows, "tiles": mulTiles, "blocks": mulBlocks} {
		f(n, x, y, z)
		if !slices.Equal(z, want) {
			t.Errorf("%s: not what gemm computes", name)
		}
	}
}

// BenchmarkDense is a Dense layer beside its product, in turns, by the medians: the
// bias should not cost more than a tenth.
func BenchmarkDense(b *testing.B) {
	const m, k, n = 128, 784, 256
	x, z := NewMatrix(m, k, benchOperand(m*k)...), NewMatrix(m, n)
	layer := Dense(n)
	net := New(testRand(), Input(k), layer)
	y := net.Predict(x)
	b.Run(fmt.Sprintf("%dx%dx%d", m, k, n), func(b *testing.B) {
		var product, whole []float64
		for b.Loop() {
			start := time.Now()
			z.Mul(x, layer.W.Value)
			product = append(product, float64(time.Since(start)))
			start = time.Now()
			net.PredictTo(y, x)
			whole = append(whole, float64(time.Since(start)))
		}
		slices.Sort(product)
		slices.Sort(whole)
		p, w := product[len(product)/2], whole[len(whole)/2]
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(p/1e3, "product-µs")
		b.ReportMetric(w/1e3, "layer-µs")
		b.ReportMetric(w/p, "layer/product")
	})
}
