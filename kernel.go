package nn

import (
	"math"
)

// Kernels work on slices of equal length; callers check, and a destination may
// be one of the sources, though not overlap it otherwise. None allocates. The
// loops below define every bit of the results: a kernel for a particular
// processor performs the same operations on each element, in the same order
// where an order matters. Only which NaN a NaN is stays open. vexpFast, for
// example, is vexp by such a kernel; it returns false if there is none.

// vadd sets z = x + y.
func vadd(z, x, y []float64) {
	z, y = z[:len(x)], y[:len(x)]
	if vaddFast(z, x, y) {
		return
	}
	for i, v := range x {
		z[i] = v + y[i]
	}
}

// vsub sets z = x − y.
func vsub(z, x, y []float64) {
	z, y = z[:len(x)], y[:len(x)]
	if vsubFast(z, x, y) {
		return
	}
	for i, v := range x {
		z[i] = v - y[i]
	}
}

// vmul sets z = x·y, element by element.
func vmul(z, x, y []float64) {
	z, y = z[:len(x)], y[:len(x)]
	if vmulFast(z, x, y) {
		return
	}
	for i, v := range x {
		z[i] = v * y[i]
	}
}

// vdiv sets z = x/y, element by element.
func vdiv(z, x, y []float64) {
	z, y = z[:len(x)], y[:len(x)]
	if vdivFast(z, x, y) {
		return
	}
	for i, v := range x {
		z[i] = v / y[i]
	}
}

// vshift sets z = x + s.
func vshift(z []float64, s float64, x []float64) {
	z = z[:len(x)]
	if vshiftFast(z, s, x) {
		return
	}
	for i, v := range x {
		z[i] = v + s
	}
}

// vscale sets z = s·x.
func vscale(z []float64, s float64, x []float64) {
	z = z[:len(x)]
	if vscaleFast(z, s, x) {
		return
	}
	for i, v := range x {
		z[i] = s * v
	}
}

// vaxpy sets z = x + s·y with one rounding: fma(s, y, x).
func vaxpy(z, x []float64, s float64, y []float64) {
	z, y = z[:len(x)], y[:len(x)]
	if vaxpyFast(z, x, s, y) {
		return
	}
	for i, v := range x {
		z[i] = math.FMA(s, y[i], v)
	}
}

// vfma sets z = x·y + w with one rounding: fma(x, y, w).
func vfma(z, x, y, w []float64) {
	z, y, w = z[:len(x)], y[:len(x)], w[:len(x)]
	if vfmaFast(z, x, y, w) {
		return
	}
	for i, v := range x {
		z[i] = math.FMA(v, y[i], w[i])
	}
}

// vsqrt sets y = √x.
func vsqrt(y, x []float64) {
	y = y[:len(x)]
	if vsqrtFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = math.Sqrt(v)
	}
}

// vexp sets y = exp(x).
func vexp(y, x []float64) {
	y = y[:len(x)]
	if vexpFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = exp(v)
	}
}

// vexpShift sets y = exp(x + s).
func vexpShift(y []float64, s float64, x []float64) {
	y = y[:len(x)]
	if vexpShiftFast(y, s, x) {
		return
	}
	for i, v := range x {
		y[i] = exp(v + s)
	}
}

// vlog sets y = log(x).
func vlog(y, x []float64) {
	y = y[:len(x)]
	if vlogFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = log(v)
	}
}

// vtanh sets y = tanh(x).
func vtanh(y, x []float64) {
	y = y[:len(x)]
	if vtanhFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = tanh(v)
	}
}

// vsigmoid sets y = sigmoid(x).
func vsigmoid(y, x []float64) {
	y = y[:len(x)]
	if vsigmoidFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = sigmoid(v)
	}
}

// vsoftplus sets y = softplus(x).
func vsoftplus(y, x []float64) {
	y = y[:len(x)]
	if vsoftplusFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = softplus(v)
	}
}

// vgelu sets y = gelu(x).
func vgelu(y, x []float64) {
	y = y[:len(x)]
	if vgeluFast(y, x) {
		return
	}
	for i, v := range x {
		y[i] = gelu(v)
	}
}

// vgeluGrad sets y = gelu(x) and d = geluGrad(x), which have much in common.
// One of y and d may be x.
func vgeluGrad(y, d, x []float64) {
	y, d = y[:len(x)], d[:len(x)]
	if vgeluGradFast(y, d, x) {
		return
	}
	for i, v := range x {
		c, kf, e, el, m, ml := geluParts(v)
		y[i], d[i] = geluValue(v, c, kf, e, el, m, ml), geluSlope(v, c, kf, e, el, m, ml)
	}
}

// vrelu sets y = max(x, 0): NaN stays NaN, and -0 becomes +0.
func vrelu(y, x []float64) {
	y = y[:len(x)]
	if vreluGradFast(y, x, x) {
		return
	}
	for i, v := range x {
		b := math.Float64bits(v)
		if v <= 0 { // a conditional move: signs are hard to predict
			b = 0
		}
		y[i] = math.Float64frombits(b)
	}
}

// vreluGrad sets dx = dy where x > 0 or x is NaN, and +0 elsewhere. The result
// max(x, 0) serves as well for x.
func vreluGrad(dx, x, dy []float64) {
	dx, dy = dx[:len(x)], dy[:len(x)]
	if vreluGradFast(dx, x, dy) {
		return
	}
	for i, v := range x {
		b := math.Float64bits(dy[i])
		if v <= 0 {
			b = 0
		}
		dx[i] = math.Float64frombits(b)
	}
}

// vtanhGrad sets dx = dy·(1 − y²), for y = tanh(x).
func vtanhGrad(dx, y, dy []float64) {
	dx, dy = dx[:len(y)], dy[:len(y)]
	if vtanhGradFast(dx, y, dy) {
		return
	}
	for i, v := range y {
		dx[i] = dy[i] * math.FMA(-v, v, 1)
	}
}

// vsigmoidGrad sets dx = dy·y·(1 − y), for y = sigmoid(x).
func vsigmoidGrad(dx, y, dy []float64) {
	dx, dy = dx[:len(y)], dy[:len(y)]
	if vsigmoidGradFast(dx, y, dy) {
		return
	}
	for i, v := range y {
		dx[i] = dy[i] * (v * (1 - v))
	}
}

// lanes is the number of partial sums of vsum and vdot: four vectors of eight.
const lanes = 32

// vsum returns the sum of x. Fewer than 32 elements are added in order, from 0.
// Otherwise lane l, of 32, starts at 0 and adds x[l], x[l+32], x[l+64], …, and
// [laneTree] adds the lanes.
func vsum(x []float64) float64 {
	if s, ok := vsumFast(x); ok {
		return s
	}
	if len(x) < lanes {
		s := 0.0
		for _, v := range x {
			s += v
		}
		return s
	}
	// A block is walked four times, eight lanes at a time, so that the partial
	// sums stay in registers.
	var a [lanes]float64
	for len(x) >= lanes {
		n := min(len(x), 1024) &^ (lanes - 1)
		for q := 0; q < lanes; q += 8 {
			a0, a1, a2, a3, a4, a5, a6, a7 := a[q], a[q+1], a[q+2], a[q+3], a[q+4], a[q+5], a[q+6], a[q+7]
			for i := q; i+8 <= n; i += lanes {
				b := (*[8]float64)(x[i:])
				a0 += b[0]
				a1 += b[1]
				a2 += b[2]
				a3 += b[3]
				a4 += b[4]
				a5 += b[5]
				a6 += b[6]
				a7 += b[7]
			}
			a[q], a[q+1], a[q+2], a[q+3], a[q+4], a[q+5], a[q+6], a[q+7] = a0, a1, a2, a3, a4, a5, a6, a7
		}
		x = x[n:]
	}
	for l, v := range x {
		a[l] += v
	}
	return laneTree(&a)
}

// vdot returns Σᵢ xᵢ·yᵢ in the order of [vsum], each term added by an FMA.
func vdot(x, y []float64) float64 {
	y = y[:len(x)]
	if s, ok := vdotFast(x, y); ok {
		return s
	}
	if len(x) < lanes {
		s := 0.0
		for i, v := range x {
			s = math.FMA(v, y[i], s)
		}
		return s
	}
	var a [lanes]float64
	for len(x) >= lanes {
		n := min(len(x), 1024) &^ (lanes - 1)
		for q := 0; q < lanes; q += 4 {
			a0, a1, a2, a3 := a[q], a[q+1], a[q+2], a[q+3]
			for i := q; i+4 <= n; i += lanes {
				b, c := (*[4]float64)(x[i:]), (*[4]float64)(y[i:])
				a0 = math.FMA(b[0], c[0], a0)
				a1 = math.FMA(b[1], c[1], a1)
				a2 = math.FMA(b[2], c[2], a2)
				a3 = math.FMA(b[3], c[3], a3)
			}
			a[q], a[q+1], a[q+2], a[q+3] = a0, a1, a2, a3
		}
		x, y = x[n:], y[n:]
	}
	for l, v := range x {
		a[l] = math.FMA(v, y[l], a[l])
	}
	return laneTree(&a)
}

// laneTree adds 32 lanes: the four vectors of eight in pairs, then halves.
func laneTree(a *[lanes]float64) float64 {
	var b [8]float64
	for l := range b {
		b[l] = (a[l] + a[l+8]) + (a[l+16] + a[l+24])
	}
	c0, c1, c2, c3 := b[0]+b[4], b[1]+b[5], b[2]+b[6], b[3]+b[7]
	return (c0 + c2) + (c1 + c3)
}

// vmax returns the largest element: NaN if there is a NaN, -Inf for an empty
// slice. A largest element of zero is returned as +0.
func vmax(x []float64) float64 {
	if m, ok := vmaxFast(x); ok {
		return m
	}
	m := math.Inf(-1)
	for _, v := range x {
		if !(v <= m) {
			if v != v {
				return v
			}
			m = v
		}
	}
	if m == 0 {
		return 0
	}
	return m
}

// vaddrow sets each row of z to that row of x plus b; rows have len(b) columns.
func vaddrow(z, x, b []float64) {
	if len(b) == 0 {
		return
	}
	if vaddrowFast(z, x, b) {
		return
	}
	for len(x) > 0 {
		row, to := x[:len(b)], z[:len(b)]
		for j, v := range b {
			to[j] = row[j] + v
		}
		x, z = x[len(b):], z[len(b):]
	}
}

// vsumrows adds the rows of x to s in order; rows have len(s) columns.
func vsumrows(s, x []float64) {
	if len(s) == 0 || len(x) == 0 {
		return
	}
	if len(s) == 1 {
		t := s[0]
		for _, v := range x {
			t += v
		}
		s[0] = t
		return
	}
	if vsumrowsFast(s, x) {
		return
	}
	for len(x) > 0 {
		row := x[:len(s)]
		for j, v := range row {
			s[j] += v
		}
		x = x[len(s):]
	}
}

// softmax sets y to the softmax of x, yⱼ = e^(xⱼ−m)/s, and returns m = maxₖ xₖ and
// s = Σₖ e^(xₖ−m).
//
// A NaN in x makes all of y and the results NaN. A largest element of +Inf, or
// a row of nothing but -Inf, has no softmax: y is all NaN and m is the largest
// element, as it is of an empty row: -Inf.
func softmax(y, x []float64) (m, s float64) {
	m = vmax(x)
	vexpShift(y, -m, x)
	s = vsum(y)
	vscale(y, 1/s, y)
	return m, s
}
