//go:build linux

package nn

import "testing"

// Kernels read and write nothing before and behind their slices, where there may
// be no memory.
func TestKernelsGuarded(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, end := range []bool{true, false} {
			for n := range 70 {
				x, y, z, w := guarded(t, n, end), guarded(t, n, end), guarded(t, n, end), guarded(t, n, end)
				for _, f := range []func(y, x []float64){vexp, vlog, vtanh, vsigmoid, vsoftplus, vgelu, vsqrt, vrelu} {
					f(y, x)
				}
				for _, f := range []func(z, x, y []float64){vadd, vsub, vmul, vdiv, vreluGrad, vtanhGrad, vsigmoidGrad, vgeluGrad} {
					f(z, x, y)
				}
				vexpShift(y, 1, x)
				vshift(y, 1, x)
				vscale(y, 2, x)
				vaxpy(z, x, 2, y)
				vfma(z, x, y, w)
				gates, sums := guarded(t, 4*n, end), guarded(t, 4*n, end)
				lstmAhead(gates, sums, guarded(t, 4*n, end), x, y, z)
				lstmBack(gates, x, y, z, w)
				prefetch(x)
				vsum(x)
				vdot(x, y)
				vmax(x)
				dropMask(y, 0.5, 1)
				sgdStep(w, x, 1, 1)
				momentumStep(w, y, x, 1, 1, 1, 1)
				nesterovStep(w, y, x, 1, 1, 1, 1)
				adamStep(w, y, z, x, &adamNumbers{epsilon: 1})
				for cols := 1; cols <= n; cols++ {
					if n%cols == 0 {
						b := guarded(t, cols, end)
						vaddrow(y, x, b)
						vsumrows(b, x)
					}
				}
			}
		}
	})
}
