package nn

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A Network is layers that were built for one shape of input.
//
// Its methods may be called from several goroutines at once as long as no
// [Trainer] trains it; to predict while it is trained, predict with a
// [Network.Clone].
type Network struct {
	// Classes are the names of the classes, each at its index, for the
	// program's use. They are saved with the network.
	Classes []string

	// Meta is what else the program wants to be saved with the network, such
	// as an [Encoder] or a [Scaler] as JSON. Keys must not begin with "nn.".
	Meta map[string]string

	layers Layers
	in     Shape
	shapes []Shape // of the layers' outputs
	params []*Param
	sizes  [][2]int // of their values

	src rand.Source
	rng *rand.Rand // of src

	passes freelist[Pass] // for Predict
	rows   int            // samples that Predict takes through the layers at a time
}

// New builds a network of the given layers for samples of shape in, with
// initial parameters drawn from src. It panics if the layers do not fit, if one
// occurs twice, or if a parameter has no value. (To test layers that are not known to
// fit, call [Layers.Build].)
//
// A layer stands in one place of one network. New panics if one is part of
// another network already; [Layers.Clone] copies it. How to take over trained
// weights is shown by the example of [Network.Layers].
//
// A nil src means rand.NewPCG(0, 0). If src is an [encoding.BinaryMarshaler],
// as those of math/rand/v2 are, training can be resumed exactly.
func New(src rand.Source, in Shape, layers ...Layer) *Network {
	if src == nil {
		src = rand.NewPCG(0, 0)
	}
	n, err := newNetwork(src, in, layers, true)
	if err != nil {
		panic("nn: New: " + err.Error())
	}
	return n
}

// newNetwork builds a network, with initial parameters from src if init is set.
func newNetwork(src rand.Source, in Shape, layers Layers, init bool) (*Network, error) {
	n := &Network{layers: slices.Clone(layers), in: slices.Clone(in), src: src, rng: rand.New(src)}
	if err := checkOnce(n.layers, map[Layer]bool{}); err != nil {
		return nil, err
	}
	rng := n.rng
	if !init {
		rng = nil
	}
	widest := in.Size()
	_, err := n.layers.build(in, rng, func(_ int, out Shape) {
		n.shapes = append(n.shapes, slices.Clone(out))
		widest = max(widest, out.Size())
	})
	if err != nil {
		return nil, err
	}
	n.rows = min(max(1<<18/widest, 16), 1024)
	n.params = n.layers.Params()
	for _, q := range n.params {
		if q.Value == nil {
			return nil, fmt.Errorf("parameter %q has no value", q.Name)
		}
		q.owned = true
		n.sizes = append(n.sizes, [2]int{q.Value.Rows, q.Value.Cols})
	}
	names := map[string]bool{}
	for _, q := range n.params {
		if names[q.Name] {
			return nil, fmt.Errorf("two parameters are named %q; a layer with several Layers in it must make their names differ", q.Name)
		}
		names[q.Name] = true
	}
	return n, nil
}

// checkOnce returns an error if a layer stands in two places.
func checkOnce(ls Layers, seen map[Layer]bool) error {
	for _, l := range ls {
		if isNil(l) {
			continue // Build's to report
		}
		if isOwned(l) {
			return fmt.Errorf("%s is part of another network; use a new one, or Layers.Clone", describe(l))
		}
		var inside []Layers
		switch l := l.(type) {
		case Activation:
			continue
		case Layers: // not comparable
			inside = []Layers{l}
		case *ResidualLayer:
			inside = []Layers{l.Body, l.Shortcut}
		case *ConcatLayer:
			inside = l.Branches
		case *BidirectionalLayer:
			inside = []Layers{l.Ahead, l.Back}
		}
		// Pointers to structs without fields may all be equal.
		if t := reflect.TypeOf(l); t.Kind() == reflect.Pointer && t.Elem().Size() > 0 {
			if seen[l] {
				return fmt.Errorf("%s occurs twice; a layer stands in one place", describe(l))
			}
			seen[l] = true
		}
		for _, ls := range inside {
			if err := checkOnce(ls, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBuilt panics if a layer was built again, for something else, after n was,
// if n was not built at all, or if a parameter has lost its size.
func (n *Network) checkBuilt(op string) {
	n.checkMade(op)
	if !slices.Equal(n.layers.Params(), n.params) {
		panic("nn: " + op + ": layers of the network were built again, by New or TestLayer; give them Layers.Clone")
	}
	for i, size := range n.sizes {
		n.params[i].of(size[0], size[1])
	}
}

// checkMade panics if n is nil or the zero Network.
func (n *Network) checkMade(op string) {
	if n == nil {
		panic("nn: " + op + ": the network is nil")
	}
	if n.rows == 0 {
		panic("nn: " + op + ": the network was not made by New or Load")
	}
}

// Predict returns the output for the batch x, which has one sample in each
// row. It panics if x has not as many columns as a sample has values.
func (n *Network) Predict(x *Matrix) *Matrix { return n.PredictTo(new(Matrix), x) }

// PredictTo sets dst, whatever its shape, to the output for x and returns dst,
// which must not overlap x. It allocates nothing if dst is large enough and n
// has predicted before.
func (n *Network) PredictTo(dst, x *Matrix) *Matrix {
	n.checkInput("Predict", x)
	if dst == nil {
		dst.check("PredictTo")
	}
	if overlaps(dst.Data[:cap(dst.Data)], x.Data) {
		panic("nn: Predict: dst overlaps x")
	}
	width := n.out().Size()
	dst.Resize(x.Rows, width)
	p := n.passes.get()
	// Many samples go through the layers in portions, which bounds the memory.
	for lo := 0; lo < x.Rows; lo += n.rows {
		p.reset(false, nil)
		hi := min(lo+n.rows, x.Rows)
		y := n.layers.Forward(p, p.rowRange(x, lo, hi))
		n.checkOutput("Predict", y, hi-lo)
		copy(dst.Data[lo*width:hi*width], y.Data)
	}
	p.forget()
	n.passes.put(p)
	return dst
}

func (n *Network) checkInput(op string, x *Matrix) {
	n.checkMade(op)
	if x == nil {
		panic("nn: " + op + ": x is nil")
	}
	x.check(op)
	if x.Cols != n.in.Size() {
		panic(fmt.Sprintf("nn: %s: x is %d×%d; the network's input is %v, %d columns", op, x.Rows, x.Cols, n.in, n.in.Size()))
	}
}

// checkOutput panics if the layers did not keep what their Build promised.
func (n *Network) checkOutput(op string, y *Matrix, rows int) {
	if y.Rows != rows || y.Cols != n.out().Size() {
		panic(fmt.Sprintf("nn: %s: the layers return %d×%d; their Build promised %d×%d", op, y.Rows, y.Cols, rows, n.out().Size()))
	}
}

// Params returns the network's parameters, each once.
func (n *Network) Params() []*Param { return slices.Clone(n.params) }

// Layers returns the layers given to New.
func (n *Network) Layers() Layers { return slices.Clone(n.layers) }

// In returns the shape of the input.
func (n *Network) In() Shape { return slices.Clone(n.in) }

// Out returns the shape of the output.
func (n *Network) Out() Shape { return slices.Clone(n.out()) }

func (n *Network) out() Shape {
	if k := len(n.shapes); k > 0 {
		return n.shapes[k-1]
	}
	return n.in
}

// isNil reports whether x is nil, or a nil pointer, which only reflection can tell.
func isNil(x any) bool {
	v := reflect.ValueOf(x)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// isOwned reports whether l is part of a network. Params of a layer that was
// not built may panic: then it is not.
func isOwned(l Layer) (owned bool) {
	defer func() { recover() }()
	return l != nil && slices.ContainsFunc(l.Params(), func(q *Param) bool { return q != nil && q.owned })
}

// Prefix returns the network of the first k layers, the encoder of an
// autoencoder for example. It shares its layers and parameters with n, and has
// no Classes or Meta.
// It panics unless 0 ≤ k ≤ the number of layers.
func (n *Network) Prefix(k int) *Network {
	if k < 0 || k > len(n.layers) {
		panic(fmt.Sprintf("nn: Prefix: %d layers of %d", k, len(n.layers)))
	}
	layers := n.layers[:k:k]
	params := layers.Params()
	return &Network{layers: layers, in: n.in, shapes: n.shapes[:k], params: params, sizes: n.sizes[:len(params)], src: n.src, rng: n.rng, rows: n.rows}
}

// String returns a table of the layers, their output shapes and numbers of
// parameters.
func (n *Network) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\tlayer\toutput\tparameters\n")
	fmt.Fprintf(w, "\tinput\t%v\t\n", n.in)
	for i, l := range n.layers {
		fmt.Fprintf(w, "%d\t%s\t%v\t%s\n", i, describe(l), n.shapes[i], countText(l.Params()))
	}
	w.Flush()
	fmt.Fprintf(&b, "total: %s parameters\n", countText(n.params))
	return trailingSpace.ReplaceAllString(b.String(), "\n")
}

var trailingSpace = regexp.MustCompile(` +\n`)

// countText returns the number of values in params, and how many of them
// training leaves alone.
func countText(params []*Param) string {
	all, frozen := 0, 0
	for _, q := range params {
		all += len(q.Value.Data)
		if q.Frozen || q.Stat {
			frozen += len(q.Value.Data)
		}
	}
	if frozen > 0 {
		return fmt.Sprintf("%s (%s not trained)", thousands(all), thousands(frozen))
	}
	return thousands(all)
}

// thousands returns n in groups of three digits: 101,770.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// describe returns a layer as one would write it: Dense(128),
// Dense(10, NoBias), Residual(Dense(8), Tanh). Layers of any type are
// described by their exported fields, hence the reflection; those that JSON may
// omit stand with their names: Embedding(50, 16, Padding=0).
func describe(l Layer) string {
	if s, ok := l.(fmt.Stringer); ok {
		return s.String()
	}
	if ls, ok := l.(Layers); ok {
		return "[" + describeList(ls) + "]"
	}
	v := reflect.Indirect(reflect.ValueOf(l))
	if !v.IsValid() {
		return fmt.Sprintf("%T", l)
	}
	name := strings.TrimSuffix(v.Type().Name(), "Layer")
	if v.Kind() != reflect.Struct {
		return name
	}
	var args []string
	bare := true // numbers stand without their names until one is left out
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		if !f.IsExported() || f.Tag.Get("json") == "-" {
			continue
		}
		if x.IsZero() {
			bare = false
			continue
		}
		option := strings.HasSuffix(f.Tag.Get("json"), ",omitempty")
		text := ""
		switch y := reflect.Indirect(x).Interface().(type) {
		case bool:
			text, bare = f.Name, false
		case Layers:
			text = describeList(y)
			if option {
				text = "[" + text + "]"
			}
		case []Layers:
			for _, ls := range y {
				args = append(args, "["+describeList(ls)+"]")
			}
			continue
		default:
			text = fmt.Sprint(y)
		}
		if x.Kind() != reflect.Bool && (option || !bare) {
			text = f.Name + "=" + text
		}
		args = append(args, text)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

func describeList(ls Layers) string {
	var s []string
	for _, l := range ls {
		s = append(s, describe(l))
	}
	return strings.Join(s, ", ")
}
