package nn

import (
	"fmt"
	"math/rand/v2"
)

// A GRULayer is a gated recurrent unit. Step after step it computes, from three
// blocks of Hidden columns of aₜ = xₜ·Wx + b and uₜ = hₜ₋₁·Wh + b′, in this order,
//
//	r = σ(aʳ + uʳ)    z = σ(aᶻ + uᶻ)    n = tanh(aⁿ + r ⊙ uⁿ)
//	hₜ = (1 − z) ⊙ n + z ⊙ hₜ₋₁
//
// with xₜ (batch, n), Wx (n, 3·Hidden), Wh (Hidden, 3·Hidden), b and b′
// (1, 3·Hidden), hₜ (batch, Hidden), h₀ = 0, and gives all hₜ: (steps, n) becomes
// (steps, Hidden). [Last] keeps the last one. Layers of this kind can stand one after
// the other, and [Bidirectional] joins two.
//
// The reset gate r comes after the product with Wh, as in cuDNN and PyTorch, whose
// order of gates is the same. If LearnState is set, h₀ is a parameter, the same
// for all samples. At a step that [Padding] has noted the state stays as it is.
//
// Wx begins with values by Init, Wh orthogonal in each block, the others with 0.
// The parameters are named wx, wh, bias, hidden_bias and h0.
//
// Cho et al., arXiv:1406.1078.
type GRULayer struct {
	Hidden     int
	LearnState bool        `json:",omitempty"`
	Init       Initializer `json:"-"` // of Wx; nil: GlorotUniform

	Wx, Wh, B, Bh, H0 *Param `json:"-"` // set by Build; H0 is nil unless LearnState is set

	rec recurrence
}

// GRU returns a GRULayer with the given number of hidden features.
func GRU(hidden int) *GRULayer { return &GRULayer{Hidden: hidden} }

// WithLearnedState sets LearnState and returns l.
func (l *GRULayer) WithLearnedState() *GRULayer {
	l.LearnState = true
	return l
}

// WithInit sets Init and returns l.
func (l *GRULayer) WithInit(init Initializer) *GRULayer {
	l.Init = init
	return l
}

func (l *GRULayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	r := &l.rec
	if err := r.build(fmt.Sprintf("GRU(%d)", l.Hidden), in, l.Hidden, 3, Tanh, l.Init, rng); err != nil {
		return nil, err
	}
	l.Wx, l.Wh, l.H0 = r.wx, r.wh, nil
	l.B, l.Bh = newParam("bias", 1, 3*l.Hidden, rng), newParam("hidden_bias", 1, 3*l.Hidden, rng)
	l.B.NoDecay, l.Bh.NoDecay = true, true
	if l.LearnState {
		l.H0 = r.state("h0", rng)
		r.h0 = l.H0
	}
	return Shape{in[0], l.Hidden}, nil
}

func (l *GRULayer) Params() []*Param {
	ps := []*Param{l.Wx, l.Wh, l.B, l.Bh}
	if l.H0 != nil {
		ps = append(ps, l.H0)
	}
	return ps
}

// checkBiases does for the biases what the check of the recurrence does for the rest.
func (l *GRULayer) checkBiases() {
	l.B.of(1, 3*l.Hidden)
	l.Bh.of(1, 3*l.Hidden)
}

func (l *GRULayer) Forward(p *Pass, x *Matrix) *Matrix { return l.forward(p, x, false) }

func (l *GRULayer) forward(p *Pass, x *Matrix, last bool) *Matrix {
	l.checkBiases()
	t := l.rec.begin(p, l, x, last)
	t.z, t.u = p.raw(t.kept(p), 3*l.Hidden), p.raw(t.kept(p), l.Hidden)
	p.Push(t.z, t.u)
	return l.rec.forward(p, t)
}

// Backward goes from the last step to the first. hₜ is output at step t, and it is
// in uₜ₊₁ and in hₜ₊₁. With z′ = zₜ₊₁ and the gradients da and du of the sums:
//
//	dhₜ = dyₜ + duₜ₊₁·Whᵀ + dhₜ₊₁ ⊙ z′
//	daⁿ = dhₜ ⊙ (1 − z) ⊙ (1 − n²)              duⁿ = daⁿ ⊙ r
//	daᶻ = dhₜ ⊙ (hₜ₋₁ − n) ⊙ z(1 − z) = duᶻ     daʳ = daⁿ ⊙ uⁿ ⊙ r(1 − r) = duʳ
//	dWx = Σₜ xₜᵀ·daₜ    dWh = Σₜ hₜ₋₁ᵀ·duₜ    db = Σₜ daₜ    db′ = Σₜ duₜ    dxₜ = daₜ·Wxᵀ
//	dh₀ = du₁·Whᵀ + dh₁ ⊙ z₁
//
// where db, db′ and dh₀ are also sums over the samples.
func (l *GRULayer) Backward(p *Pass, dy *Matrix) *Matrix {
	return l.inputGrad(p, l.backward(p, dy, false))
}

// BackwardParams is Backward without dx.
func (l *GRULayer) BackwardParams(p *Pass, dy *Matrix) { l.backward(p, dy, false) }

func (l *GRULayer) backward(p *Pass, dy *Matrix, last bool) *Matrix {
	t := l.rec.beginBack(p, l, dy, last)
	t.u, t.z = p.Pop(), p.Pop()
	da, du, n := t.z, t.u, l.Hidden
	sums, db, dbh := l.rec.backward(p, t), l.B.Grad.Data, l.Bh.Grad.Data
	vadd(db, db, sums)
	vadd(dbh[:2*n], dbh[:2*n], sums[:2*n])
	vsumrows(dbh[2*n:], du.Data)
	return da
}

func (l *GRULayer) inputGrad(p *Pass, dz *Matrix) *Matrix { return l.rec.inputGrad(p, dz) }

func (l *GRULayer) ahead(t *recurrentTask, i, s int) {
	l.unit(t.at(t.z, i, s), t.at(t.u, i, s), t.at(t.sums, i, s), t.at(t.sumsU, i, s), t.h(i, s), t.state(i, s))
}

// unit turns sums, to which hₜ₋₁·Wh is added but for the last block, into r, z and n
// in a; sets u to sumsU, which is that last block, plus b′; and h from them and from h
// before. The sums may be a and u.
func (l *GRULayer) unit(a, u, sums, sumsU, before, h []float64) {
	k := l.Hidden
	vadd(sums, sums, l.B.Value.Data)
	vadd(sums[:2*k], sums[:2*k], l.Bh.Value.Data[:2*k])
	vadd(u, sumsU, l.Bh.Value.Data[2*k:])
	vsigmoid(a[:2*k], sums[:2*k])
	r, z, n := a[:k], a[k:2*k], a[2*k:]
	vfma(n, r, u, sums[2*k:])
	vtanh(n, n)
	// hₜ = n + z ⊙ (hₜ₋₁ − n)
	vsub(h, before, n)
	vfma(h, z, h, n)
}

func (l *GRULayer) back(t *recurrentTask, i, s int, d []float64) {
	k := l.Hidden
	a, u, before, dh := t.at(t.z, i, s), t.at(t.u, i, s), t.h(i, s), t.dh.Row(i)
	r, z, n := a[:k], a[k:2*k], a[2*k:]
	dr, dz, dn := d[:k], d[k:2*k], d[2*k:]
	vsub(dz, before, n)
	vmul(dz, dz, dh)
	vmul(dr, dh, z)
	vsub(dn, dh, dr)
	copy(dh, dr)
	// The gradients of the sums take the place of the gates.
	vtanhGrad(n, n, dn)
	vmul(dr, n, u)
	vmul(u, n, r)
	vsigmoidGrad(a[:2*k], a[:2*k], d[:2*k])
}

// CanStep returns nil.
func (l *GRULayer) CanStep() error { return nil }

// Step implements [Stepper]. Its state is h.
func (l *GRULayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	l.checkBiases()
	h, a := l.rec.step(p, s, x)
	k, wh := l.Hidden, l.rec.wh.Value.Data
	u := p.New(h.Rows, k)
	if l.rec.hasState(s) {
		gemm(false, false, h.Rows, 2*k, k, h.Data, k, wh, 3*k, a.Data, 3*k, true)
		gemm(false, false, h.Rows, k, k, h.Data, k, wh[2*k:], 3*k, u.Data, k, false)
	}
	y := p.raw(h.Rows, k)
	for i := range h.Rows {
		l.unit(a.Row(i), u.Row(i), a.Row(i), u.Row(i), h.Row(i), y.Row(i))
	}
	return h.Copy(y)
}
