package nn

import (
	"fmt"
	"testing"
)

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
