package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The kernels for parts of planes do what their loops say, and leave alone what
// lies between the rows and behind them.
func TestPlanes(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for n := range 45 {
			for rows := range 5 {
				zs, xs := n+intN(rng, 3), n+intN(rng, 3)
				z, x := randomMatrix(rng, 1, 5*zs+n+3).Data, randomMatrix(rng, 1, 5*xs+n+3).Data
				copied, added := slices.Clone(z), slices.Clone(z)
				for i := range rows {
					for j := range n {
						copied[i*zs+j] = x[i*xs+j]
						added[i*zs+j] += x[i*xs+j]
					}
				}
				got := slices.Clone(z)
				copyRows(got, zs, x, xs, rows, n)
				if !sameBits(got, copied) {
					t.Errorf("copyRows: %d rows of %d values, %d and %d apart: wrong", rows, n, zs, xs)
				}
				got = slices.Clone(z)
				addRows(got, zs, x, xs, rows, n)
				if !sameBits(got, added) {
					t.Errorf("addRows: %d rows of %d values, %d and %d apart: wrong", rows, n, zs, xs)
				}
			}
		}
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 1 << 14, 1<<14 + 1, 1<<15 + 5} {
			z := make([]float64, n+2)
			fill(z[1:n+1], 3)
			for i, v := range z {
				if inside := i > 0 && i <= n; inside && v != 3 || !inside && v != 0 {
					t.Errorf("fill of %d values: value %d is %v", n, i-1, v)
				}
			}
		}
	})
}

// Windows of 2×2, with numbers of all kinds, against the definition.
func TestMaxPool2(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		kinds := []float64{0, math.Copysign(0, -1), 1, -1, 2, math.Inf(1), math.Inf(-1), math.NaN(), 0.5, -0.5}
		rng := rand.New(rand.NewPCG(5, 6))
		for w := 2; w < 44; w++ {
			h := 2 + w%5
			in := Shape{2, h, w}
			l := MaxPool2D(2)
			out, err := l.Build(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			x, dy := NewMatrix(3, in.Size()), NewMatrix(3, out.Size())
			for _, m := range []*Matrix{x, dy} {
				for i := range m.Data {
					m.Data[i] = kinds[intN(rng, len(kinds))]
				}
			}
			y, dx := trip(l, x, dy)
			wantY, wantX := make([]float64, len(y.Data)), make([]float64, len(dx.Data))
			for i := range wantY {
				plane, r, c := i/(out[1]*out[2]), i/out[2]%out[1], i%out[2]
				at := (plane*h+2*r)*w + 2*c
				best := at
				for _, k := range []int{at + 1, at + w, at + w + 1} {
					if v, b := x.Data[k], x.Data[best]; v > b || v != v && b == b {
						best = k
					}
				}
				wantY[i] = x.Data[best]
				wantX[best] += dy.Data[i]
			}
			if !sameBits(y.Data, wantY) || !sameBits(dx.Data, wantX) {
				t.Errorf("planes of %d×%d: y, dx right: %v, %v", h, w, sameBits(y.Data, wantY), sameBits(dx.Data, wantX))
			}
			if got := predict(l, x); !sameBits(got.Data, wantY) {
				t.Errorf("planes of %d×%d: other values in prediction", h, w)
			}
		}
	})
}

// ReLU and a pool after it go back together with the bits that they have one after
// the other.
func TestPooledReLU(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		kinds := []float64{0, math.Copysign(0, -1), 1, -1, 2, math.Inf(1), math.Inf(-1), math.NaN(), -0.5}
		rng := rand.New(rand.NewPCG(9, 1))
		for _, c := range []struct {
			pool Layer
			in   Shape
		}{
			{MaxPool2D(2), Shape{3, 10, 12}}, {MaxPool2D(2), Shape{2, 5, 3}}, {MaxPool2D(3).WithStride(1).WithPadding(1), Shape{2, 6, 7}},
			{MaxPool1D(2), Shape{3, 9}}, {GlobalMaxPool2D(), Shape{4, 3, 3}},
		} {
			out, err := c.pool.Build(c.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			x, dy := NewMatrix(5, c.in.Size()), NewMatrix(5, out.Size())
			for _, m := range []*Matrix{x, dy} {
				for i := range m.Data {
					m.Data[i] = kinds[intN(rng, len(kinds))]
				}
			}
			y, dx := trip(Layers{LeakyReLU, ReLU, c.pool}, x, dy)
			wantY, wantX := trip(Layers{LeakyReLU, ReLU, Identity, c.pool}, x, dy)
			if !sameBits(y.Data, wantY.Data) || !sameBits(dx.Data, wantX.Data) {
				t.Errorf("%s%v: y, dx right: %v, %v", describe(c.pool), c.in, sameBits(y.Data, wantY.Data), sameBits(dx.Data, wantX.Data))
			}
		}
	})
}

// Products of the shapes that convolutions have, each against the definition: A
// that passes over few columns, panels that are cut in the middle of a vector, few
// rows, and rows of B that lie far apart.
func TestConvProducts(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, s := range []struct {
			ta, tb  bool
			m, n, k int
			far     int // values between the rows of B
		}{
			{false, true, 25, 6, 130, 0}, {false, true, 70, 16, 100, 7}, {false, true, 150, 95, 300, 0},
			{false, true, 600, 13, 20, 0}, {true, true, 40, 23, 30, 0}, {false, true, 9, 97, 40, 0},
			{false, false, 5, 50, 25, 0}, {false, false, 6, 49, 300, 0}, {false, false, 64, 50, 40, 600},
			{true, false, 150, 100, 16, 500}, {true, false, 65, 31, 3, 600},
		} {
			a, b := randomMatrix(rng, s.m, s.k), randomMatrix(rng, s.k, s.n)
			for _, acc := range []bool{false, true} {
				c := randomMatrix(rng, s.m, s.n)
				want := c.Clone()
				for i := range s.m {
					for j := range s.n {
						v := 0.0
						if acc {
							v = c.At(i, j)
						}
						for p := range s.k {
							v = math.FMA(a.At(i, p), b.At(p, j), v)
						}
						want.Set(i, j, v)
					}
				}
				x, y := a, b
				if s.ta {
					x = new(Matrix).T(a)
				}
				if s.tb {
					y = new(Matrix).T(b)
				}
				ldb := y.Cols + s.far
				wide := NewMatrix(y.Rows, ldb)
				for i := range y.Rows {
					copy(wide.Row(i), y.Row(i))
				}
				gemmSerial(s.ta, s.tb, s.m, s.n, s.k, x.Data, x.Cols, wide.Data, ldb, c.Data, s.n, acc)
				if !sameBits(c.Data, want.Data) {
					t.Error(fmt.Sprint(s, acc), "not the chains of the definition")
				}
			}
		}
	})
}
