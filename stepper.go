package nn

import "fmt"

// A Stepper is a layer that can take a sequence one time step at a time, as a
// [Session] feeds it. Its output at a step must not depend on later steps.
type Stepper interface {
	Layer

	// CanStep returns an error if the layer, as it is configured, can't go step
	// by step: because it looks ahead, or because a layer inside it can't.
	CanStep() error

	// Step returns the output (batch, out) for the next step x (batch, in) of a
	// batch of sequences, bit for bit what Forward would give for that step. It
	// is never called in training. What the layer has to remember from step to
	// step it keeps in matrices of s.
	Step(p *Pass, s *State, x *Matrix) *Matrix
}

// State is what the layers of a network remember of the steps of a [Session].
type State struct {
	time int
	mats []*Matrix // in order of use
	next int
}

// Time returns the index of the present step: 0 for the first.
func (s *State) Time() int { return s.time }

// Matrix returns a rows×cols matrix that lasts from step to step: zero at the
// first step, later as it was left. A layer asks for the same matrices in the
// same order at every step, as often as it needs one; they are its own.
func (s *State) Matrix(rows, cols int) *Matrix {
	if s.next == len(s.mats) {
		s.mats = append(s.mats, new(Matrix))
	}
	m := s.mats[s.next]
	s.next++
	if s.time == 0 {
		clear(m.Resize(rows, cols).Data)
	}
	if m.Rows != rows || m.Cols != cols {
		panic(fmt.Sprintf("nn: Step: a layer's state was %d×%d and is %d×%d now; all sequences of a Session go together", m.Rows, m.Cols, rows, cols))
	}
	return m
}

// begin makes s ready for the step after n others.
func (s *State) begin(n int) { s.time, s.next = n, 0 }

// A Session runs a network over sequences one step at a time, for generation
// and for data that arrive as they come: the outputs are those of
// [Network.Predict] for the steps so far, bit for bit, but a step costs the
// same however many came before it (attention, which looks back at them,
// grows with their number). Networks with [Last] give at each step
// what they would give if the sequence ended there.
//
// A sequence may be longer than the input that the network was built for if it
// has no layer with a limit, such as learned positions.
//
// A Session is not safe for concurrent use, but any number of them may share a
// network, as long as no [Trainer] trains it.
type Session struct {
	net   *Network
	width int // of a step
	rows  int // sequences in the batch
	steps int // so far
	state State
	pass  Pass
}

// NewSession returns a Session before its first step. The network's input must
// be (steps, n), or (steps) if its first layer takes indices, and its layers
// must be Steppers: layers that act on each step by itself, such as [Dense],
// or that look back only. It returns an error if they are not, as [Flatten],
// convolutions and those of both directions are not.
func NewSession(n *Network) (*Session, error) {
	n.checkBuilt("NewSession")
	s := &Session{net: n, width: 1}
	switch {
	case len(n.in) == 2:
		s.width = n.in[1]
	case len(n.in) != 1 || n.layers.Indices() == 0:
		return nil, fmt.Errorf("nn: NewSession: the network's input is %v; it must be (steps, n), or (steps) before a layer of indices", n.in)
	}
	if err := n.layers.CanStep(); err != nil {
		return nil, fmt.Errorf("nn: NewSession: %w", err)
	}
	return s, nil
}

// Step returns the output (batch, out) for the next step x (batch, n) of the
// sequences. It panics if x has not n columns (1 for indices), or not as many
// rows as at the step before.
func (s *Session) Step(x *Matrix) *Matrix { return s.StepTo(new(Matrix), x) }

// StepTo sets dst, whatever its shape, to the output for the next step x and
// returns dst. dst may be x. It allocates nothing if dst is large enough,
// after a few steps.
func (s *Session) StepTo(dst, x *Matrix) *Matrix {
	if s.net == nil {
		panic("nn: Step: the session was not made by NewSession")
	}
	if x == nil {
		panic("nn: Step: x is nil")
	}
	x.check("Step")
	if x.Cols != s.width {
		panic(fmt.Sprintf("nn: Step: x is %d×%d; a step of the network's input %v has %d columns", x.Rows, x.Cols, s.net.in, s.width))
	}
	if s.steps > 0 && x.Rows != s.rows {
		panic(fmt.Sprintf("nn: Step: x is %d×%d; the step before had %d rows: Reset begins anew", x.Rows, x.Cols, s.rows))
	}
	s.rows = x.Rows
	s.pass.reset(false, nil)
	s.state.begin(s.steps)
	y := s.net.layers.Step(&s.pass, &s.state, x)
	if dst != y {
		copy(dst.Resize(y.Rows, y.Cols).Data, y.Data)
	}
	s.pass.forget()
	s.steps++
	return dst
}

// Len returns the number of steps so far.
func (s *Session) Len() int { return s.steps }

// Reset begins new sequences, of any number.
func (s *Session) Reset() { s.steps = 0 }

// CanStep returns an error if one of the layers can't go step by step.
func (ls Layers) CanStep() error {
	for i, l := range ls {
		st, ok := l.(Stepper)
		if !ok {
			return fmt.Errorf("layer %d: %s can't go step by step", i, describe(l))
		}
		if err := st.CanStep(); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

// Step applies the layers, which CanStep has found to be Steppers.
func (ls Layers) Step(p *Pass, s *State, x *Matrix) *Matrix {
	for _, l := range ls {
		x = l.(Stepper).Step(p, s, x)
	}
	return x
}

// CanStep returns an error if a layer of the body or the shortcut can't go step
// by step.
func (r *ResidualLayer) CanStep() error {
	if err := r.Body.CanStep(); err != nil {
		return fmt.Errorf("Residual: body: %w", err)
	}
	if err := r.Shortcut.CanStep(); err != nil {
		return fmt.Errorf("Residual: shortcut: %w", err)
	}
	return nil
}

// Step implements [Stepper].
func (r *ResidualLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	body := r.Body.Step(p, s, x)
	short := r.Shortcut.Step(p, s, x)
	return p.raw(body.Rows, body.Cols).Add(short, body)
}

// Layers that act on each step by itself: a step is a sequence of one.

// CanStep returns nil.
func (d *DenseLayer) CanStep() error { return nil }

// Step implements [Stepper].
func (d *DenseLayer) Step(p *Pass, _ *State, x *Matrix) *Matrix {
	y := p.raw(x.Rows, d.Out).Mul(x, d.W.of(d.in, d.Out))
	if d.B != nil {
		addBias(y, d.B.of(1, d.Out).Data)
	}
	return y
}

// CanStep returns nil.
func (a Activation) CanStep() error { return nil }

// Step implements [Stepper].
func (a Activation) Step(p *Pass, _ *State, x *Matrix) *Matrix { return a.Forward(p, x) }

// CanStep returns nil.
func (s *SoftmaxLayer) CanStep() error { return nil }

// Step implements [Stepper].
func (s *SoftmaxLayer) Step(p *Pass, _ *State, x *Matrix) *Matrix { return s.Forward(p, x) }

// CanStep returns nil.
func (e *EmbeddingLayer) CanStep() error { return nil }

// Step implements [Stepper].
func (e *EmbeddingLayer) Step(p *Pass, _ *State, x *Matrix) *Matrix { return e.Forward(p, x) }

// CanStep returns nil.
func (d *DropoutLayer) CanStep() error { return nil }

// Step implements [Stepper]: it returns x.
func (d *DropoutLayer) Step(_ *Pass, _ *State, x *Matrix) *Matrix { return x }

// CanStep returns nil.
func (g *GaussianNoiseLayer) CanStep() error { return nil }

// Step implements [Stepper]: it returns x.
func (g *GaussianNoiseLayer) Step(_ *Pass, _ *State, x *Matrix) *Matrix { return x }

// CanStep returns nil.
func (l *PReLULayer) CanStep() error { return nil }

// Step implements [Stepper].
func (l *PReLULayer) Step(p *Pass, _ *State, x *Matrix) *Matrix {
	y, slopes := p.raw(x.Rows, x.Cols), l.Slope.of(1, l.channels).Data
	for i, v := range x.Data {
		y.Data[i] = pick(v, v, float64(slopes[i%len(slopes)]*v))
	}
	return y
}
