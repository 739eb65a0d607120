package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
)

// A PositionsLayer adds to every step a learned vector of its position:
//
//	y_t = x_t + W_t    dW_t = Σ dy_t    dx = dy
//
// with x (steps, n) and the sum over the samples of the batch. W (steps, n),
// named weight, begins with normally distributed values of standard deviation
// 0.02.
//
// Gehring et al., arXiv:1705.03122; Radford et al., Improving Language
// Understanding by Generative Pre-Training, 2018.
type PositionsLayer struct {
	W *Param `json:"-"` // set by Build

	steps, n int
}

// Positions returns a PositionsLayer.
func Positions() *PositionsLayer { return new(PositionsLayer) }

func (l *PositionsLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := checkSequence("Positions", in); err != nil {
		return nil, err
	}
	l.steps, l.n = in[0], in[1]
	l.W = newParam("weight", l.steps, l.n, rng)
	if rng != nil {
		l.W.Value.FillNormal(rng, 0, 0.02)
	}
	return in, nil
}

func (l *PositionsLayer) Params() []*Param { return []*Param{l.W} }

func (l *PositionsLayer) Forward(p *Pass, x *Matrix) *Matrix {
	l.W.checkBuilt()
	checkWidth("Positions", x, l.steps*l.n)
	y := p.raw(x.Rows, x.Cols)
	vaddrow(y.Data, x.Data, l.W.of(l.steps, l.n).Data)
	return y
}

// Backward: W_t is a term of y_t in every sample, so dW_t is the sum of their dy_t.
func (l *PositionsLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	l.BackwardParams(p, dy)
	return dy
}

// BackwardParams adds dW.
func (l *PositionsLayer) BackwardParams(_ *Pass, dy *Matrix) {
	vsumrows(l.W.Grad.Data, dy.Data)
}

// CanStep returns nil.
func (l *PositionsLayer) CanStep() error { return nil }

// Step implements [Stepper]. It panics if there are no more positions.
func (l *PositionsLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	t, w := s.Time(), l.W.of(l.steps, l.n)
	if t >= w.Rows {
		panic(fmt.Sprintf("nn: Step: step %d comes after the last of %d learned positions", t, w.Rows))
	}
	y := p.raw(x.Rows, x.Cols)
	vaddrow(y.Data, x.Data, w.Row(t))
	return y
}

// A SinusoidalPositionsLayer adds to every step t, counted from 0, waves of
// many lengths:
//
//	y[t, 2i]   = x[t, 2i]   + sin(t·10000^(−2i/n))
//	y[t, 2i+1] = x[t, 2i+1] + cos(t·10000^(−2i/n))    dx = dy
//
// with x (steps, n). It has nothing to learn.
//
// Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
type SinusoidalPositionsLayer struct {
	steps, n int
	waves    table
}

// SinusoidalPositions returns a SinusoidalPositionsLayer.
func SinusoidalPositions() *SinusoidalPositionsLayer { return new(SinusoidalPositionsLayer) }

func (l *SinusoidalPositionsLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if err := checkSequence("SinusoidalPositions", in); err != nil {
		return nil, err
	}
	l.steps, l.n = in[0], in[1]
	l.waves.reset()
	return in, nil
}

func (l *SinusoidalPositionsLayer) Params() []*Param { return nil }

func (l *SinusoidalPositionsLayer) Forward(p *Pass, x *Matrix) *Matrix {
	checkWidth("SinusoidalPositions", x, l.steps*l.n)
	y, waves := p.raw(x.Rows, x.Cols), l.waves.get(l.steps, l.n, 10000)
	vaddrow(y.Data, x.Data, waves.Data)
	return y
}

// Backward: what is added does not depend on x, so ∂y/∂x = 1.
func (l *SinusoidalPositionsLayer) Backward(_ *Pass, dy *Matrix) *Matrix { return dy }

// CanStep returns nil.
func (l *SinusoidalPositionsLayer) CanStep() error { return nil }

// Step implements [Stepper]. There is no last position.
func (l *SinusoidalPositionsLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	y := p.raw(x.Rows, x.Cols)
	vaddrow(y.Data, x.Data, l.waves.row(p, s.Time(), l.steps, l.n, 10000))
	return y
}

// A table is sines and cosines of positions, made at the first use: the
// Build that reads a file must not allocate it. Who comes at the same time makes the
// same table again.
type table struct{ made atomic.Pointer[Matrix] }

func (t *table) reset() { t.made.Store(nil) }

// get returns the table of the first steps positions; row t is that of sinusoid.
func (t *table) get(steps, n int, base float64) *Matrix {
	m := t.made.Load()
	if m == nil {
		m = NewMatrix(steps, n)
		for i := range steps {
			sinusoid(m.Row(i), i, base)
		}
		t.made.Store(m)
	}
	return m
}

// row returns row i of the table, which may lie beyond its end.
func (t *table) row(p *Pass, i, steps, n int, base float64) []float64 {
	if i < steps {
		return t.get(steps, n, base).Row(i)
	}
	y := p.raw(1, n).Data
	sinusoid(y, i, base)
	return y
}

// sinusoid sets y[2i] and y[2i+1] to the sine and cosine of the angle t·base^(−2i/n)
// of position t, with n = len(y).
func sinusoid(y []float64, t int, base float64) {
	for i := range y {
		angle := float64(t) * pow(base, -float64(i&^1)/float64(len(y)))
		if i&1 == 0 {
			y[i] = sin(angle)
		} else {
			y[i] = cos(angle)
		}
	}
}

// rotate turns every pair (x₀, x₁) of neighbours in x by the angle whose sine
// and cosine are at the same places in wave, or with sign −1 by the opposite one:
//
//	(x₀·cos − x₁·sin, x₁·cos + x₀·sin)
func rotate(x, wave []float64, sign float64) {
	wave = wave[:len(x)]
	for i := 0; i+1 < len(x); i += 2 {
		s, c := sign*wave[i], wave[i+1]
		x0, x1 := x[i], x[i+1]
		x[i] = math.FMA(x0, c, -float64(x1*s))
		x[i+1] = math.FMA(x1, c, float64(x0*s))
	}
}
