//go:build !purego

package nn

import "math"

// Assembly can't be interrupted, so it gets at most this many elements, from 1
// to 50 µs of work.
const atOnce = 1 << 13

// Each …Fast does what the kernel of that name does and returns true, or does
// nothing and returns false.

func vexpFast(y, x []float64) bool {
	if !useNEON || len(x) < 2 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vexpNEON(y[i:j], x[i:j])
	}
	if n := len(x) - 1; n&1 == 0 {
		y[n] = exp(x[n])
	}
	return true
}

func vexpShiftFast(y []float64, s float64, x []float64) bool {
	if !useNEON || len(x) < 2 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vexpShiftNEON(y[i:j], s, x[i:j])
	}
	if n := len(x) - 1; n&1 == 0 {
		y[n] = exp(x[n] + s)
	}
	return true
}

func vtanhFast(y, x []float64) bool {
	if !useNEON || len(x) < 2 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vtanhNEON(y[i:j], x[i:j])
	}
	if n := len(x) - 1; n&1 == 0 {
		y[n] = tanh(x[n])
	}
	return true
}

func vsigmoidFast(y, x []float64) bool {
	if !useNEON || len(x) < 2 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vsigmoidNEON(y[i:j], x[i:j])
	}
	if n := len(x) - 1; n&1 == 0 {
		y[n] = sigmoid(x[n])
	}
	return true
}

func vsumFast(x []float64) (sum float64, ok bool) {
	if !useNEON || len(x) < lanes {
		return 0, false
	}
	var a [lanes]float64
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vsumNEON(&a, x[i:j])
	}
	n := len(x) &^ (lanes - 1)
	for l, v := range x[n:] {
		a[l] += v
	}
	return laneTree(&a), true
}

func vdotFast(x, y []float64) (sum float64, ok bool) {
	if !useNEON || len(x) < lanes {
		return 0, false
	}
	var a [lanes]float64
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vdotNEON(&a, x[i:j], y[i:j])
	}
	n := len(x) &^ (lanes - 1)
	for l, v := range x[n:] {
		a[l] = math.FMA(v, y[n+l], a[l])
	}
	return laneTree(&a), true
}

// vexpNEON does, for an even number of elements,
//
//	for i := range x {
//		y[i] = exp(x[i])
//	}
//
// and passes over the last of an odd number.
//
//go:noescape
func vexpNEON(y, x []float64)

// vexpShiftNEON does, for an even number of elements,
//
//	for i := range x {
//		y[i] = exp(x[i] + s)
//	}
//
// and passes over the last of an odd number.
//
//go:noescape
func vexpShiftNEON(y []float64, s float64, x []float64)

// vtanhNEON does, for an even number of elements,
//
//	for i := range x {
//		y[i] = tanh(x[i])
//	}
//
// and passes over the last of an odd number.
//
//go:noescape
func vtanhNEON(y, x []float64)

// vsigmoidNEON does, for an even number of elements,
//
//	for i := range x {
//		y[i] = sigmoid(x[i])
//	}
//
// and passes over the last of an odd number.
//
//go:noescape
func vsigmoidNEON(y, x []float64)

// vsumNEON does, for a multiple of 32 elements,
//
//	for i, v := range x {
//		a[i%lanes] += v
//	}
//
// and passes over what is left of another number.
//
//go:noescape
func vsumNEON(a *[lanes]float64, x []float64)

// vdotNEON does, for a multiple of 32 elements,
//
//	for i, v := range x {
//		a[i%lanes] = math.FMA(v, y[i], a[i%lanes])
//	}
//
// and passes over what is left of another number.
//
//go:noescape
func vdotNEON(a *[lanes]float64, x, y []float64)

// The others are in Go only.

func vlogFast(y, x []float64) bool                                            { return false }
func vsoftplusFast(y, x []float64) bool                                       { return false }
func vsqrtFast(y, x []float64) bool                                           { return false }
func vaddFast(z, x, y []float64) bool                                         { return false }
func vsubFast(z, x, y []float64) bool                                         { return false }
func vmulFast(z, x, y []float64) bool                                         { return false }
func vdivFast(z, x, y []float64) bool                                         { return false }
func vreluGradFast(dx, x, dy []float64) bool                                  { return false }
func vshiftFast(z []float64, s float64, x []float64) bool                     { return false }
func vscaleFast(z []float64, s float64, x []float64) bool                     { return false }
func vaxpyFast(z, x []float64, s float64, y []float64) bool                   { return false }
func vmaxFast(x []float64) (largest float64, ok bool)                         { return 0, false }
func vaddrowFast(z, x, b []float64) bool                                      { return false }
func vsumrowsFast(s, x []float64) bool                                        { return false }
func sgdStepFast(w, g []float64, rate, decay float64) bool                    { return false }
func momentumStepFast(w, b, g []float64, mu, fresh, rate, decay float64) bool { return false }
func nesterovStepFast(w, b, g []float64, mu, fresh, rate, decay float64) bool { return false }
func adamStepFast(w, m, v, g []float64, a *adamNumbers) bool                  { return false }
func vtanhGradFast(dx, y, dy []float64) bool                                  { return false }
func vsigmoidGradFast(dx, y, dy []float64) bool                               { return false }
func dropMaskFast(m []float64, drop uint64, keep float64, key uint64) bool    { return false }
func vgeluFast(y, x []float64) bool                                           { return false }
func vgeluGradFast(y, d, x []float64) bool                                    { return false }
func vfmaFast(z, x, y, w []float64) bool                                      { return false }
