package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
)

// TestLayer checks an implementation of [Layer] on random batches of samples
// of shape in. It checks that
//
//   - Backward's gradients, of the input and of every parameter, agree with
//     numerical ones, (L(a+h) − L(a−h))/2h, within 1e-6;
//   - gradients of parameters are added to Grad;
//   - Forward and Backward do not change their arguments, nor parameters but
//     those marked Stat, and these in training only;
//   - Backward pops all that Forward pushes;
//   - BackwardParams, if the layer has it, adds the same gradients as Backward;
//   - the result does not depend on what the Pass was used for before;
//   - Forward gives the same result from several goroutines at once;
//   - the layer, if registered, is the same after saving and loading.
//
// It returns an error that says what is wrong, also if the layer panics. Typical use, in a test:
//
//	if err := nn.TestLayer(&Scale{}, nn.Shape{5}); err != nil {
//		t.Fatal(err)
//	}
//
// A layer with kinks, such as a ReLU, may fail by bad luck at a kink. The
// inputs of an [IndexLayer] are indices, and their gradient is not checked.
// The layer is built, and its parameters are changed.
func TestLayer(l Layer, in Shape) (err error) {
	c := &checker{layer: l, in: in, rng: rand.New(rand.NewPCG(1, 2))}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("nn: TestLayer: %T panics: %v", l, r)
		}
	}()
	if err := c.check(); err != nil {
		return fmt.Errorf("nn: TestLayer: %T: %w", l, err)
	}
	return nil
}

// checker is the state of one TestLayer.
type checker struct {
	layer   Layer
	in, out Shape
	rng     *rand.Rand
	params  []*Param
	pass    Pass
}

func (c *checker) check() (err error) {
	if isNil(c.layer) {
		return fmt.Errorf("the layer is nil")
	}
	if err := c.in.check(); err != nil {
		return err
	}
	if isOwned(c.layer) {
		return fmt.Errorf("the layer is part of a network; check a new one")
	}
	if c.out, err = c.layer.Build(c.in, c.rng); err != nil {
		return err
	}
	if err := c.out.check(); err != nil {
		return fmt.Errorf("Build: %w", err)
	}
	if err := c.checkParams(); err != nil {
		return err
	}
	for _, batch := range []int{3, 1, 2} { // one pass for all: it must not matter
		if err := c.checkBatch(batch); err != nil {
			return fmt.Errorf("batch of %d: %w", batch, err)
		}
	}
	if err := c.checkConcurrent(); err != nil {
		return err
	}
	return c.checkSaved()
}

// checkParams checks the list of parameters, and moves them away from special
// values such as 0.
func (c *checker) checkParams() error {
	c.params = c.layer.Params()
	if !slices.Equal(c.params, c.layer.Params()) {
		return fmt.Errorf("Params returns other parameters at the second call")
	}
	names := map[string]bool{}
	for _, q := range c.params {
		if q == nil || q.Value == nil {
			return fmt.Errorf("Params returns a parameter without a value")
		}
		if names[q.Name] {
			return fmt.Errorf("two parameters are named %q", q.Name)
		}
		names[q.Name] = true
		if q.Stat {
			continue
		}
		q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
		for i := range q.Value.Data {
			q.Value.Data[i] = math.FMA(0.1, normal(c.rng), q.Value.Data[i])
		}
	}
	return nil
}

// input returns a random batch.
func (c *checker) input(batch int) *Matrix {
	x, indices := NewMatrix(batch, c.in.Size()), c.indices()
	for i := range x.Data {
		if indices > 0 {
			x.Data[i] = float64(intN(c.rng, indices))
		} else {
			x.Data[i] = normal(c.rng)
		}
	}
	return x
}

func (c *checker) indices() int {
	if l, ok := c.layer.(IndexLayer); ok {
		return l.Indices()
	}
	return 0
}

// values returns copies of all parameters' values.
func (c *checker) values() []*Matrix {
	var vs []*Matrix
	for _, q := range c.params {
		vs = append(vs, q.Value.Clone())
	}
	return vs
}

// changed returns the name of a parameter that is no longer old, if there is
// one. With stat unset, those marked Stat may change.
func (c *checker) changed(old []*Matrix, stat bool) string {
	for i, q := range c.params {
		if !sameBits(q.Value.Data, old[i].Data) && (stat || !q.Stat) {
			return q.Name
		}
	}
	return ""
}

// unchanged returns an error if the batch x or a parameter was changed.
func (c *checker) unchanged(x, x0 *Matrix, old []*Matrix) error {
	if !sameBits(x.Data, x0.Data) {
		return fmt.Errorf("changes the batch x")
	}
	if name := c.changed(old, false); name != "" {
		return fmt.Errorf("changes the parameter %s, which is not marked Stat", name)
	}
	return nil
}

// forward runs the layer in training, always with the same random numbers and
// from the statistics old, on pass p.
func (c *checker) forward(p *Pass, x *Matrix, old []*Matrix) *Matrix {
	for i, q := range c.params {
		if q.Stat {
			q.Value.Copy(old[i])
		}
	}
	p.reset(true, rand.New(rand.NewPCG(3, 4)))
	return c.layer.Forward(p, x)
}

func (c *checker) checkBatch(batch int) error {
	x, old := c.input(batch), c.values()
	x0 := x.Clone()
	c.forward(&c.pass, x, old)
	for _, m := range c.pass.mats.all { // what the next trip must not read
		m.Fill(math.NaN())
	}
	y := c.forward(&c.pass, x, old)
	if y.Rows != batch || y.Cols != c.out.Size() || len(y.Data) != batch*c.out.Size() {
		return fmt.Errorf("Forward returns %d×%d; by Build's %v it should be %d×%d", y.Rows, y.Cols, c.out, batch, c.out.Size())
	}
	if err := c.unchanged(x, x0, old); err != nil {
		return fmt.Errorf("Forward %w", err)
	}
	y = y.Clone()
	if !sameBits(c.forward(new(Pass), x, old).Data, y.Data) {
		return fmt.Errorf("Forward gives another result with a new Pass: it reads memory that it did not set, or remembers the batch before")
	}

	dy := NewMatrix(y.Rows, y.Cols)
	for i := range dy.Data {
		dy.Data[i] = normal(c.rng)
	}
	dy0 := dy.Clone()
	c.zeroGrads()
	c.forward(&c.pass, x, old)
	dx := c.layer.Backward(&c.pass, dy)
	if n := len(c.pass.stack); n != 0 {
		return fmt.Errorf("Backward leaves %d pushed matrices; it must Pop all that Forward pushed", n)
	}
	if dx == nil || dx.Rows != x.Rows || dx.Cols != x.Cols {
		return fmt.Errorf("Backward does not return a gradient of the shape of the input, %d×%d", x.Rows, x.Cols)
	}
	dx = dx.Clone()
	grads := c.grads()
	if err := c.unchanged(x, x0, old); err != nil {
		return fmt.Errorf("Backward %w", err)
	}
	if !sameBits(dy.Data, dy0.Data) {
		return fmt.Errorf("Backward changes the gradient dy")
	}

	if l, ok := c.layer.(ParamLayer); ok {
		c.zeroGrads()
		c.forward(&c.pass, x, old)
		l.BackwardParams(&c.pass, dy)
		if n := len(c.pass.stack); n != 0 {
			return fmt.Errorf("BackwardParams leaves %d pushed matrices", n)
		}
		for i, g := range c.grads() {
			if g != nil && !sameBits(g.Data, grads[i].Data) {
				return fmt.Errorf("BackwardParams gives %s another gradient than Backward", c.params[i].Name)
			}
		}
	}
	c.forward(&c.pass, x, old)
	c.layer.Backward(&c.pass, dy)
	for i, g := range c.grads() {
		if g != nil && !g.Equal(grads[i].Scale(2, grads[i]), 1e-9*(1+g.Norm())) {
			return fmt.Errorf("Backward does not add the gradient of %s to Grad", c.params[i].Name)
		}
		if g != nil {
			grads[i].Scale(0.5, grads[i])
		}
	}

	if c.indices() == 0 {
		if err := c.compare("the input", x, dx, x, dy, old, nil); err != nil {
			return err
		}
	}
	for i, q := range c.params {
		if q.Stat {
			continue
		}
		if err := c.compare(q.Name, q.Value, grads[i], x, dy, old, q.fixed); err != nil {
			return err
		}
	}

	p := new(Pass)
	p.reset(false, nil)
	before := c.values()
	c.layer.Forward(p, x)
	if name := c.changed(before, true); name != "" {
		return fmt.Errorf("Forward changes the parameter %s when not in training", name)
	}
	return nil
}

// compare checks the gradient of L = Σ dy ⊙ Forward(x) with respect to v, which
// is 0 in the row fixed.
func (c *checker) compare(what string, v, grad, x, dy *Matrix, old []*Matrix, fixed *int) error {
	const h = 1e-5
	size := 0.0 // of L's terms, for the rounding error of the differences
	loss := func() float64 {
		y := c.forward(&c.pass, x, old)
		s := 0.0
		size = 0
		for i, v := range y.Data {
			s = math.FMA(v, dy.Data[i], s)
			size += math.Abs(float64(v * dy.Data[i]))
		}
		return s
	}
	want, largest, noise := make([]float64, len(v.Data)), 0.0, 0.0
	for i, a := range v.Data {
		v.Data[i] = a + h
		hi := loss()
		v.Data[i] = a - h
		lo := loss()
		v.Data[i] = a
		want[i] = (hi - lo) / (2 * h)
		if fixed != nil && i/v.Cols == *fixed {
			want[i] = 0
		}
		largest = max(largest, math.Abs(want[i]))
		noise = max(noise, float64(size*0x1p-51)/h)
	}
	for i, w := range want {
		g := grad.Data[i]
		limit := noise + float64(1e-6*math.Abs(w)) + float64(1e-7*largest)
		if !(math.Abs(g-w) <= limit) {
			return fmt.Errorf("gradient of %s, row %d, column %d: Backward gives %v, numerical is %v", what, i/v.Cols, i%v.Cols, g, w)
		}
	}
	return nil
}

func (c *checker) zeroGrads() {
	for _, q := range c.params {
		q.zeroGrad()
	}
}

func (c *checker) grads() []*Matrix {
	var gs []*Matrix
	for _, q := range c.params {
		if q.Grad == nil {
			gs = append(gs, nil)
			continue
		}
		gs = append(gs, q.Grad.Clone())
	}
	return gs
}

// predict returns a copy of the output of l for x, not in training.
func predict(l Layer, x *Matrix) *Matrix {
	p := new(Pass)
	p.reset(false, nil)
	return l.Forward(p, x).Clone()
}

func (c *checker) checkConcurrent() error {
	x := c.input(4)
	want := predict(c.layer, x)
	got := make([]*Matrix, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			defer func() { recover() }() // leaves nil
			got[i] = predict(c.layer, x)
		})
	}
	wg.Wait()
	for _, y := range got {
		if y == nil {
			return fmt.Errorf("Forward panics when called from several goroutines at once")
		}
		if !sameBits(y.Data, want.Data) {
			return fmt.Errorf("Forward gives different results when called from several goroutines at once")
		}
	}
	return nil
}

// checkSaved writes the layer's configuration, reads it back and builds the
// layer that it describes, which must be the same function with the same
// parameters.
func (c *checker) checkSaved() error {
	if names[reflect.TypeOf(c.layer)] == "" {
		return nil
	}
	text, err := json.Marshal(Layers{c.layer})
	if err != nil {
		return fmt.Errorf("saving: %w", err)
	}
	var loaded Layers
	if err := json.Unmarshal(text, &loaded); err != nil {
		return fmt.Errorf("loading %s: %w", text, err)
	}
	l := loaded[0]
	out, err := l.Build(c.in, nil)
	if err != nil {
		return fmt.Errorf("after loading %s: %w", text, err)
	}
	params := l.Params()
	if !slices.Equal(out, c.out) || len(params) != len(c.params) {
		return fmt.Errorf("after loading %s: output %v and %d parameters, not %v and %d; is something not in an exported field?", text, out, len(params), c.out, len(c.params))
	}
	for i, q := range params {
		p := c.params[i]
		if q.Name != p.Name || q.Value.Rows != p.Value.Rows || q.Value.Cols != p.Value.Cols || q.NoDecay != p.NoDecay || q.Stat != p.Stat {
			return fmt.Errorf("after loading %s: parameter %d is %s, %d×%d, not %s, %d×%d with the same marks", text, i, q.Name, q.Value.Rows, q.Value.Cols, p.Name, p.Value.Rows, p.Value.Cols)
		}
		if q.Value.Data == nil { // Build without rng may leave it out
			q.Value.Data = make([]float64, len(p.Value.Data))
		}
		q.Value.Copy(p.Value)
	}
	x := c.input(3)
	if !sameBits(predict(l, x).Data, predict(c.layer, x).Data) {
		return fmt.Errorf("after loading %s: other outputs; is something kept neither in Params nor in an exported field?", text)
	}
	return nil
}

// sameBits reports whether x and y are equal bit for bit; a NaN is equal to any.
func sameBits(x, y []float64) bool {
	return slices.EqualFunc(x, y, func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
	})
}
