//go:build !purego

package nn

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
