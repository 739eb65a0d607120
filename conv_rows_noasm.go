//go:build purego || !amd64

package nn

// There are no kernels for rows of planes.
type rowKernels struct{}

func newRowKernels(rows, cols axis, order int) rowKernels             { return rowKernels{} }
func (k *rowKernels) correlate(y, x, w []float64, start float64) bool { return false }
func (k *rowKernels) gradients(dw, dy, x []float64) bool              { return false }
