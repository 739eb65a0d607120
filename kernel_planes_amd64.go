//go:build !purego

package nn

func copyRowsFast(z []float64, zs int, x []float64, xs, rows, n int) bool {
	if !useAVX2 || n < 4 || rows*n > atOnce {
		return false
	}
	copyRowsAVX2(&z[0], zs, &x[0], xs, rows, n)
	return true
}

func addRowsFast(z []float64, zs int, x []float64, xs, rows, n int) bool {
	if !useAVX2 || n < 4 || rows*n > atOnce {
		return false
	}
	addRowsAVX2(&z[0], zs, &x[0], xs, rows, n)
	return true
}

func fillFast(z []float64, v float64) bool {
	if !useAVX2 || len(z) < 4 {
		return false
	}
	for i := 0; i < len(z); i += atOnce {
		part := z[i:min(i+atOnce, len(z))]
		if len(part) < 4 {
			part = z[len(z)-4:]
		}
		fillAVX2(part, v)
	}
	return true
}

// prefetch asks the first cache for x, which nobody has used for long. It changes
// nothing.
func prefetch(x []float64) {
	if len(x) > 0 {
		prefetchLines(&x[0], min(len(x), atOnce))
	}
}

// prefetchLines is prefetch for n > 0 values.
//
//go:noescape
func prefetchLines(x *float64, n int)

// copyRowsAVX2 is copyRows for rows of at least 4 values.
//
//	for i := range rows {
//		copy(z[i*zs:][:n], x[i*xs:])
//	}
//
//go:noescape
func copyRowsAVX2(z *float64, zs int, x *float64, xs, rows, n int)

// addRowsAVX2 is addRows for rows of at least 4 values.
//
//	for i := range rows {
//		for j := range n {
//			z[i*zs+j] += x[i*xs+j]
//		}
//	}
//
//go:noescape
func addRowsAVX2(z *float64, zs int, x *float64, xs, rows, n int)

// fillAVX2 sets at least 4 values to v.
//
//go:noescape
func fillAVX2(z []float64, v float64)

func maxPool2Fast(y, arg, x []float64, width, h, n int) bool {
	if !useAVX2 || n < 4 || h*n > atOnce {
		return false
	}
	if arg == nil {
		maxPool2AVX2(&y[0], nil, &x[0], width, h, n)
	} else {
		maxPool2AVX2(&y[0], &arg[0], &x[0], width, h, n)
	}
	return true
}

func maxPool2BackFast(dx, arg, dy []float64, width, h, n int) bool {
	if !useAVX2 || n < 4 || h*n > atOnce {
		return false
	}
	maxPool2BackAVX2(&dy[0], &arg[0], &dx[0], width, h, n)
	return true
}

// maxPool2AVX2 is maxPool2 for h rows of n windows, n ≥ 4, of a plane x with rows of
// the given width. arg may be nil.
//
//go:noescape
func maxPool2AVX2(y, arg, x *float64, width, h, n int)

// maxPool2BackAVX2 sets the gradient x to y, plus 0, where arg says, and to 0
// elsewhere in the windows.
//
//go:noescape
func maxPool2BackAVX2(y, arg, x *float64, width, h, n int)

func maxRowFast(y, arg, x []float64, width, h, w, stride, place int) bool {
	n := len(y)
	if !useAVX2 || n < 4 || stride > 2 || h*w*n > atOnce {
		return false
	}
	var at *float64
	if arg != nil {
		at = &arg[0]
	}
	if stride == 1 {
		maxRow1AVX2(&y[0], at, &x[0], width, h, w, n, place)
	} else {
		maxRow2AVX2(&y[0], at, &x[0], width, h, w, n, place)
	}
	return true
}

func meanRowFast(y, x []float64, width, h, w, stride int, size float64) bool {
	n := len(y)
	if !useAVX2 || n < 4 || stride > 2 || h*w*n > atOnce {
		return false
	}
	if stride == 1 {
		meanRow1AVX2(&y[0], &x[0], width, h, w, n, size)
	} else {
		meanRow2AVX2(&y[0], &x[0], width, h, w, n, size)
	}
	return true
}

func meanPairsFast(dx, dy []float64, width int, size float64) bool {
	n := len(dy)
	if !useAVX2 || n < 4 || n > atOnce {
		return false
	}
	meanPairsAVX2(&dx[0], &dy[0], width, n, size)
	return true
}

// maxRow1AVX2 sets y to the largest values of a row of n ≥ 4 windows, h×w values of
// a plane x with rows of the given width, and arg, unless it is nil, to where they
// are, where x is at place. Windows begin side by side.
//
//go:noescape
func maxRow1AVX2(y, arg, x *float64, width, h, w, n, place int)

// maxRow2AVX2 is the same for windows that begin two columns apart.
//
//go:noescape
func maxRow2AVX2(y, arg, x *float64, width, h, w, n, place int)

// meanRow1AVX2 sets y to the sums, over size, of such windows, in order of rows.
//
//go:noescape
func meanRow1AVX2(y, x *float64, width, h, w, n int, size float64)

// meanRow2AVX2 is the same for windows that begin two columns apart.
//
//go:noescape
func meanRow2AVX2(y, x *float64, width, h, w, n int, size float64)

// meanPairsAVX2 sets n ≥ 4 windows of 2×2 values, side by side in two rows, to
// 0 + dy/size.
//
//go:noescape
func meanPairsAVX2(dx, dy *float64, width, n int, size float64)
