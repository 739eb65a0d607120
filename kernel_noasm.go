//go:build purego || !(amd64 || arm64)

package nn

// There are no kernels but those in Go.

func vexpFast(y, x []float64) bool                                            { return false }
func vlogFast(y, x []float64) bool                                            { return false }
func vtanhFast(y, x []float64) bool                                           { return false }
func vsigmoidFast(y, x []float64) bool                                        { return false }
func vsoftplusFast(y, x []float64) bool                                       { return false }
func vsqrtFast(y, x []float64) bool                                           { return false }
func vexpShiftFast(y []float64, s float64, x []float64) bool                  { return false }
func vaddFast(z, x, y []float64) bool                                         { return false }
func vsubFast(z, x, y []float64) bool                                         { return false }
func vmulFast(z, x, y []float64) bool                                         { return false }
func vdivFast(z, x, y []float64) bool                                         { return false }
func vreluGradFast(dx, x, dy []float64) bool                                  { return false }
func vshiftFast(z []float64, s float64, x []float64) bool                     { return false }
func vscaleFast(z []float64, s float64, x []float64) bool                     { return false }
func vaxpyFast(z, x []float64, s float64, y []float64) bool                   { return false }
func vsumFast(x []float64) (sum float64, ok bool)                             { return 0, false }
func vdotFast(x, y []float64) (sum float64, ok bool)                          { return 0, false }
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
