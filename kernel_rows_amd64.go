//go:build !purego

package nn

import "math"

// A lane goes on from call to call.

func vsumFast(x []float64) (sum float64, ok bool) {
	if !useAVX2 || len(x) < lanes {
		return 0, false
	}
	var a [lanes]float64
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			sum = vsumAVX512(&a, x[i:j])
		} else {
			sum = vsumAVX2(&a, x[i:j])
		}
	}
	return sum, true
}

func vdotFast(x, y []float64) (sum float64, ok bool) {
	if !useAVX2 || len(x) < lanes {
		return 0, false
	}
	var a [lanes]float64
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			sum = vdotAVX512(&a, x[i:j], y[i:j])
		} else {
			sum = vdotAVX2(&a, x[i:j], y[i:j])
		}
	}
	return sum, true
}

func vmaxFast(x []float64) (largest float64, ok bool) {
	if !useAVX2 || len(x) < 8 {
		return 0, false
	}
	largest = math.Inf(-1)
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		var m float64
		if useAVX512 {
			m = vmaxAVX512(x[i:j])
		} else {
			m = vmaxAVX2(x[i:j])
		}
		if m != m {
			return m, true
		}
		if m > largest {
			largest = m
		}
	}
	return largest, true
}

// Kernels of rows get whole rows, one at least.

func vaddrowFast(z, x, b []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	step := len(x)
	if step > atOnce {
		step = max(atOnce/len(b), 1) * len(b)
	}
	for i := 0; i < len(x); i += step {
		j := min(i+step, len(x))
		if useAVX512 {
			vaddrowAVX512(z[i:j], x[i:j], b)
		} else {
			vaddrowAVX2(z[i:j], x[i:j], b)
		}
	}
	return true
}

func vsumrowsFast(s, x []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	step := len(x)
	if len(s) >= 128 && !useAVX512 {
		step = 8 * len(s) // memory is read nearly from end to end
	}
	if step > atOnce {
		step = max(atOnce/len(s), 1) * len(s)
	}
	for i := 0; i < len(x); i += step {
		j := min(i+step, len(x))
		if useAVX512 {
			vsumrowsAVX512(s, x[i:j])
		} else {
			vsumrowsAVX2(s, x[i:j])
		}
	}
	return true
}

// The words of element i begin with number i/4.

func dropMaskFast(m []float64, drop uint64, keep float64, key uint64) bool {
	if !useAVX2 || len(m) < 8 {
		return false
	}
	for i := 0; i < len(m); i += atOnce {
		j := min(i+atOnce, len(m))
		if useAVX512 {
			dropMaskAVX512(m[i:j], drop, keep, key, uint64(i/4))
		} else {
			dropMaskAVX2(m[i:j], drop, keep, key, uint64(i/4))
		}
	}
	return true
}

func sgdStepFast(w, g []float64, rate, decay float64) bool {
	if !useAVX2 || len(w) < 8 {
		return false
	}
	for i := 0; i < len(w); i += atOnce {
		j := min(i+atOnce, len(w))
		if useAVX512 {
			sgdStepAVX512(w[i:j], g[i:j], rate, decay)
		} else {
			sgdStepAVX2(w[i:j], g[i:j], rate, decay)
		}
	}
	return true
}

func momentumStepFast(w, b, g []float64, mu, fresh, rate, decay float64) bool {
	if !useAVX2 || len(w) < 8 {
		return false
	}
	for i := 0; i < len(w); i += atOnce {
		j := min(i+atOnce, len(w))
		if useAVX512 {
			momentumStepAVX512(w[i:j], b[i:j], g[i:j], mu, fresh, rate, decay)
		} else {
			momentumStepAVX2(w[i:j], b[i:j], g[i:j], mu, fresh, rate, decay)
		}
	}
	return true
}

func nesterovStepFast(w, b, g []float64, mu, fresh, rate, decay float64) bool {
	if !useAVX2 || len(w) < 8 {
		return false
	}
	for i := 0; i < len(w); i += atOnce {
		j := min(i+atOnce, len(w))
		if useAVX512 {
			nesterovStepAVX512(w[i:j], b[i:j], g[i:j], mu, fresh, rate, decay)
		} else {
			nesterovStepAVX2(w[i:j], b[i:j], g[i:j], mu, fresh, rate, decay)
		}
	}
	return true
}

func adamStepFast(w, m, v, g []float64, a *adamNumbers) bool {
	if !useAVX2 || len(w) < 4 {
		return false
	}
	for i := 0; i < len(w); i += atOnce {
		j := min(i+atOnce, len(w))
		if useAVX512 {
			adamStepAVX512(w[i:j], m[i:j], v[i:j], g[i:j], a)
		} else {
			adamStepAVX2(w[i:j], m[i:j], v[i:j], g[i:j], a)
		}
	}
	return true
}

// vsumAVX512 and vsumAVX2 add x to the lanes, and return the sum of these as
// laneTree does:
//
//	for i, v := range x {
//		a[i%lanes] += v
//	}
//	return laneTree(a)
//
//go:noescape
func vsumAVX512(a *[lanes]float64, x []float64) float64

//go:noescape
func vsumAVX2(a *[lanes]float64, x []float64) float64

// vdotAVX512 and vdotAVX2 are the same for
//
//	a[i%lanes] = math.FMA(v, y[i], a[i%lanes])
//
//go:noescape
func vdotAVX512(a *[lanes]float64, x, y []float64) float64

//go:noescape
func vdotAVX2(a *[lanes]float64, x, y []float64) float64

// vmaxAVX512 and vmaxAVX2 are the loop of [vmax].
//
//go:noescape
func vmaxAVX512(x []float64) float64

//go:noescape
func vmaxAVX2(x []float64) float64

// vaddrowAVX512 and vaddrowAVX2 are the loops of [vaddrow]. There is a column.
//
//go:noescape
func vaddrowAVX512(z, x, b []float64)

//go:noescape
func vaddrowAVX2(z, x, b []float64)

// vsumrowsAVX512 and vsumrowsAVX2 are the loops of [vsumrows]. There are a
// column and a row.
//
//go:noescape
func vsumrowsAVX512(s, x []float64)

//go:noescape
func vsumrowsAVX2(s, x []float64)

// dropMaskAVX512 and dropMaskAVX2 are the loop of [dropMask], from the given
// word of the stream on.
//
//go:noescape
func dropMaskAVX512(m []float64, drop uint64, keep float64, key, word uint64)

//go:noescape
func dropMaskAVX2(m []float64, drop uint64, keep float64, key, word uint64)

// sgdStepAVX512 and sgdStepAVX2 are the loop of [sgdStep].
//
//go:noescape
func sgdStepAVX512(w, g []float64, rate, decay float64)

//go:noescape
func sgdStepAVX2(w, g []float64, rate, decay float64)

// momentumStepAVX512 and momentumStepAVX2 are the loop of [momentumStep].
//
//go:noescape
func momentumStepAVX512(w, b, g []float64, mu, fresh, rate, decay float64)

//go:noescape
func momentumStepAVX2(w, b, g []float64, mu, fresh, rate, decay float64)

// nesterovStepAVX512 and nesterovStepAVX2 are the loop of [nesterovStep].
//
//go:noescape
func nesterovStepAVX512(w, b, g []float64, mu, fresh, rate, decay float64)

//go:noescape
func nesterovStepAVX2(w, b, g []float64, mu, fresh, rate, decay float64)

// adamStepAVX512 and adamStepAVX2 are the loop of [adamStep].
//
//go:noescape
func adamStepAVX512(w, m, v, g []float64, a *adamNumbers)

//go:noescape
func adamStepAVX2(w, m, v, g []float64, a *adamNumbers)
