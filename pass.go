package nn

import (
	"fmt"
	"math/rand/v2"
)

// A Pass is one trip of a batch through a network, forward and, in training,
// back. It owns the memory that the layers use on the way, and uses it again
// on the next trip, so that training and prediction soon stop allocating.
// Matrices that it returns are valid until the trip ends.
//
// A Pass is made by the package and used by layers. It is not safe for
// concurrent use.
type Pass struct {
	training bool
	rng      *rand.Rand

	seed uint64 // of this trip's masks and noise
	keys uint64 // how many keys the trip has used

	mats  arena // memory, in order of use
	views arena // headers for Reshape, without memory of their own
	stack []*Matrix

	padding *Matrix // (batch, steps), 1 where a [PaddingLayer] saw padding; nil: no such layer
}

// arena hands out the same matrices in the same order on every trip.
type arena struct {
	all  []*Matrix
	next int
}

func (p *arena) take() *Matrix {
	if p.next == len(p.all) {
		p.all = append(p.all, new(Matrix))
	}
	p.next++
	return p.all[p.next-1]
}

// reset begins a trip. A training pass draws one word from rng; it is the
// seed of all that its layers draw by key.
func (p *Pass) reset(training bool, rng *rand.Rand) {
	p.training, p.rng = training, rng
	p.mats.next, p.views.next, p.keys = 0, 0, 0
	p.stack, p.padding = p.stack[:0], nil
	if rng != nil {
		p.seed = rng.Uint64()
	}
}

// New returns a rows×cols matrix of zeros.
func (p *Pass) New(rows, cols int) *Matrix {
	m := p.raw(rows, cols)
	clear(m.Data)
	return m
}

// raw is New for a caller that sets every element.
func (p *Pass) raw(rows, cols int) *Matrix {
	m := p.mats.take()
	if m.Rows != rows || m.Cols != cols || len(m.Data) != rows*cols {
		m.resize(rows, cols)
	}
	return m
}

// Reshape is [Matrix.Reshape] without the allocation. If x has that shape
// already, it returns x.
func (p *Pass) Reshape(x *Matrix, rows, cols int) *Matrix {
	if rows == x.Rows && cols == x.Cols {
		return x
	}
	return p.view(x, rows, cols)
}

func (p *Pass) view(x *Matrix, rows, cols int) *Matrix {
	if rows < 0 || cols < 0 || rows*cols != len(x.Data) {
		panic(fmt.Sprintf("nn: Reshape: %d×%d to %d×%d", x.Rows, x.Cols, rows, cols))
	}
	m := p.views.take()
	m.Rows, m.Cols, m.Data = rows, cols, x.Data
	return m
}

// Push saves matrices for Backward. When not in training it does nothing.
func (p *Pass) Push(ms ...*Matrix) {
	if p.training {
		for _, m := range ms { // mostly one
			p.stack = append(p.stack, m)
		}
	}
}

// Pop returns the matrix that was pushed last and not yet popped. Layers go
// back in reverse order, so a layer pops just what it pushed, the last matrix
// first. Pop panics if there is none.
func (p *Pass) Pop() *Matrix {
	n := len(p.stack) - 1
	if n < 0 {
		panic("nn: Pop: nothing is pushed; a layer's Backward pops more than its Forward pushed")
	}
	m := p.stack[n]
	p.stack = p.stack[:n]
	return m
}

// Training reports whether Backward will follow.
func (p *Pass) Training() bool { return p.training }

// Rand returns the random numbers of a training pass; nil when not in
// training. Of its methods Uint64 is the one whose results never change with
// the Go release.
func (p *Pass) Rand() *rand.Rand { return p.rng }

// key returns the seed of one mask or noise matrix: a hash of the trip's seed
// and of how many keys were given before.
func (p *Pass) key() uint64 {
	p.keys++
	return mix(p.seed, p.keys)
}

// rowRange is [Matrix.RowRange] without the allocation.
func (p *Pass) rowRange(x *Matrix, lo, hi int) *Matrix {
	m := p.views.take()
	m.Rows, m.Cols, m.Data = hi-lo, x.Cols, x.Data[lo*x.Cols:hi*x.Cols]
	return m
}

// forget lets go of the memory of others that the trip has seen.
func (p *Pass) forget() {
	for _, m := range p.views.all[:p.views.next] {
		*m = Matrix{}
	}
}
