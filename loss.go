package nn

import "math"

// A Loss measures how far predictions are from targets.
type Loss interface {
	// Eval returns the mean loss of predictions y for the targets t and,
	// if dy is not nil, stores its gradient with respect to y there.
	Eval(dy, y, t *Matrix) float64
}

// fused is implemented by a loss that can absorb the activation before it.
type fused interface {
	// absorbs reports whether last is the activation that the loss expects.
	absorbs(last Layer) bool
	// evalLogits is Eval with respect to the input z of that activation.
	evalLogits(dz, z, t *Matrix) float64
}

var (
	MSE                Loss = mse{}
	CrossEntropy       Loss = crossEntropy{}
	BinaryCrossEntropy Loss = binaryCrossEntropy{}
)

type mse struct{}

func (mse) Eval(dy, y, t *Matrix) (loss float64) {
	n := float64(len(y.Data))
	for i, v := range y.Data {
		e := v - t.Data[i]
		loss = math.FMA(e, e, loss)
		if dy != nil {
			dy.Data[i] = 2 * e / n
		}
	}
	return loss / n
}

type crossEntropy struct{}

func (crossEntropy) absorbs(l Layer) bool { _, ok := l.(*SoftmaxLayer); return ok }
func (crossEntropy) evalLogits(dz, z, t *Matrix) (loss float64) {
	n := float64(z.Rows)
	var buf [64]float64
	for i := range z.Rows {
		zi, ti := z.Row(i), t.Row(i)
		q := buf[:0]
		if dz != nil {
			q = dz.Row(i)
		} else {
			q = append(q, zi...)
		}
		lse := softmaxRow(q, zi)
		if t.Cols == 1 { // class index
			k := int(ti[0])
			loss += lse - zi[k]
			q[k]--
			for j := range q {
				q[j] /= n
			}
			continue
		}
		for j, tj := range ti {
			loss += tj * (lse - zi[j])
			q[j] = (q[j] - tj) / n
		}
	}
	return loss / n
}
func (crossEntropy) Eval(dy, y, t *Matrix) (loss float64) {
	n := float64(y.Rows)
	for i, v := range y.Data {
		v = max(v, math.SmallestNonzeroFloat64)
		loss -= t.Data[i] * math.Log(v)
		if dy != nil {
			dy.Data[i] = -t.Data[i] / v / n
		}
	}
	return loss / n
}

type binaryCrossEntropy struct{}

func (binaryCrossEntropy) absorbs(l Layer) bool { return l == Layer(Sigmoid) }
func (binaryCrossEntropy) evalLogits(dz, z, t *Matrix) (loss float64) {
	n := float64(len(z.Data))
	for i, v := range z.Data {
		loss += max(v, 0) - v*t.Data[i] + math.Log1p(math.Exp(-math.Abs(v)))
		if dz != nil {
			dz.Data[i] = (1/(1+math.Exp(-v)) - t.Data[i]) / n
		}
	}
	return loss / n
}
func (binaryCrossEntropy) Eval(dy, y, t *Matrix) (loss float64) { panic("sketch") }
