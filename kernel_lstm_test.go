package nn

import (
	"fmt"
	"testing"
)

// A step of an LSTM ahead gives the bits of its formulas by other functions, also with
// the gates in the place of the sums and c in that of c before.
func TestLSTMAheadKernel(t *testing.T) { kernelSets(t, testLSTMAheadKernel) }

func testLSTMAheadKernel(t *testing.T) {
	rng := testRand()
	for _, n := range kernelSizes() {
		sums, bias, before := wild(rng, 4*n, true), wild(rng, 4*n, true), wild(rng, n, true)
		x, want := make([]float64, 4*n), make([]float64, 4*n)
		vadd(x, sums, bias)
		vsigmoid(want, x)
		vtanh(want[2*n:3*n], x[2*n:3*n])
		i, f, g, o := want[:n], want[n:2*n], want[2*n:3*n], want[3*n:]
		wantC, wantH := make([]float64, n), make([]float64, n)
		vmul(wantC, i, g)
		vfma(wantC, f, before, wantC)
		vtanh(wantH, wantC)
		vmul(wantH, o, wantH)
		for _, inPlace := range []bool{false, true} {
			s, sDone := fenced(t, sums)
			b, bDone := fenced(t, bias)
			p, pDone := fenced(t, before)
			z, zDone := fenced(t, make([]float64, 4*n))
			c, cDone := fenced(t, make([]float64, n))
			h, hDone := fenced(t, make([]float64, n))
			if inPlace {
				z, c = s, p
			}
			lstmAhead(z, s, b, p, c, h)
			what := fmt.Sprintf("%d units, in place %t", n, inPlace)
			checkBits(t, what+": gates", z, want)
			checkBits(t, what+": c", c, wantC)
			checkBits(t, what+": h", h, wantH)
			checkBits(t, what+": bias", b, bias)
			if !inPlace {
				checkBits(t, what+": c before", p, before)
			}
			for _, done := range []func(){sDone, bDone, pDone, zDone, cDone, hDone} {
				done()
			}
		}
	}
}

// A step ahead panics if a slice is too short, and doesn't go beyond it.
func TestLSTMAheadShort(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		const n = 32
		for short := range 5 {
			var x [5][]float64
			for k, size := range []int{4 * n, 4 * n, 4 * n, n, n} {
				if k == short {
					size--
				}
				x[k] = make([]float64, size)
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("slice %d too short: no panic", short)
					}
				}()
				lstmAhead(x[0], x[1], x[2], make([]float64, n), x[3], x[4])
			}()
		}
	})
}

// A step of an LSTM back gives the bits of its formulas by other functions, and
// touches nothing else.
func TestLSTMBackKernel(t *testing.T) { kernelSets(t, testLSTMBackKernel) }

func testLSTMBackKernel(t *testing.T) {
	rng := testRand()
	for _, n := range kernelSizes() {
		gates, before, tc := wild(rng, 4*n, true), wild(rng, n, true), wild(rng, n, true)
		dh, dc := wild(rng, n, true), wild(rng, n, true)
		i, f, g, o := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:]

		e, do, s := make([]float64, n), make([]float64, n), make([]float64, n)
		vmul(s, dh, o)
		vtanhGrad(s, tc, s)
		vadd(e, dc, s)
		vmul(s, dh, tc)
		vsigmoidGrad(do, o, s)
		var want []float64
		for _, part := range []struct {
			grad func(dx, y, dy []float64)
			y, x []float64
		}{{vsigmoidGrad, i, g}, {vsigmoidGrad, f, before}, {vtanhGrad, g, i}} {
			dx := make([]float64, n)
			vmul(s, e, part.x)
			part.grad(dx, part.y, s)
			want = append(want, dx...)
		}
		want = append(want, do...)
		wantC := make([]float64, n)
		vmul(wantC, e, f)

		z, zDone := fenced(t, gates)
		b, bDone := fenced(t, before)
		c, cDone := fenced(t, tc)
		h, hDone := fenced(t, dh)
		d, dDone := fenced(t, dc)
		lstmBack(z, b, c, h, d)
		what := fmt.Sprintf("%d units", n)
		checkBits(t, what+": dz", z, want)
		checkBits(t, what+": dc", d, wantC)
		checkBits(t, what+": dh", h, make([]float64, n))
		checkBits(t, what+": c before", b, before)
		checkBits(t, what+": tanh(c)", c, tc)
		for _, done := range []func(){zDone, bDone, cDone, hDone, dDone} {
			done()
		}
	}
}
