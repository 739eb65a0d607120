package nn

import (
	"cmp"
	"fmt"
	"math/rand/v2"
)

// A ConvTranspose2DLayer is [Conv2DLayer] backwards: what that does to dy this
// one does to its input. Every value of x adds a kernel, times the value, to
// the output: (channels, h, w) becomes (Filters, h', w') with
//
//	y[f, i·s + u·d − p, j·s + v·d − p] += Σ_c W[c,f,u,v] · x[c,i,j], from y = b
//	h' = (h − 1)·s − 2p + d·(Kernel − 1) + OutputPadding + 1
//
// w' likewise, with stride s, padding p and dilation d. With a stride of 2 it
// doubles an image's size, for example with Kernel 4, Padding 1. The gradients are
//
//	dW[c,f,u,v] = Σ_{i,j} x[c,i,j] · dy[f, i·s + u·d − p, j·s + v·d − p]
//	db[f] = Σ_{r,t} dy[f,r,t]
//	dx[c,i,j] = Σ_{f,u,v} W[c,f,u,v] · dy[f, i·s + u·d − p, j·s + v·d − p]
//
// with dW and db summed over the batch.
//
// The weight is a matrix W (channels, Filters/Groups·Kernel²), with columns in the
// order of filter, row, column; the bias b is (1, Filters).
//
// Zeiler et al., Deconvolutional networks, CVPR 2010.
type ConvTranspose2DLayer struct {
	Filters       int
	Kernel        int         // height and width of the kernels
	KernelW       int         `json:",omitempty"` // width, if it isn't Kernel
	Stride        int         `json:",omitempty"` // 0 means 1
	StrideW       int         `json:",omitempty"` // to the right, if it isn't Stride
	Padding       int         `json:",omitempty"` // rows and columns to cut off on every side
	OutputPadding int         `json:",omitempty"` // rows and columns more at the bottom and right; less than stride or dilation
	Dilation      int         `json:",omitempty"` // distance of the values that a kernel meets; 0 means 1
	Groups        int         `json:",omitempty"` // parts of the channels, as for Conv2DLayer; 0 means 1
	NoBias        bool        `json:",omitempty"` // leave out b
	Init          Initializer `json:"-"`          // of W; nil: fit for the activation that follows, see [Initializer]

	W, B *Param `json:"-"` // set by Build; B is nil if NoBias is set

	conv  convolution // from output to input
	after Activation
}

// ConvTranspose2D returns a layer of filters kernels, each kernel×kernel, with
// stride 1 and no padding.
func ConvTranspose2D(filters, kernel int) *ConvTranspose2DLayer {
	return &ConvTranspose2DLayer{Filters: filters, Kernel: kernel}
}

// WithKernel makes the kernels h×w and returns c.
func (c *ConvTranspose2DLayer) WithKernel(h, w int) *ConvTranspose2DLayer {
	c.Kernel, c.KernelW = h, w
	return c
}

// WithStride sets Stride and returns c.
func (c *ConvTranspose2DLayer) WithStride(n int) *ConvTranspose2DLayer {
	c.Stride = n
	return c
}

// WithStrides sets the strides down and to the right and returns c.
func (c *ConvTranspose2DLayer) WithStrides(down, right int) *ConvTranspose2DLayer {
	c.Stride, c.StrideW = down, right
	return c
}

// WithPadding sets Padding and returns c.
func (c *ConvTranspose2DLayer) WithPadding(n int) *ConvTranspose2DLayer {
	c.Padding = n
	return c
}

// WithOutputPadding sets OutputPadding and returns c.
func (c *ConvTranspose2DLayer) WithOutputPadding(n int) *ConvTranspose2DLayer {
	c.OutputPadding = n
	return c
}

// WithDilation sets Dilation and returns c.
func (c *ConvTranspose2DLayer) WithDilation(n int) *ConvTranspose2DLayer {
	c.Dilation = n
	return c
}

// WithGroups sets Groups and returns c.
func (c *ConvTranspose2DLayer) WithGroups(n int) *ConvTranspose2DLayer {
	c.Groups = n
	return c
}

// WithoutBias sets NoBias and returns c.
func (c *ConvTranspose2DLayer) WithoutBias() *ConvTranspose2DLayer {
	c.NoBias = true
	return c
}

// WithInit sets Init and returns c.
func (c *ConvTranspose2DLayer) WithInit(init Initializer) *ConvTranspose2DLayer {
	c.Init = init
	return c
}

func (c *ConvTranspose2DLayer) hintInit(after Layers) { c.after = after.activation() }

func (c *ConvTranspose2DLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("%s: input is %v; it must be (channels, height, width): put Reshape before it", describe(c), in)
	}
	d, s, p := cmp.Or(c.Dilation, 1), cmp.Or(c.Stride, 1), c.Padding
	c.conv = convolution{
		rows: axis{out: in[1], kernel: c.Kernel, stride: s, dilation: d, before: p, after: p},
		cols: axis{out: in[2], kernel: cmp.Or(c.KernelW, c.Kernel), stride: cmp.Or(c.StrideW, s), dilation: d, before: p, after: p},
		c:    c.Filters, f: in[0], groups: cmp.Or(c.Groups, 1),
	}
	g := &c.conv
	err := g.checkGroups()
	if err == nil {
		err = g.rows.transpose(c.OutputPadding)
	}
	if err == nil {
		err = g.cols.transpose(c.OutputPadding)
	}
	if err == nil {
		err = Shape{c.Filters, g.rows.in, g.cols.in}.check()
	}
	if err == nil {
		err = Shape{g.f, g.c / g.groups, g.rows.kernel, g.cols.kernel}.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(c), in, err)
	}
	c.W, c.B = newParam("weight", g.f, g.depth(), rng), nil
	// Kernels are stride apart, so a value of y meets only a part of each.
	fanIn := g.f / g.groups * ceilDiv(g.rows.kernel, g.rows.stride) * ceilDiv(g.cols.kernel, g.cols.stride)
	initialize(c.Init, c.after, c.W.Value, fanIn, g.depth(), rng)
	if !c.NoBias {
		c.B = newParam("bias", 1, c.Filters, rng)
		c.B.NoDecay = true
	}
	return Shape{c.Filters, g.rows.in, g.cols.in}, nil
}

// transpose checks a and sets its in for its out.
func (a *axis) transpose(outputPadding int) error {
	if err := a.check(); err != nil {
		return err
	}
	if outputPadding < 0 || outputPadding >= max(a.stride, a.dilation) {
		return fmt.Errorf("output padding is %d; it must be less than stride or dilation", outputPadding)
	}
	last := a.out - 1
	if last > 0 && a.stride > maxSize/last || a.span() > maxSize-last*a.stride-outputPadding {
		return fmt.Errorf("the output would be too large")
	}
	a.in = last*a.stride + a.span() + outputPadding
	if a.before > (a.in-1)/2 {
		return fmt.Errorf("padding of %d leaves nothing of %d values", a.before, a.in)
	}
	a.in -= 2 * a.before
	return nil
}

func (c *ConvTranspose2DLayer) Forward(p *Pass, x *Matrix) *Matrix {
	c.W.checkBuilt()
	g := &c.conv
	checkWidth("ConvTranspose2D", x, g.f*g.positions())
	w, y := c.W.of(g.f, g.depth()), p.raw(x.Rows, g.c*g.plane())
	var bias []float64
	if c.B != nil {
		bias = c.B.of(1, g.c).Data
	}
	g.spread(y.Data, x.Data, w.Data, bias, x.Rows)
	p.Push(x)
	return y
}

// Backward: as matrices, spread is y = b + Aᵀ·x where correlate is A·x, so what
// comes back is dx = A·dy. A value of W goes with the same pairs of one value
// here and one there as in [Conv2DLayer], only that x now stands where dy was.
func (c *ConvTranspose2DLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	c.BackwardParams(p, dy)
	dx := p.raw(dy.Rows, c.conv.f*c.conv.positions())
	c.conv.correlate(dx.Data, dy.Data, c.W.Value.Data, nil, dy.Rows, nil)
	return dx
}

// BackwardParams adds dW and db, and leaves out dx.
func (c *ConvTranspose2DLayer) BackwardParams(p *Pass, dy *Matrix) {
	g, x := &c.conv, p.Pop()
	g.gradients(p, c.W.Grad.Data, nil, x.Data, dy.Data, dy.Rows)
	if c.B != nil {
		for i := range dy.Rows {
			addSums(c.B.Grad.Data, dy.Row(i), g.plane(), true)
		}
	}
}

func (c *ConvTranspose2DLayer) Params() []*Param { return convParams(c.W, c.B) }
