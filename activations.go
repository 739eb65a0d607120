package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// An Activation is a layer without parameters that acts on every element
// (or, for Softmax, every row) alone.
type Activation uint8

const (
	Identity Activation = iota
	ReLU                // max(0, x)
	Tanh                // (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)
	Sigmoid             // 1/(1 + e⁻ˣ)
)

var activationNames = [...]string{"Identity", "ReLU", "Tanh", "Sigmoid"}

// MarshalText returns the activation's name.
func (a Activation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText sets a to the activation of the given name.
func (a *Activation) UnmarshalText(b []byte) error {
	i := slices.Index(activationNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown activation %q", b)
	}
	*a = Activation(i)
	return nil
}

func (a Activation) String() string { return activationNames[a] }

func (a Activation) Build(in Shape, _ *rand.Rand) (Shape, error) { return in, nil }
func (a Activation) Params() []*Param                            { return nil }

func (a Activation) Forward(p *Pass, x *Matrix) *Matrix {
	y := p.raw(x.Rows, x.Cols)
	switch a {
	case Identity:
		return x
	case ReLU:
		for i, v := range x.Data {
			y.Data[i] = max(v, 0)
		}
	case Tanh:
		for i, v := range x.Data {
			y.Data[i] = tanh(v)
		}
	case Sigmoid:
		for i, v := range x.Data {
			y.Data[i] = sigmoid(v)
		}
	default:
		panic(fmt.Sprintf("nn: unknown activation %d", a))
	}
	p.Push(y)
	return y
}

func (a Activation) Backward(p *Pass, dy *Matrix) *Matrix {
	if a == Identity {
		return dy
	}
	y, dx := p.Pop(), p.raw(dy.Rows, dy.Cols)
	switch a {
	case ReLU:
		for i, v := range y.Data {
			dx.Data[i] = 0
			if v > 0 {
				dx.Data[i] = dy.Data[i]
			}
		}
	case Tanh:
		for i, v := range y.Data {
			dx.Data[i] = dy.Data[i] * (1 - v*v)
		}
	case Sigmoid:
		for i, v := range y.Data {
			dx.Data[i] = dy.Data[i] * v * (1 - v)
		}
	}
	return dx
}

// SoftmaxLayer turns the last dimension of its input into probabilities.
type SoftmaxLayer struct{ width int }

func Softmax() *SoftmaxLayer { return new(SoftmaxLayer) }

func (s *SoftmaxLayer) Params() []*Param { return nil }

func (s *SoftmaxLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	s.width = in[len(in)-1]
	return in, nil
}

func (s *SoftmaxLayer) Forward(p *Pass, x *Matrix) *Matrix {
	y := p.raw(x.Rows, x.Cols)
	for i := 0; i < len(x.Data); i += s.width {
		softmaxRow(y.Data[i:i+s.width], x.Data[i:i+s.width])
	}
	p.Push(y)
	return y
}

func (s *SoftmaxLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	y, dx := p.Pop(), p.raw(dy.Rows, dy.Cols)
	for i := 0; i < len(y.Data); i += s.width {
		yi, di, xi := y.Data[i:i+s.width], dy.Data[i:i+s.width], dx.Data[i:i+s.width]
		dot := 0.0
		for j := range yi {
			dot += yi[j] * di[j]
		}
		for j := range yi {
			xi[j] = yi[j] * (di[j] - dot)
		}
	}
	return dx
}
