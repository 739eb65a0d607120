package nn

// Kernels for parts of planes: rows of n values, those of z zs apart and those of
// x xs apart. Rows do not overlap.

// copyRows copies rows of x to rows of z.
func copyRows(z []float64, zs int, x []float64, xs, rows, n int) {
	if rows <= 0 || n <= 0 {
		return
	}
	z, x = z[:(rows-1)*zs+n], x[:(rows-1)*xs+n]
	if zs == n && xs == n {
		copy(z, x)
		return
	}
	if copyRowsFast(z, zs, x, xs, rows, n) {
		return
	}
	for i := range rows {
		copy(z[i*zs:][:n], x[i*xs:])
	}
}

// addRows adds rows of x to rows of z.
func addRows(z []float64, zs int, x []float64, xs, rows, n int) {
	if rows <= 0 || n <= 0 {
		return
	}
	z, x = z[:(rows-1)*zs+n], x[:(rows-1)*xs+n]
	if zs == n && xs == n {
		vadd(z, z, x)
		return
	}
	if addRowsFast(z, zs, x, xs, rows, n) {
		return
	}
	for i := range rows {
		from, to := x[i*xs:][:n], z[i*zs:][:n]
		for j, v := range from {
			to[j] += v
		}
	}
}

// fill sets all of z to v.
func fill(z []float64, v float64) {
	if fillFast(z, v) {
		return
	}
	for i := range z {
		z[i] = v
	}
}
