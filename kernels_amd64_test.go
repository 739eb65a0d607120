//go:build !purego

package nn

import "testing"

// kernelNames are the sets of kernels that this machine has.
func kernelNames() []string {
	switch {
	case useAVX512:
		return []string{"AVX-512", "AVX2", "plain"}
	case useAVX2:
		return []string{"AVX2", "plain"}
	}
	return []string{"plain"}
}

// useKernels selects a set of kernels, and returns what undoes it.
func useKernels(name string) (restore func()) {
	avx2, avx512 := useAVX2, useAVX512
	useAVX512 = name == "AVX-512"
	useAVX2 = name != "plain"
	return func() { useAVX2, useAVX512 = avx2, avx512 }
}

// Kernels work where they should, and without AVX2 not at all: a processor that lacks it
// would end the program.
func TestKernelChoice(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		const n = 23
		x, g := make([]float64, n), make([]float64, 4*n)
		for name, fast := range map[string]func() bool{
			"vexp":         func() bool { return vexpFast(x, x) },
			"vexpShift":    func() bool { return vexpShiftFast(x, 1, x) },
			"vlog":         func() bool { return vlogFast(x, x) },
			"vtanh":        func() bool { return vtanhFast(x, x) },
			"vsigmoid":     func() bool { return vsigmoidFast(x, x) },
			"vsoftplus":    func() bool { return vsoftplusFast(x, x) },
			"vgelu":        func() bool { return vgeluFast(x, x) },
			"vgeluGrad":    func() bool { return vgeluGradFast(x, g, x) },
			"vsqrt":        func() bool { return vsqrtFast(x, x) },
			"vadd":         func() bool { return vaddFast(x, x, x) },
			"vsub":         func() bool { return vsubFast(x, x, x) },
			"vmul":         func() bool { return vmulFast(x, x, x) },
			"vdiv":         func() bool { return vdivFast(x, x, x) },
			"vreluGrad":    func() bool { return vreluGradFast(x, x, x) },
			"vtanhGrad":    func() bool { return vtanhGradFast(x, x, x) },
			"vsigmoidGrad": func() bool { return vsigmoidGradFast(x, x, x) },
			"vshift":       func() bool { return vshiftFast(x, 1, x) },
			"vscale":       func() bool { return vscaleFast(x, 1, x) },
			"vaxpy":        func() bool { return vaxpyFast(x, x, 1, x) },
			"vfma":         func() bool { return vfmaFast(x, x, x, x) },
			"fill":         func() bool { return fillFast(x, 1) },
			"copyRows":     func() bool { return copyRowsFast(x, n, x, n, 1, n) },
			"addRows":      func() bool { return addRowsFast(x, n, x, n, 1, n) },
		} {
			if got := fast(); got != useAVX2 {
				t.Errorf("%sFast: %v", name, got)
			}
		}
		ahead, back := 0, 0
		if useAVX2 {
			back = n &^ 3
		}
		if useAVX2 && !useAVX512 {
			ahead = n &^ 15
		}
		if got := lstmAheadFast(g, g, g, x, x, x); got != ahead {
			t.Errorf("lstmAheadFast of %d units does %d, want %d", n, got, ahead)
		}
		if got := lstmBackFast(g, x, x, x, x); got != back {
			t.Errorf("lstmBackFast of %d units does %d, want %d", n, got, back)
		}
	})
}
