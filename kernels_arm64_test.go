//go:build !purego

package nn

import "testing"

// kernelSets runs f as a subtest with each set of kernels that this machine has,
// the fastest first.
func kernelSets(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer func() { useNEON = true }()
	t.Run("NEON", f)
	useNEON = false
	t.Run("plain", f)
}
