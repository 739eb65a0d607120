package nn

import (
	"fmt"
	"math"
)

// A Scaler changes each column j of a matrix by
//
//	x ↦ (x − Shift[j]) / Scale[j].
//
// It is plain data, to be saved with a network, as JSON for example, so that
// what the network is to predict from is scaled as what it learned from.
type Scaler struct{ Shift, Scale []float64 }

// Apply scales x in place. It panics if x has not as many columns as s.
func (s Scaler) Apply(x *Matrix) {
	s.check("Apply", x)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			x.Data[i*x.Cols+j] = (v - s.Shift[j]) / s.Scale[j]
		}
	}
}

// Invert undoes Apply, up to rounding: x ↦ x·Scale[j] + Shift[j]. It panics if
// x has not as many columns as s.
func (s Scaler) Invert(x *Matrix) {
	s.check("Invert", x)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			x.Data[i*x.Cols+j] = math.FMA(v, s.Scale[j], s.Shift[j])
		}
	}
}

func (s Scaler) check(op string, x *Matrix) {
	x.check("Scaler." + op)
	if x.Cols != len(s.Shift) || x.Cols != len(s.Scale) {
		panic(fmt.Sprintf("nn: Scaler.%s: x is %d×%d but there are %d shifts and %d scales", op, x.Rows, x.Cols, len(s.Shift), len(s.Scale)))
	}
}

// StandardScaler returns a scaler that gives each column of x the mean 0 and
// the variance 1, where
//
//	mean = Σ x/n    variance = Σ (x − mean)²/n.
//
// The scale of a constant column is 1. StandardScaler panics if x has no rows.
func StandardScaler(x *Matrix) Scaler {
	x.check("StandardScaler")
	if x.Rows == 0 {
		panic("nn: StandardScaler: x has no rows")
	}
	n := float64(x.Rows)
	mean, dev := columnMeans(x), make([]float64, x.Cols)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			e := v - mean[j]
			dev[j] = math.FMA(e, e, dev[j])
		}
	}
	for j, v := range dev {
		dev[j] = nonzero(math.Sqrt(v / n))
	}
	return Scaler{mean, dev}
}

// columnMeans returns the mean of each column of x, which has rows, as
// x₀ + Σ (xᵢ − x₀)/n, so that the mean of equal numbers is that number exactly.
func columnMeans(x *Matrix) []float64 {
	mean, first := make([]float64, x.Cols), x.Row(0)
	for i := 1; i < x.Rows; i++ {
		for j, v := range x.Row(i) {
			mean[j] += v - first[j]
		}
	}
	for j, s := range mean {
		mean[j] = first[j] + s/float64(x.Rows)
	}
	return mean
}

// nonzero returns v, or 1 if v is 0: the scale of a constant column.
func nonzero(v float64) float64 {
	if v == 0 {
		return 1
	}
	return v
}

// MinMaxScaler returns a scaler that maps the smallest and the largest value
// of each column of x to lo and hi, up to rounding. A constant column is mapped
// to lo; its scale is 1. MinMaxScaler panics if x has no rows or unless lo < hi.
func MinMaxScaler(x *Matrix, lo, hi float64) Scaler {
	x.check("MinMaxScaler")
	if x.Rows == 0 || !(lo < hi) {
		panic(fmt.Sprintf("nn: MinMaxScaler: x is %d×%d, lo is %v and hi is %v", x.Rows, x.Cols, lo, hi))
	}
	least, most := make([]float64, x.Cols), make([]float64, x.Cols)
	copy(least, x.Row(0))
	copy(most, x.Row(0))
	for i := 1; i < x.Rows; i++ {
		for j, v := range x.Row(i) {
			least[j], most[j] = min(least[j], v), max(most[j], v)
		}
	}
	for j, v := range least {
		scale := nonzero((most[j] - v) / (hi - lo))
		least[j], most[j] = math.FMA(-lo, scale, v), scale
	}
	return Scaler{least, most}
}

// Standardize changes each column of x to mean 0 and variance 1 and returns a
// function that changes other data in the same way:
//
//	scale := nn.Standardize(train.X)
//	scale(test.X)
//
// It is [StandardScaler] applied at once.
func Standardize(x *Matrix) func(*Matrix) {
	s := StandardScaler(x)
	s.Apply(x)
	return s.Apply
}

// MinMax changes each column of x to values from lo to hi and returns a
// function that changes other data in the same way. It is [MinMaxScaler]
// applied at once.
func MinMax(x *Matrix, lo, hi float64) func(*Matrix) {
	s := MinMaxScaler(x, lo, hi)
	s.Apply(x)
	return s.Apply
}
