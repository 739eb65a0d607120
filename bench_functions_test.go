package nn

import (
	"fmt"
	"math"
	"testing"
)

// The functions on slices of 1,000 elements with the kernels in use, in ns per
// element, beside those of package math. benchmarks/functions.py is the same for
// NumPy.
func BenchmarkFunctions(b *testing.B) {
	const n = 1000
	x, y, d := make([]float64, n), make([]float64, n), make([]float64, n)
	each := func(f func(float64) float64) func(y, x []float64) {
		return func(y, x []float64) {
			for i, v := range x {
				y[i] = f(v)
			}
		}
	}
	for _, c := range []struct {
		name   string
		f      func(y, x []float64)
		lo, hi float64
	}{
		{"exp", vexp, -10, 10},
		{"exp-math", each(math.Exp), -10, 10},
		{"expm1", each(expm1), -10, 10},
		{"expm1-math", each(math.Expm1), -10, 10},
		{"log", vlog, 0, 10},
		{"log-math", each(math.Log), 0, 10},
		{"log1p", each(log1p), 0, 10},
		{"log1p-math", each(math.Log1p), 0, 10},
		{"tanh", vtanh, -5, 5},
		{"tanh-math", each(math.Tanh), -5, 5},
		{"sigmoid", vsigmoid, -10, 10},
		{"sigmoid-math", each(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }), -10, 10},
		{"softplus", vsoftplus, -10, 10},
		{"softplus-math", each(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }), -10, 10},
		{"gelu", vgelu, -5, 5},
		{"gelu-math", each(func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }), -5, 5},
		{"erf", each(erf), -3, 3},
		{"erf-math", each(math.Erf), -3, 3},
		{"erfc", each(erfc), -3, 3},
		{"erfc-math", each(math.Erfc), -3, 3},
		{"sin", each(sin), -100, 100},
		{"sin-math", each(math.Sin), -100, 100},
		{"sin-1e20", each(sin), 0, 1e20},
		{"sin-1e20-math", each(math.Sin), 0, 1e20},
		{"pow", each(func(x float64) float64 { return pow(x, 0.75) }), 0, 10},
		{"pow-math", each(func(x float64) float64 { return math.Pow(x, 0.75) }), 0, 10},
		{"gelu-grad", func(y, x []float64) { vgeluGrad(y, d[:len(x)], x) }, -5, 5},
		{"relu", vrelu, -5, 5},
		{"relu-math", each(func(x float64) float64 { return math.Max(x, 0) }), -5, 5},
		{"softmax", func(y, x []float64) { softmax(y, x) }, -5, 5},
		{"sum", func(y, x []float64) { y[0] = vsum(x) }, -5, 5},
		{"dot", func(y, x []float64) { y[0] = vdot(x, x) }, -5, 5},
		{"max", func(y, x []float64) { y[0] = vmax(x) }, -5, 5},
		{"axpy", func(y, x []float64) { vaxpy(y, x, 0.5, x) }, -5, 5},
	} {
		b.Run(c.name, func(b *testing.B) {
			for i := range x {
				// in no order, so that branches are as hard to predict as on data
				x[i] = c.lo + (c.hi-c.lo)*float64(i*7919%n)/n
			}
			b.ReportAllocs()
			for b.Loop() {
				c.f(y, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/elem")
		})
	}
}

// The updates of the optimizers, a step for n parameters, in ns per element and
// in bytes read and written. Beside them a loop that does nothing but read and
// write as many: as fast as memory is.
func BenchmarkUpdates(b *testing.B) {
	a := newAdamNumbers("Adam", 0, 0)
	a.rate, a.root, a.epsilon, a.keep = 1e-3, 1, 1e-8, 1
	for _, n := range []int{1000, 1 << 20, 8 << 20} {
		w, m, v, g := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range w {
			w[i], m[i], v[i], g[i] = 1, 0.5, 0.25, float64(1+i%7) // no 0: m would end as subnormal numbers, which are slow
		}
		for _, c := range []struct {
			name  string
			bytes int
			step  func()
		}{
			{"sgd", 24, func() { sgdStep(w, g, 1e-9, 0) }},
			{"sgd-memory", 24, func() { vaxpy(w, w, 1e-9, g) }},
			{"momentum", 40, func() { momentumStep(w, m, g, 0.9, 1, 1e-9, 0) }},
			{"adam", 56, func() { adamStep(w, m, v, g, &a) }},
			{"copy", 16, func() { copy(w, g) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				b.SetBytes(int64(c.bytes * n))
				for b.Loop() {
					c.step()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
			})
		}
	}
}
