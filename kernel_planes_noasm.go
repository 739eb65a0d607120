//go:build purego || !amd64

package nn

// There are no kernels for planes but those in Go.

func prefetch(x []float64) {}

func copyRowsFast(z []float64, zs int, x []float64, xs, rows, n int) bool { return false }
func addRowsFast(z []float64, zs int, x []float64, xs, rows, n int) bool  { return false }
func fillFast(z []float64, v float64) bool                                { return false }

func maxPool2Fast(y, arg, x []float64, width, h, n int) bool       { return false }
func maxPool2BackFast(dx, arg, dy []float64, width, h, n int) bool { return false }

func maxRowFast(y, arg, x []float64, width, h, w, stride, place int) bool    { return false }
func meanRowFast(y, x []float64, width, h, w, stride int, size float64) bool { return false }
func meanPairsFast(dx, dy []float64, width int, size float64) bool           { return false }
