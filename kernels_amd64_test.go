//go:build !purego

package nn

import "testing"

// kernelSets runs f as a subtest with each set of kernels that this machine has,
// the fastest first.
func kernelSets(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	avx2, avx512 := useAVX2, useAVX512
	defer func() { useAVX2, useAVX512 = avx2, avx512 }()
	if avx512 {
		t.Run("AVX-512", f)
	}
	useAVX512 = false
	if avx2 {
		t.Run("AVX2", f)
	}
	useAVX2 = false
	t.Run("plain", f)
}
