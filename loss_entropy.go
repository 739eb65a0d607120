package nn

import (
	"fmt"
	"math"
)

var (
	// CrossEntropy is −(1/n)·Σᵢ Σⱼ tᵢⱼ·ln yᵢⱼ over n rows of probabilities, for a
	// network that ends with [Softmax]. A row of t is a distribution over the
	// classes or, if t has one column and y more, the index of the right class;
	// both give the same bits for the same targets. Rows whose index is −100
	// are left out. [CrossEntropyLoss] has options and says more.
	CrossEntropy Loss = new(CrossEntropyLoss)

	// BinaryCrossEntropy is −(1/n)·Σ (t·ln y + (1−t)·ln(1−y)) over all n values,
	// for a network that ends with [Sigmoid]. Targets are in [0, 1].
	// [BinaryCrossEntropyLoss] has an option and says more.
	BinaryCrossEntropy Loss = new(BinaryCrossEntropyLoss)

	// KLDivergence is the Kullback–Leibler divergence of rows y from
	// distributions t, for a network that ends with [Softmax]:
	//
	//	L = (1/n)·Σᵢ Σⱼ tᵢⱼ·(ln tᵢⱼ − ln yᵢⱼ)
	//
	// over n rows, where 0·ln 0 = 0. It is the cross-entropy less the entropy
	// of the targets, so that its gradient is that of [CrossEntropy].
	KLDivergence Loss = klDivergence{}
)

// Logarithms of probabilities are taken as at least −100 and their derivatives
// 1/y as at most e¹⁰⁰, so that a probability of 0 costs much but not all.
const (
	minLog  = -100
	minProb = 0x1.a8c1f14e2af5dp-145 // e⁻¹⁰⁰
)

// A CrossEntropyLoss is the cross-entropy
//
//	L = −(1/N)·Σᵢ Σⱼ aᵢⱼ·ln yᵢⱼ
//
// over rows y of probabilities, for a network that ends with [Softmax]. A row
// of t is a distribution over the C classes, soft or one-hot, with as many
// columns as y; or it is the index of the right class, if t has one column and
// y more. Then tᵢⱼ below is 1 for that class and 0 for the others. In general
//
//	aᵢⱼ = wⱼ·((1−ε)·tᵢⱼ + ε/C)
//
// for Weights w and Smoothing ε. Rows of t need not sum to 1: one of zeros has
// no loss. N is the number of rows; but for class indices it counts those that
// are not ignored, and with Weights it is the sum of the weights of their
// classes. An ignored row has the gradient 0. If N is 0, so is the loss.
//
// In training the loss is computed from the input z of the softmax, so that no
// logarithm of zero arises. With A = Σⱼ aᵢⱼ, which is 1 without options,
//
//	Lᵢ = Σⱼ aᵢⱼ·(ln Σₖ exp zᵢₖ − zᵢⱼ)    dzᵢⱼ = (A·yᵢⱼ − aᵢⱼ)/N
//
// Minus infinity is a z like any other where a is 0. Eval, which sees only y,
// takes ln y as at least −100 and y in dyᵢⱼ = −aᵢⱼ/(N·yᵢⱼ) as at least e⁻¹⁰⁰.
//
// A y with one column fits only t with one column, which is then not an index:
// such a softmax is always 1, and the network wants [Sigmoid] and
// [BinaryCrossEntropy]. Eval panics if an index is not that of a class, or if
// the options do not fit. Both the value and the pointer are a Loss.
type CrossEntropyLoss struct {
	Weights   []float64 // of the classes, not negative; nil means 1 for each
	Smoothing float64   // the part of each target spread over all classes, from 0 to 1
	Ignore    []int     // class indices of rows that do not count; nil means −100
}

// SmoothCrossEntropy returns [CrossEntropy] for targets of which a part eps is
// spread evenly over all classes. It panics if eps is not from 0 to 1.
//
// Szegedy et al., arXiv:1512.00567.
func SmoothCrossEntropy(eps float64) Loss {
	l := &CrossEntropyLoss{Smoothing: eps}
	l.checkSmoothing()
	return l
}

func (l CrossEntropyLoss) String() string {
	var weights, smoothing, ignore string
	if l.Weights != nil {
		weights = fmt.Sprintf("Weights=%v", l.Weights)
	}
	if l.Smoothing != 0 {
		smoothing = fmt.Sprintf("Smoothing=%v", l.Smoothing)
	}
	if l.Ignore != nil {
		ignore = fmt.Sprintf("Ignore=%v", l.Ignore)
	}
	return withOptions("CrossEntropy", weights, smoothing, ignore)
}

func (l CrossEntropyLoss) checkSmoothing() {
	if !(l.Smoothing >= 0 && l.Smoothing <= 1) {
		panic(fmt.Sprintf("nn: CrossEntropy: smoothing %v is not from 0 to 1", l.Smoothing))
	}
}

// check panics unless everything fits, and returns N.
func (l *CrossEntropyLoss) check(op string, dy, y, t *Matrix) (n float64) {
	checkGiven(op, y, t)
	if t.Rows != y.Rows || t.Cols != y.Cols && t.Cols != 1 {
		panic(fmt.Sprintf("nn: %s: %d×%d and %d×%d do not fit; targets are %d×%d, or %d×1 for class indices",
			op, y.Rows, y.Cols, t.Rows, t.Cols, y.Rows, y.Cols, y.Rows))
	}
	if dy != nil {
		dy.shape(op, y.Rows, y.Cols)
	}
	l.checkSmoothing()
	if l.Weights != nil && len(l.Weights) != y.Cols {
		panic(fmt.Sprintf("nn: %s: %d weights for %d classes", op, len(l.Weights), y.Cols))
	}
	for j, w := range l.Weights {
		if !(w >= 0) {
			panic(fmt.Sprintf("nn: %s: weight %v of class %d is not positive or 0", op, w, j))
		}
	}
	if !classIndices(y, t) {
		checkTargets(op, t, math.Inf(1)) // a row need not sum to 1
		return float64(y.Rows)
	}
	for i, v := range t.Data {
		if l.ignores(v) {
			continue
		}
		if !(v >= 0 && v < float64(y.Cols) && v == math.Floor(v)) {
			panic(fmt.Sprintf("nn: %s: label %v in row %d; there are %d classes", op, v, i, y.Cols))
		}
		if l.Weights == nil {
			n++
		} else {
			n += l.Weights[int(v)]
		}
	}
	return n
}

// classIndices reports whether targets t for y are class indices.
func classIndices(y, t *Matrix) bool { return t.Cols == 1 && y.Cols != 1 }

func (l *CrossEntropyLoss) ignores(v float64) bool {
	if l.Ignore == nil {
		return v == -100
	}
	for _, k := range l.Ignore {
		if v == float64(k) {
			return true
		}
	}
	return false
}

// row returns what stands in row i of t: a distribution ti; or, if ti is nil, the
// index k of the right class. Only classes from lo to hi-1 can have a
// coefficient other than 0, so that an ignored row has none.
func (l *CrossEntropyLoss) row(y, t *Matrix, i int) (ti []float64, k, lo, hi int) {
	if !classIndices(y, t) {
		return t.Row(i), -1, 0, y.Cols
	}
	v := t.Data[i]
	if l.ignores(v) {
		return nil, -1, 0, 0
	}
	k = int(v)
	if l.Smoothing == 0 {
		return nil, k, k, k + 1
	}
	return nil, k, 0, y.Cols
}

// coefficient returns a = w·((1−ε)·t + ε/C) of class j of a row.
func (l *CrossEntropyLoss) coefficient(ti []float64, k, j, classes int) float64 {
	a := 0.0
	if ti != nil {
		a = ti[j]
	} else if j == k {
		a = 1
	}
	if l.Smoothing != 0 {
		a = math.FMA(1-l.Smoothing, a, l.Smoothing/float64(classes))
	}
	if l.Weights != nil {
		a *= l.Weights[j]
	}
	return a
}

// Eval implements [Loss].
//
// The derivative of −a·ln y is −a/y.
func (l CrossEntropyLoss) Eval(dy, y, t *Matrix) float64 {
	n := l.check("CrossEntropy", dy, y, t)
	if dy != nil {
		clear(dy.Data)
	}
	sum := 0.0
	for i := range y.Rows {
		yi := y.Row(i)
		ti, k, lo, hi := l.row(y, t, i)
		row := 0.0
		for j := lo; j < hi; j++ {
			a := l.coefficient(ti, k, j, len(yi))
			if a == 0 {
				continue
			}
			row = math.FMA(-a, logProb(yi[j]), row)
			if dy != nil && n > 0 {
				dy.Row(i)[j] = -a / n / max(yi[j], minProb)
			}
		}
		sum += row
	}
	return lossMean(sum, n)
}

// logProb returns ln y, but at least −100.
func logProb(y float64) float64 { return max(log(y), minLog) }

func (CrossEntropyLoss) absorbs(last Layer) bool { return isSoftmax(last) }

func isSoftmax(l Layer) bool { _, ok := l.(*SoftmaxLayer); return ok }

// With y = softmax(z), ln yⱼ = zⱼ − ln Σₖ exp zₖ. The derivative of the logarithm of
// the sum with respect to zⱼ is exp zⱼ/Σₖ exp zₖ = yⱼ, therefore
//
//	L = Σⱼ aⱼ·(ln Σₖ exp zₖ − zⱼ)    dzⱼ = A·yⱼ − aⱼ    A = Σⱼ aⱼ
//
// for a row. Nothing changes if m = max z is first taken from all zⱼ; then no
// exp overflows, and the sum s of them is at least 1.
func (l CrossEntropyLoss) evalLogits(dz, z, t *Matrix) float64 {
	n := l.check("CrossEntropy", dz, z, t)
	var buf [lossBlock]float64
	sum := 0.0
	for i := range z.Rows {
		zi := z.Row(i)
		ti, k, lo, hi := l.row(z, t, i)
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
		a, all, row := 0.0, 0.0, 0.0
		for j := lo; j < hi; j++ {
			a = l.coefficient(ti, k, j, len(zi))
			if a != 0 {
				all += a
				row = math.FMA(a, logS-(zi[j]-m), row)
			}
		}
		sum += row
		switch r := all / n / s; {
		case dz == nil:
		case all == 0:
			clear(e)
		case hi-lo == 1: // the other coefficients are 0
			d := math.FMA(r, e[lo], -a/n)
			vscale(e, r, e)
			e[lo] = d
		default:
			for j, v := range e {
				e[j] = math.FMA(r, v, -l.coefficient(ti, k, j, len(zi))/n)
			}
		}
	}
	return lossMean(sum, n)
}

// expRow returns m = max z and s = Σ exp(zⱼ − m), summed in blocks. The
// exponentials are left in e if it is as long as z; else it is a buffer of lossBlock values.
func expRow(e, z []float64) (m, s float64) {
	m = vmax(z)
	for lo := 0; lo < len(z); lo += lossBlock {
		hi := min(lo+lossBlock, len(z))
		b := e
		if len(e) == len(z) {
			b = e[lo:]
		}
		b = b[:hi-lo]
		vexpShift(b, -m, z[lo:hi])
		s += vsum(b)
	}
	return m, s
}

type klDivergence struct{}

func (klDivergence) String() string { return "KLDivergence" }

func (klDivergence) Eval(dy, y, t *Matrix) float64 {
	checkShapes("KLDivergence", dy, y, t)
	return CrossEntropyLoss{}.Eval(dy, y, t) - entropy(t)
}

func (klDivergence) absorbs(last Layer) bool { return isSoftmax(last) }

func (klDivergence) evalLogits(dz, z, t *Matrix) float64 {
	checkShapes("KLDivergence", dz, z, t)
	return CrossEntropyLoss{}.evalLogits(dz, z, t) - entropy(t)
}

// entropy returns −Σⱼ tᵢⱼ·ln tᵢⱼ, averaged over the rows.
func entropy(t *Matrix) float64 {
	sum := 0.0
	for i := range t.Rows {
		row := 0.0
		for _, v := range t.Row(i) {
			if v != 0 {
				row = math.FMA(-v, logProb(v), row)
			}
		}
		sum += row
	}
	return lossMean(sum, float64(t.Rows))
}
