package nn

import (
	"fmt"
	"math"
	"strings"
)

// A Loss measures how far predictions are from targets.
//
// It sees one prediction in each row of y: a network with output shape
// (steps, n) gives batch·steps rows of n values.
//
// The losses of this package are means, over all values or over the rows, as
// each says; the loss of an empty batch is 0. They panic if shapes do not fit.
// A NaN among the predictions that count makes the loss NaN.
type Loss interface {
	// Eval returns the mean loss of the predictions y for the targets t.
	// If dy is not nil, it also sets dy, which has the shape of y or is empty,
	// to the gradient with respect to y. It does not change y and t.
	Eval(dy, y, t *Matrix) float64
}

// LossFunc makes a function a Loss.
type LossFunc func(dy, y, t *Matrix) float64

// Eval calls f.
func (f LossFunc) Eval(dy, y, t *Matrix) float64 { return f(dy, y, t) }

// String returns "LossFunc".
func (f LossFunc) String() string { return "LossFunc" }

// fused is implemented by a loss that can absorb the activation before it.
type fused interface {
	// absorbs reports whether last is the activation that the loss expects.
	absorbs(last Layer) bool
	// evalLogits is Eval with respect to the input z of that activation. The
	// value does not depend on whether dz is nil.
	evalLogits(dz, z, t *Matrix) float64
}

var (
	// MSE is the mean squared error over all n values, with no factor ½:
	//
	//	L = (1/n)·Σ (y − t)²    dy = (2/n)·(y − t)
	MSE Loss = mse{}

	// MAE is the mean absolute error over all n values:
	//
	//	L = (1/n)·Σ |y − t|    dy = (1/n)·sign(y − t)
	//
	// where sign(0) = 0.
	MAE Loss = mae{}

	// Hinge is the loss of a support vector machine over all n values, for
	// targets that are 1 or −1:
	//
	//	L = (1/n)·Σ max(0, 1 − t·y)    dy = −t/n where t·y < 1, else 0
	//
	// It panics if there is any other target.
	Hinge Loss = hinge{}

	// SquaredHinge is [Hinge] with each term squared:
	//
	//	L = (1/n)·Σ max(0, 1 − t·y)²    dy = −(2/n)·t·max(0, 1 − t·y)
	SquaredHinge Loss = hinge{squared: true}

	// Poisson is a [PoissonLoss] whose predictions are rates.
	Poisson Loss = PoissonLoss{}

	// CosineSimilarity is the mean over the n rows of 1 − cos(yᵢ, tᵢ), from 0
	// for rows in the same direction to 2 for opposite ones. With a = yᵢ·yᵢ + ε,
	// b = tᵢ·tᵢ + ε, where ε = 1e-12 keeps rows of zeros from dividing by zero,
	//
	//	cosᵢ = yᵢ·tᵢ/√(a·b)    dyᵢ = (cosᵢ·yᵢ/a − tᵢ/√(a·b))/n
	CosineSimilarity Loss = cosineSimilarity{}
)

// lossBlock is the number of values that losses take through a small buffer at a
// time. Sums over longer rows add the sums of blocks in order, so that they
// have the same bits with a matrix for the gradient and without.
const lossBlock = 128

// checkShapes panics unless t has the shape of y, which it gives to an empty dy.
func checkShapes(op string, dy, y, t *Matrix) {
	checkGiven(op, y, t)
	if t.Rows != y.Rows || t.Cols != y.Cols {
		mismatch(op, y, t)
	}
	if dy != nil {
		dy.shape(op, y.Rows, y.Cols)
	}
}

// checkGiven panics if one of the matrices is nil.
func checkGiven(op string, y, t *Matrix) {
	if y == nil || t == nil {
		y.check(op)
		t.check(op)
	}
}

// checkTargets panics if a target is less than 0 or more than most. NaN is the
// loss's to pass on.
func checkTargets(op string, t *Matrix, most float64) {
	for i, v := range t.Data {
		if v < 0 || v > most {
			panic(fmt.Sprintf("nn: %s: target %v in row %d, column %d; targets are probabilities, from 0 to 1", op, v, i/t.Cols, i%t.Cols))
		}
	}
}

// lossMean returns sum/n, or 0 for the mean of nothing.
func lossMean(sum, n float64) float64 {
	if n == 0 {
		return 0
	}
	return sum / n
}

// withOptions returns name(option, option…), without the empty options.
func withOptions(name string, options ...string) string {
	var s []string
	for _, o := range options {
		if o != "" {
			s = append(s, o)
		}
	}
	if s == nil {
		return name
	}
	return name + "(" + strings.Join(s, ", ") + ")"
}

type mse struct{}

func (mse) String() string { return "MSE" }

// The derivative of e² is 2e.
func (mse) Eval(dy, y, t *Matrix) float64 {
	checkShapes("MSE", dy, y, t)
	n := float64(len(y.Data))
	sum := 0.0
	for lo := 0; lo < len(y.Data); lo += lossBlock {
		hi := min(lo+lossBlock, len(y.Data))
		var e []float64
		if dy != nil {
			e = dy.Data[lo:hi]
		} else {
			var buf [lossBlock]float64
			e = buf[:hi-lo]
		}
		vsub(e, y.Data[lo:hi], t.Data[lo:hi])
		sum += vdot(e, e)
		if dy != nil {
			vscale(e, 2/n, e)
		}
	}
	return lossMean(sum, n)
}

type mae struct{}

func (mae) String() string { return "MAE" }

func (mae) Eval(dy, y, t *Matrix) float64 {
	checkShapes("MAE", dy, y, t)
	n := float64(len(y.Data))
	c := 1 / n
	sum := 0.0
	for i, v := range y.Data {
		e := v - t.Data[i]
		sum += math.Abs(e)
		if dy == nil {
			continue
		}
		d := math.Copysign(c, e)
		if !(math.Abs(e) > 0) { // 0 or NaN
			d = e
		}
		dy.Data[i] = d
	}
	return lossMean(sum, n)
}

type huber struct{ delta float64 }

// Huber returns the loss that is ½e² for errors e = y − t of at most delta and
// grows linearly beyond, averaged over all n values. With e clipped to
// c = max(−delta, min(e, delta)) it is
//
//	L = (1/n)·Σ c·(e − ½c)    dy = c/n
//
// It panics unless delta is positive.
//
// Huber, Annals of Mathematical Statistics 35(1), 1964.
func Huber(delta float64) Loss {
	if !(delta > 0) {
		panic(fmt.Sprintf("nn: Huber: delta %v is not positive", delta))
	}
	return huber{delta}
}

func (l huber) String() string { return fmt.Sprintf("Huber(%v)", l.delta) }

// For |e| ≤ delta, c = e and c·(e − ½c) = ½e², with the derivative e = c.
// For larger e, c = ±delta and c·(e − ½c) = delta·(|e| − ½delta), with the
// derivative ±delta = c.
func (l huber) Eval(dy, y, t *Matrix) float64 {
	checkShapes("Huber", dy, y, t)
	n := float64(len(y.Data))
	sum := 0.0
	for i, v := range y.Data {
		e := v - t.Data[i]
		c := max(-l.delta, min(e, l.delta))
		sum = math.FMA(c, math.FMA(-0.5, c, e), sum)
		if dy != nil {
			dy.Data[i] = c / n
		}
	}
	return lossMean(sum, n)
}

type hinge struct{ squared bool }

func (l hinge) String() string {
	if l.squared {
		return "SquaredHinge"
	}
	return "Hinge"
}

func (l hinge) Eval(dy, y, t *Matrix) float64 {
	checkShapes(l.String(), dy, y, t)
	n := float64(len(y.Data))
	sum := 0.0
	for i, v := range y.Data {
		ti := t.Data[i]
		if ti != 1 && ti != -1 {
			panic(fmt.Sprintf("nn: %v: target %v in row %d, column %d; targets are 1 and −1", l, ti, i/y.Cols, i%y.Cols))
		}
		m := max(0, 1-float64(ti*v)) // how much the margin lacks
		d := m                       // 0 or NaN
		if l.squared {
			sum = math.FMA(m, m, sum)
			d = -2 * ti * m
		} else {
			sum += m
			if m > 0 {
				d = -ti
			}
		}
		if dy != nil {
			dy.Data[i] = d / n
		}
	}
	return lossMean(sum, n)
}

// A PoissonLoss is the negative logarithm of the probability of counts t ≥ 0
// under Poisson distributions, less its part ln t! that does not depend on y,
// averaged over all n values. Predictions are rates, from a network that ends
// in [Softplus], say:
//
//	L = (1/n)·Σ (y − t·ln(y + ε))    dy = (1 − t/(y + ε))/n
//
// with ε = 1e-8, or, if LogRate is set, logarithms of rates:
//
//	L = (1/n)·Σ (eʸ − t·y)    dy = (eʸ − t)/n
//
// A rate below −ε makes the loss NaN. Both the value and the pointer are a Loss.
type PoissonLoss struct {
	LogRate bool
}

func (l PoissonLoss) String() string {
	if l.LogRate {
		return "Poisson(LogRate)"
	}
	return "Poisson"
}

// Eval implements [Loss].
func (l PoissonLoss) Eval(dy, y, t *Matrix) float64 {
	checkShapes("Poisson", dy, y, t)
	const eps = 1e-8
	n := float64(len(y.Data))
	sum := 0.0
	for i, v := range y.Data {
		ti := t.Data[i]
		var term, d float64
		if l.LogRate {
			e := exp(v)
			term, d = math.FMA(-ti, v, e), e-ti
		} else {
			r := v + eps
			term, d = math.FMA(-ti, log(r), v), 1-ti/r
		}
		sum += term
		if dy != nil {
			dy.Data[i] = d / n
		}
	}
	return lossMean(sum, n)
}

type cosineSimilarity struct{}

func (cosineSimilarity) String() string { return "CosineSimilarity" }

// With c = y·t/√(a·b), a = y·y + ε, and ∂a/∂y = 2y,
//
//	∂c/∂y = t/√(a·b) − ½·(y·t)/(a·√(a·b))·2y = t/√(a·b) − c·y/a
func (cosineSimilarity) Eval(dy, y, t *Matrix) float64 {
	checkShapes("CosineSimilarity", dy, y, t)
	const eps = 1e-12
	n := float64(y.Rows)
	sum := 0.0
	for i := range y.Rows {
		yi, ti := y.Row(i), t.Row(i)
		a, b := vdot(yi, yi)+eps, vdot(ti, ti)+eps
		r := float64(math.Sqrt(a) * math.Sqrt(b))
		c := vdot(yi, ti) / r
		sum += 1 - c
		if dy != nil {
			di := dy.Row(i)
			vscale(di, -1/(r*n), ti)
			vaxpy(di, di, c/(a*n), yi)
		}
	}
	return lossMean(sum, n)
}
