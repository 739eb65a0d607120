//go:build !purego

package nn

// lstmAheadFast does the first units of lstmAhead, and returns how many. With AVX-512 it
// does none: there the functions of lstmAhead take vectors of eight, one by one.
func lstmAheadFast(z, sums, bias, before, c, h []float64) int {
	if !useAVX2 || useAVX512 {
		return 0
	}
	n := len(c)
	done := n &^ 15
	for j := 0; j < done; j += atOnce {
		lstmAheadAVX2(&z[j], &sums[j], &bias[j], n, &before[j], &c[j], &h[j], min(atOnce, done-j))
	}
	return done
}

// lstmAheadAVX2 is lstmAhead for n units, a positive multiple of 16, with gates zs apart.
//
//go:noescape
func lstmAheadAVX2(z, sums, bias *float64, zs int, before, c, h *float64, n int)

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

// lstmBackAVX2 is lstmBack for n units, a positive multiple of 4, with gates zs apart.
//
//go:noescape
func lstmBackAVX2(z *float64, zs int, before, tc, dh, dc *float64, n int)
