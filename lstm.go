package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// An LSTMLayer computes, step after step, from four blocks of Hidden columns of
// zₜ = xₜ·Wx + hₜ₋₁·Wh + b, in this order,
//
//	i = σ(zⁱ)    f = σ(zᶠ)    g = tanh(zᵍ)    o = σ(zᵒ)
//	cₜ = f ⊙ cₜ₋₁ + i ⊙ g
//	hₜ = o ⊙ tanh(cₜ)
//
// with xₜ (batch, n), Wx (n, 4·Hidden), Wh (Hidden, 4·Hidden), b (1, 4·Hidden), cₜ
// and hₜ (batch, Hidden), h₀ = c₀ = 0, and gives all hₜ: (steps, n) becomes
// (steps, Hidden). [Last] keeps the last one. Layers of this kind can stand one after
// the other, and [Bidirectional] joins two.
//
// If LearnState is set, h₀ and c₀ are parameters, the same for all samples. At a
// step that [Padding] has noted the state stays as it is.
//
// PyTorch has the same order of gates, and a second bias, which is added to the
// first. Wx begins with values by Init, Wh orthogonal in each block, b with 0
// but for 1 in the block of f, which lets gradients pass. The parameters are
// named wx, wh, bias, h0 and c0.
//
// Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; Gers et al., Neural
// Computation 12(10), 2000.
type LSTMLayer struct {
	Hidden     int
	LearnState bool        `json:",omitempty"`
	Init       Initializer `json:"-"` // of Wx; nil: GlorotUniform

	Wx, Wh, B, H0, C0 *Param `json:"-"` // set by Build; H0 and C0 are nil unless LearnState is set

	rec recurrence
}

// LSTM returns an LSTMLayer with the given number of hidden features.
func LSTM(hidden int) *LSTMLayer { return &LSTMLayer{Hidden: hidden} }

// WithLearnedState sets LearnState and returns l.
func (l *LSTMLayer) WithLearnedState() *LSTMLayer {
	l.LearnState = true
	return l
}

// WithInit sets Init and returns l.
func (l *LSTMLayer) WithInit(init Initializer) *LSTMLayer {
	l.Init = init
	return l
}

func (l *LSTMLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	r := &l.rec
	if err := r.build(fmt.Sprintf("LSTM(%d)", l.Hidden), in, l.Hidden, 4, Tanh, l.Init, rng); err != nil {
		return nil, err
	}
	n := l.Hidden
	l.Wx, l.Wh, l.B, l.H0, l.C0 = r.wx, r.wh, newParam("bias", 1, 4*n, rng), nil, nil
	l.B.NoDecay, l.B.lazy, r.b = true, true, l.B
	if rng != nil {
		for j := n; j < 2*n; j++ {
			l.B.Value.Data[j] = 1
		}
	}
	if l.LearnState {
		l.H0, l.C0 = r.state("h0", rng), r.state("c0", rng)
		r.h0, r.c0 = l.H0, l.C0
	}
	return Shape{in[0], n}, nil
}

func (l *LSTMLayer) Params() []*Param {
	ps := []*Param{l.Wx, l.Wh, l.B}
	if l.H0 != nil {
		ps = append(ps, l.H0, l.C0)
	}
	return ps
}

func (l *LSTMLayer) Forward(p *Pass, x *Matrix) *Matrix { return l.forward(p, x, false) }

func (l *LSTMLayer) forward(p *Pass, x *Matrix, last bool) *Matrix {
	t, n := l.rec.begin(p, l, x, last), l.Hidden
	t.z = p.raw(t.kept(p), 4*n)
	t.c0 = l.rec.start(p, l.rec.c0, x.Rows)
	if p.Training() {
		t.c = p.raw(t.z.Rows, n)
		p.Push(t.z, t.c)
	}
	return l.rec.forward(p, t)
}

// Backward goes from the last step to the first, with dhₜ and dcₜ the gradients with
// respect to hₜ and cₜ. hₜ is output at step t, and is in zₜ₊₁; cₜ is in hₜ and in
// cₜ₊₁. With f′ = fₜ₊₁ and σ′ = σ(1 − σ), tanh′ = 1 − tanh²:
//
//	dhₜ = dyₜ + dzₜ₊₁·Whᵀ
//	dcₜ = dhₜ ⊙ o ⊙ (1 − tanh²(cₜ)) + dcₜ₊₁ ⊙ f′
//	dzⁱ = dcₜ ⊙ g ⊙ i(1 − i)       dzᶠ = dcₜ ⊙ cₜ₋₁ ⊙ f(1 − f)
//	dzᵍ = dcₜ ⊙ i ⊙ (1 − g²)       dzᵒ = dhₜ ⊙ tanh(cₜ) ⊙ o(1 − o)
//	dWx = Σₜ xₜᵀ·dzₜ    dWh = Σₜ hₜ₋₁ᵀ·dzₜ    db = Σₜ dzₜ    dxₜ = dzₜ·Wxᵀ
//	dh₀ = dz₁·Whᵀ      dc₀ = dc₁ ⊙ f₁
//
// where db, dh₀ and dc₀ are also sums over the samples.
func (l *LSTMLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	return l.inputGrad(p, l.backward(p, dy, false))
}

// BackwardParams is Backward without dx.
func (l *LSTMLayer) BackwardParams(p *Pass, dy *Matrix) { l.backward(p, dy, false) }

func (l *LSTMLayer) backward(p *Pass, dy *Matrix, last bool) *Matrix {
	return l.backwardFrom(p, dy, p.New(dy.Rows, l.Hidden), last)
}

// backwardFrom takes in dc the gradient with respect to the last c.
func (l *LSTMLayer) backwardFrom(p *Pass, dy, dc *Matrix, last bool) *Matrix {
	t := l.rec.beginBack(p, l, dy, last)
	t.c, t.z = p.Pop(), p.Pop()
	t.c0, t.dc = l.rec.start(p, l.rec.c0, dy.Rows), dc
	dz := t.z
	l.rec.backward(p, t)
	return dz
}

func (l *LSTMLayer) inputGrad(p *Pass, dz *Matrix) *Matrix { return l.rec.inputGrad(p, dz) }

func (l *LSTMLayer) ahead(t *recurrentTask, i, s int) {
	sums, z, y := t.at(t.sums, i, s), t.at(t.z, i, s), t.state(i, s)
	if t.c == nil {
		l.gates(z, sums, t.c0.Row(i), t.c0.Row(i), y)
		return
	}
	l.gates(z, sums, t.cBefore(i, s), t.at(t.c, i, s), y)
}

// gates is lstmAhead with the layer's bias.
func (l *LSTMLayer) gates(z, sums, before, c, h []float64) {
	lstmAhead(z, sums, l.rec.b.Value.Data, before[:l.Hidden], c, h)
}

// lstmAhead adds the bias to the sums, which may be z, turns them into the gates z, and
// sets c and h from them and from c before, which may be c itself.
func lstmAhead(z, sums, bias, before, c, h []float64) {
	n := len(before)
	c, h = c[:n], h[:n]
	z, sums, bias = z[:4*n], sums[:4*n], bias[:4*n]
	j := lstmAheadFast(z, sums, bias, before, c, h)
	if j == n {
		return
	}
	for g := range 4 {
		x, y := sums[g*n+j:(g+1)*n], z[g*n+j:(g+1)*n]
		vadd(x, x, bias[g*n+j:])
		if g == 2 {
			vtanh(y, x)
		} else {
			vsigmoid(y, x)
		}
	}
	i, f, g, o := z[j:n], z[n+j:2*n], z[2*n+j:3*n], z[3*n+j:]
	c, h = c[j:], h[j:]
	vmul(h, i, g)
	vfma(c, f, before[j:], h)
	vtanh(h, c)
	vmul(h, o, h)
}

func (l *LSTMLayer) back(t *recurrentTask, k, s int, d []float64) {
	z, tc := t.at(t.z, k, s), d[:l.Hidden]
	vtanh(tc, t.at(t.c, k, s)) // again: to keep it would take longer
	lstmBack(z, t.cBefore(k, s), tc, t.dh.Row(k), t.dc.Row(k))
}

// lstmBack is Backward for one step of a sample: z, the gates, becomes dz, and dc
// what the step before gets, as dh, which is left at 0.
func lstmBack(z, before, tc, dh, dc []float64) {
	n := len(tc)
	before, dh, dc = before[:n], dh[:n], dc[:n]
	i, f, g, o := z[:n], z[n:2*n], z[2*n:3*n], z[3*n:4*n]
	for j := lstmBackFast(z, before, tc, dh, dc); j < n; j++ {
		e := dc[j] + float64(float64(dh[j]*o[j])*math.FMA(-tc[j], tc[j], 1))
		o[j] = dh[j] * tc[j] * (o[j] * (1 - o[j]))
		dc[j], dh[j] = e*f[j], 0
		f[j] = e * before[j] * (f[j] * (1 - f[j]))
		i[j], g[j] = e*g[j]*(i[j]*(1-i[j])), e*i[j]*math.FMA(-g[j], g[j], 1)
	}
}

// CanStep returns nil.
func (l *LSTMLayer) CanStep() error { return nil }

// Step implements [Stepper]. Its state is h and c.
func (l *LSTMLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	h, z := l.rec.step(p, s, x)
	c := s.Matrix(x.Rows, l.Hidden)
	l.rec.startStep(s, c, l.rec.c0)
	if l.rec.hasState(s) {
		z.AddMul(h, l.rec.wh.Value)
	}
	for i := range z.Rows {
		l.gates(z.Row(i), z.Row(i), c.Row(i), c.Row(i), h.Row(i))
	}
	return h
}
