package nn

import (
	"fmt"
	"math/rand/v2"
)

// A PaddingLayer notes which steps of its samples are padding, for sequences of
// different lengths: those whose values are all 0, as [EmbeddingLayer.WithPadding]
// gives. It changes nothing, but the layers after it that bring steps together
// leave padding out, as they say: an [AttentionLayer] attends to no such step,
// the state of an [LSTMLayer] stays as it is, a [MeanStepsLayer] takes the mean of
// the others. That goes up to the next PaddingLayer.
//
// It belongs where such steps are still 0: right after an embedding, or at the
// beginning of the network. In the branches of a [ConcatLayer], what one notes or
// cuts off is not seen by the others, nor after them.
type PaddingLayer struct{ n int }

// Padding returns a PaddingLayer.
func Padding() *PaddingLayer { return new(PaddingLayer) }

func (*PaddingLayer) passesInit() {}

func (l *PaddingLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if err := checkSequence("Padding", in); err != nil {
		return nil, err
	}
	l.n = in[1]
	return in, nil
}

func (l *PaddingLayer) Params() []*Param { return nil }

func (l *PaddingLayer) Forward(p *Pass, x *Matrix) *Matrix {
	m := p.raw(x.Rows, x.Cols/l.n)
	for i := range m.Data {
		m.Data[i] = 1
		for _, v := range x.Data[i*l.n : (i+1)*l.n] {
			if v != 0 {
				m.Data[i] = 0
				break
			}
		}
	}
	p.padding = m
	return x
}

// Backward: y = x, so dx = dy.
func (l *PaddingLayer) Backward(_ *Pass, dy *Matrix) *Matrix { return dy }

// A MeanStepsLayer is the mean over the steps,
//
//	y = (1/steps)·Σ_t x_t    dx_t = dy/steps
//
// (steps, n) becomes (n). After [Padding] it is the mean over the steps that
// are not padding, 0 if all are.
type MeanStepsLayer struct{ steps, n int }

// MeanSteps returns a MeanStepsLayer.
func MeanSteps() *MeanStepsLayer { return new(MeanStepsLayer) }

func (l *MeanStepsLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if err := checkSequence("MeanSteps", in); err != nil {
		return nil, err
	}
	l.steps, l.n = in[0], in[1]
	return Shape{l.n}, nil
}

func (l *MeanStepsLayer) Params() []*Param { return nil }

func (l *MeanStepsLayer) Forward(p *Pass, x *Matrix) *Matrix {
	padding := p.padding
	checkWidth("MeanSteps", x, l.steps*l.n)
	checkPadding(padding, l, x.Rows, l.steps)
	y := p.New(x.Rows, l.n)
	for b := range x.Rows {
		yb := y.Row(b)
		for t := range l.steps {
			if padding == nil || padding.At(b, t) == 0 {
				vadd(yb, yb, x.Row(b)[t*l.n:][:l.n])
			}
		}
		vdivs(yb, yb, float64(max(stepCount(padding, b, l.steps), 1)))
	}
	p.Push(padding)
	return y
}

// stepCount returns how many of the steps of sample b are not padding.
func stepCount(padding *Matrix, b, steps int) int {
	if padding != nil {
		for _, pad := range padding.Row(b) {
			if pad != 0 {
				steps--
			}
		}
	}
	return steps
}

// Backward: y = Σ_t x_t/c, with c the number of steps that count, so dx_t = dy/c
// for these, and 0 for padding.
func (l *MeanStepsLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	padding, dx := p.Pop(), p.New(dy.Rows, l.steps*l.n)
	for b := range dy.Rows {
		count := float64(stepCount(padding, b, l.steps))
		for t := range l.steps {
			if padding == nil || padding.At(b, t) == 0 {
				vdivs(dx.Row(b)[t*l.n:][:l.n], dy.Row(b), count)
			}
		}
	}
	return dx
}

// CanStep returns nil.
func (l *MeanStepsLayer) CanStep() error { return nil }

// Step implements [Stepper]: it returns the mean of the steps so far.
func (l *MeanStepsLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	sum := s.Matrix(x.Rows, x.Cols)
	sum.Add(sum, x)
	y := p.raw(x.Rows, x.Cols)
	vdivs(y.Data, sum.Data, float64(s.Time()+1))
	return y
}

// A StepsLayer keeps the steps From, From+1, …, To−1 of a sequence:
//
//	y_t = x_{t+From}    dx_{t+From} = dy_t, 0 for the others
//
// (steps, n) becomes (To−From, n).
type StepsLayer struct {
	From, To int

	steps, n int
}

// Steps returns a StepsLayer that keeps the steps from ≤ t < to.
func Steps(from, to int) *StepsLayer { return &StepsLayer{From: from, To: to} }

func (*StepsLayer) passesInit() {}

func (l *StepsLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if err := checkSequence("Steps", in); err != nil {
		return nil, err
	}
	if l.From < 0 || l.To <= l.From || l.To > in[0] {
		return nil, fmt.Errorf("Steps(%d, %d): input is %v; it must be 0 ≤ from < to ≤ %d", l.From, l.To, in, in[0])
	}
	l.steps, l.n = in[0], in[1]
	return Shape{l.To - l.From, l.n}, nil
}

func (l *StepsLayer) Params() []*Param { return nil }

func (l *StepsLayer) Forward(p *Pass, x *Matrix) *Matrix {
	checkWidth("Steps", x, l.steps*l.n)
	if m := p.padding; m != nil && m.Cols == l.steps {
		p.padding = p.cut(m, l.From, l.To)
	}
	return p.cut(x, l.From*l.n, l.To*l.n)
}

// Backward: the steps that are left out do not reach y.
func (l *StepsLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	dx := p.New(dy.Rows, l.steps*l.n)
	for i := range dy.Rows {
		copy(dx.Row(i)[l.From*l.n:], dy.Row(i))
	}
	return dx
}
