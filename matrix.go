package nn

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
)

// A Matrix is a dense matrix of float64 values in row-major order:
// the element in row i, column j is Data[i*Cols+j].
//
// Operations are methods of the form
//
//	func (z *Matrix) Op(x, y *Matrix) *Matrix // z = x op y
//
// whose receiver z holds the result and is returned. An empty receiver (0×0),
// such as new(Matrix), is given the shape of the result; any other must have
// that shape already, or the method panics. With a receiver of the right
// shape no operation allocates memory.
//
// Operations element by element allow z to be x or y. Beyond that, z must not
// share memory with an operand: products, reductions and all others panic if
// it does. Only [Matrix.Copy] takes any overlap.
//
// Add, Sub, MulElem and DivElem stretch their second operand: for an m×n
// matrix x, y may be m×n, a 1×n row that is used for every row of x, an m×1
// column used for every column, or a 1×1 number. The first operand
// is never stretched.
//
// Reductions without a suffix run over all elements and return a number. Those
// with the suffix Rows run down the rows and make one row of the results, one
// for each column (axis=0 in NumPy); those with the suffix Cols run along the
// columns and make one column, a result for each row (axis=1):
//
//	x        m×n
//	SumRows  1×n   z[0,j] = Σᵢ x[i,j]
//	SumCols  m×1   z[i,0] = Σⱼ x[i,j]
//
// The zero value is an empty matrix, ready to use. The methods may be called
// by several goroutines at once if none of them changes a matrix that another uses.
type Matrix struct {
	Rows, Cols int
	Data       []float64 // len(Data) == Rows*Cols
}

// NewMatrix returns a rows×cols matrix whose elements are data, row by row.
// It uses data itself, not a copy. Without data all elements are zero.
// It panics if there is data but not of length rows*cols.
func NewMatrix(rows, cols int, data ...float64) *Matrix {
	n := size("NewMatrix", rows, cols)
	if data == nil {
		data = make([]float64, n)
	}
	if len(data) != n {
		panic(fmt.Sprintf("nn: NewMatrix: %d values do not make a %d×%d matrix", len(data), rows, cols))
	}
	return &Matrix{rows, cols, data[:n:n]}
}

// FromRows returns a matrix with a copy of the given rows. It panics if their
// lengths differ.
func FromRows(rows [][]float64) *Matrix {
	if len(rows) == 0 {
		return new(Matrix)
	}
	m := NewMatrix(len(rows), len(rows[0]))
	for i, row := range rows {
		if len(row) != m.Cols {
			panic(fmt.Sprintf("nn: FromRows: row 0 has %d values, row %d has %d", m.Cols, i, len(row)))
		}
		copy(m.Row(i), row)
	}
	return m
}

// size returns rows·cols, or panics if there is no such matrix.
func size(op string, rows, cols int) int {
	hi, n := bits.Mul64(uint64(rows), uint64(cols))
	if rows|cols < 0 || hi != 0 || n > min(maxElements, 1<<45) { // addresses have 48 bits
		panic(fmt.Sprintf("nn: %s: there is no %d×%d matrix", op, rows, cols))
	}
	return int(n)
}

// check panics if m is nil, or has not the number of elements that its shape
// says. Kernels rely on it.
func (m *Matrix) check(op string) {
	if m == nil {
		panic("nn: " + op + ": a matrix is nil")
	}
	if !m.sound() {
		panic(fmt.Sprintf("nn: %s: a %d×%d matrix has %d values", op, m.Rows, m.Cols, len(m.Data)))
	}
}

// sound is check for those who can't afford a call.
func (m *Matrix) sound() bool {
	hi, n := bits.Mul64(uint64(m.Rows), uint64(m.Cols))
	return m.Rows|m.Cols >= 0 && hi == 0 && n == uint64(len(m.Data))
}

// shape makes z an r×c matrix if it is empty, and otherwise panics unless it is one.
func (z *Matrix) shape(op string, r, c int) {
	if z.Rows != r || z.Cols != c {
		if z.Rows|z.Cols != 0 {
			panic(fmt.Sprintf("nn: %s: the result is %d×%d but the receiver is %d×%d", op, r, c, z.Rows, z.Cols))
		}
		z.resize(r, c)
	}
	z.check(op)
}

// like gives z the shape of x for an operation element by element, which z may
// be the operand of.
func (z *Matrix) like(op string, x *Matrix) {
	x.check(op)
	if z != x {
		z.shape(op, x.Rows, x.Cols)
		z.sameOrApart(op, x)
	}
}

// sameOrApart panics if z has some but not just the elements of x.
func (z *Matrix) sameOrApart(op string, x *Matrix) {
	if overlaps(z.Data, x.Data) && (len(z.Data) != len(x.Data) || &z.Data[0] != &x.Data[0]) {
		panic(fmt.Sprintf("nn: %s: the %d×%d result shares part of its memory with a %d×%d operand; use another receiver",
			op, z.Rows, z.Cols, x.Rows, x.Cols))
	}
}

// apart panics if z shares elements with x.
func (z *Matrix) apart(op string, x *Matrix) {
	if overlaps(z.Data, x.Data) {
		panic(fmt.Sprintf("nn: %s: the %d×%d result shares memory with a %d×%d operand; use another receiver",
			op, z.Rows, z.Cols, x.Rows, x.Cols))
	}
}

func mismatch(op string, x, y *Matrix) {
	panic(fmt.Sprintf("nn: %s: %d×%d and %d×%d do not fit", op, x.Rows, x.Cols, y.Rows, y.Cols))
}

func (z *Matrix) resize(r, c int) {
	if n := size("Resize", r, c); n > cap(z.Data) {
		z.Data = make([]float64, n)
	} else {
		z.Data = z.Data[:n]
	}
	z.Rows, z.Cols = r, c
}

// At returns the element in row i, column j. It panics if there is none.
func (m *Matrix) At(i, j int) float64 {
	// A row out of range is an index out of range, but a column may be an
	// element of another row.
	if uint(j) >= uint(m.Cols) {
		m.outside("At", i, j)
	}
	return m.Data[i*m.Cols+j]
}

// Set sets the element in row i, column j to v. It panics if there is none.
func (m *Matrix) Set(i, j int, v float64) {
	if uint(j) >= uint(m.Cols) {
		m.outside("Set", i, j)
	}
	m.Data[i*m.Cols+j] = v
}

//go:noinline
func (m *Matrix) outside(op string, i, j int) {
	panic(fmt.Sprintf("nn: %s: no element %d, %d in a %d×%d matrix", op, i, j, m.Rows, m.Cols))
}

// Row returns row i. Changing it changes m. It panics if there is none.
func (m *Matrix) Row(i int) []float64 {
	// Data may have the capacity for more rows, of a larger batch before.
	if uint(i) >= uint(m.Rows) {
		m.noRow(i)
	}
	return m.Data[i*m.Cols:][:m.Cols:m.Cols]
}

//go:noinline
func (m *Matrix) noRow(i int) {
	panic(fmt.Sprintf("nn: Row: no row %d in a %d×%d matrix", i, m.Rows, m.Cols))
}

// RowRange returns rows lo to hi-1 as a matrix. Changing it changes m.
func (m *Matrix) RowRange(lo, hi int) *Matrix {
	if lo < 0 || hi < lo || hi > m.Rows {
		panic(fmt.Sprintf("nn: RowRange: no rows %d to %d in a %d×%d matrix", lo, hi, m.Rows, m.Cols))
	}
	return &Matrix{hi - lo, m.Cols, m.Data[lo*m.Cols : hi*m.Cols : hi*m.Cols]}
}

// Reshape returns the elements of m, in order, as a rows×cols matrix.
// Changing it changes m. It panics if rows*cols != len(m.Data).
func (m *Matrix) Reshape(rows, cols int) *Matrix {
	n := len(m.Data)
	if size("Reshape", rows, cols) != n {
		panic(fmt.Sprintf("nn: Reshape: %d×%d to %d×%d", m.Rows, m.Cols, rows, cols))
	}
	return &Matrix{rows, cols, m.Data[:n:n]}
}

// Resize makes z rows×cols, keeping its memory if that is large enough, and
// returns z. Its elements are undefined.
func (z *Matrix) Resize(rows, cols int) *Matrix {
	z.resize(rows, cols)
	return z
}

// Clone returns a copy of m that shares no memory with it.
func (m *Matrix) Clone() *Matrix {
	z := NewMatrix(m.Rows, m.Cols)
	copy(z.Data, m.Data)
	return z
}

// Copy sets z to x and returns z. Here z and x may overlap in any way.
func (z *Matrix) Copy(x *Matrix) *Matrix {
	x.check("Copy")
	z.shape("Copy", x.Rows, x.Cols)
	copy(z.Data, x.Data)
	return z
}

// Fill sets every element of z to v and returns z.
func (z *Matrix) Fill(v float64) *Matrix {
	for i := range z.Data {
		z.Data[i] = v
	}
	return z
}

// FillUniform sets the elements of z, row by row, to random numbers spread
// evenly over [lo, hi), and returns z. Rounding may yield hi itself. It panics
// unless lo ≤ hi and hi − lo is finite.
func (z *Matrix) FillUniform(rng *rand.Rand, lo, hi float64) *Matrix {
	if rng == nil {
		panic("nn: FillUniform: rng is nil")
	}
	if !(lo <= hi && hi-lo <= math.MaxFloat64) {
		panic(fmt.Sprintf("nn: FillUniform: [%v, %v) is no interval", lo, hi))
	}
	for i := range z.Data {
		z.Data[i] = math.FMA(uniform(rng), hi-lo, lo)
	}
	return z
}

// FillNormal sets the elements of z, row by row, to random numbers of the
// normal distribution with the given mean and standard deviation, and returns z.
func (z *Matrix) FillNormal(rng *rand.Rand, mean, std float64) *Matrix {
	if rng == nil {
		panic("nn: FillNormal: rng is nil")
	}
	for i := range z.Data {
		z.Data[i] = math.FMA(normal(rng), std, mean)
	}
	return z
}

// Identity sets z to the n×n matrix with ones on the diagonal and zeros
// elsewhere, and returns z.
func (z *Matrix) Identity(n int) *Matrix {
	size("Identity", n, n)
	z.shape("Identity", n, n)
	clear(z.Data)
	for i := range n {
		z.Data[i*n+i] = 1
	}
	return z
}

// T sets z to the transpose xᵀ and returns z.
func (z *Matrix) T(x *Matrix) *Matrix {
	x.check("T")
	rows, cols := x.Rows, x.Cols
	z.shape("T", cols, rows)
	z.apart("T", x)
	// In strips of 32 rows, each line of x's memory is still in the cache
	// when its next element is wanted.
	for lo := 0; lo < rows; lo += 32 {
		hi := min(lo+32, rows)
		for j := range cols {
			zj := z.Row(j)[lo:hi]
			for i := range zj {
				zj[i] = x.Data[(lo+i)*cols+j]
			}
		}
	}
	return z
}

// Gather sets z to the len(rows)×x.Cols matrix whose row i is row rows[i] of x
// and returns z.
func (z *Matrix) Gather(x *Matrix, rows []int) *Matrix {
	x.check("Gather")
	for _, r := range rows {
		if uint(r) >= uint(x.Rows) {
			panic(fmt.Sprintf("nn: Gather: no row %d in a %d×%d matrix", r, x.Rows, x.Cols))
		}
	}
	z.shape("Gather", len(rows), x.Cols)
	z.apart("Gather", x)
	for i, r := range rows {
		copy(z.Row(i), x.Row(r))
	}
	return z
}

// CopyCols sets z to columns lo to hi-1 of x and returns z. It undoes [Matrix.HStack].
func (z *Matrix) CopyCols(x *Matrix, lo, hi int) *Matrix {
	x.check("CopyCols")
	if lo < 0 || hi < lo || hi > x.Cols {
		panic(fmt.Sprintf("nn: CopyCols: no columns %d to %d in a %d×%d matrix", lo, hi, x.Rows, x.Cols))
	}
	rows := x.Rows
	z.shape("CopyCols", rows, hi-lo)
	z.apart("CopyCols", x)
	for i := range rows {
		copy(z.Row(i), x.Row(i)[lo:hi])
	}
	return z
}

// HStack sets z to the matrices side by side and returns z. They must have
// the same number of rows.
func (z *Matrix) HStack(xs ...*Matrix) *Matrix {
	if len(xs) == 0 {
		panic("nn: HStack: no matrices")
	}
	xs[0].check("HStack")
	rows, cols := xs[0].Rows, 0
	for _, x := range xs {
		x.check("HStack")
		if x.Rows != rows {
			mismatch("HStack", xs[0], x)
		}
		cols += x.Cols
	}
	z.shape("HStack", rows, cols)
	for _, x := range xs {
		z.apart("HStack", x)
	}
	for i := range rows {
		zi := z.Row(i)
		for _, x := range xs {
			zi = zi[copy(zi, x.Row(i)):]
		}
	}
	return z
}

// VStack sets z to the matrices one below the other and returns z. They must
// have the same number of columns.
func (z *Matrix) VStack(xs ...*Matrix) *Matrix {
	if len(xs) == 0 {
		panic("nn: VStack: no matrices")
	}
	xs[0].check("VStack")
	rows, cols := 0, xs[0].Cols
	for _, x := range xs {
		x.check("VStack")
		if x.Cols != cols {
			mismatch("VStack", xs[0], x)
		}
		rows += x.Rows
	}
	z.shape("VStack", rows, cols)
	for _, x := range xs {
		z.apart("VStack", x)
	}
	rest := z.Data
	for _, x := range xs {
		rest = rest[copy(rest, x.Data):]
	}
	return z
}

// Mul sets z to the matrix product x·y and returns z.
//
// An element is summed in the order of x's columns, with one rounding for each
// product and its addition:
//
//	s = 0, then s = fma(x[i,p], y[p,j], s) for p = 0, 1, …
//
// Large products are computed in blocks by all processors that GOMAXPROCS
// allows, which changes neither this order nor a bit of the result. The same
// holds for the other products, each with its operands transposed.
func (z *Matrix) Mul(x, y *Matrix) *Matrix { return z.product("Mul", false, false, false, x, y) }

// MulT sets z to x·yᵀ and returns z.
func (z *Matrix) MulT(x, y *Matrix) *Matrix { return z.product("MulT", false, true, false, x, y) }

// TMul sets z to xᵀ·y and returns z.
func (z *Matrix) TMul(x, y *Matrix) *Matrix { return z.product("TMul", true, false, false, x, y) }

// AddMul adds x·y to z and returns z. It is as if the sum of [Matrix.Mul]
// began with the old element in place of 0. An empty z counts as zeros.
func (z *Matrix) AddMul(x, y *Matrix) *Matrix { return z.product("AddMul", false, false, true, x, y) }

// AddMulT adds x·yᵀ to z and returns z. An empty z counts as zeros.
func (z *Matrix) AddMulT(x, y *Matrix) *Matrix { return z.product("AddMulT", false, true, true, x, y) }

// AddTMul adds xᵀ·y to z and returns z. An empty z counts as zeros.
func (z *Matrix) AddTMul(x, y *Matrix) *Matrix { return z.product("AddTMul", true, false, true, x, y) }

// product sets z to the product of x, or xᵀ if tx, and y, or yᵀ if ty; if add
// is set it adds the product to z.
func (z *Matrix) product(op string, tx, ty, add bool, x, y *Matrix) *Matrix {
	if x == nil || y == nil || !x.sound() || !y.sound() {
		x.check(op)
		y.check(op)
	}
	m, k := x.Rows, x.Cols
	if tx {
		m, k = k, m
	}
	l, n := y.Rows, y.Cols
	if ty {
		l, n = n, l
	}
	if k != l {
		mismatch(op, x, y)
	}
	add = add && z.Rows|z.Cols != 0
	if z.Rows != m || z.Cols != n || !z.sound() {
		z.shape(op, m, n)
	}
	if overlaps(z.Data, x.Data) || overlaps(z.Data, y.Data) {
		z.apart(op, x)
		z.apart(op, y)
	}
	if !gemmTiny(tx, ty, m, n, k, x.Data, y.Data, z.Data, add) {
		gemm(tx, ty, m, n, k, x.Data, x.Cols, y.Data, y.Cols, z.Data, n, add)
	}
	return z
}

// Equal reports whether m and x have the same shape and no two elements
// differ by more than tol. Equal infinities do not differ; NaN equals nothing.
func (m *Matrix) Equal(x *Matrix, tol float64) bool {
	x.check("Equal")
	if m.Rows != x.Rows || m.Cols != x.Cols {
		return false
	}
	for i, v := range m.Data {
		if w := x.Data[i]; v != w && !(math.Abs(v-w) <= tol) {
			return false
		}
	}
	return true
}
