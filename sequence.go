package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A BidirectionalLayer reads a sequence in both directions, so that every step
// knows what comes before it and what after:
//
//	y_t = [a_t, b_t]    a = Ahead(x₀, x₁, …)    b reversed = Back(x reversed)
//
// Ahead maps (steps, n) to (steps, k) and Back to (steps, l), and the result is
// (steps, k + l). The names of their parameters begin with "ahead." and
// "back.".
//
// What each direction knows at its end stands in the last step of a and in the
// first of b. [Last] keeps the last step of both, where b has seen no other;
// [MeanSteps] takes something from every step of both.
//
// Schuster and Paliwal, Bidirectional Recurrent Neural Networks, IEEE
// Transactions on Signal Processing 45(11), 1997.
type BidirectionalLayer struct {
	Ahead, Back Layers

	steps, n    int
	ahead, back int // features of the outputs
}

// Bidirectional returns a BidirectionalLayer of two layers, which have weights
// of their own:
//
//	nn.Bidirectional(nn.LSTM(64), nn.LSTM(64))
func Bidirectional(ahead, back Layer) *BidirectionalLayer {
	return &BidirectionalLayer{Ahead: Layers{ahead}, Back: Layers{back}}
}

func (l *BidirectionalLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := checkSequence("Bidirectional", in); err != nil {
		return nil, err
	}
	ahead, err := l.Ahead.Build(in, rng)
	if err != nil {
		return nil, fmt.Errorf("Bidirectional: ahead: %w", err)
	}
	back, err := l.Back.Build(in, rng)
	if err != nil {
		return nil, fmt.Errorf("Bidirectional: back: %w", err)
	}
	if len(ahead) != 2 || len(back) != 2 || ahead[0] != in[0] || back[0] != in[0] {
		return nil, fmt.Errorf("Bidirectional: input is %v, ahead gives %v and back %v; they must keep the number of steps", in, ahead, back)
	}
	prefix("ahead", l.Ahead.Params())
	prefix("back", l.Back.Params())
	l.steps, l.n, l.ahead, l.back = in[0], in[1], ahead[1], back[1]
	return Shape{in[0], l.ahead + l.back}, nil
}

func (l *BidirectionalLayer) Params() []*Param { return append(l.Ahead.Params(), l.Back.Params()...) }

func (l *BidirectionalLayer) Forward(p *Pass, x *Matrix) *Matrix {
	padding := p.padding
	a := l.Ahead.Forward(p, x)
	if p.padding = padding; padding != nil {
		p.padding = reverseSteps(p, padding, l.steps)
	}
	b := reverseSteps(p, l.Back.Forward(p, reverseSteps(p, x, l.steps)), l.steps)
	p.padding = padding
	y := p.raw(x.Rows*l.steps, l.ahead+l.back)
	for i := range y.Rows {
		copy(y.Row(i), a.Data[i*l.ahead:(i+1)*l.ahead])
		copy(y.Row(i)[l.ahead:], b.Data[i*l.back:(i+1)*l.back])
	}
	return p.Reshape(y, x.Rows, l.steps*y.Cols)
}

// reverseSteps returns x with the steps of every sample in reverse order.
func reverseSteps(p *Pass, x *Matrix, steps int) *Matrix {
	y, n := p.raw(x.Rows, x.Cols), x.Cols/steps
	for i := range x.Rows {
		for t := range steps {
			copy(y.Row(i)[t*n:(t+1)*n], x.Row(i)[(steps-1-t)*n:])
		}
	}
	return y
}

// Backward: x reaches y by both directions, so dx is the sum of what they give
// for their parts of dy, where reversing goes back by reversing. Back ran
// last, so it goes back first.
func (l *BidirectionalLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	da, db := p.raw(dy.Rows, l.steps*l.ahead), p.raw(dy.Rows, l.steps*l.back)
	n := l.ahead + l.back
	for i := range dy.Rows * l.steps {
		di := dy.Data[i*n : (i+1)*n]
		copy(da.Data[i*l.ahead:], di[:l.ahead])
		copy(db.Data[i*l.back:], di[l.ahead:])
	}
	back := reverseSteps(p, l.Back.Backward(p, reverseSteps(p, db, l.steps)), l.steps)
	ahead := l.Ahead.Backward(p, da)
	return p.raw(ahead.Rows, ahead.Cols).Add(ahead, back)
}

// A LastLayer keeps the last step of a sequence:
//
//	y = x_last    dx_last = dy, 0 for the other steps
//
// (steps, n) becomes (n). After [Padding] it is the last step that is not
// padding, or 0 if all are.
type LastLayer struct{ steps, n int }

// Last returns a LastLayer.
func Last() *LastLayer { return new(LastLayer) }

func (*LastLayer) passesInit() {}

func (l *LastLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if err := checkSequence("Last", in); err != nil {
		return nil, err
	}
	l.steps, l.n = in[0], in[1]
	return Shape{l.n}, nil
}

func (*LastLayer) Params() []*Param { return nil }

func (l *LastLayer) Forward(p *Pass, x *Matrix) *Matrix {
	checkWidth("Last", x, l.steps*l.n)
	checkPadding(p.padding, l, x.Rows, l.steps)
	y := p.New(x.Rows, l.n)
	for i := range x.Rows {
		if t := l.last(p.padding, i); t >= 0 {
			copy(y.Row(i), x.Row(i)[t*l.n:])
		}
	}
	p.Push(p.padding)
	return y
}

func isLast(l Layer) bool {
	_, ok := l.(*LastLayer)
	return ok
}

// lastAlone is pushed by forwardLast, to be found by backwardLast.
var lastAlone = new(Matrix)

// forwardLast is Forward of l and of Last after it, without the states that nobody sees,
// or nil if l is no recurrent layer. With padding the last state of a sample may be 0.
func forwardLast(p *Pass, l Layer, x *Matrix) *Matrix {
	c, ok := l.(cell)
	if !ok || p.padding != nil {
		return nil
	}
	y := c.forward(p, x, true)
	p.Push(lastAlone)
	return y
}

// backwardLast is Backward of the two, or nil if they did not go forward together.
func backwardLast(p *Pass, l Layer, dy *Matrix) *Matrix {
	if c := wentLast(p, l); c != nil {
		return c.inputGrad(p, c.backward(p, dy, true))
	}
	return nil
}

// wentLast returns l if forwardLast went through it last, else nil.
func wentLast(p *Pass, l Layer) cell {
	n := len(p.stack) - 1
	if n < 0 || p.stack[n] != lastAlone {
		return nil
	}
	p.stack = p.stack[:n]
	return l.(cell)
}

// last returns the last step of sample i, −1 if there is none.
func (l *LastLayer) last(padding *Matrix, i int) int {
	if padding == nil {
		return l.steps - 1
	}
	for t, v := range slices.Backward(padding.Row(i)) {
		if v == 0 {
			return t
		}
	}
	return -1
}

// Backward: no other step reaches y.
func (l *LastLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	padding, dx := p.Pop(), p.New(dy.Rows, l.steps*l.n)
	for i := range dy.Rows {
		if t := l.last(padding, i); t >= 0 {
			copy(dx.Row(i)[t*l.n:], dy.Row(i))
		}
	}
	return dx
}

// CanStep returns nil.
func (*LastLayer) CanStep() error { return nil }

// Step implements [Stepper]: the step is the last one so far.
func (*LastLayer) Step(_ *Pass, _ *State, x *Matrix) *Matrix { return x }

// checkPadding panics unless padding, if there is any, is for such a batch.
func checkPadding(padding *Matrix, l Layer, batch, steps int) {
	if padding != nil && (padding.Rows != batch || padding.Cols != steps) {
		panic(fmt.Sprintf("nn: %s: input has %d steps, and Padding before it saw %d; put Padding after what changes their number", describe(l), steps, padding.Cols))
	}
}
