package nn

import (
	"fmt"
	"math"
)

// A FocalLoss is [BinaryCrossEntropy] that cares less for what is predicted
// well already, for many easy and few hard samples. With p the probability of
// what is right, y or 1−y, a term is −α·(1−p)^γ·ln p, so that over all n values
//
//	L = −(1/n)·Σ (α₁·t·(1−y)^γ·ln y + α₀·(1−t)·y^γ·ln(1−y))
//
// where γ is Gamma, α₁ = Alpha and α₀ = 1 − Alpha. It is for a network that ends
// with [Sigmoid] and is then computed from the input z of the sigmoid:
//
//	dz = (1/n)·(α₁·t·(1−y)^γ·(γ·y·ln y − (1−y)) − α₀·(1−t)·y^γ·(γ·(1−y)·ln(1−y) − y))
//
// Logarithms and divisors are bounded as in [BinaryCrossEntropyLoss].
// The paper's values are Gamma 2 and Alpha 0.25; it divides by the number of
// positives, not by n. Eval panics if Gamma is negative or Alpha not from 0 to
// 1. Both the value and the pointer are a Loss.
//
// Lin et al., arXiv:1708.02002.
type FocalLoss struct {
	Gamma float64 // how little easy samples count; 0 means as much as in BinaryCrossEntropy
	Alpha float64 // weight of the positives; 0 means no weights, α₁ = α₀ = 1
}

func (l FocalLoss) String() string {
	alpha := ""
	if l.Alpha != 0 {
		alpha = fmt.Sprintf("Alpha=%v", l.Alpha)
	}
	return withOptions("Focal", fmt.Sprintf("Gamma=%v", l.Gamma), alpha)
}

// check panics unless everything fits, and returns the two weights.
func (l *FocalLoss) check(dy, y, t *Matrix) (alpha1, alpha0 float64) {
	checkShapes("Focal", dy, y, t)
	checkTargets("Focal", t, 1)
	checkGamma("Focal", l.Gamma)
	if !(l.Alpha >= 0 && l.Alpha <= 1) {
		panic(fmt.Sprintf("nn: Focal: alpha %v is not from 0 to 1", l.Alpha))
	}
	if l.Alpha == 0 {
		return 1, 1
	}
	return l.Alpha, 1 - l.Alpha
}

func checkGamma(op string, gamma float64) {
	if !(gamma >= 0) || math.IsInf(gamma, 1) {
		panic(fmt.Sprintf("nn: %s: gamma %v is not positive or 0", op, gamma))
	}
}

// focal returns f = −q^γ·ln p for p + q = 1 and, up to a factor, its derivative:
//
//	df/dp = γ·q^(γ−1)·ln p − q^γ/p = g/(p·q)    g = q^γ·(γ·p·ln p − q)
//
// g is bounded also where γ < 1 and q is 0.
func focal(p, q, logP, gamma float64) (f, g float64) {
	u := pow(q, gamma)
	return float64(-u * logP), float64(u * math.FMA(float64(gamma*p), logP, -q))
}

// Eval implements [Loss].
func (l FocalLoss) Eval(dy, y, t *Matrix) float64 {
	alpha1, alpha0 := l.check(dy, y, t)
	n := float64(len(y.Data))
	sum := 0.0
	for i, p := range y.Data {
		q := 1 - p
		term, d := 0.0, 0.0
		if a := float64(alpha1 * t.Data[i]); a != 0 {
			f, g := focal(p, q, logProb(p), l.Gamma)
			term, d = float64(a*f), float64(a*g)
		}
		if b := float64(alpha0 * (1 - t.Data[i])); b != 0 {
			f, g := focal(q, p, max(log1p(-p), minLog), l.Gamma)
			term, d = math.FMA(b, f, term), math.FMA(-b, g, d)
		}
		sum += term
		if dy != nil {
			dy.Data[i] = d / max(p, minProb) / max(q, minProb) / n
		}
	}
	return lossMean(sum, n)
}

func (FocalLoss) absorbs(last Layer) bool { return isSigmoid(last) }

// With p = σ(z) and dp/dz = p·q, the derivative of f is g itself.
func (l FocalLoss) evalLogits(dz, z, t *Matrix) float64 {
	alpha1, alpha0 := l.check(dz, z, t)
	n := float64(len(z.Data))
	sum := 0.0
	for i, v := range z.Data {
		p, q := sigmoid(v), sigmoid(-v)
		s := softplus(-math.Abs(v))
		term, d := 0.0, 0.0
		if a := float64(alpha1 * t.Data[i]); a != 0 {
			f, g := focal(p, q, min(v, 0)-s, l.Gamma) // ln σ(z)
			term, d = float64(a*f), float64(a*g)
		}
		if b := float64(alpha0 * (1 - t.Data[i])); b != 0 {
			f, g := focal(q, p, min(-v, 0)-s, l.Gamma) // ln σ(−z)
			term, d = math.FMA(b, f, term), math.FMA(-b, g, d)
		}
		sum += term
		if dz != nil {
			dz.Data[i] = d / n
		}
	}
	return lossMean(sum, n)
}

// A FocalCrossEntropyLoss is the [FocalLoss] of several classes, for a network
// that ends with [Softmax]:
//
//	L = −(1/N)·Σᵢ Σⱼ wⱼ·tᵢⱼ·(1−yᵢⱼ)^γ·ln yᵢⱼ
//
// where γ is Gamma. Targets, Weights w, Ignore and N are as in
// [CrossEntropyLoss], which it is for Gamma 0. In training it is computed from the
// input z of the softmax: with hᵢⱼ = wⱼ·tᵢⱼ·(1−yᵢⱼ)^(γ−1)·(γ·yᵢⱼ·ln yᵢⱼ − (1−yᵢⱼ)),
//
//	dzᵢⱼ = (hᵢⱼ − yᵢⱼ·Σₖ hᵢₖ)/N
//
// Both the value and the pointer are a Loss.
//
// Lin et al., arXiv:1708.02002.
type FocalCrossEntropyLoss struct {
	Gamma   float64   // how little easy samples count; the paper has 2
	Weights []float64 // of the classes, not negative; nil means 1 for each
	Ignore  []int     // class indices of rows that do not count; nil means −100
}

func (l FocalCrossEntropyLoss) String() string {
	var weights, ignore string
	if l.Weights != nil {
		weights = fmt.Sprintf("Weights=%v", l.Weights)
	}
	if l.Ignore != nil {
		ignore = fmt.Sprintf("Ignore=%v", l.Ignore)
	}
	return withOptions("FocalCrossEntropy", fmt.Sprintf("Gamma=%v", l.Gamma), weights, ignore)
}

// check panics unless everything fits. It returns the loss that shares the
// targets of l, and N.
func (l *FocalCrossEntropyLoss) check(dy, y, t *Matrix) (c CrossEntropyLoss, n float64) {
	const op = "FocalCrossEntropy"
	checkGamma(op, l.Gamma)
	c = CrossEntropyLoss{Weights: l.Weights, Ignore: l.Ignore}
	return c, c.check(op, dy, y, t)
}

// Eval implements [Loss].
func (l FocalCrossEntropyLoss) Eval(dy, y, t *Matrix) float64 {
	c, n := l.check(dy, y, t)
	if dy != nil {
		clear(dy.Data)
	}
	sum := 0.0
	for i := range y.Rows {
		yi := y.Row(i)
		ti, k, lo, hi := c.row(y, t, i)
		for j := lo; j < hi; j++ {
			a := c.coefficient(ti, k, j, len(yi))
			if a == 0 {
				continue
			}
			p := yi[j]
			q := 1 - p
			f, g := focal(p, q, logProb(p), l.Gamma)
			sum = math.FMA(a, f, sum)
			if dy != nil {
				dy.Row(i)[j] = a / n * g / max(p, minProb) / max(q, minProb)
			}
		}
	}
	return lossMean(sum, n)
}

func (FocalCrossEntropyLoss) absorbs(last Layer) bool { return isSoftmax(last) }

// With y = softmax(z) and ∂yⱼ/∂zᵢ = yⱼ·(δᵢⱼ − yᵢ), where δᵢⱼ is 1 for i = j and else 0,
// the term aⱼ·f(yⱼ) of a row has the derivative
//
//	aⱼ·f′(yⱼ)·yⱼ·(δᵢⱼ − yᵢ) = hⱼ·(δᵢⱼ − yᵢ)    hⱼ = aⱼ·g/(1−yⱼ)
//
// and the sum over j is hᵢ − yᵢ·Σⱼ hⱼ.
func (l FocalCrossEntropyLoss) evalLogits(dz, z, t *Matrix) float64 {
	c, n := l.check(dz, z, t)
	var buf [lossBlock]float64
	sum := 0.0
	for i := range z.Rows {
		zi := z.Row(i)
		ti, k, lo, hi := c.row(z, t, i)
		e := buf[:]
		if dz != nil {
			e = dz.Row(i)
		}
		if lo == hi || n == 0 {
			clear(e)
			continue
		}
		m, s := expRow(e, zi)
		logS := log(s)
		all := 0.0 // Σ hⱼ/N
		for j := lo; j < hi; j++ {
			if a := c.coefficient(ti, k, j, len(zi)); a != 0 {
				f, h := focalOf(zi[j]-m, s, logS, l.Gamma)
				sum = math.FMA(a, f, sum)
				all = math.FMA(a/n, h, all)
			}
		}
		if dz == nil {
			continue
		}
		if all == 0 { // no h is positive, so each is 0
			clear(e)
			continue
		}
		vscale(e, -all/s, e)
		for j := lo; j < hi; j++ {
			if a := c.coefficient(ti, k, j, len(zi)); a != 0 {
				_, h := focalOf(zi[j]-m, s, logS, l.Gamma)
				e[j] = math.FMA(a/n, h, e[j])
			}
		}
	}
	return lossMean(sum, n)
}

// focalOf returns f(y) and h = g/(1−y) for y = exp(z)/s, where z ≤ 0.
func focalOf(z, s, logS, gamma float64) (f, h float64) {
	e := exp(z)
	p, q := e/s, (s-e)/s
	f, g := focal(p, q, z-logS, gamma)
	if q == 0 {
		return f, 0
	}
	return f, g / q
}
