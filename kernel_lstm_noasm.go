//go:build purego || !amd64

package nn

func lstmAheadFast(z, sums, bias, before, c, h []float64) int { return 0 }
func lstmBackFast(z, before, tc, dh, dc []float64) int        { return 0 }
