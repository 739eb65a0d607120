package nn

import (
	"fmt"
	"math/rand/v2"
)

// A SoftmaxLayer turns the last dimension of its input, n values, into
// probabilities: positive numbers with the sum 1,
//
//	yⱼ = exp(xⱼ) / Σₖ exp(xₖ)    dxⱼ = yⱼ·(dyⱼ − Σₖ dyₖ·yₖ)
//
// for an input (n), and for every step of an input (steps, n). The largest xₖ is
// subtracted first, which changes no y, and so nothing overflows: an x far below
// it, −Inf too, gives 0. A NaN, an Inf, or nothing but −Inf makes all n outputs
// NaN.
type SoftmaxLayer struct{ width int }

// Softmax returns a SoftmaxLayer.
func Softmax() *SoftmaxLayer { return new(SoftmaxLayer) }

// Build returns in.
func (s *SoftmaxLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("Softmax: %w", err)
	}
	s.width, _ = in.last()
	return in, nil
}

// Params returns nil.
func (s *SoftmaxLayer) Params() []*Param { return nil }

func (s *SoftmaxLayer) Forward(p *Pass, x *Matrix) *Matrix {
	if s.width == 0 {
		panic("nn: Softmax: the layer is not built; give it to New")
	}
	y, n := p.raw(x.Rows, x.Cols), s.width
	for i := range len(x.Data) / n {
		softmax(y.Data[i*n:(i+1)*n], x.Data[i*n:(i+1)*n])
	}
	p.Push(y)
	return y
}

// Backward follows from yₖ = exp(xₖ)/S with S = Σₗ exp(xₗ), ∂S/∂xⱼ = exp(xⱼ):
//
//	∂yₖ/∂xⱼ = [j = k]·exp(xₖ)/S − exp(xₖ)·exp(xⱼ)/S² = yₖ·([j = k] − yⱼ)
//	∂L/∂xⱼ  = Σₖ dyₖ·yₖ·([j = k] − yⱼ) = yⱼ·dyⱼ − yⱼ·Σₖ dyₖ·yₖ
//
// where [j = k] is 1 if j = k, else 0; so dx = y ⊙ (dy − dy·y).
func (s *SoftmaxLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	y, dx, n := p.Pop(), p.raw(dy.Rows, dy.Cols), s.width
	for i := range len(y.Data) / n {
		yi, di, xi := y.Data[i*n:(i+1)*n], dy.Data[i*n:(i+1)*n], dx.Data[i*n:(i+1)*n]
		dot := vdot(di, yi)
		for j, v := range yi {
			xi[j] = v * (di[j] - dot)
		}
	}
	return dx
}
