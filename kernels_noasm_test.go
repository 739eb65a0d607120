//go:build purego || (!amd64 && !arm64)

package nn

func kernelNames() []string { return []string{"plain"} }

func useKernels(string) (restore func()) { return func() {} }

// mulTiles would multiply by vector kernels.
func mulTiles(n int, a, b, c []float64) { mulRows(n, a, b, c) }
