package nn

import (
	"fmt"
	"math/rand/v2"
)

// An RNNLayer computes, step after step,
//
//	hₜ = tanh(xₜ·Wx + hₜ₋₁·Wh + b)
//
// with xₜ (batch, n), Wx (n, Hidden), Wh (Hidden, Hidden), b (1, Hidden), hₜ
// (batch, Hidden) and h₀ = 0, and gives all hₜ: (steps, n) becomes
// (steps, Hidden). [Last] keeps the last one. Layers of this kind can stand one after
// the other, and [Bidirectional] joins two.
//
// If ReLU is set, max(0, ·) takes the place of tanh. If LearnState is set, h₀ is
// a parameter, the same for all samples. At a step that [Padding] has noted the
// state stays as it is.
//
// Wx begins with values by Init, Wh orthogonal, b and h₀ with 0. The parameters
// are named wx, wh, bias and h0.
//
// Elman, Finding Structure in Time, Cognitive Science 14(2), 1990.
type RNNLayer struct {
	Hidden     int
	ReLU       bool        `json:",omitempty"`
	LearnState bool        `json:",omitempty"`
	Init       Initializer `json:"-"` // of Wx; nil: GlorotUniform, HeNormal with ReLU

	Wx, Wh, B, H0 *Param `json:"-"` // set by Build; H0 is nil unless LearnState is set

	rec recurrence
}

// RNN returns an RNNLayer with the given number of hidden features.
func RNN(hidden int) *RNNLayer { return &RNNLayer{Hidden: hidden} }

// WithReLU sets ReLU and returns l.
func (l *RNNLayer) WithReLU() *RNNLayer {
	l.ReLU = true
	return l
}

// WithLearnedState sets LearnState and returns l.
func (l *RNNLayer) WithLearnedState() *RNNLayer {
	l.LearnState = true
	return l
}

// WithInit sets Init and returns l.
func (l *RNNLayer) WithInit(init Initializer) *RNNLayer {
	l.Init = init
	return l
}

func (l *RNNLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	after := Tanh
	if l.ReLU {
		after = ReLU
	}
	r := &l.rec
	if err := r.build(fmt.Sprintf("RNN(%d)", l.Hidden), in, l.Hidden, 1, after, l.Init, rng); err != nil {
		return nil, err
	}
	l.Wx, l.Wh, l.B, l.H0 = r.wx, r.wh, newParam("bias", 1, l.Hidden, rng), nil
	l.B.NoDecay, l.B.lazy, r.b = true, true, l.B
	if l.LearnState {
		l.H0 = r.state("h0", rng)
		r.h0 = l.H0
	}
	return Shape{in[0], l.Hidden}, nil
}

func (l *RNNLayer) Params() []*Param {
	ps := []*Param{l.Wx, l.Wh, l.B}
	if l.H0 != nil {
		ps = append(ps, l.H0)
	}
	return ps
}

func (l *RNNLayer) Forward(p *Pass, x *Matrix) *Matrix { return l.forward(p, x, false) }

func (l *RNNLayer) forward(p *Pass, x *Matrix, last bool) *Matrix {
	t := l.rec.begin(p, l, x, last)
	t.z = t.y // the states take the place of the sums
	if last && !t.packed {
		t.z = p.raw(t.kept(p), l.Hidden)
	}
	return l.rec.forward(p, t)
}

// Backward: let zₜ be the argument of tanh. hₜ is output at step t, and is in
// zₜ₊₁, so from the last step to the first
//
//	dhₜ = dyₜ + dzₜ₊₁·Whᵀ    dzₜ = dhₜ ⊙ (1 − hₜ²)
//	dWx = Σₜ xₜᵀ·dzₜ    dWh = Σₜ hₜ₋₁ᵀ·dzₜ    db = Σₜ dzₜ    dxₜ = dzₜ·Wxᵀ    dh₀ = dz₁·Whᵀ
//
// where db and dh₀ are also sums over the samples. With ReLU, dzₜ = dhₜ where
// hₜ > 0, else 0.
func (l *RNNLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	return l.inputGrad(p, l.backward(p, dy, false))
}

// BackwardParams is Backward without dx.
func (l *RNNLayer) BackwardParams(p *Pass, dy *Matrix) { l.backward(p, dy, false) }

func (l *RNNLayer) backward(p *Pass, dy *Matrix, last bool) *Matrix {
	t := l.rec.beginBack(p, l, dy, last)
	dz := p.raw(dy.Rows*l.rec.steps, l.Hidden)
	t.z = dz
	l.rec.backward(p, t)
	return dz
}

func (l *RNNLayer) inputGrad(p *Pass, dz *Matrix) *Matrix { return l.rec.inputGrad(p, dz) }

func (l *RNNLayer) ahead(t *recurrentTask, i, s int) {
	l.activate(t.state(i, s), t.at(t.sums, i, s))
}

// activate turns the sums, which may be h, into the state h.
func (l *RNNLayer) activate(h, sums []float64) {
	vadd(h, sums, l.rec.b.Value.Data)
	if l.ReLU {
		vrelu(h, h)
	} else {
		vtanh(h, h)
	}
}

func (l *RNNLayer) back(t *recurrentTask, i, s int, _ []float64) {
	dz, h, dh := t.at(t.z, i, s), t.state(i, s), t.dh.Row(i)
	if l.ReLU {
		vreluGrad(dz, h, dh)
	} else {
		vtanhGrad(dz, h, dh)
	}
	clear(dh)
}

// CanStep returns nil.
func (l *RNNLayer) CanStep() error { return nil }

// Step implements [Stepper]. Its state is h.
func (l *RNNLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	h, z := l.rec.step(p, s, x)
	if l.rec.hasState(s) {
		z.AddMul(h, l.rec.wh.Value)
	}
	for i := range z.Rows {
		l.activate(z.Row(i), z.Row(i))
	}
	return h.Copy(z)
}
