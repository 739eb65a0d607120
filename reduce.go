package nn

import (
	"fmt"
	"math"
)

// Sum returns the sum of all elements, 0 if there are none. Like every sum of
// this package along a vector, it is taken in an order that depends on the
// number of elements and on nothing else.
func (m *Matrix) Sum() float64 { return vsum(m.Data) }

// SumRows sets z to the 1×x.Cols sum of the rows of x and returns z (axis=0).
// Rows are added one after the other to a row of zeros.
func (z *Matrix) SumRows(x *Matrix) *Matrix {
	z.oneRow("SumRows", x)
	clear(z.Data)
	vsumrows(z.Data, x.Data)
	return z
}

// AddSumRows adds the sum of the rows of x to the 1×x.Cols matrix z, one row
// after the other, and returns z. An empty z counts as zeros.
func (z *Matrix) AddSumRows(x *Matrix) *Matrix {
	empty := z.Rows|z.Cols == 0
	z.oneRow("AddSumRows", x)
	if empty {
		clear(z.Data)
	}
	vsumrows(z.Data, x.Data)
	return z
}

// SumCols sets z to the x.Rows×1 sum of the columns of x, in which each element
// is the sum of a row, and returns z (axis=1).
func (z *Matrix) SumCols(x *Matrix) *Matrix {
	z.oneCol("SumCols", x)
	for i := range z.Data {
		z.Data[i] = vsum(x.Row(i))
	}
	return z
}

// oneRow makes z the 1×x.Cols result of a reduction over the rows of x.
func (z *Matrix) oneRow(op string, x *Matrix) {
	x.check(op)
	z.shape(op, 1, x.Cols)
	z.apart(op, x)
}

// oneCol makes z the x.Rows×1 result of a reduction over the columns of x.
func (z *Matrix) oneCol(op string, x *Matrix) {
	x.check(op)
	z.shape(op, x.Rows, 1)
	z.apart(op, x)
}

// Mean returns the mean of all elements, their sum over their number; NaN if
// there are none.
func (m *Matrix) Mean() float64 { return mean(m.Data) }

func mean(x []float64) float64 { return vsum(x) / float64(len(x)) }

// MeanRows sets z to the 1×x.Cols mean of the rows of x and returns z (axis=0).
func (z *Matrix) MeanRows(x *Matrix) *Matrix {
	rows := float64(x.Rows)
	z.oneRow("MeanRows", x)
	clear(z.Data)
	vsumrows(z.Data, x.Data)
	vdivs(z.Data, z.Data, rows)
	return z
}

// MeanCols sets z to the x.Rows×1 mean of the columns of x, in which each
// element is the mean of a row, and returns z (axis=1).
func (z *Matrix) MeanCols(x *Matrix) *Matrix {
	z.oneCol("MeanCols", x)
	for i := range z.Data {
		z.Data[i] = mean(x.Row(i))
	}
	return z
}

// Var returns the variance of all elements, (1/n)·Σ (v − v̄)², in a second pass
// after the mean v̄. It divides by n, not n−1, as NumPy does; it is NaN if there
// are no elements.
func (m *Matrix) Var() float64 { return variance(m.Data) }

func variance(x []float64) float64 {
	mean, s := mean(x), 0.0
	for _, v := range x {
		d := v - mean
		s = math.FMA(d, d, s)
	}
	return s / float64(len(x))
}

// VarRows sets z to the 1×x.Cols variance over the rows of x, one for each
// column, as [Matrix.Var], and returns z (axis=0).
func (z *Matrix) VarRows(x *Matrix) *Matrix {
	rows, cols := x.Rows, x.Cols
	z.oneRow("VarRows", x)
	clear(z.Data)
	// Only so many columns at a time that their means have a place.
	var place [64]float64
	for lo := 0; lo < cols; lo += len(place) {
		hi := min(lo+len(place), cols)
		s, mean := z.Data[lo:hi], place[:hi-lo]
		clear(mean)
		for i := range rows {
			vadd(mean, mean, x.Row(i)[lo:hi])
		}
		vdivs(mean, mean, float64(rows))
		for i := range rows {
			for j, v := range x.Row(i)[lo:hi] {
				d := v - mean[j]
				s[j] = math.FMA(d, d, s[j])
			}
		}
		vdivs(s, s, float64(rows))
	}
	return z
}

// VarCols sets z to the x.Rows×1 variance over the columns of x, one for each
// row, as [Matrix.Var], and returns z (axis=1).
func (z *Matrix) VarCols(x *Matrix) *Matrix {
	z.oneCol("VarCols", x)
	for i := range z.Data {
		z.Data[i] = variance(x.Row(i))
	}
	return z
}

// Norm returns the Frobenius norm, the square root of the sum of squares. It
// is right also if the squares are too large or too small for a float64.
func (m *Matrix) Norm() float64 { return root(vdot(m.Data, m.Data), m.Data, 1) }

// NormRows sets z to the 1×x.Cols Euclidean norm over the rows of x, one for
// each column, and returns z (axis=0).
func (z *Matrix) NormRows(x *Matrix) *Matrix {
	rows := x.Rows
	z.oneRow("NormRows", x)
	clear(z.Data)
	for i := range rows {
		for j, v := range x.Row(i) {
			z.Data[j] = math.FMA(v, v, z.Data[j])
		}
	}
	if rows > 0 {
		for j, s := range z.Data {
			z.Data[j] = root(s, x.Data[j:], x.Cols)
		}
	}
	return z
}

// NormCols sets z to the x.Rows×1 Euclidean norm over the columns of x, one for
// each row, and returns z (axis=1).
func (z *Matrix) NormCols(x *Matrix) *Matrix {
	z.oneCol("NormCols", x)
	for i := range z.Data {
		xi := x.Row(i)
		z.Data[i] = root(vdot(xi, xi), xi, 1)
	}
	return z
}

// root returns √s, where s is the sum of the squares of x[0], x[step],
// x[2·step], …
//
// If s has overflowed, or is so small that squares lost to underflow could
// matter in it, root adds them again, scaled by 2⁻⁶⁰⁰ or 2⁶⁰⁰, which is exact
// for all elements that count.
func root(s float64, x []float64, step int) float64 {
	var scale float64
	switch {
	case s > math.MaxFloat64:
		scale = 0x1p-600
	case s < 0x1p-900:
		scale = 0x1p600
	default:
		return math.Sqrt(s)
	}
	s = 0
	for i := 0; i < len(x); i += step {
		v := x[i] * scale
		s = math.FMA(v, v, s)
	}
	return math.Sqrt(s) / scale
}

// Max returns the largest element. It is NaN if there is one, and +0 of
// zeros of both signs. It panics if there are no elements.
func (m *Matrix) Max() float64 {
	m.notEmpty("Max", m.Rows)
	m.notEmpty("Max", m.Cols)
	return largest(m.Data)
}

// Min returns the smallest element. It is NaN if there is one, and −0 of
// zeros of both signs. It panics if there are no elements.
func (m *Matrix) Min() float64 {
	m.notEmpty("Min", m.Rows)
	m.notEmpty("Min", m.Cols)
	return smallest(m.Data)
}

func (m *Matrix) notEmpty(op string, n int) {
	if n == 0 {
		panic(fmt.Sprintf("nn: %s: nothing to choose from in a %d×%d matrix", op, m.Rows, m.Cols))
	}
}

// largest is the largest of the numbers, of which there is at least one.
func largest(x []float64) float64 {
	m := x[0]
	for _, v := range x[1:] {
		m = max(m, v)
	}
	return m
}

func smallest(x []float64) float64 {
	m := x[0]
	for _, v := range x[1:] {
		m = min(m, v)
	}
	return m
}

// MaxRows sets z to the 1×x.Cols maximum over the rows of x, the largest
// element of each column as by [Matrix.Max], and returns z (axis=0).
// It panics if x has no rows.
func (z *Matrix) MaxRows(x *Matrix) *Matrix {
	x.notEmpty("MaxRows", x.Rows)
	z.oneRow("MaxRows", x)
	copy(z.Data, x.Data)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			z.Data[j] = max(z.Data[j], v)
		}
	}
	return z
}

// MaxCols sets z to the x.Rows×1 maximum over the columns of x, the largest
// element of each row as by [Matrix.Max], and returns z (axis=1).
// It panics if x has no columns.
func (z *Matrix) MaxCols(x *Matrix) *Matrix {
	x.notEmpty("MaxCols", x.Cols)
	z.oneCol("MaxCols", x)
	for i := range z.Data {
		z.Data[i] = largest(x.Row(i))
	}
	return z
}

// MinRows sets z to the 1×x.Cols minimum over the rows of x, the smallest
// element of each column as by [Matrix.Min], and returns z (axis=0).
// It panics if x has no rows.
func (z *Matrix) MinRows(x *Matrix) *Matrix {
	x.notEmpty("MinRows", x.Rows)
	z.oneRow("MinRows", x)
	copy(z.Data, x.Data)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			z.Data[j] = min(z.Data[j], v)
		}
	}
	return z
}

// MinCols sets z to the x.Rows×1 minimum over the columns of x, the smallest
// element of each row as by [Matrix.Min], and returns z (axis=1).
// It panics if x has no columns.
func (z *Matrix) MinCols(x *Matrix) *Matrix {
	x.notEmpty("MinCols", x.Cols)
	z.oneCol("MinCols", x)
	for i := range z.Data {
		z.Data[i] = smallest(x.Row(i))
	}
	return z
}

// ArgMax returns the column of the largest element of row i, the first if
// there are several. NaN counts as larger than any number. It panics if m has no columns.
func (m *Matrix) ArgMax(i int) int {
	m.notEmpty("ArgMax", m.Cols)
	k, row := 0, m.Row(i)
	for j, v := range row {
		if larger(v, row[k]) {
			k = j
		}
	}
	return k
}

// larger reports whether v > w, with NaN above all numbers.
func larger(v, w float64) bool { return v > w || v != v && w == w }

// ArgMaxRows sets z to the 1×x.Cols matrix that has for each column of x the
// row of its largest element, chosen as by [Matrix.ArgMax], and returns z
// (axis=0). It panics if x has no rows.
func (z *Matrix) ArgMaxRows(x *Matrix) *Matrix {
	x.notEmpty("ArgMaxRows", x.Rows)
	z.oneRow("ArgMaxRows", x)
	for j := range z.Data {
		k := 0
		for i := range x.Rows {
			if larger(x.At(i, j), x.At(k, j)) {
				k = i
			}
		}
		z.Data[j] = float64(k)
	}
	return z
}

// ArgMaxCols sets z to the x.Rows×1 matrix that has for each row of x the
// column of its largest element, [Matrix.ArgMax], and returns z (axis=1): the
// class labels of a batch of class scores. It panics if x has no columns.
func (z *Matrix) ArgMaxCols(x *Matrix) *Matrix {
	x.notEmpty("ArgMaxCols", x.Cols)
	z.oneCol("ArgMaxCols", x)
	for i := range z.Data {
		z.Data[i] = float64(x.ArgMax(i))
	}
	return z
}
