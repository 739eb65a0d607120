//go:build !purego

package nn

// kernelNames are the sets of kernels that this machine has.
func kernelNames() []string { return []string{"NEON", "plain"} }

// useKernels selects a set of kernels, and returns what undoes it.
func useKernels(name string) (restore func()) {
	useNEON = name == "NEON"
	return func() { useNEON = true }
}
