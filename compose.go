package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// A ResidualLayer computes
//
//	y = Shortcut(x) + Body(x)    dx = dShortcut(dy) + dBody(dy)
//
// where an empty Shortcut is the identity. Body and Shortcut must give the
// same shape. The names of their parameters begin with "body." and "shortcut.".
//
// He et al., Deep Residual Learning, arXiv:1512.03385.
type ResidualLayer struct {
	Body     Layers
	Shortcut Layers `json:",omitempty"`
}

// Residual returns a ResidualLayer with the given body and no shortcut layers.
func Residual(body ...Layer) *ResidualLayer { return &ResidualLayer{Body: body} }

// WithShortcut sets Shortcut and returns r.
func (r *ResidualLayer) WithShortcut(layers ...Layer) *ResidualLayer {
	r.Shortcut = layers
	return r
}

func (r *ResidualLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	out, err := r.Body.Build(in, rng)
	if err != nil {
		return nil, fmt.Errorf("Residual: body: %w", err)
	}
	short, err := r.Shortcut.Build(in, rng)
	if err != nil {
		return nil, fmt.Errorf("Residual: shortcut: %w", err)
	}
	if !slices.Equal(out, short) {
		return nil, fmt.Errorf("Residual: body gives %v and shortcut %v", out, short)
	}
	prefix("body", r.Body.Params())
	prefix("shortcut", r.Shortcut.Params())
	return out, nil
}

func (r *ResidualLayer) Forward(p *Pass, x *Matrix) *Matrix {
	body := r.Body.Forward(p, x)
	short := r.Shortcut.Forward(p, x)
	return p.sum(short, body)
}

// Backward: x reaches y on two ways, and a sum passes its gradient to each term,
// so ∂L/∂x = (∂Shortcut/∂x)ᵀ·dy + (∂Body/∂x)ᵀ·dy. The shortcut ran last, so it
// goes back first.
func (r *ResidualLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	short := r.Shortcut.Backward(p, dy)
	body := r.Body.Backward(p, dy)
	return p.sum(short, body)
}

// sum returns x + y, of the same shape.
func (p *Pass) sum(x, y *Matrix) *Matrix {
	if x.Rows != y.Rows || x.Cols != y.Cols {
		mismatch("Residual", x, y)
	}
	z := p.raw(x.Rows, x.Cols)
	elementTask{three: vadd, a: z.Data, b: x.Data, c: y.Data}.parallel()
	return z
}

func (r *ResidualLayer) Params() []*Param {
	return append(r.Body.Params(), r.Shortcut.Params()...)
}

// Indices returns the number of indices that the body takes, 0 if it takes none.
func (r *ResidualLayer) Indices() int { return r.Body.Indices() }

// A ConcatLayer applies every branch to its input and joins their outputs
// along the first dimension (channels of images, features of plain samples):
//
//	y = [B₁(x), B₂(x), …]    dx = Σₖ dBₖ(dyₖ)
//
// with dyₖ the part of dy that belongs to branch k. All dimensions but the
// first must be equal. The names of the parameters of branch k begin with "k.".
type ConcatLayer struct {
	Branches []Layers

	sizes []int // of the branches' outputs
}

// Concat returns a ConcatLayer. An empty branch is the identity.
func Concat(branches ...Layers) *ConcatLayer { return &ConcatLayer{Branches: branches} }

func (c *ConcatLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if len(c.Branches) == 0 {
		return nil, fmt.Errorf("Concat: no branches")
	}
	var first, sum Shape
	c.sizes = nil
	for k, b := range c.Branches {
		out, err := b.Build(in, rng)
		if err != nil {
			return nil, fmt.Errorf("Concat: branch %d: %w", k, err)
		}
		prefix(strconv.Itoa(k), b.Params())
		c.sizes = append(c.sizes, out.Size())
		if k == 0 {
			first, sum = out, slices.Clone(out)
			continue
		}
		if !slices.Equal(out[1:], first[1:]) {
			return nil, fmt.Errorf("Concat: branch 0 gives %v and branch %d %v; all dimensions but the first must be equal", first, k, out)
		}
		sum[0] += out[0]
		if err := sum.check(); err != nil {
			return nil, fmt.Errorf("Concat: branch %d: %w", k, err)
		}
	}
	return sum, nil
}

func (c *ConcatLayer) Forward(p *Pass, x *Matrix) *Matrix {
	width := 0
	for _, n := range c.sizes {
		width += n
	}
	y, at := p.raw(x.Rows, width), 0
	padding := p.padding // of x, whatever a branch makes of it
	for k, b := range c.Branches {
		yk := b.Forward(p, x)
		p.padding = padding
		for i := range y.Rows {
			copy(y.Row(i)[at:], yk.Row(i))
		}
		at += c.sizes[k]
	}
	return y
}

// Backward: the values of dy that stand where branch k put its output are dyₖ.
// x reaches y through every branch, so its gradient is the sum of theirs. The
// last branch goes back first.
func (c *ConcatLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	var dx *Matrix
	at := dy.Cols
	for k := len(c.Branches) - 1; k >= 0; k-- {
		n := c.sizes[k]
		at -= n
		dyk := p.raw(dy.Rows, n)
		for i := range dy.Rows {
			copy(dyk.Row(i), dy.Row(i)[at:])
		}
		dxk := c.Branches[k].Backward(p, dyk)
		if dx == nil {
			dx = dxk
			continue
		}
		dx = p.raw(dx.Rows, dx.Cols).Add(dx, dxk)
	}
	return dx
}

func (c *ConcatLayer) Params() []*Param {
	var ps []*Param
	for _, b := range c.Branches {
		ps = append(ps, b.Params()...)
	}
	return ps
}

// Indices returns the number of indices that the branches take, 0 if they take none.
func (c *ConcatLayer) Indices() int {
	n := 0
	for _, b := range c.Branches {
		if k := b.Indices(); k > 0 && (n == 0 || k < n) {
			n = k
		}
	}
	return n
}
