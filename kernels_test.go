package nn

import "testing"

// kernelSets runs f as a subtest with each set of kernels that this machine has,
// the fastest first.
func kernelSets(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, name := range kernelNames() {
		restore := useKernels(name)
		t.Run(name, f)
		restore()
	}
}
