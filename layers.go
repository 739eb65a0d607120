package nn

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Shape is the dimensions of one sample, outermost first: (784) for plain
// features, (1, 28, 28) for an image as channels, height, width, (28, 64) for a
// sequence of 28 steps with 64 features each. The last dimension varies fastest.
type Shape []int

// Input returns the Shape with the given dimensions. It reads well as the
// second argument of [New].
func Input(dims ...int) Shape { return dims }

// Size returns the product of the dimensions, the number of values in a sample.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// String returns the shape in the form (1, 28, 28).
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, d := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(d))
	}
	b.WriteByte(')')
	return b.String()
}

// check returns an error unless s has a dimension, all are positive, and a
// batch of such samples can be addressed.
func (s Shape) check() error {
	if len(s) == 0 {
		return fmt.Errorf("shape %v has no dimension", s)
	}
	if len(s) > maxRank {
		return fmt.Errorf("shape of %d dimensions; %d are the most", len(s), maxRank)
	}
	n := 1
	for _, d := range s {
		if d <= 0 || n > maxSize/d {
			return fmt.Errorf("shape %v: dimensions must be positive and their product at most 2³¹−1", s)
		}
		n *= d
	}
	return nil
}

const (
	maxSize = 1<<31 - 1 // values in a sample or a parameter
	maxRank = 16        // dimensions
)

// last returns the last dimension, and the product of the others.
func (s Shape) last() (width, rows int) {
	width = s[len(s)-1]
	return width, s[:len(s)-1].Size()
}

// A Layer is one step of a network: a function of a batch and of parameters.
//
// A batch has one sample in each row, laid out by the layer's [Shape].
// A layer must not change the batch or the gradient that it is given. What it
// returns may be its argument, or share its memory.
//
// After Build a layer changes nothing of its own but, in Backward, its
// parameters' gradients and, in training, its statistics; see [Param]. What it
// has to remember between Forward and Backward it keeps in the [Pass]. So one
// network serves any number of goroutines. A layer stands in one place of one
// network.
//
// [TestLayer] checks that a type keeps these rules and computes the right
// gradients. [Register] makes networks with layers of that type loadable.
type Layer interface {
	// Build tells the layer the shape of its input. The layer allocates its
	// parameters, sets them to values drawn from rng, and returns the shape of
	// its output, or an error if it can't take such an input. If rng is nil,
	// only shapes are wanted: values may be anything, and the layers of this
	// package leave them out, with Value.Data nil. Load does that.
	Build(in Shape, rng *rand.Rand) (out Shape, err error)

	// Forward returns the output for the batch x.
	// In training it pushes to p what Backward will need.
	Forward(p *Pass, x *Matrix) *Matrix

	// Backward takes the gradient dy of the loss with respect to the output of
	// the matching Forward. It pops what that pushed, adds the gradients with
	// respect to the parameters to their Grad, and returns the gradient dx
	// with respect to the input.
	Backward(p *Pass, dy *Matrix) *Matrix

	// Params returns the parameters, always the same ones in the same order.
	Params() []*Param
}

// A ParamLayer is a layer that can leave out the gradient with respect to its
// input. Nobody needs that of the first layer of a network, so there
// BackwardParams is called in place of Backward.
type ParamLayer interface {
	Layer
	BackwardParams(p *Pass, dy *Matrix)
}

// An IndexLayer is a layer whose input values are not quantities but indices
// k, 0 ≤ k < Indices(), such as [Embedding]. It has no gradient with respect
// to its input: its Backward returns zeros.
type IndexLayer interface {
	Layer
	Indices() int
}

// A Param is a named matrix that a layer learns, or keeps.
type Param struct {
	// Name is unique in the layer, such as "weight". Build of the layers
	// around it prefixes its place in the network: "3.0.weight".
	Name string

	Value *Matrix // of the size that it has after Build: layers panic at another
	Grad  *Matrix // ∂L/∂Value, summed over calls of Backward; nil before training

	Frozen  bool // not to be changed by an optimizer
	NoDecay bool // not subject to weight decay, L1 and L2, as are biases and gains
	Stat    bool // kept by Forward in training, such as a running mean; has no Grad

	fixed *int // a row whose gradient is 0 by definition
	lazy  bool // the layer changes Grad by addTMul or by loadGrad and storeGrad only
	fresh bool // Grad counts as zero, whatever is in it
	owned bool // by a network
}

// NewParam returns a parameter with a zero rows×cols value.
func NewParam(name string, rows, cols int) *Param {
	return &Param{Name: name, Value: NewMatrix(rows, cols)}
}

// newParam is NewParam for the layers of this package. If rng is nil the value
// has a shape but no memory: Load puts there what it has read. So a file
// of a few bytes can declare weights of any size and nothing is allocated.
func newParam(name string, rows, cols int, rng *rand.Rand) *Param {
	if rng == nil {
		return &Param{Name: name, Value: &Matrix{Rows: rows, Cols: cols}}
	}
	return NewParam(name, rows, cols)
}

// of returns the value, which a layer was built to have the given size. It panics if
// the program has put another in its place: kernels rely on the size.
func (q *Param) of(rows, cols int) *Matrix {
	if q == nil || q.Value == nil || q.Value.Rows != rows || q.Value.Cols != cols || len(q.Value.Data) != rows*cols {
		q.misfit(rows, cols)
	}
	return q.Value
}

func (q *Param) misfit(rows, cols int) {
	q.checkBuilt()
	v := q.Value
	if v == nil {
		panic(fmt.Sprintf("nn: Param: the value of %s is nil; the layer was built with %d×%d", q.Name, rows, cols))
	}
	v.check("Param: " + q.Name)
	panic(fmt.Sprintf("nn: Param: the value of %s is %d×%d; the layer was built with %d×%d", q.Name, v.Rows, v.Cols, rows, cols))
}

// checkBuilt panics if q is nil, as it is before the Build of its layer.
func (q *Param) checkBuilt() {
	if q == nil {
		panic("nn: Param: the layer is not built; give it to New")
	}
}

// checkGrad panics unless the gradient, if there is one, fits the value.
func (q *Param) checkGrad() {
	v, g := q.Value, q.Grad
	if v == nil {
		panic("nn: Param: the value of " + q.Name + " is nil")
	}
	if g != nil && (g.Rows != v.Rows || g.Cols != v.Cols || len(g.Data) != len(v.Data)) {
		g.check("Param: the gradient of " + q.Name)
		panic(fmt.Sprintf("nn: Param: the value of %s is %d×%d and its gradient %d×%d", q.Name, v.Rows, v.Cols, g.Rows, g.Cols))
	}
}

// checkWidth panics unless x has the columns that a layer was built for. What comes
// before may be somebody's own.
func checkWidth(layer string, x *Matrix, cols int) {
	if x.Cols != cols {
		panic(fmt.Sprintf("nn: %s: input is %d×%d; the layer was built for %d columns", layer, x.Rows, x.Cols, cols))
	}
}

// zeroGrad sets the gradient to zero, and allocates it first if need be.
func (q *Param) zeroGrad() {
	switch {
	case q.Stat:
	case q.Grad == nil:
		q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
	default:
		clear(q.Grad.Data)
	}
}

// addTMul adds xᵀ·y to the gradient. If that is fresh it sets it, which saves
// going through the memory twice.
func (q *Param) addTMul(x, y *Matrix) {
	if q.fresh {
		q.fresh = false
		q.Grad.TMul(x, y)
		return
	}
	q.Grad.AddTMul(x, y)
}

// loadGrad sets g to the gradient, and storeGrad the gradient to g, for a layer that
// adds to those of several parameters at once.
func (q *Param) loadGrad(g []float64) {
	if q.fresh {
		clear(g)
	} else {
		copy(g, q.Grad.Data)
	}
}

func (q *Param) storeGrad(g []float64) {
	q.fresh = false
	copy(q.Grad.Data, g)
}

// prefix puts the place of a layer before the names of its parameters.
func prefix(place string, params []*Param) {
	for _, q := range params {
		q.Name = place + "." + q.Name
	}
}

// Layers is the layer that applies its elements in order, each to the output
// of the one before. It is saved under the name "Layers".
type Layers []Layer

// Build builds the layers one after the other. A layer with weights is told
// which activation follows it, so that it can choose its initial values.
func (ls Layers) Build(in Shape, rng *rand.Rand) (Shape, error) {
	return ls.build(in, rng, func(int, Shape) {})
}

// build is Build that reports the shape of each layer's output.
func (ls Layers) build(in Shape, rng *rand.Rand, report func(i int, out Shape)) (Shape, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	weights := false
	for i, l := range ls {
		if isNil(l) {
			return nil, fmt.Errorf("layer %d is nil", i)
		}
		if x, ok := l.(IndexLayer); ok && weights && x.Indices() > 0 {
			return nil, fmt.Errorf("layer %d, %s, takes indices; layers with weights can't come before it", i, describe(l))
		}
		if h, ok := l.(initHinter); ok && rng != nil {
			h.hintInit(ls[i+1:])
		}
		out, err := l.Build(in, rng)
		if err == nil {
			err = out.check()
		}
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		weights = weights || len(l.Params()) > 0
		prefix(strconv.Itoa(i), l.Params())
		report(i, out)
		in = out
	}
	return in, nil
}

// Forward applies the layers from the first to the last. A convolution, and Dense if
// GELU follows, applies the activation after it to each part of its output while
// that is in the cache. A recurrent layer before [Last] keeps no states for output.
func (ls Layers) Forward(p *Pass, x *Matrix) *Matrix {
	for i := 0; i < len(ls); i++ {
		if i+1 < len(ls) {
			if y := forwardBoth(p, ls[i], ls[i+1], x); y != nil {
				x = y
				i++
				continue
			}
		}
		x = ls[i].Forward(p, x)
	}
	return x
}

// forwardBoth goes through l and next together, if there is a way, or returns nil.
func forwardBoth(p *Pass, l, next Layer, x *Matrix) *Matrix {
	switch next := next.(type) {
	case Activation:
		return forwardActivated(p, l, next, x)
	case *LastLayer:
		return forwardLast(p, l, x)
	}
	return nil
}

// Backward is the chain rule: for y = f(g(x)) the gradient of the output of g is
// what f gives back, so the layers go back from the last to the first. ReLU and a
// pool of largest values after it go back together.
func (ls Layers) Backward(p *Pass, dy *Matrix) *Matrix {
	for i := len(ls) - 1; i >= 0; i-- {
		if i > 0 {
			if dx := backwardBoth(p, ls[i-1], ls[i], dy); dx != nil {
				dy = dx
				i--
				continue
			}
		}
		dy = ls[i].Backward(p, dy)
	}
	return dy
}

// backwardBoth goes back through next and l together, if there is a way, or returns
// nil.
func backwardBoth(p *Pass, l, next Layer, dy *Matrix) *Matrix {
	if a, ok := l.(Activation); ok && a == ReLU {
		return backwardPooledReLU(p, next, dy)
	}
	if isLast(next) {
		return backwardLast(p, l, dy)
	}
	return nil
}

// BackwardParams is Backward without the gradient of the input.
func (ls Layers) BackwardParams(p *Pass, dy *Matrix) {
	if len(ls) == 0 {
		return
	}
	k := 1
	if len(ls) > 1 && isLast(ls[1]) {
		k = 2
	}
	dy = ls[k:].Backward(p, dy)
	if k == 2 {
		if c := wentLast(p, ls[0]); c != nil {
			c.backward(p, dy, true)
			return
		}
		dy = ls[1].Backward(p, dy)
	}
	if l, ok := ls[0].(ParamLayer); ok {
		l.BackwardParams(p, dy)
	} else {
		ls[0].Backward(p, dy)
	}
}

// Params returns the parameters of all layers, in order.
func (ls Layers) Params() []*Param {
	var ps []*Param
	for _, l := range ls {
		ps = append(ps, l.Params()...)
	}
	return ps
}

// Indices is that of the first layer, 0 if that takes no indices.
func (ls Layers) Indices() int {
	if len(ls) > 0 {
		if l, ok := ls[0].(IndexLayer); ok {
			return l.Indices()
		}
	}
	return 0
}

// A DenseLayer computes
//
//	y = x·W + b
//
// with x (batch, in), W (in, Out), b (1, Out), y (batch, Out), and has the
// gradients
//
//	dW = xᵀ·dy    db = Σᵢ dyᵢ    dx = dy·Wᵀ
//
// An input of shape (steps, in) becomes (steps, Out), every step by the same W
// and b. Its parameters are named weight and bias.
type DenseLayer struct {
	Out    int         // features of the output
	NoBias bool        `json:",omitempty"` // leave out b
	Init   Initializer `json:"-"`          // of W; nil: fit for the activation that follows, see [Initializer]

	W, B *Param `json:"-"` // set by Build; B is nil if NoBias is set

	in, steps int
	after     Activation // the activation that follows
}

// Dense returns a layer with out output features, each connected to all input
// features.
func Dense(out int) *DenseLayer { return &DenseLayer{Out: out} }

// WithoutBias sets NoBias and returns d.
func (d *DenseLayer) WithoutBias() *DenseLayer {
	d.NoBias = true
	return d
}

// WithInit sets Init and returns d.
func (d *DenseLayer) WithInit(init Initializer) *DenseLayer {
	d.Init = init
	return d
}

func (d *DenseLayer) hintInit(after Layers) { d.after = after.activation() }

func (d *DenseLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if d.Out <= 0 {
		return nil, fmt.Errorf("Dense(%d): the number of outputs must be positive", d.Out)
	}
	if len(in) > 2 {
		return nil, fmt.Errorf("Dense(%d): input is %v; put Flatten before it", d.Out, in)
	}
	d.in, d.steps = in.last()
	if err := (Shape{d.in, d.Out}).check(); err != nil {
		return nil, fmt.Errorf("Dense(%d): weight: %w", d.Out, err)
	}
	d.W, d.B = newParam("weight", d.in, d.Out, rng), nil
	d.W.lazy = true
	initialize(d.Init, d.after, d.W.Value, d.in, d.Out, rng)
	if !d.NoBias {
		d.B = newParam("bias", 1, d.Out, rng)
		d.B.NoDecay = true
	}
	return append(in[:len(in)-1:len(in)-1], d.Out), nil
}

func (d *DenseLayer) Forward(p *Pass, x *Matrix) *Matrix {
	if d.W == nil {
		panic("nn: Dense: the layer is not built; give it to New")
	}
	x = p.Reshape(x, x.Rows*d.steps, d.in)
	y := p.raw(x.Rows, d.Out).Mul(x, d.W.of(d.in, d.Out))
	if d.B != nil {
		addBias(y, d.B.of(1, d.Out).Data)
	}
	p.Push(x)
	return p.Reshape(y, y.Rows/d.steps, d.steps*d.Out)
}

// forwardGELU is the Forward of GELU after that of d. It goes through the product
// once, and leaves the derivative of GELU there.
func (d *DenseLayer) forwardGELU(p *Pass, x *Matrix) *Matrix {
	x = p.Reshape(x, x.Rows*d.steps, d.in)
	z := p.raw(x.Rows, d.Out).Mul(x, d.W.of(d.in, d.Out))
	t := biasTask{z: z, gelu: true}
	if d.B != nil {
		t.bias = d.B.of(1, d.Out).Data
	}
	if p.Training() {
		t.y = p.raw(z.Rows, z.Cols)
	}
	t.parallel()
	y := z
	if t.y != nil {
		y = p.Reshape(t.y, z.Rows/d.steps, d.steps*d.Out)
		p.Push(x, p.Reshape(z, y.Rows, y.Cols))
	}
	return p.Reshape(y, z.Rows/d.steps, d.steps*d.Out)
}

// addBias adds the bias b, a value for each column, to every row of z.
func addBias(z *Matrix, b []float64) {
	if len(z.Data) < 2*elementPart {
		vaddrow(z.Data, z.Data, b)
		return
	}
	biasTask{z: z, bias: b}.parallel()
}

// A biasTask adds a bias, if there is one, to the rows of z, and then, if gelu is set,
// sets z to GELU(z), or y to that and z to the derivative.
type biasTask struct {
	z, y *Matrix
	bias []float64
	gelu bool
}

var biasTasks freelist[biasTask]

func (t biasTask) parallel() {
	s := biasTasks.get()
	*s = t
	parallel(t.z.Rows, ceilDiv(elementPart, max(t.z.Cols, 1)), s)
	*s = biasTask{}
	biasTasks.put(s)
}

func (t *biasTask) run(lo, hi int) {
	n := t.z.Cols
	step := ceilDiv(1024, max(n, 1)) // rows that fit in the first cache
	for ; lo < hi; lo += step {
		from, to := lo*n, min(lo+step, hi)*n
		z := t.z.Data[from:to]
		if t.bias != nil {
			vaddrow(z, z, t.bias)
		}
		switch {
		case !t.gelu:
		case t.y == nil:
			vgelu(z, z)
		default:
			vgeluGrad(t.y.Data[from:to], z, z)
		}
	}
}

// Backward follows from yᵢⱼ = Σₖ xᵢₖ·Wₖⱼ + bⱼ:
//
//	∂L/∂Wₖⱼ = Σᵢ dyᵢⱼ·∂yᵢⱼ/∂Wₖⱼ = Σᵢ xᵢₖ·dyᵢⱼ    so dW = xᵀ·dy
//	∂L/∂bⱼ  = Σᵢ dyᵢⱼ
//	∂L/∂xᵢₖ = Σⱼ dyᵢⱼ·∂yᵢⱼ/∂xᵢₖ = Σⱼ dyᵢⱼ·Wₖⱼ    so dx = dy·Wᵀ
func (d *DenseLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	d.BackwardParams(p, dy)
	dy = p.Reshape(dy, dy.Rows*d.steps, d.Out)
	dx := p.raw(dy.Rows, d.in).MulT(dy, d.W.Value)
	return p.Reshape(dx, dx.Rows/d.steps, d.steps*d.in)
}

// BackwardParams adds dW and db, and leaves out dx.
func (d *DenseLayer) BackwardParams(p *Pass, dy *Matrix) {
	dy = p.Reshape(dy, dy.Rows*d.steps, d.Out)
	x := p.Pop()
	d.W.addTMul(x, dy)
	if d.B != nil {
		d.B.Grad.AddSumRows(dy)
	}
}

func (d *DenseLayer) Params() []*Param {
	if d.W == nil {
		return nil
	}
	if d.B == nil {
		return []*Param{d.W}
	}
	return []*Param{d.W, d.B}
}

// A FlattenLayer turns any shape into one dimension. It copies nothing.
type FlattenLayer struct{}

// Flatten returns a FlattenLayer.
func Flatten() *FlattenLayer { return new(FlattenLayer) }

func (*FlattenLayer) Build(in Shape, _ *rand.Rand) (Shape, error) { return Shape{in.Size()}, nil }
func (*FlattenLayer) Forward(_ *Pass, x *Matrix) *Matrix          { return x }
func (*FlattenLayer) Backward(_ *Pass, dy *Matrix) *Matrix        { return dy }
func (*FlattenLayer) Params() []*Param                            { return nil }

// A ReshapeLayer gives its input another shape of the same size. It copies
// nothing: the values keep their order.
type ReshapeLayer struct {
	Shape Shape // of the output; one dimension may be −1 and follows from the others
}

// Reshape returns a ReshapeLayer with the given output shape.
func Reshape(dims ...int) *ReshapeLayer { return &ReshapeLayer{Shape: dims} }

func (r *ReshapeLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	out := append(Shape(nil), r.Shape...)
	free, size := -1, 1
	for i, d := range out {
		if d == -1 && free < 0 {
			free = i
			continue
		}
		if d <= 0 || size > maxSize/d {
			return nil, fmt.Errorf("Reshape%v: dimensions must be positive, but for one −1", r.Shape)
		}
		size *= d
	}
	if free >= 0 {
		out[free] = in.Size() / size
		size *= out[free]
	}
	if size != in.Size() {
		return nil, fmt.Errorf("Reshape%v: input is %v, of another size", r.Shape, in)
	}
	return out, nil
}

func (*ReshapeLayer) Forward(_ *Pass, x *Matrix) *Matrix   { return x }
func (*ReshapeLayer) Backward(_ *Pass, dy *Matrix) *Matrix { return dy }
func (*ReshapeLayer) Params() []*Param                     { return nil }
