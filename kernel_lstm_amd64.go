//go:build !purego

package nn

// lstmBackFast does the first units of lstmBack, and returns how many.
func lstmBackFast(z, before, tc, dh, dc []float64) int {
	if !useAVX2 {
		return 0
	}
	n := len(tc)
	done := n &^ 3
	for j := 0; j < done; j += atOnce {
		lstmBackAVX2(&z[j], n, &before[j], &tc[j], &dh[j], &dc[j], min(atOnce, done-j))
	}
	return done
}

//go:noescape
func lstmBackAVX2(z *float64, zs int, before, tc, dh, dc *float64, n int)
