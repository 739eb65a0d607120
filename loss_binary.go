package nn

import (
	"fmt"
	"math"
)

// A BinaryCrossEntropyLoss is the cross-entropy of n separate yes-or-no
// questions,
//
//	L = −(1/n)·Σ (w·t·ln y + (1−t)·ln(1−y))
//
// over all values of y, the probabilities of yes, and targets t in [0, 1], for
// a network that ends with [Sigmoid]. The weight w of the positive part, 1 if
// PosWeight is nil, makes up for rare positives; their weight is then the number
// of negatives for each of them.
//
// In training the loss is computed from the input z of the sigmoid, so that no
// logarithm of zero arises. With softplus(z) = ln(1 + eᶻ),
//
//	L = (1/n)·Σ (w·t·softplus(−z) + (1−t)·softplus(z))
//	dz = ((w·t + 1−t)·y − w·t)/n
//
// which is (y − t)/n without a weight. An infinite z makes the loss NaN. Eval,
// which sees only y, takes the logarithms as at least −100, and y and 1−y in
//
//	dy = ((1−t)/(1−y) − w·t/y)/n
//
// as at least e⁻¹⁰⁰. A y outside of [0, 1] can make the loss NaN.
//
// Eval panics if the weights do not fit. Both the value and the pointer are a
// Loss.
type BinaryCrossEntropyLoss struct {
	PosWeight []float64 // one for each column or one for all, not negative; nil means 1
}

func (l BinaryCrossEntropyLoss) String() string {
	if l.PosWeight == nil {
		return "BinaryCrossEntropy"
	}
	return fmt.Sprintf("BinaryCrossEntropy(PosWeight=%v)", l.PosWeight)
}

func (l *BinaryCrossEntropyLoss) check(dy, y, t *Matrix) {
	const op = "BinaryCrossEntropy"
	checkShapes(op, dy, y, t)
	checkTargets(op, t, 1)
	if n := len(l.PosWeight); l.PosWeight != nil && n != 1 && n != y.Cols {
		panic(fmt.Sprintf("nn: %s: %d positive weights for %d columns", op, n, y.Cols))
	}
	for j, w := range l.PosWeight {
		if !(w >= 0) {
			panic(fmt.Sprintf("nn: %s: positive weight %v of column %d is not positive or 0", op, w, j))
		}
	}
}

// weight returns the positive weight of element i.
func (l *BinaryCrossEntropyLoss) weight(i int) float64 {
	if l.PosWeight == nil {
		return 1
	}
	return l.PosWeight[i%len(l.PosWeight)]
}

// Eval implements [Loss].
func (l BinaryCrossEntropyLoss) Eval(dy, y, t *Matrix) float64 {
	l.check(dy, y, t)
	n := float64(len(y.Data))
	sum := 0.0
	for i, v := range y.Data {
		ti := t.Data[i]
		term, d := 0.0, 0.0
		if a := l.weight(i) * ti; a != 0 {
			term, d = float64(-a*logProb(v)), -a/max(v, minProb)
		}
		if b := 1 - ti; b != 0 {
			term = math.FMA(-b, max(log1p(-v), minLog), term)
			d += b / max(1-v, minProb)
		}
		sum += term
		if dy != nil {
			dy.Data[i] = d / n
		}
	}
	return lossMean(sum, n)
}

func (BinaryCrossEntropyLoss) absorbs(last Layer) bool { return isSigmoid(last) }

func isSigmoid(l Layer) bool { a, ok := l.(Activation); return ok && a == Sigmoid }

// With y = σ(z) = 1/(1 + e⁻ᶻ), −ln y = softplus(−z) and −ln(1−y) = softplus(z), and
// the derivative of softplus is σ:
//
//	L = a·softplus(−z) + b·softplus(z)    a = w·t, b = 1−t
//	dz = −a·σ(−z) + b·σ(z) = (a+b)·y − a
//
// since σ(−z) = 1 − y. And softplus(z) = max(z, 0) + softplus(−|z|) does not overflow.
func (l BinaryCrossEntropyLoss) evalLogits(dz, z, t *Matrix) float64 {
	l.check(dz, z, t)
	n := float64(len(z.Data))
	sum := 0.0
	for lo := 0; lo < len(z.Data); lo += lossBlock {
		hi := min(lo+lossBlock, len(z.Data))
		zb, tb := z.Data[lo:hi], t.Data[lo:hi]
		var s []float64
		if dz != nil {
			s = dz.Data[lo:hi]
		} else {
			var buf [lossBlock]float64
			s = buf[:hi-lo]
		}
		for i, v := range zb {
			s[i] = -math.Abs(v)
		}
		vsoftplus(s, s)
		for i, v := range zb {
			a, b := float64(l.weight(lo+i)*tb[i]), 1-tb[i]
			s[i] = math.FMA(b, max(v, 0)+s[i], float64(a*(max(-v, 0)+s[i])))
		}
		sum += vsum(s)
		if dz == nil {
			continue
		}
		db := dz.Data[lo:hi]
		vsigmoid(db, zb)
		for i, y := range db {
			w := l.weight(lo + i)
			// a + b = 1 + (w−1)·t, which is exactly 1 for w = 1
			db[i] = math.FMA(math.FMA(w-1, tb[i], 1), y, -w*tb[i]) / n
		}
	}
	return lossMean(sum, n)
}
