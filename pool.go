package nn

import (
	"cmp"
	"fmt"
	"math/rand/v2"
)

// A MaxPool2DLayer replaces each window of an image's channels by its largest
// value: (channels, h, w) becomes (channels, h', w') with
//
//	y[c,i,j] = max_{u,v} x[c, i·s + u − p, j·s + v − p]    u, v < Size
//	h' = ⌊(h + 2p − Size)/s⌋ + 1
//
// w' likewise, with stride s and padding p, whose values are never the largest.
// What is left over at the bottom and right is ignored. A NaN counts as larger than any
// number. The gradient dy[c,i,j] goes to the largest value, of equal ones to the
// first in order of rows.
type MaxPool2DLayer struct {
	Size    int // height and width of the windows
	SizeW   int `json:",omitempty"` // width, if it isn't Size
	Stride  int `json:",omitempty"` // 0 means the size
	StrideW int `json:",omitempty"` // to the right, if it isn't Stride
	Padding int `json:",omitempty"` // rows and columns around the image, less than the size

	pool pool
}

// MaxPool2D returns a layer of size×size windows side by side.
func MaxPool2D(size int) *MaxPool2DLayer { return &MaxPool2DLayer{Size: size} }

// WithSize makes the windows h×w and returns m.
func (m *MaxPool2DLayer) WithSize(h, w int) *MaxPool2DLayer {
	m.Size, m.SizeW = h, w
	return m
}

// WithStride sets Stride and returns m.
func (m *MaxPool2DLayer) WithStride(n int) *MaxPool2DLayer {
	m.Stride = n
	return m
}

// WithStrides sets the strides down and to the right and returns m.
func (m *MaxPool2DLayer) WithStrides(down, right int) *MaxPool2DLayer {
	m.Stride, m.StrideW = down, right
	return m
}

// WithPadding sets Padding and returns m.
func (m *MaxPool2DLayer) WithPadding(n int) *MaxPool2DLayer {
	m.Padding = n
	return m
}

func (m *MaxPool2DLayer) passesInit() {}

func (m *MaxPool2DLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	out, err := m.pool.build2D(in, m.Size, m.SizeW, m.Stride, m.StrideW, m.Padding)
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(m), in, err)
	}
	return out, nil
}

func (m *MaxPool2DLayer) Forward(p *Pass, x *Matrix) *Matrix { return m.pool.max(p, x) }

// Backward: y is one of the x of its window and moves with that alone.
func (m *MaxPool2DLayer) Backward(p *Pass, dy *Matrix) *Matrix { return m.pool.maxBack(p, dy) }

func (m *MaxPool2DLayer) Params() []*Param { return nil }

// An AvgPool2DLayer replaces each window of an image's channels by its mean:
// (channels, h, w) becomes (channels, h', w') with
//
//	y[c,i,j] = 1/n · Σ_{u,v} x[c, i·s + u − p, j·s + v − p]    u, v < Size
//	h' = ⌊(h + 2p − Size)/s⌋ + 1
//
// w' likewise, with stride s and padding p. What is left over at the bottom and
// right is ignored. n is the size of the window or, with ExcludePadding, of its
// part in the image. Each x of a window has 1/n of the gradient dy[c,i,j].
type AvgPool2DLayer struct {
	Size           int  // height and width of the windows
	SizeW          int  `json:",omitempty"` // width, if it isn't Size
	Stride         int  `json:",omitempty"` // 0 means the size
	StrideW        int  `json:",omitempty"` // to the right, if it isn't Stride
	Padding        int  `json:",omitempty"` // rows and columns of zeros around the image, less than the size
	ExcludePadding bool `json:",omitempty"` // the mean is of values in the image alone

	pool pool
}

// AvgPool2D returns a layer of size×size windows side by side.
func AvgPool2D(size int) *AvgPool2DLayer { return &AvgPool2DLayer{Size: size} }

// WithSize makes the windows h×w and returns a.
func (a *AvgPool2DLayer) WithSize(h, w int) *AvgPool2DLayer {
	a.Size, a.SizeW = h, w
	return a
}

// WithStride sets Stride and returns a.
func (a *AvgPool2DLayer) WithStride(n int) *AvgPool2DLayer {
	a.Stride = n
	return a
}

// WithStrides sets the strides down and to the right and returns a.
func (a *AvgPool2DLayer) WithStrides(down, right int) *AvgPool2DLayer {
	a.Stride, a.StrideW = down, right
	return a
}

// WithPadding sets Padding and returns a.
func (a *AvgPool2DLayer) WithPadding(n int) *AvgPool2DLayer {
	a.Padding = n
	return a
}

// WithoutPaddingInMean sets ExcludePadding and returns a.
func (a *AvgPool2DLayer) WithoutPaddingInMean() *AvgPool2DLayer {
	a.ExcludePadding = true
	return a
}

func (a *AvgPool2DLayer) passesInit() {}

func (a *AvgPool2DLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	out, err := a.pool.build2D(in, a.Size, a.SizeW, a.Stride, a.StrideW, a.Padding)
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(a), in, err)
	}
	a.pool.inside = a.ExcludePadding
	return out, nil
}

func (a *AvgPool2DLayer) Forward(p *Pass, x *Matrix) *Matrix { return a.pool.mean(p, x) }

// Backward: ∂y/∂x is 1/n for each x of the window.
func (a *AvgPool2DLayer) Backward(p *Pass, dy *Matrix) *Matrix { return a.pool.meanBack(p, dy) }

func (a *AvgPool2DLayer) Params() []*Param { return nil }

// A MaxPool1DLayer is [MaxPool2DLayer] for sequences of channels: (channels,
// steps) becomes (channels, steps').
type MaxPool1DLayer struct {
	Size    int // steps of a window
	Stride  int `json:",omitempty"` // 0 means the size
	Padding int `json:",omitempty"` // steps before and after, less than the size

	pool pool
}

// MaxPool1D returns a layer of windows of the given number of steps, side by side.
func MaxPool1D(size int) *MaxPool1DLayer { return &MaxPool1DLayer{Size: size} }

// WithStride sets Stride and returns m.
func (m *MaxPool1DLayer) WithStride(n int) *MaxPool1DLayer {
	m.Stride = n
	return m
}

// WithPadding sets Padding and returns m.
func (m *MaxPool1DLayer) WithPadding(n int) *MaxPool1DLayer {
	m.Padding = n
	return m
}

func (m *MaxPool1DLayer) passesInit() {}

func (m *MaxPool1DLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	out, err := m.pool.build1D(in, m.Size, m.Stride, m.Padding)
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(m), in, err)
	}
	return out, nil
}

func (m *MaxPool1DLayer) Forward(p *Pass, x *Matrix) *Matrix   { return m.pool.max(p, x) }
func (m *MaxPool1DLayer) Backward(p *Pass, dy *Matrix) *Matrix { return m.pool.maxBack(p, dy) }
func (m *MaxPool1DLayer) Params() []*Param                     { return nil }

// An AvgPool1DLayer is [AvgPool2DLayer] for sequences of channels: (channels,
// steps) becomes (channels, steps').
type AvgPool1DLayer struct {
	Size           int  // steps of a window
	Stride         int  `json:",omitempty"` // 0 means the size
	Padding        int  `json:",omitempty"` // zeros before and after, less than the size
	ExcludePadding bool `json:",omitempty"` // the mean is of values in the sequence alone

	pool pool
}

// AvgPool1D returns a layer of windows of the given number of steps, side by side.
func AvgPool1D(size int) *AvgPool1DLayer { return &AvgPool1DLayer{Size: size} }

// WithStride sets Stride and returns a.
func (a *AvgPool1DLayer) WithStride(n int) *AvgPool1DLayer {
	a.Stride = n
	return a
}

// WithPadding sets Padding and returns a.
func (a *AvgPool1DLayer) WithPadding(n int) *AvgPool1DLayer {
	a.Padding = n
	return a
}

// WithoutPaddingInMean sets ExcludePadding and returns a.
func (a *AvgPool1DLayer) WithoutPaddingInMean() *AvgPool1DLayer {
	a.ExcludePadding = true
	return a
}

func (a *AvgPool1DLayer) passesInit() {}

func (a *AvgPool1DLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	out, err := a.pool.build1D(in, a.Size, a.Stride, a.Padding)
	if err != nil {
		return nil, fmt.Errorf("%s: input is %v: %w", describe(a), in, err)
	}
	a.pool.inside = a.ExcludePadding
	return out, nil
}

func (a *AvgPool1DLayer) Forward(p *Pass, x *Matrix) *Matrix   { return a.pool.mean(p, x) }
func (a *AvgPool1DLayer) Backward(p *Pass, dy *Matrix) *Matrix { return a.pool.meanBack(p, dy) }
func (a *AvgPool1DLayer) Params() []*Param                     { return nil }

// An AdaptiveAvgPool2DLayer makes an image of any size one of H×W: (channels, h,
// w) becomes (channels, H, W). The value at i, j is the mean of the rows
//
//	⌊i·h/H⌋ ≤ r < ⌈(i + 1)·h/H⌉
//
// and the columns likewise. Windows may overlap; each x of one has 1/n of its
// gradient, where n is the number of values in it.
type AdaptiveAvgPool2DLayer struct {
	H, W int

	pool pool
}

// AdaptiveAvgPool2D returns a layer for outputs of h×w.
func AdaptiveAvgPool2D(h, w int) *AdaptiveAvgPool2DLayer { return &AdaptiveAvgPool2DLayer{H: h, W: w} }

func (a *AdaptiveAvgPool2DLayer) passesInit() {}

func (a *AdaptiveAvgPool2DLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("%s: input is %v; it must be (channels, height, width)", describe(a), in)
	}
	if a.H <= 0 || a.W <= 0 || a.H > maxSize || a.W > maxSize {
		return nil, fmt.Errorf("%s: height and width must be positive", describe(a))
	}
	a.pool = pool{rows: axis{in: in[1], out: a.H}, cols: axis{in: in[2], out: a.W}, channels: in[0], adaptive: true, inside: true}
	return Shape{in[0], a.H, a.W}, nil
}

func (a *AdaptiveAvgPool2DLayer) Forward(p *Pass, x *Matrix) *Matrix { return a.pool.mean(p, x) }

// Backward: ∂y/∂x is 1/n for each x of the window.
func (a *AdaptiveAvgPool2DLayer) Backward(p *Pass, dy *Matrix) *Matrix { return a.pool.meanBack(p, dy) }

func (a *AdaptiveAvgPool2DLayer) Params() []*Param { return nil }

// A GlobalAvgPool2DLayer replaces each channel by its mean: (channels, h, w)
// becomes (channels). It takes (channels, steps) as well.
//
//	y[c] = 1/n · Σ_{i,j} x[c,i,j]    dx[c,i,j] = dy[c]/n    n = h·w
//
// Lin, Chen and Yan, Network in network, arXiv:1312.4400.
type GlobalAvgPool2DLayer struct{ channels, size int }

// GlobalAvgPool2D returns a GlobalAvgPool2DLayer.
func GlobalAvgPool2D() *GlobalAvgPool2DLayer { return new(GlobalAvgPool2DLayer) }

func (*GlobalAvgPool2DLayer) passesInit() {}

func (g *GlobalAvgPool2DLayer) Build(in Shape, _ *rand.Rand) (out Shape, err error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("GlobalAvgPool2D: input is %v; it must be (channels, height, width)", in)
	}
	g.channels, g.size = in[0], in[1:].Size()
	return in[:1:1], nil
}

func (g *GlobalAvgPool2DLayer) Forward(p *Pass, x *Matrix) *Matrix {
	checkWidth("GlobalAvgPool2D", x, g.channels*g.size)
	y := p.raw(x.Rows, g.channels)
	for i := range y.Data {
		y.Data[i] = mean(x.Data[i*g.size:][:g.size])
	}
	return y
}

// Backward: ∂y/∂x is 1/n for each x of the channel.
func (g *GlobalAvgPool2DLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	dx := p.raw(dy.Rows, dy.Cols*g.size)
	for i, d := range dy.Data {
		fill(dx.Data[i*g.size:][:g.size], d/float64(g.size))
	}
	return dx
}

func (*GlobalAvgPool2DLayer) Params() []*Param { return nil }

// A GlobalMaxPool2DLayer replaces each channel by its largest value: (channels, h,
// w) becomes (channels). It takes (channels, steps) as well. A NaN counts as larger
// than any number. The gradient goes to the first of the largest values.
type GlobalMaxPool2DLayer struct{ pool pool }

// GlobalMaxPool2D returns a GlobalMaxPool2DLayer.
func GlobalMaxPool2D() *GlobalMaxPool2DLayer { return new(GlobalMaxPool2DLayer) }

func (*GlobalMaxPool2DLayer) passesInit() {}

func (g *GlobalMaxPool2DLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("GlobalMaxPool2D: input is %v; it must be (channels, height, width)", in)
	}
	n := in[1:].Size()
	if _, err := g.pool.build1D(Shape{in[0], n}, n, 0, 0); err != nil {
		return nil, fmt.Errorf("GlobalMaxPool2D: input is %v: %w", in, err)
	}
	return in[:1:1], nil
}

func (g *GlobalMaxPool2DLayer) Forward(p *Pass, x *Matrix) *Matrix { return g.pool.max(p, x) }

// Backward: y is one of the x of its channel and moves with that alone.
func (g *GlobalMaxPool2DLayer) Backward(p *Pass, dy *Matrix) *Matrix { return g.pool.maxBack(p, dy) }

func (*GlobalMaxPool2DLayer) Params() []*Param { return nil }

// A pool is what the pooling layers have in common: windows on planes.
type pool struct {
	rows, cols axis
	channels   int
	adaptive   bool // windows as in AdaptiveAvgPool2D
	inside     bool // means are of values inside the plane alone
}

func (g *pool) build2D(in Shape, size, sizeW, stride, strideW, padding int) (Shape, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("it must be (channels, height, width)")
	}
	w := cmp.Or(sizeW, size)
	*g = pool{
		rows:     axis{in: in[1], kernel: size, stride: cmp.Or(stride, size), before: padding},
		cols:     axis{in: in[2], kernel: w, stride: cmp.Or(strideW, stride, w), before: padding},
		channels: in[0],
	}
	if err := g.rows.window(); err != nil {
		return nil, fmt.Errorf("height: %w", err)
	}
	if err := g.cols.window(); err != nil {
		return nil, fmt.Errorf("width: %w", err)
	}
	return Shape{in[0], g.rows.out, g.cols.out}, nil
}

func (g *pool) build1D(in Shape, size, stride, padding int) (Shape, error) {
	if len(in) != 2 {
		return nil, fmt.Errorf("it must be (channels, steps)")
	}
	*g = pool{
		rows:     axis{in: 1, kernel: 1, stride: 1, dilation: 1, out: 1},
		cols:     axis{in: in[1], kernel: size, stride: cmp.Or(stride, size), before: padding},
		channels: in[0],
	}
	if err := g.cols.window(); err != nil {
		return nil, err
	}
	return Shape{in[0], g.cols.out}, nil
}

// window completes the axis of a pool. Less padding than size leaves something
// in each window.
func (a *axis) window() error {
	a.after, a.dilation = a.before, 1
	if a.before >= a.kernel && a.kernel > 0 {
		return fmt.Errorf("padding is %d; it must be less than the size, %d", a.before, a.kernel)
	}
	return a.slide()
}

// A poolTask is a loop over the planes of a batch.
type poolTask struct {
	*pool
	body      func(t *poolTask, lo, hi int)
	x, y, arg []float64 // planes of inputs and outputs, or of their gradients
}

var poolTasks freelist[poolTask]

func (t *poolTask) run(lo, hi int) { t.body(t, lo, hi) }

// poolPart is the number of values that are worth handing to a goroutine.
const poolPart = 1 << 14

func (t poolTask) parallel(samples int) {
	s := poolTasks.get()
	*s = t
	parallel(samples*t.channels, poolPart/max(len(t.x)/max(samples*t.channels, 1), 1)+1, s)
	*s = poolTask{}
	poolTasks.put(s)
}

// plane returns the sizes of a plane of inputs and of one of outputs.
func (g *pool) plane() (in, out int) { return g.rows.in * g.cols.in, g.rows.out * g.cols.out }

// span returns the inputs, lo ≤ k < hi, in window i, and how many it would have
// without a border.
func (g *pool) span(a *axis, i int) (lo, hi, n int) {
	if g.adaptive {
		lo = int(int64(i) * int64(a.in) / int64(a.out))
		hi = int(ceilDiv(int64(i+1)*int64(a.in), int64(a.out)))
		return lo, hi, hi - lo
	}
	lo = i*a.stride - a.before
	return max(lo, 0), min(lo+a.kernel, a.in), a.kernel
}

// mean returns the means of the windows of x, whose sums are in order of rows.
func (g *pool) mean(p *Pass, x *Matrix) *Matrix {
	in, out := g.plane()
	checkWidth("AvgPool", x, g.channels*in)
	y := p.raw(x.Rows, g.channels*out)
	poolTask{pool: g, body: (*poolTask).mean, x: x.Data, y: y.Data}.parallel(x.Rows)
	return y
}

func (t *poolTask) mean(lo, hi int) {
	in, out := t.plane()
	first, end := t.whole()
	for s := lo; s < hi; s++ {
		x, y := t.x[s*in:][:in], t.y[s*out:][:out]
		for i := range t.rows.out {
			top, bottom, height := t.span(&t.rows, i)
			if t.inside {
				height = bottom - top
			}
			done := first // windows from first on are done
			if first < end {
				to, from := y[i*t.cols.out:][first:end], x[top*t.cols.in+t.cols.at(first, 0):]
				size := float64(height) * float64(t.cols.kernel)
				if meanRowFast(to, from, t.cols.in, bottom-top, t.cols.kernel, t.cols.stride, size) {
					done = end
				}
			}
			for j := 0; j < t.cols.out; j++ {
				if j == first {
					if j = done; j == t.cols.out {
						break
					}
				}
				left, right, width := t.span(&t.cols, j)
				sum := 0.0
				for r := top; r < bottom; r++ {
					for _, v := range x[r*t.cols.in+left:][:right-left] {
						sum += v
					}
				}
				if t.inside {
					width = right - left
				}
				y[i*t.cols.out+j] = sum / (float64(height) * float64(width))
			}
		}
	}
}

func (g *pool) meanBack(p *Pass, dy *Matrix) *Matrix {
	in, _ := g.plane()
	dx := p.raw(dy.Rows, g.channels*in)
	poolTask{pool: g, body: (*poolTask).meanBack, x: dx.Data, y: dy.Data}.parallel(dy.Rows)
	return dx
}

func (t *poolTask) meanBack(lo, hi int) {
	in, out := t.plane()
	for s := lo; s < hi; s++ {
		dx, dy := t.x[s*in:][:in], t.y[s*out:][:out]
		clear(dx)
		for i := range t.rows.out {
			if t.pairs() && meanPairsFast(dx[2*i*t.cols.in:], dy[i*t.cols.out:][:t.cols.out], t.cols.in, 4) {
				continue
			}
			top, bottom, height := t.span(&t.rows, i)
			for j := range t.cols.out {
				left, right, width := t.span(&t.cols, j)
				if t.inside {
					height, width = bottom-top, right-left
				}
				d := dy[i*t.cols.out+j] / (float64(height) * float64(width))
				for r := top; r < bottom; r++ {
					row := dx[r*t.cols.in+left:][:right-left]
					for k := range row {
						row[k] += d
					}
				}
			}
		}
	}
}
