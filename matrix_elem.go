package nn

import (
	"fmt"
	"math"
)

// Add sets z to x + y and returns z. A row, column or 1×1 number y is added to
// every row, column or element of x.
func (z *Matrix) Add(x, y *Matrix) *Matrix {
	if x != nil && y != nil && y.Rows == 1 && x.Rows > 1 && y.Cols > 1 {
		z.fit("Add", x, y)
		vaddrow(z.Data, x.Data, y.Data)
		return z
	}
	return z.binary("Add", x, y, vadd, vadds)
}

// Sub sets z to x − y and returns z. A row, column or 1×1 number y is
// subtracted from every row, column or element of x.
func (z *Matrix) Sub(x, y *Matrix) *Matrix { return z.binary("Sub", x, y, vsub, vsubs) }

// MulElem sets z to x ⊙ y, the product element by element, and returns z.
// A row, column or 1×1 number y multiplies every row, column or element of x.
func (z *Matrix) MulElem(x, y *Matrix) *Matrix { return z.binary("MulElem", x, y, vmul, vmuls) }

// DivElem sets z to x ⊘ y, the quotient element by element, and returns z.
// A row, column or 1×1 number y divides every row, column or element of x.
func (z *Matrix) DivElem(x, y *Matrix) *Matrix { return z.binary("DivElem", x, y, vdiv, vdivs) }

// fit gives z the shape of x, and panics unless y has that shape or can be
// stretched to it.
func (z *Matrix) fit(op string, x, y *Matrix) {
	if x == nil {
		x.check(op)
	}
	y.check(op)
	if y.Rows != x.Rows && y.Rows != 1 || y.Cols != x.Cols && y.Cols != 1 {
		mismatch(op, x, y)
	}
	z.like(op, x)
	z.sameOrApart(op, y)
}

// binary sets z to x op y: by vec for the elements of both, by scalar for
// elements of x and a number.
func (z *Matrix) binary(op string, x, y *Matrix, vec func(z, x, y []float64), scalar func(z, x []float64, s float64)) *Matrix {
	z.fit(op, x, y)
	switch {
	case y.Rows == x.Rows && y.Cols == x.Cols:
		vec(z.Data, x.Data, y.Data)
	case y.Rows == 1 && y.Cols == 1:
		scalar(z.Data, x.Data, y.Data[0])
	case y.Rows == 1:
		for i := range x.Rows {
			vec(z.Row(i), x.Row(i), y.Data)
		}
	default:
		for i, s := range y.Data {
			scalar(z.Row(i), x.Row(i), s)
		}
	}
	return z
}

// AddScalar sets z to x + s, element by element, and returns z.
func (z *Matrix) AddScalar(x *Matrix, s float64) *Matrix {
	z.like("AddScalar", x)
	vadds(z.Data, x.Data, s)
	return z
}

// Scale sets z to s·x and returns z.
func (z *Matrix) Scale(s float64, x *Matrix) *Matrix {
	z.like("Scale", x)
	vscale(z.Data, s, x.Data)
	return z
}

// AddScaled sets z to x + s·y, each element fma(s, y, x) with one rounding, and
// returns z. The shapes of x and y must be equal.
func (z *Matrix) AddScaled(x *Matrix, s float64, y *Matrix) *Matrix {
	x.check("AddScaled")
	y.check("AddScaled")
	if x.Rows != y.Rows || x.Cols != y.Cols {
		mismatch("AddScaled", x, y)
	}
	z.like("AddScaled", x)
	z.sameOrApart("AddScaled", y)
	vaxpy(z.Data, x.Data, s, y.Data)
	return z
}

// Apply sets each element of z to f of that element of x and returns z.
// Elements are taken row by row.
func (z *Matrix) Apply(x *Matrix, f func(float64) float64) *Matrix {
	z.like("Apply", x)
	for i, v := range x.Data {
		z.Data[i] = f(v)
	}
	return z
}

// Exp sets z to the exponential function of x, element by element, within 1 ulp,
// and returns z.
func (z *Matrix) Exp(x *Matrix) *Matrix {
	z.like("Exp", x)
	vexp(z.Data, x.Data)
	return z
}

// Log sets z to the natural logarithm of x, element by element, within 1 ulp,
// and returns z. It is −∞ at 0 and NaN below.
func (z *Matrix) Log(x *Matrix) *Matrix {
	z.like("Log", x)
	vlog(z.Data, x.Data)
	return z
}

// Sqrt sets z to the square root of x, element by element, and returns z. It is
// NaN below 0.
func (z *Matrix) Sqrt(x *Matrix) *Matrix {
	z.like("Sqrt", x)
	vsqrt(z.Data, x.Data)
	return z
}

// Tanh sets z to the hyperbolic tangent of x, element by element, within 2.5
// ulp, and returns z.
func (z *Matrix) Tanh(x *Matrix) *Matrix {
	z.like("Tanh", x)
	vtanh(z.Data, x.Data)
	return z
}

// Sigmoid sets z to 1/(1 + exp(−x)), element by element, within 2.5 ulp, and
// returns z.
func (z *Matrix) Sigmoid(x *Matrix) *Matrix {
	z.like("Sigmoid", x)
	vsigmoid(z.Data, x.Data)
	return z
}

// Abs sets z to |x|, element by element, and returns z.
func (z *Matrix) Abs(x *Matrix) *Matrix {
	z.like("Abs", x)
	for i, v := range x.Data {
		z.Data[i] = math.Abs(v)
	}
	return z
}

// Pow sets z to x to the power p, element by element, within 2.5 ulp, and
// returns z. For p = 2 it is v·v and for p = −1 it is 1/v, correctly rounded. A negative number
// to a power that is no integer is NaN.
func (z *Matrix) Pow(x *Matrix, p float64) *Matrix {
	z.like("Pow", x)
	switch p {
	case 2:
		vmul(z.Data, x.Data, x.Data)
	case -1:
		for i, v := range x.Data {
			z.Data[i] = 1 / v
		}
	default:
		for i, v := range x.Data {
			z.Data[i] = pow(v, p)
		}
	}
	return z
}

// Clip sets z to x limited to [lo, hi], element by element, and returns z:
// lo below lo, hi above hi, and else x itself, which includes NaN and, if lo
// or hi is 0, −0. It panics unless lo ≤ hi.
func (z *Matrix) Clip(x *Matrix, lo, hi float64) *Matrix {
	if !(lo <= hi) {
		panic(fmt.Sprintf("nn: Clip: [%v, %v] is no interval", lo, hi))
	}
	z.like("Clip", x)
	for i, v := range x.Data {
		if v < lo {
			v = lo
		} else if v > hi {
			v = hi
		}
		z.Data[i] = v
	}
	return z
}

// MaxScalar sets z to the larger of x and s, element by element, and returns z.
// It is NaN if one of the two is, and +0 of zeros of both signs.
// [Matrix.Max] is the largest element.
func (z *Matrix) MaxScalar(x *Matrix, s float64) *Matrix {
	z.like("MaxScalar", x)
	for i, v := range x.Data {
		z.Data[i] = max(v, s)
	}
	return z
}

// MinScalar sets z to the smaller of x and s, element by element, and returns z.
// It is NaN if one of the two is, and −0 of zeros of both signs.
// [Matrix.Min] is the smallest element.
func (z *Matrix) MinScalar(x *Matrix, s float64) *Matrix {
	z.like("MinScalar", x)
	for i, v := range x.Data {
		z.Data[i] = min(v, s)
	}
	return z
}

func vadds(z, x []float64, s float64) {
	for i, v := range x {
		z[i] = v + s
	}
}

func vsubs(z, x []float64, s float64) {
	for i, v := range x {
		z[i] = v - s
	}
}

func vmuls(z, x []float64, s float64) { vscale(z, s, x) }

func vdivs(z, x []float64, s float64) {
	for i, v := range x {
		z[i] = v / s
	}
}
