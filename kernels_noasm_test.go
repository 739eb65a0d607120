//go:build purego || (!amd64 && !arm64)

package nn

func kernelNames() []string { return []string{"plain"} }

func useKernels(string) (restore func()) { return func() {} }

// mulTiles would multiply by vector kernels, of which there are none.
func mulTiles(n int, a, b, c []float64) { mulRows(n, a, b, c) }

// mulBlocks is gemmSerial: plain Go works in blocks.
func mulBlocks(n int, a, b, c []float64) {
	gemmSerial(false, false, n, n, n, a, n, b, n, c, n, false)
}
