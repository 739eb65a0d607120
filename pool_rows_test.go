package nn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// poolRecipe is the definition of pools: the first of the largest values of each
// window, or sums in order of rows over the size; and gradients in order of windows.
func poolRecipe(g *pool, largest bool, x, dy []float64) (y, dx []float64) {
	in, out := g.plane()
	y, dx = make([]float64, len(dy)), make([]float64, len(x))
	for i := range dy {
		plane := i / out * in
		top, bottom, h := g.span(&g.rows, i%out/g.cols.out)
		left, right, w := g.span(&g.cols, i%out%g.cols.out)
		if g.inside {
			h, w = bottom-top, right-left
		}
		best, sum, size := plane+top*g.cols.in+left, 0.0, float64(h)*float64(w)
		for r := top; r < bottom; r++ {
			for c := left; c < right; c++ {
				at := plane + r*g.cols.in + c
				if v, b := x[at], x[best]; v > b || v != v && b == b {
					best = at
				}
				sum += x[at]
				if !largest {
					dx[at] += dy[i] / size
				}
			}
		}
		y[i] = sum / size
		if largest {
			y[i] = x[best]
			dx[best] += dy[i]
		}
	}
	return y, dx
}

// Windows of all small sizes, with numbers of all kinds, against the definition.
func TestPoolRows(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		kinds := []float64{0, math.Copysign(0, -1), 1, -1, 2, math.Inf(1), math.Inf(-1), math.NaN(), 0.5, -0.5, 5e-324, -5e-324}
		for width := 1; width < 44; width++ {
			for range 30 {
				h, w, height := 1+intN(rng, 4), 1+intN(rng, 5), 1+intN(rng, 6)
				down, right, padding := 1+intN(rng, 3), 1+intN(rng, 3), intN(rng, min(h, w))
				in := Shape{2, height, width}
				m := MaxPool2D(h).WithSize(h, w).WithStrides(down, right).WithPadding(padding)
				a := AvgPool2D(h).WithSize(h, w).WithStrides(down, right).WithPadding(padding)
				a.ExcludePadding = intN(rng, 2) == 0
				special, whole := intN(rng, 2) == 0, GlobalMaxPool2D()
				row := MaxPool1D(width).WithPadding(intN(rng, width))
				for _, l := range []Layer{m, a, whole, row} {
					if l == Layer(row) {
						in = Shape{2 * height, width}
					}
					out, err := l.Build(in, nil)
					if err != nil {
						continue // the image is smaller than the windows
					}
					g := &a.pool
					switch l {
					case m:
						g = &m.pool
					case whole:
						g = &whole.pool
					case row:
						g = &row.pool
					}
					x, dy := randomMatrix(rng, 2, in.Size()), randomMatrix(rng, 2, out.Size())
					if special {
						n := len(kinds)
						if g == &a.pool && intN(rng, 2) == 0 {
							n = 2 // zeros
						}
						for i := range x.Data {
							x.Data[i] = kinds[intN(rng, n)]
						}
						for i := range dy.Data {
							dy.Data[i] = kinds[intN(rng, n)]
						}
					}
					y, dx := trip(l, x, dy)
					wantY, wantX := poolRecipe(g, g != &a.pool, x.Data, dy.Data)
					if !sameBits(y.Data, wantY) || !sameBits(dx.Data, wantX) {
						t.Errorf("%s%v: y, dx right: %v, %v", describe(l), in, sameBits(y.Data, wantY), sameBits(dx.Data, wantX))
					}
					if got := predict(l, x); !sameBits(got.Data, wantY) {
						t.Errorf("%s%v: other values in prediction", describe(l), in)
					}
				}
			}
		}
	})
}
