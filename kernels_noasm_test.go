//go:build purego || (!amd64 && !arm64)

package nn

import "testing"

// kernelSets runs f as a subtest with each set of kernels that this machine has.
func kernelSets(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("plain", f)
}
