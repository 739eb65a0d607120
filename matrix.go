package nn

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Matrix is a dense matrix of float64 values in row-major order:
// the element in row i, column j is Data[i*Cols+j].
// The zero value is an empty matrix, ready to be the receiver of any
// operation, which gives it its shape.
type Matrix struct {
	Rows, Cols int
	Data       []float64 // len(Data) == Rows*Cols
}

// NewMatrix returns a rows×cols matrix holding data, which is used, not
// copied. Without data the elements are zero. It panics if data is given but
// len(data) != rows*cols.
func NewMatrix(rows, cols int, data ...float64) *Matrix {
	if rows < 0 || cols < 0 || data != nil && len(data) != rows*cols {
		panic(fmt.Sprintf("nn: NewMatrix(%d, %d) with %d values", rows, cols, len(data)))
	}
	if data == nil {
		data = make([]float64, rows*cols)
	}
	return &Matrix{rows, cols, data}
}

func (m *Matrix) Row(i int) []float64 {
	return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols]
}

func (m *Matrix) At(i, j int) float64 { return m.Data[i*m.Cols+j] }

// shape makes z an r×c matrix if it is empty, and otherwise panics unless it is one.
func (z *Matrix) shape(op string, r, c int) {
	if z.Rows == r && z.Cols == c {
		return
	}
	if z.Rows|z.Cols != 0 {
		panic(fmt.Sprintf("nn: %s: result is %d×%d but receiver is %d×%d", op, r, c, z.Rows, z.Cols))
	}
	z.resize(r, c)
}

func (z *Matrix) resize(r, c int) {
	if n := r * c; n > cap(z.Data) {
		z.Data = make([]float64, n)
	} else {
		z.Data = z.Data[:n]
	}
	z.Rows, z.Cols = r, c
}

func mismatch(op string, x, y *Matrix) {
	panic(fmt.Sprintf("nn: %s: %d×%d and %d×%d do not fit", op, x.Rows, x.Cols, y.Rows, y.Cols))
}

// Mul sets z to the matrix product x·y and returns z.
func (z *Matrix) Mul(x, y *Matrix) *Matrix {
	if x.Cols != y.Rows {
		mismatch("Mul", x, y)
	}
	z.shape("Mul", x.Rows, y.Cols)
	clear(z.Data)
	for i := range x.Rows {
		zi := z.Row(i)
		for k, a := range x.Row(i) {
			for j, b := range y.Row(k) {
				zi[j] = math.FMA(a, b, zi[j])
			}
		}
	}
	return z
}

// MulT sets z to x·yᵀ and returns z.
func (z *Matrix) MulT(x, y *Matrix) *Matrix {
	if x.Cols != y.Cols {
		mismatch("MulT", x, y)
	}
	z.shape("MulT", x.Rows, y.Rows)
	for i := range x.Rows {
		zi, xi := z.Row(i), x.Row(i)
		for j := range zi {
			s := 0.0
			for k, b := range y.Row(j) {
				s = math.FMA(xi[k], b, s)
			}
			zi[j] = s
		}
	}
	return z
}

// AddTMul adds xᵀ·y to z and returns z.
func (z *Matrix) AddTMul(x, y *Matrix) *Matrix {
	if x.Rows != y.Rows {
		mismatch("AddTMul", x, y)
	}
	for k := range x.Rows {
		yk := y.Row(k)
		for i, a := range x.Row(k) {
			zi := z.Row(i)
			for j, b := range yk {
				zi[j] = math.FMA(a, b, zi[j])
			}
		}
	}
	return z
}

// Add sets z to x + y and returns z. If y has one row it is added to every row of x.
func (z *Matrix) Add(x, y *Matrix) *Matrix {
	if x.Cols != y.Cols || y.Rows != 1 && y.Rows != x.Rows {
		mismatch("Add", x, y)
	}
	z.shape("Add", x.Rows, x.Cols)
	for i := range x.Rows {
		yi := y.Data
		if y.Rows > 1 {
			yi = y.Row(i)
		}
		zi, xi := z.Row(i), x.Row(i)
		for j, b := range yi {
			zi[j] = xi[j] + b
		}
	}
	return z
}

// AddSumRows adds the sum of the rows of x to the 1×x.Cols matrix z and returns z.
func (z *Matrix) AddSumRows(x *Matrix) *Matrix {
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			z.Data[j] += v
		}
	}
	return z
}

// Copy sets z to x and returns z.
func (z *Matrix) Copy(x *Matrix) *Matrix {
	z.shape("Copy", x.Rows, x.Cols)
	copy(z.Data, x.Data)
	return z
}

// Clone returns a copy of m.
func (m *Matrix) Clone() *Matrix { return new(Matrix).Copy(m) }

// Format implements fmt.Formatter ...
func (m *Matrix) Format(s fmt.State, verb rune) {
	prec, ok := s.Precision()
	if !ok {
		prec = -1
	}
	f := byte(verb)
	if verb == 'v' {
		f = 'g'
		if prec < 0 {
			prec = 4
		}
	}
	text := make([]string, len(m.Data))
	width := 0
	for i, v := range m.Data {
		text[i] = strconv.FormatFloat(v, f, prec, 64)
		width = max(width, len(text[i]))
	}
	for i := range m.Rows {
		b := " ["
		if i == 0 {
			b = "[["
		}
		for j := range m.Cols {
			if j > 0 {
				b += " "
			}
			t := text[i*m.Cols+j]
			b += strings.Repeat(" ", width-len(t)) + t
		}
		b += "]"
		if i < m.Rows-1 {
			b += "\n"
		} else {
			b += "]"
		}
		fmt.Fprint(s, b)
	}
}

// MulElem sets z to x ⊙ y and returns z. A y with one row multiplies every row of x.
func (z *Matrix) MulElem(x, y *Matrix) *Matrix {
	if x.Cols != y.Cols || y.Rows != 1 && y.Rows != x.Rows {
		mismatch("MulElem", x, y)
	}
	z.shape("MulElem", x.Rows, x.Cols)
	for i := range x.Rows {
		yi := y.Data
		if y.Rows > 1 {
			yi = y.Row(i)
		}
		zi, xi := z.Row(i), x.Row(i)
		for j, b := range yi {
			zi[j] = xi[j] * b
		}
	}
	return z
}

// Sub sets z to x − y and returns z.
func (z *Matrix) Sub(x, y *Matrix) *Matrix {
	z.shape("Sub", x.Rows, x.Cols)
	for i, v := range x.Data {
		z.Data[i] = v - y.Data[i]
	}
	return z
}

// Scale sets z to s·x and returns z.
func (z *Matrix) Scale(s float64, x *Matrix) *Matrix {
	z.shape("Scale", x.Rows, x.Cols)
	for i, v := range x.Data {
		z.Data[i] = s * v
	}
	return z
}

// AddScaled sets z to x + s·y and returns z.
func (z *Matrix) AddScaled(x *Matrix, s float64, y *Matrix) *Matrix {
	z.shape("AddScaled", x.Rows, x.Cols)
	for i, v := range x.Data {
		z.Data[i] = math.FMA(s, y.Data[i], v)
	}
	return z
}

// Resize makes z rows×cols, keeping its memory if that is large enough.
func (z *Matrix) Resize(rows, cols int) *Matrix { z.resize(rows, cols); return z }

// Set sets the element in row i, column j to v.
func (m *Matrix) Set(i, j int, v float64) { m.Data[i*m.Cols+j] = v }

// RowRange returns rows lo to hi-1 as a matrix. Changing it changes m.
func (m *Matrix) RowRange(lo, hi int) *Matrix {
	return &Matrix{hi - lo, m.Cols, m.Data[lo*m.Cols : hi*m.Cols]}
}

// ArgMax returns the column of the largest element of row i.
func (m *Matrix) ArgMax(i int) int {
	k := 0
	for j, v := range m.Row(i) {
		if v > m.At(i, k) {
			k = j
		}
	}
	return k
}

// Fill sets every element of z to v and returns z.
func (z *Matrix) Fill(v float64) *Matrix {
	for i := range z.Data {
		z.Data[i] = v
	}
	return z
}
