package nn

import (
	"fmt"
	"testing"
)

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
			x, y, z := make([]float64, s.m*s.k), make([]float64, s.k*s.n), make([]float64, s.m*s.n)
			for i := range x {
				x[i] = float64(i%17)/16 - 0.5
			}
			for i := range y {
				y[i] = float64(i%19)/16 - 0.5
			}
			b.ReportAllocs()
			for b.Loop() {
				gemm(ta, tb, s.m, s.n, s.k, x, lda, y, ldb, z, s.n, false)
			}
			flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
