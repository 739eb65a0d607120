package nn

import (
	"fmt"
	"math"
	"slices"
)

// An interpreter of ONNX graphs, written from the descriptions of the operators
// at onnx.ai/onnx/operators, in float64 and as plainly as possible. It proves what
// is exported without a runtime; it knows the operators, and their attributes,
// that the exporter uses, and refuses all others.

func elements(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func newArray(kind int, dims ...int) *array {
	return &array{kind, slices.Clone(dims), make([]float64, elements(dims))}
}

// runONNX runs the graph of m on the batch x.
func runONNX(m *readModel, x *Matrix) (y *Matrix, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	in := newArray(m.inputs[0].kind, dimsOf(m.inputs[0], x.Rows)...)
	copy(in.data, x.Data)
	outs := m.readGraph.run(nil, []*array{in})
	out := outs[0]
	if want := dimsOf(m.outputs[0], x.Rows); !slices.Equal(out.dims, want) || out.kind != m.outputs[0].kind {
		return nil, fmt.Errorf("output has the shape %v and type %d, want %v and %d", out.dims, out.kind, want, m.outputs[0].kind)
	}
	return NewMatrix(x.Rows, len(out.data)/max(x.Rows, 1), out.data...), nil
}

func dimsOf(v readValue, batch int) []int {
	dims := []int{}
	for _, d := range v.dims {
		if n, ok := d.(int); ok {
			dims = append(dims, n)
		} else {
			dims = append(dims, batch)
		}
	}
	return dims
}

func (g *readGraph) run(outer map[string]*array, in []*array) []*array {
	values := map[string]*array{"": nil}
	for k, v := range outer {
		values[k] = v
	}
	for k, v := range g.weights {
		values[k] = v
	}
	for i, v := range g.inputs {
		if in[i].kind != v.kind {
			panic(fmt.Sprintf("input %s is of type %d, not %d", v.name, in[i].kind, v.kind))
		}
		values[v.name] = in[i]
	}
	for _, n := range g.nodes {
		r := &runner{node: n, used: map[string]bool{}}
		for _, x := range n.inputs {
			r.in = append(r.in, values[x])
		}
		var outs []*array
		func() {
			defer func() {
				if e := recover(); e != nil {
					panic(fmt.Sprintf("node %s: %v", n.name, e))
				}
			}()
			outs = r.run(values)
			for name := range n.attrs {
				if !r.used[name] {
					panic("attribute " + name + " is unknown")
				}
			}
		}()
		for i, y := range n.outputs {
			values[y] = outs[i]
		}
	}
	var outs []*array
	for _, v := range g.outputs {
		outs = append(outs, values[v.name])
	}
	return outs
}

// A runner runs one node.
type runner struct {
	node readNode
	in   []*array
	used map[string]bool
}

func attrOf[T any](r *runner, name string, usual T) T {
	r.used[name] = true
	v, ok := r.node.attrs[name]
	if !ok {
		return usual
	}
	return v.(T)
}

// arg returns input i, nil if there is none.
func (r *runner) arg(i int) *array {
	if i < len(r.in) {
		return r.in[i]
	}
	return nil
}

// ints returns input i as integers.
func (r *runner) ints(i int) []int {
	a := r.in[i]
	if a.kind != onnxInt64 {
		panic(fmt.Sprintf("input %d is of type %d, not int64", i, a.kind))
	}
	n := []int{}
	for _, v := range a.data {
		n = append(n, int(v))
	}
	return n
}

// floats panics unless all inputs have one type, float or double.
func (r *runner) floats() {
	for _, a := range r.in {
		if a != nil && (a.kind != r.in[0].kind || a.kind != onnxFloat && a.kind != onnxDouble) {
			panic(fmt.Sprintf("inputs are of types %d and %d", r.in[0].kind, a.kind))
		}
	}
	if r.in[0].kind == onnxDouble && slices.Contains(noFloat64[:], r.node.op) {
		panic("no such operator for float64")
	}
}

func (r *runner) run(values map[string]*array) []*array {
	one := func(a *array) []*array { return []*array{a} }
	if f := unaryOps[r.node.op]; f != nil {
		r.floats()
		return one(r.unary(f(r)))
	}
	if f := binaryOps[r.node.op]; f != nil {
		return one(r.binary(f))
	}
	switch r.node.op {
	case "Identity":
		return one(r.in[0])
	case "Cast":
		y := newArray(attrOf(r, "to", 0), r.in[0].dims...)
		copy(y.data, r.in[0].data)
		return one(y)
	case "Not":
		return one(r.unary(func(v float64) float64 { return 1 - v }))
	case "Clip":
		r.floats()
		lo, hi := r.in[1].data[0], r.in[2].data[0]
		return one(r.unary(func(v float64) float64 { return min(max(v, lo), hi) }))
	case "PRelu":
		return one(r.binary(func(x, a float64) float64 {
			if x < 0 {
				return a * x
			}
			return x
		}))
	case "Where":
		dims := broadcast(broadcast(r.in[0].dims, r.in[1].dims), r.in[2].dims)
		c, a, b := r.in[0].expand(dims), r.in[1].expand(dims), r.in[2].expand(dims)
		if c.kind != onnxBool || a.kind != b.kind {
			panic("types of Where")
		}
		y := newArray(a.kind, dims...)
		for i := range y.data {
			if y.data[i] = b.data[i]; c.data[i] != 0 {
				y.data[i] = a.data[i]
			}
		}
		return one(y)
	case "MatMul":
		r.floats()
		return one(matMul(r.in[0], r.in[1]))
	case "Gemm":
		r.floats()
		y := matMul(r.in[0], r.in[1])
		c := r.in[2].expand(y.dims)
		vadd(y.data, y.data, c.data)
		return one(y)
	case "Softmax":
		r.floats()
		if attrOf(r, "axis", -1) != -1 {
			panic("axis")
		}
		y := newArray(r.in[0].kind, r.in[0].dims...)
		n := y.dims[len(y.dims)-1]
		for i := 0; i < len(y.data); i += n {
			softmaxPlain(y.data[i:i+n], r.in[0].data[i:i+n])
		}
		return one(y)
	case "ReduceMean", "ReduceSum", "ReduceMax":
		return one(r.reduce())
	case "Flatten":
		x := r.in[0]
		return one(&array{x.kind, []int{x.dims[0], elements(x.dims[1:])}, x.data})
	case "Reshape":
		return one(reshape(r.in[0], r.ints(1)))
	case "Squeeze", "Unsqueeze":
		return one(r.squeeze())
	case "Expand":
		to := r.ints(1)
		return one(r.in[0].expand(broadcast(r.in[0].dims, to)))
	case "Shape":
		y := newArray(onnxInt64, attrOf(r, "end", 0)-attrOf(r, "start", 0))
		for i := range y.data {
			y.data[i] = float64(r.in[0].dims[i])
		}
		return one(y)
	case "Transpose":
		perm := attrOf(r, "perm", []int(nil))
		dims := make([]int, len(perm))
		for i, p := range perm {
			dims[i] = r.in[0].dims[p]
		}
		return one(r.in[0].pick(dims, func(at []int) []int {
			from := make([]int, len(at))
			for i, p := range perm {
				from[p] = at[i]
			}
			return from
		}))
	case "Concat":
		return one(concat(r.in, attrOf(r, "axis", 0)))
	case "Split":
		axis, lo := attrOf(r, "axis", 0), 0
		var outs []*array
		for _, n := range r.ints(1) {
			outs = append(outs, r.in[0].cut(axis, lo, lo+n))
			lo += n
		}
		if lo != r.in[0].dims[axis] {
			panic("sizes do not add up")
		}
		return outs
	case "Slice":
		y := r.in[0]
		for i, axis := range r.ints(3) {
			y = y.cut(axis, r.ints(1)[i], r.ints(2)[i])
		}
		return one(y)
	case "Pad":
		return one(r.pad())
	case "Gather":
		return one(r.gather())
	case "BatchNormalization", "LayerNormalization", "InstanceNormalization":
		r.floats()
		return one(r.norm())
	case "Conv":
		r.floats()
		return one(r.conv())
	case "ConvTranspose":
		r.floats()
		return one(r.convTranspose())
	case "MaxPool", "AveragePool":
		r.floats()
		return one(r.pool())
	case "RNN", "LSTM", "GRU":
		return one(r.recurrent())
	case "Scan":
		return r.scan(values)
	}
	panic("operator " + r.node.op + " is unknown")
}

var unaryOps = map[string]func(r *runner) func(float64) float64{
	"Relu":       plain(func(x float64) float64 { return max(x, 0) }),
	"Sigmoid":    plain(sigmoidPlain),
	"Tanh":       plain(math.Tanh),
	"Exp":        plain(math.Exp),
	"Log":        plain(math.Log),
	"Sqrt":       plain(math.Sqrt),
	"Abs":        plain(math.Abs),
	"Neg":        plain(func(x float64) float64 { return -x }),
	"Reciprocal": plain(func(x float64) float64 { return 1 / x }),
	"Erf":        plain(math.Erf),
	"Softplus":   plain(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }),
	"Softsign":   plain(func(x float64) float64 { return x / (1 + math.Abs(x)) }),
	"HardSwish":  plain(func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }),
	"LeakyRelu": func(r *runner) func(float64) float64 {
		return elu(attrOf(r, "alpha", 0.01), 1, func(x float64) float64 { return x })
	},
	"Elu": func(r *runner) func(float64) float64 { return elu(attrOf(r, "alpha", 1.0), 1, math.Expm1) },
	"Selu": func(r *runner) func(float64) float64 {
		return elu(attrOf(r, "alpha", 1.67326319217681884765625), attrOf(r, "gamma", 1.05070102214813232421875), math.Expm1)
	},
	"HardSigmoid": func(r *runner) func(float64) float64 {
		a, b := attrOf(r, "alpha", 0.2), attrOf(r, "beta", 0.5)
		return func(x float64) float64 { return max(0, min(1, a*x+b)) }
	},
}

func plain(f func(float64) float64) func(*runner) func(float64) float64 {
	return func(*runner) func(float64) float64 { return f }
}

func elu(alpha, gamma float64, below func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * below(x)
		}
		return gamma * x
	}
}

func sigmoidPlain(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softmaxPlain(y, x []float64) {
	top, sum := slices.Max(x), 0.0
	for i, v := range x {
		y[i] = math.Exp(v - top)
		sum += y[i]
	}
	for i := range y {
		y[i] /= sum
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var binaryOps = map[string]func(a, b float64) float64{
	"Add":     func(a, b float64) float64 { return a + b },
	"Sub":     func(a, b float64) float64 { return a - b },
	"Mul":     func(a, b float64) float64 { return a * b },
	"Div":     func(a, b float64) float64 { return a / b },
	"Max":     func(a, b float64) float64 { return max(a, b) },
	"Min":     func(a, b float64) float64 { return min(a, b) },
	"Equal":   func(a, b float64) float64 { return truth(a == b) },
	"Greater": func(a, b float64) float64 { return truth(a > b) },
	"And":     func(a, b float64) float64 { return truth(a != 0 && b != 0) },
	"Or":      func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

func (r *runner) unary(f func(float64) float64) *array {
	y := newArray(r.in[0].kind, r.in[0].dims...)
	for i, v := range r.in[0].data {
		y.data[i] = f(v)
	}
	return y
}

func (r *runner) binary(f func(a, b float64) float64) *array {
	a, b := r.in[0], r.in[1]
	kind := a.kind
	switch r.node.op {
	case "Equal", "Greater":
		kind = onnxBool
	case "And", "Or":
		if kind != onnxBool {
			panic("operands are no truth values")
		}
	case "PRelu":
		if !slices.Equal(broadcast(a.dims, b.dims), a.dims) {
			panic("slope is larger than x")
		}
	}
	if a.kind != b.kind {
		panic(fmt.Sprintf("operands are of types %d and %d", a.kind, b.kind))
	}
	dims := broadcast(a.dims, b.dims)
	y := newArray(kind, dims...)
	a, b = a.expand(dims), b.expand(dims)
	for i := range y.data {
		y.data[i] = f(a.data[i], b.data[i])
	}
	return y
}

// broadcast returns the shape that two shapes have in common.
func broadcast(a, b []int) []int {
	n := max(len(a), len(b))
	dims := make([]int, n)
	for i := range dims {
		x, y := 1, 1
		if k := i - (n - len(a)); k >= 0 {
			x = a[k]
		}
		if k := i - (n - len(b)); k >= 0 {
			y = b[k]
		}
		if x != y && x != 1 && y != 1 {
			panic(fmt.Sprintf("shapes %v and %v do not fit", a, b))
		}
		if dims[i] = x; x == 1 {
			dims[i] = y
		}
	}
	return dims
}

// pick returns an array of the given shape, the element at each place taken from
// another place of a.
func (a *array) pick(dims []int, from func(at []int) []int) *array {
	y, at := newArray(a.kind, dims...), make([]int, len(dims))
	for i := range y.data {
		k := 0
		for j, v := range from(at) {
			if v < 0 || v >= a.dims[j] {
				panic(fmt.Sprintf("index %d of %v", v, a.dims))
			}
			k = k*a.dims[j] + v
		}
		y.data[i] = a.data[k]
		for j := len(at) - 1; j >= 0; j-- {
			if at[j]++; at[j] < dims[j] {
				break
			}
			at[j] = 0
		}
	}
	return y
}

func (a *array) expand(dims []int) *array {
	if slices.Equal(a.dims, dims) {
		return a
	}
	return a.pick(dims, func(at []int) []int {
		from := slices.Clone(at[len(at)-len(a.dims):])
		for i, d := range a.dims {
			if d == 1 {
				from[i] = 0
			}
		}
		return from
	})
}

// cut returns the part lo ≤ i < hi along an axis.
func (a *array) cut(axis, lo, hi int) *array {
	dims := slices.Clone(a.dims)
	dims[axis] = hi - lo
	return a.pick(dims, func(at []int) []int {
		from := slices.Clone(at)
		from[axis] += lo
		return from
	})
}

func concat(in []*array, axis int) *array {
	dims := slices.Clone(in[0].dims)
	for _, a := range in[1:] {
		dims[axis] += a.dims[axis]
		for i := range dims {
			if i != axis && a.dims[i] != dims[i] || a.kind != in[0].kind {
				panic(fmt.Sprintf("shapes %v and %v do not fit", a.dims, dims))
			}
		}
	}
	y, before, k := newArray(in[0].kind, dims...), elements(dims[:axis]), 0
	for i := range before {
		for _, a := range in {
			n := len(a.data) / before
			k += copy(y.data[k:], a.data[i*n:(i+1)*n])
		}
	}
	return y
}

func reshape(x *array, to []int) *array {
	dims, free, n := slices.Clone(to), -1, 1
	for i, d := range dims {
		switch d {
		case 0:
			dims[i] = x.dims[i]
		case -1:
			free = i
			continue
		}
		n *= dims[i]
	}
	if free >= 0 {
		dims[free] = len(x.data) / n
	}
	if elements(dims) != len(x.data) {
		panic(fmt.Sprintf("%v does not become %v", x.dims, to))
	}
	return &array{x.kind, dims, x.data}
}

func (r *runner) squeeze() *array {
	x, axes := r.in[0], r.ints(1)
	if r.node.op == "Squeeze" {
		dims := []int{}
		for i, d := range x.dims {
			if slices.Contains(axes, i) || slices.Contains(axes, i-len(x.dims)) {
				if d != 1 {
					panic(fmt.Sprintf("dimension %d of %v is not 1", i, x.dims))
				}
			} else {
				dims = append(dims, d)
			}
		}
		return &array{x.kind, dims, x.data}
	}
	n := len(x.dims) + len(axes)
	dims, k := make([]int, n), 0
	for i := range dims {
		dims[i] = 1
		if !slices.Contains(axes, i) && !slices.Contains(axes, i-n) {
			dims[i] = x.dims[k]
			k++
		}
	}
	return &array{x.kind, dims, x.data}
}

// matMul is NumPy's matmul of arrays of at least two dimensions.
func matMul(a, b *array) *array {
	m, k, n := a.dims[len(a.dims)-2], a.dims[len(a.dims)-1], b.dims[len(b.dims)-1]
	if b.dims[len(b.dims)-2] != k || a.kind != b.kind {
		panic(fmt.Sprintf("product of %v and %v", a.dims, b.dims))
	}
	batch := broadcast(a.dims[:len(a.dims)-2], b.dims[:len(b.dims)-2])
	a, b = a.expand(append(slices.Clone(batch), m, k)), b.expand(append(slices.Clone(batch), k, n))
	y := newArray(a.kind, append(slices.Clone(batch), m, n)...)
	for i := range elements(batch) * m {
		for j := range n {
			for l := range k {
				y.data[i*n+j] += a.data[i*k+l] * b.data[(i/m*k+l)*n+j]
			}
		}
	}
	return y
}

func (r *runner) reduce() *array {
	x := r.in[0]
	axes := attrOf(r, "axes", []int(nil))
	if r.node.op == "ReduceSum" {
		axes = r.ints(1)
	}
	dims := slices.Clone(x.dims)
	for _, a := range axes {
		dims[(a+len(dims))%len(dims)] = 1
	}
	y, count := newArray(x.kind, dims...), len(x.data)/elements(dims)
	seen := make([]bool, len(y.data))
	at := make([]int, len(x.dims))
	for _, v := range x.data {
		k := 0
		for j, d := range dims {
			k *= d
			if d > 1 {
				k += at[j]
			}
		}
		if r.node.op != "ReduceMax" {
			y.data[k] += v
		} else if !seen[k] || v > y.data[k] {
			y.data[k], seen[k] = v, true
		}
		for j := len(at) - 1; j >= 0; j-- {
			if at[j]++; at[j] < x.dims[j] {
				break
			}
			at[j] = 0
		}
	}
	if r.node.op == "ReduceMean" {
		for i := range y.data {
			y.data[i] /= float64(count)
		}
	}
	if attrOf(r, "keepdims", 1) == 0 {
		dims = nil
		for i, d := range y.dims {
			if !slices.Contains(axes, i) && !slices.Contains(axes, i-len(y.dims)) {
				dims = append(dims, d)
			}
		}
		y.dims = dims
	}
	return y
}

func (r *runner) pad() *array {
	x, pads := r.in[0], r.ints(1)
	n := len(x.dims)
	dims := slices.Clone(x.dims)
	for i := range dims {
		dims[i] += pads[i] + pads[n+i]
	}
	y, at := newArray(x.kind, dims...), make([]int, n)
	for i := range x.data {
		k := 0
		for j, d := range dims {
			k = k*d + at[j] + pads[j]
		}
		y.data[k] = x.data[i]
		for j := n - 1; j >= 0; j-- {
			if at[j]++; at[j] < x.dims[j] {
				break
			}
			at[j] = 0
		}
	}
	return y
}

func (r *runner) gather() *array {
	x, index, axis := r.in[0], r.in[1], attrOf(r, "axis", 0)
	if index.kind != onnxInt64 {
		panic("indices are no integers")
	}
	n := len(index.dims)
	dims := slices.Concat(x.dims[:axis], index.dims, x.dims[axis+1:])
	return x.pick(dims, func(at []int) []int {
		k := 0
		for j, d := range index.dims {
			k = k*d + at[axis+j]
		}
		return slices.Concat(at[:axis], []int{int(index.data[k])}, at[axis+n:])
	})
}
