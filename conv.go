package nn

import (
	"cmp"
	"fmt"
	"math/rand/v2"
)

// A Conv2DLayer slides kernels over an image: (channels, h, w) becomes (Filters,
// h', w') with
//
//	y[f,i,j] = b[f] + Σ_{c,u,v} W[f,c,u,v] · x[c, i·s + u·d − p, j·s + v·d − p]
//	h' = ⌊(h + 2p − d·(Kernel − 1) − 1)/s⌋ + 1
//
// w' likewise, stride s, padding p, dilation d, and x zero outside the image. Like
// everywhere in this field it is a cross-correlation: the kernel is not flipped.
// The gradients are
//
//	dW[f,c,u,v] = Σ_{i,j} dy[f,i,j] · x[c, i·s + u·d − p, j·s + v·d − p]
//	db[f] = Σ_{i,j} dy[f,i,j]
//	dx[c, i·s + u·d − p, j·s + v·d − p] = Σ dy[f,i,j] · W[f,c,u,v]
//
// summed over the batch, and for dx over all f, i, j, u, v that give the same place.
//
// With Groups, the channels and the filters are each cut into as many equal parts,
// and filters see only the channels of their part; if Groups is the number of
// channels the convolution is depthwise.
//
// The weight is a matrix W (Filters, channels/Groups·Kernel²), with columns in the
// order of channel, row, column; the bias b is (1, Filters).
//
// LeCun et al., Gradient-based learning applied to document recognition, Proc.
// IEEE 86 (1998). Dumoulin and Visin, arXiv:1603.07285, draw strides, padding and
// dilation.
type Conv2DLayer struct {
	Filters  int
	Kernel   int         // height and width of the kernels
	KernelW  int         `json:",omitempty"` // width, if it isn't Kernel
	Stride   int         `json:",omitempty"` // 0 means 1
	StrideW  int         `json:",omitempty"` // to the right, if it isn't Stride
	Padding  int         `json:",omitempty"` // zeros around the image
	Pads     []int       `json:",omitempty"` // zeros at its top, bottom, left and right; nil: Padding
	Same     bool        `json:",omitempty"` // in their place, such that h' = ⌈h/Stride⌉, an odd row at the bottom, an odd column right
	Dilation int         `json:",omitempty"` // distance of the values that a kernel meets; 0 means 1
	Groups   int         `json:",omitempty"` // 0 means 1
	NoBias   bool        `json:",omitempty"` // leave out b
	Init     Initializer `json:"-"`          // of W; nil: fit for the activation that follows, see [Initializer]

	W, B *Param `json:"-"` // set by Build; B is nil if NoBias is set

	conv  convolution
	after Activation
}

// Conv2D returns a layer of filters kernels, each kernel×kernel, with stride 1 and
// no padding.
func Conv2D(filters, kernel int) *Conv2DLayer {
	return &Conv2DLayer{Filters: filters, Kernel: kernel}
}

// WithKernel makes the kernels h×w and returns c.
func (c *Conv2DLayer) WithKernel(h, w int) *Conv2DLayer {
	c.Kernel, c.KernelW = h, w
	return c
}

// WithStride sets Stride and returns c.
func (c *Conv2DLayer) WithStride(n int) *Conv2DLayer {
	c.Stride = n
	return c
}

// WithStrides sets the strides down and to the right and returns c.
func (c *Conv2DLayer) WithStrides(down, right int) *Conv2DLayer {
	c.Stride, c.StrideW = down, right
	return c
}

// WithPadding sets Padding and returns c.
func (c *Conv2DLayer) WithPadding(n int) *Conv2DLayer {
	c.Padding = n
	return c
}

// WithPads sets Pads and returns c.
func (c *Conv2DLayer) WithPads(top, bottom, left, right int) *Conv2DLayer {
	c.Pads = []int{top, bottom, left, right}
	return c
}

// WithSamePadding sets Same and returns c.
func (c *Conv2DLayer) WithSamePadding() *Conv2DLayer {
	c.Same = true
	return c
}

// WithDilation sets Dilation and returns c.
func (c *Conv2DLayer) WithDilation(n int) *Conv2DLayer {
	c.Dilation = n
	return c
}

// WithGroups sets Groups and returns c.
func (c *Conv2DLayer) WithGroups(n int) *Conv2DLayer {
	c.Groups = n
	return c
}

// WithoutBias sets NoBias and returns c.
func (c *Conv2DLayer) WithoutBias() *Conv2DLayer {
	c.NoBias = true
	return c
}

// WithInit sets Init and returns c.
func (c *Conv2DLayer) WithInit(init Initializer) *Conv2DLayer {
	c.Init = init
	return c
}

func (c *Conv2DLayer) hintInit(after Layers) { c.after = after.activation() }

func (c *Conv2DLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("%s: input is %v; it must be (channels, height, width): put Reshape before it", describe(c), in)
	}
	pads := c.Pads
	if pads == nil {
		pads = []int{c.Padding, c.Padding, c.Padding, c.Padding}
	}
	if len(pads) != 4 {
		return nil, fmt.Errorf("%s: %d pads, not 4", describe(c), len(pads))
	}
	d, s := cmp.Or(c.Dilation, 1), cmp.Or(c.Stride, 1)
	c.conv = convolution{
		rows: axis{in: in[1], kernel: c.Kernel, stride: s, dilation: d, before: pads[0], after: pads[1]},
		cols: axis{in: in[2], kernel: cmp.Or(c.KernelW, c.Kernel), stride: cmp.Or(c.StrideW, s), dilation: d, before: pads[2], after: pads[3]},
		c:    in[0], f: c.Filters, groups: cmp.Or(c.Groups, 1),
	}
	err := c.conv.build(c.Same)
	if err == nil {
		c.W, c.B, err = c.conv.params(c.Init, c.after, c.NoBias, rng)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(c), in, err)
	}
	return Shape{c.Filters, c.conv.rows.out, c.conv.cols.out}, nil
}

// build checks the sizes and sets those of y.
func (g *convolution) build(same bool) error {
	if err := g.checkGroups(); err != nil {
		return err
	}
	slide := (*axis).slide
	if same {
		slide = (*axis).same
	}
	if err := slide(&g.rows); err != nil {
		return fmt.Errorf("height: %w", err)
	}
	if err := slide(&g.cols); err != nil {
		return fmt.Errorf("width: %w", err)
	}
	return Shape{g.f, g.rows.out, g.cols.out}.check()
}

// checkGroups checks numbers of filters, channels and groups.
func (g *convolution) checkGroups() error {
	if g.f <= 0 || g.c <= 0 {
		return fmt.Errorf("the number of filters must be positive")
	}
	if g.groups <= 0 || g.f%g.groups != 0 || g.c%g.groups != 0 {
		return fmt.Errorf("%d groups do not divide channels and filters evenly", g.groups)
	}
	return nil
}

// params returns the parameters of a convolution of the given geometry.
func (g *convolution) params(init Initializer, after Activation, noBias bool, rng *rand.Rand) (w, b *Param, err error) {
	if err := (Shape{g.f, g.c / g.groups, g.rows.kernel, g.cols.kernel}).check(); err != nil {
		return nil, nil, fmt.Errorf("weight: %w", err)
	}
	w = newParam("weight", g.f, g.depth(), rng)
	initialize(init, after, w.Value, g.depth(), max(g.f/g.groups*g.kernel(), 1), rng)
	if !noBias {
		b = newParam("bias", 1, g.f, rng)
		b.NoDecay = true
	}
	return w, b, nil
}

func (c *Conv2DLayer) Forward(p *Pass, x *Matrix) *Matrix {
	return c.conv.forward(p, x, c.W, c.B, nil)
}

// Backward: y is linear in W, b and x. A weight meets one value of x at each
// position, so its gradient is the sum of those values, each times the dy of its
// position; b is added at every position. And x[c,r,t] goes, times the weight
// W[f,c,u,v], to all y[f,i,j] with i·s + u·d − p = r and j·s + v·d − p = t, so the
// dy of these come back to it by the same weights. In matrices, with X the
// patches of x, a column for each position,
//
//	Y = W·X    dW = dY·Xᵀ    dX = Wᵀ·dY
//
// and dx is dX with each value added to where it was taken from.
func (c *Conv2DLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	return c.conv.backward(p, dy, c.W, c.B)
}

// BackwardParams adds dW and db, and leaves out dx.
func (c *Conv2DLayer) BackwardParams(p *Pass, dy *Matrix) { c.conv.backwardParams(p, dy, c.W, c.B) }

func (c *Conv2DLayer) Params() []*Param { return convParams(c.W, c.B) }

func convParams(w, b *Param) []*Param {
	if b == nil {
		return []*Param{w}
	}
	return []*Param{w, b}
}

// forwardActivated is a.Forward after l.Forward if l is a convolution and Backward
// of a needs only the output, or if l is Dense and a is GELU; otherwise it returns nil.
func forwardActivated(p *Pass, l Layer, a Activation, x *Matrix) (y *Matrix) {
	if a == GELU {
		if d, ok := l.(*DenseLayer); ok && d.W != nil {
			return d.forwardGELU(p, x)
		}
	}
	f := a.inPlace()
	if f == nil {
		return nil
	}
	switch c := l.(type) {
	case *Conv1DLayer:
		y = c.conv.forward(p, x, c.W, c.B, f)
	case *Conv2DLayer:
		y = c.conv.forward(p, x, c.W, c.B, f)
	default:
		return nil
	}
	p.Push(y)
	return y
}

// forward returns f(y), or y if f is nil.
func (g *convolution) forward(p *Pass, x *Matrix, w, b *Param, f func(y, x []float64)) *Matrix {
	w.checkBuilt()
	checkWidth("Conv", x, g.c*g.plane())
	var bias []float64
	if b != nil {
		bias = b.of(1, g.f).Data
	}
	y := p.raw(x.Rows, g.f*g.positions())
	g.correlate(y.Data, x.Data, w.of(g.f, g.depth()).Data, bias, x.Rows, f)
	p.Push(x)
	return y
}

func (g *convolution) backward(p *Pass, dy *Matrix, w, b *Param) *Matrix {
	g.backwardParams(p, dy, w, b)
	dx := p.raw(dy.Rows, g.c*g.plane())
	g.spread(dx.Data, dy.Data, w.Value.Data, nil, dy.Rows)
	return dx
}

func (g *convolution) backwardParams(p *Pass, dy *Matrix, w, b *Param) {
	var db []float64
	if b != nil {
		db = b.Grad.Data
	}
	g.gradients(p, w.Grad.Data, db, dy.Data, p.Pop().Data, dy.Rows)
}

// A Conv1DLayer slides kernels along a sequence of channels, (channels, steps)
// becomes (Filters, steps'): it is [Conv2DLayer] in one dimension, with the same
// formulas.
//
//	y[f,i] = b[f] + Σ_{c,u} W[f,c,u] · x[c, i·s + u·d − p]
//
// Mind the order: the layers for sequences want (steps, features), this one has
// channels first, as images have. With Pads of (Kernel−1)·Dilation and 0 it is
// causal: step i of the output depends on no later step of the input.
//
// The weight is a matrix W (Filters, channels/Groups·Kernel), the bias b is (1,
// Filters).
type Conv1DLayer struct {
	Filters  int
	Kernel   int         // steps that a kernel meets
	Stride   int         `json:",omitempty"` // 0 means 1
	Padding  int         `json:",omitempty"` // zeros before the first and after the last step
	Pads     []int       `json:",omitempty"` // zeros before the first, zeros after the last; nil: Padding
	Same     bool        `json:",omitempty"` // in their place, such that steps' = ⌈steps/Stride⌉, an odd zero at the end
	Dilation int         `json:",omitempty"` // distance of the steps that a kernel meets; 0 means 1
	Groups   int         `json:",omitempty"` // 0 means 1
	NoBias   bool        `json:",omitempty"` // leave out b
	Init     Initializer `json:"-"`          // of W; nil: fit for the activation that follows, see [Initializer]

	W, B *Param `json:"-"` // set by Build; B is nil if NoBias is set

	conv  convolution
	after Activation
}

// Conv1D returns a layer of filters kernels of the given number of steps, with
// stride 1 and no padding.
func Conv1D(filters, kernel int) *Conv1DLayer {
	return &Conv1DLayer{Filters: filters, Kernel: kernel}
}

// WithStride sets Stride and returns c.
func (c *Conv1DLayer) WithStride(n int) *Conv1DLayer {
	c.Stride = n
	return c
}

// WithPadding sets Padding and returns c.
func (c *Conv1DLayer) WithPadding(n int) *Conv1DLayer {
	c.Padding = n
	return c
}

// WithPads sets Pads and returns c.
func (c *Conv1DLayer) WithPads(before, after int) *Conv1DLayer {
	c.Pads = []int{before, after}
	return c
}

// WithSamePadding sets Same and returns c.
func (c *Conv1DLayer) WithSamePadding() *Conv1DLayer {
	c.Same = true
	return c
}

// WithDilation sets Dilation and returns c.
func (c *Conv1DLayer) WithDilation(n int) *Conv1DLayer {
	c.Dilation = n
	return c
}

// WithGroups sets Groups and returns c.
func (c *Conv1DLayer) WithGroups(n int) *Conv1DLayer {
	c.Groups = n
	return c
}

// WithoutBias sets NoBias and returns c.
func (c *Conv1DLayer) WithoutBias() *Conv1DLayer {
	c.NoBias = true
	return c
}

// WithInit sets Init and returns c.
func (c *Conv1DLayer) WithInit(init Initializer) *Conv1DLayer {
	c.Init = init
	return c
}

func (c *Conv1DLayer) hintInit(after Layers) { c.after = after.activation() }

func (c *Conv1DLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if len(in) != 2 {
		return nil, fmt.Errorf("%s: input is %v; it must be (channels, steps)", describe(c), in)
	}
	pads := c.Pads
	if pads == nil {
		pads = []int{c.Padding, c.Padding}
	}
	if len(pads) != 2 {
		return nil, fmt.Errorf("%s: %d pads, not 2", describe(c), len(pads))
	}
	c.conv = convolution{
		rows: axis{in: 1, kernel: 1, stride: 1, dilation: 1},
		cols: axis{in: in[1], kernel: c.Kernel, stride: cmp.Or(c.Stride, 1), dilation: cmp.Or(c.Dilation, 1), before: pads[0], after: pads[1]},
		c:    in[0], f: c.Filters, groups: cmp.Or(c.Groups, 1),
	}
	err := c.conv.build(c.Same)
	if err == nil {
		c.W, c.B, err = c.conv.params(c.Init, c.after, c.NoBias, rng)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(c), in, err)
	}
	return Shape{c.Filters, c.conv.cols.out}, nil
}

func (c *Conv1DLayer) Forward(p *Pass, x *Matrix) *Matrix {
	return c.conv.forward(p, x, c.W, c.B, nil)
}

// Backward is that of [Conv2DLayer] for images of one row.
func (c *Conv1DLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	return c.conv.backward(p, dy, c.W, c.B)
}

// BackwardParams adds dW and db, and leaves out dx.
func (c *Conv1DLayer) BackwardParams(p *Pass, dy *Matrix) { c.conv.backwardParams(p, dy, c.W, c.B) }

func (c *Conv1DLayer) Params() []*Param { return convParams(c.W, c.B) }
