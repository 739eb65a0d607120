//go:build !purego

package nn

// tailMask has the masks of AVX2 for what is left of 16 elements or fewer: those of n
// elements begin at 16−n.
var tailMask = [32]int64{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}

// Assembly can't be interrupted, so it gets at most this many elements, from 1
// to 200 µs of work.
const atOnce = 1 << 14

// Each …Fast does what the kernel of that name does and returns true, or does
// nothing and returns false: where there are no vectors, or too few elements
// for them to pay.

func vexpFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vexpAVX512(y[i:j], x[i:j])
		} else {
			vexpAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vlogFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vlogAVX512(y[i:j], x[i:j])
		} else {
			vlogAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vtanhFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vtanhAVX512(y[i:j], x[i:j])
		} else {
			vtanhAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vsigmoidFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vsigmoidAVX512(y[i:j], x[i:j])
		} else {
			vsigmoidAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vsoftplusFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vsoftplusAVX512(y[i:j], x[i:j])
		} else {
			vsoftplusAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vgeluFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vgeluAVX512(y[i:j], x[i:j])
		} else {
			vgeluAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vsqrtFast(y, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vsqrtAVX512(y[i:j], x[i:j])
		} else {
			vsqrtAVX2(y[i:j], x[i:j])
		}
	}
	return true
}

func vexpShiftFast(y []float64, s float64, x []float64) bool {
	if !useAVX2 || len(x) < 4 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vexpShiftAVX512(y[i:j], s, x[i:j])
		} else {
			vexpShiftAVX2(y[i:j], s, x[i:j])
		}
	}
	return true
}

func vaddFast(z, x, y []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vaddAVX512(z[i:j], x[i:j], y[i:j])
		} else {
			vaddAVX2(z[i:j], x[i:j], y[i:j])
		}
	}
	return true
}

func vsubFast(z, x, y []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vsubAVX512(z[i:j], x[i:j], y[i:j])
		} else {
			vsubAVX2(z[i:j], x[i:j], y[i:j])
		}
	}
	return true
}

func vmulFast(z, x, y []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vmulAVX512(z[i:j], x[i:j], y[i:j])
		} else {
			vmulAVX2(z[i:j], x[i:j], y[i:j])
		}
	}
	return true
}

func vdivFast(z, x, y []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vdivAVX512(z[i:j], x[i:j], y[i:j])
		} else {
			vdivAVX2(z[i:j], x[i:j], y[i:j])
		}
	}
	return true
}

func vreluGradFast(dx, x, dy []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vreluGradAVX512(dx[i:j], x[i:j], dy[i:j])
		} else {
			vreluGradAVX2(dx[i:j], x[i:j], dy[i:j])
		}
	}
	return true
}

func vtanhGradFast(dx, y, dy []float64) bool {
	if !useAVX2 || len(y) < 8 {
		return false
	}
	for i := 0; i < len(y); i += atOnce {
		j := min(i+atOnce, len(y))
		if useAVX512 {
			vtanhGradAVX512(dx[i:j], y[i:j], dy[i:j])
		} else {
			vtanhGradAVX2(dx[i:j], y[i:j], dy[i:j])
		}
	}
	return true
}

func vsigmoidGradFast(dx, y, dy []float64) bool {
	if !useAVX2 || len(y) < 8 {
		return false
	}
	for i := 0; i < len(y); i += atOnce {
		j := min(i+atOnce, len(y))
		if useAVX512 {
			vsigmoidGradAVX512(dx[i:j], y[i:j], dy[i:j])
		} else {
			vsigmoidGradAVX2(dx[i:j], y[i:j], dy[i:j])
		}
	}
	return true
}

func vgeluGradFast(y, d, x []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	if useAVX512 {
		return vgeluGradParts(y, d, x)
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vgeluGradAVX2(y[i:j], d[i:j], x[i:j])
	}
	return true
}

// vgeluGradParts is vgeluGradFast by routines for the two results.
func vgeluGradParts(y, d, x []float64) bool {
	var xs, ones [256]float64
	fill(ones[:], 1)
	for i := 0; i < len(x); i += len(xs) {
		j := min(i+len(xs), len(x))
		n := copy(xs[:], x[i:j]) // y or d may be x
		vgeluAVX512(y[i:j], xs[:n])
		vgeluGradAVX512(d[i:j], xs[:n], ones[:n])
	}
	return true
}

func vshiftFast(z []float64, s float64, x []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vshiftAVX512(z[i:j], s, x[i:j])
		} else {
			vshiftAVX2(z[i:j], s, x[i:j])
		}
	}
	return true
}

func vscaleFast(z []float64, s float64, x []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vscaleAVX512(z[i:j], s, x[i:j])
		} else {
			vscaleAVX2(z[i:j], s, x[i:j])
		}
	}
	return true
}

func vaxpyFast(z, x []float64, s float64, y []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		if useAVX512 {
			vaxpyAVX512(z[i:j], x[i:j], s, y[i:j])
		} else {
			vaxpyAVX2(z[i:j], x[i:j], s, y[i:j])
		}
	}
	return true
}

func vfmaFast(z, x, y, w []float64) bool {
	if !useAVX2 || len(x) < 8 {
		return false
	}
	for i := 0; i < len(x); i += atOnce {
		j := min(i+atOnce, len(x))
		vfmaAVX2(z[i:j], x[i:j], y[i:j], w[i:j])
	}
	return true
}

// vexpAVX512 and vexpAVX2 do
//
//	for i := range x {
//		y[i] = exp(x[i])
//	}
//
//go:noescape
func vexpAVX512(y, x []float64)

//go:noescape
func vexpAVX2(y, x []float64)

// vlogAVX512 and vlogAVX2 do
//
//	for i := range x {
//		y[i] = log(x[i])
//	}
//
//go:noescape
func vlogAVX512(y, x []float64)

//go:noescape
func vlogAVX2(y, x []float64)

// vtanhAVX512 and vtanhAVX2 do
//
//	for i := range x {
//		y[i] = tanh(x[i])
//	}
//
//go:noescape
func vtanhAVX512(y, x []float64)

//go:noescape
func vtanhAVX2(y, x []float64)

// vsigmoidAVX512 and vsigmoidAVX2 do
//
//	for i := range x {
//		y[i] = sigmoid(x[i])
//	}
//
//go:noescape
func vsigmoidAVX512(y, x []float64)

//go:noescape
func vsigmoidAVX2(y, x []float64)

// vsoftplusAVX512 and vsoftplusAVX2 do
//
//	for i := range x {
//		y[i] = softplus(x[i])
//	}
//
//go:noescape
func vsoftplusAVX512(y, x []float64)

//go:noescape
func vsoftplusAVX2(y, x []float64)

// vgeluAVX512 and vgeluAVX2 do
//
//	for i := range x {
//		y[i] = gelu(x[i])
//	}
//
//go:noescape
func vgeluAVX512(y, x []float64)

//go:noescape
func vgeluAVX2(y, x []float64)

// vsqrtAVX512 and vsqrtAVX2 do
//
//	for i := range x {
//		y[i] = math.Sqrt(x[i])
//	}
//
//go:noescape
func vsqrtAVX512(y, x []float64)

//go:noescape
func vsqrtAVX2(y, x []float64)

// vexpShiftAVX512 and vexpShiftAVX2 do
//
//	for i := range x {
//		y[i] = exp(x[i] + s)
//	}
//
//go:noescape
func vexpShiftAVX512(y []float64, s float64, x []float64)

//go:noescape
func vexpShiftAVX2(y []float64, s float64, x []float64)

// vaddAVX512 and vaddAVX2 do
//
//	for i := range x {
//		z[i] = x[i] + y[i]
//	}
//
//go:noescape
func vaddAVX512(z, x, y []float64)

//go:noescape
func vaddAVX2(z, x, y []float64)

// vsubAVX512 and vsubAVX2 do
//
//	for i := range x {
//		z[i] = x[i] - y[i]
//	}
//
//go:noescape
func vsubAVX512(z, x, y []float64)

//go:noescape
func vsubAVX2(z, x, y []float64)

// vmulAVX512 and vmulAVX2 do
//
//	for i := range x {
//		z[i] = x[i] * y[i]
//	}
//
//go:noescape
func vmulAVX512(z, x, y []float64)

//go:noescape
func vmulAVX2(z, x, y []float64)

// vdivAVX512 and vdivAVX2 do
//
//	for i := range x {
//		z[i] = x[i] / y[i]
//	}
//
//go:noescape
func vdivAVX512(z, x, y []float64)

//go:noescape
func vdivAVX2(z, x, y []float64)

// vreluGradAVX512 and vreluGradAVX2 do
//
//	for i := range x {
//		if x[i] <= 0 {
//			dx[i] = 0
//		} else {
//			dx[i] = dy[i]
//		}
//	}
//
//go:noescape
func vreluGradAVX512(dx, x, dy []float64)

//go:noescape
func vreluGradAVX2(dx, x, dy []float64)

// vtanhGradAVX512 and vtanhGradAVX2 do
//
//	for i := range y {
//		dx[i] = dy[i] * math.FMA(-y[i], y[i], 1)
//	}
//
//go:noescape
func vtanhGradAVX512(dx, y, dy []float64)

//go:noescape
func vtanhGradAVX2(dx, y, dy []float64)

// vsigmoidGradAVX512 and vsigmoidGradAVX2 do
//
//	for i := range y {
//		dx[i] = dy[i] * (y[i] * (1 - y[i]))
//	}
//
//go:noescape
func vsigmoidGradAVX512(dx, y, dy []float64)

//go:noescape
func vsigmoidGradAVX2(dx, y, dy []float64)

// vgeluGradAVX512 does
//
//	for i := range x {
//		dx[i] = dy[i] * geluGrad(x[i])
//	}
//
//go:noescape
func vgeluGradAVX512(dx, x, dy []float64)

// vgeluGradAVX2 does
//
//	for i, v := range x {
//		y[i], d[i] = gelu(v), geluGrad(v)
//	}
//
//go:noescape
func vgeluGradAVX2(y, d, x []float64)

// vshiftAVX512 and vshiftAVX2 do
//
//	for i := range x {
//		z[i] = x[i] + s
//	}
//
//go:noescape
func vshiftAVX512(z []float64, s float64, x []float64)

//go:noescape
func vshiftAVX2(z []float64, s float64, x []float64)

// vscaleAVX512 and vscaleAVX2 do
//
//	for i := range x {
//		z[i] = s * x[i]
//	}
//
//go:noescape
func vscaleAVX512(z []float64, s float64, x []float64)

//go:noescape
func vscaleAVX2(z []float64, s float64, x []float64)

// vaxpyAVX512 and vaxpyAVX2 do
//
//	for i := range x {
//		z[i] = math.FMA(s, y[i], x[i])
//	}
//
//go:noescape
func vaxpyAVX512(z, x []float64, s float64, y []float64)

//go:noescape
func vaxpyAVX2(z, x []float64, s float64, y []float64)

// vfmaAVX2 does, also where there is AVX-512,
//
//	for i := range x {
//		z[i] = math.FMA(x[i], y[i], w[i])
//	}
//
//go:noescape
func vfmaAVX2(z, x, y, w []float64)
