//go:build purego || !amd64

package nn

func lstmBackFast(z, before, tc, dh, dc []float64) int { return 0 }
