package nn

import (
	"fmt"

	"slices"
)

// Padding, as the Pass has it: a value (batch, steps) that a Padding layer
// makes, and that layers after it use.

// notePadding makes true of each step whose values are all 0.
func (g *ONNXGraph) notePadding(x string, in Shape) {
	largest := g.Node("ReduceMax", attrs{"axes": []int{2}, "keepdims": 0}, g.Node("Abs", nil, x))
	g.padding, g.steps = g.Node("Equal", nil, largest, g.Scalar(0)), in[0]
}

// checkPadding returns an error unless the padding, if there is any, is of such
// a number of steps.
func (g *ONNXGraph) checkPadding(steps int) error {
	if g.padding != "" && g.steps != steps {
		return fmt.Errorf("input has %d steps, and Padding before it saw %d; put Padding after what changes their number", steps, g.steps)
	}
	return nil
}

// slice returns the steps from lo to hi of x.
func (g *ONNXGraph) slice(x string, lo, hi int) string {
	return g.Node("Slice", nil, x, g.Ints(lo), g.Ints(hi), g.Ints(1))
}

func (g *ONNXGraph) stepRange(l *StepsLayer, x string) string {
	if g.padding != "" && g.steps == l.steps {
		g.padding, g.steps = g.slice(g.padding, l.From, l.To), l.To-l.From
	}
	return g.slice(x, l.From, l.To)
}

// sumSteps returns the sum of the steps of x that which, (batch, steps), is true of.
func (g *ONNXGraph) sumSteps(which, x string) string {
	which = g.Node("Unsqueeze", nil, which, g.Ints(2))
	kept := g.Node("Where", nil, which, x, g.Scalar(0))
	return g.Node("ReduceSum", attrs{"keepdims": 0}, kept, g.Ints(1))
}

func (g *ONNXGraph) meanSteps(x string, in Shape) string {
	if g.padding == "" {
		return g.Node("ReduceMean", attrs{"axes": []int{1}, "keepdims": 0}, x)
	}
	real := g.Node("Not", nil, g.padding)
	count := g.Node("ReduceSum", attrs{"keepdims": 1}, g.Node("Cast", attrs{"to": g.kind}, real), g.Ints(1))
	return g.Node("Div", nil, g.sumSteps(real, x), g.Node("Max", nil, count, g.Scalar(1)))
}

// last takes the step, of those that are not padding, with the largest number.
func (g *ONNXGraph) last(x string, in Shape) string {
	if g.padding == "" {
		return g.Node("Gather", attrs{"axis": 1}, x, g.intTensor([]int{in[0] - 1}))
	}
	numbers := make([]float64, in[0])
	for t := range numbers {
		numbers[t] = float64(t + 1)
	}
	real := g.Node("Not", nil, g.padding)
	number := g.Node("Mul", nil, g.Node("Cast", attrs{"to": g.kind}, real), g.constant("numbers", numbers, in[0]))
	largest := g.Node("ReduceMax", attrs{"axes": []int{1}, "keepdims": 1}, number)
	return g.sumSteps(g.Node("And", nil, real, g.Node("Equal", nil, number, largest)), x)
}

func (g *ONNXGraph) bidirectional(l *BidirectionalLayer, x string, in Shape) (string, Shape, error) {
	padding, steps := g.padding, g.steps
	a, _, err := g.list("ahead", l.Ahead, x, in)
	if err != nil {
		return "", nil, err
	}
	last := make([]int, in[0]) // in[0]−1, …, 0
	for t := range last {
		last[t] = in[0] - 1 - t
	}
	order := g.Ints(last...)
	reverse := func(x string) string { return g.Node("Gather", attrs{"axis": 1}, x, order) }
	if g.padding, g.steps = padding, steps; padding != "" {
		if err := g.checkPadding(in[0]); err != nil {
			return "", nil, err
		}
		g.padding = reverse(padding)
	}
	b, _, err := g.list("back", l.Back, reverse(x), in)
	if err != nil {
		return "", nil, err
	}
	g.padding, g.steps = padding, steps
	return g.Node("Concat", attrs{"axis": 2}, a, reverse(b)), Shape{in[0], l.ahead + l.back}, nil
}

// A recurrentCell is a recurrent layer as ONNX has it.
type recurrentCell interface {
	// operator returns the operator for all steps, with its attributes, the
	// biases of the two products, nil for 0, and where in our order the gates
	// of its order stand.
	operator() (op string, a attrs, bx, bh *Param, gates []int)

	// step adds one step to the graph. It returns the new state from
	// z = xₜ·Wx + b and from the state before.
	step(g *ONNXGraph, z string, state []string) []string

	// initial returns the state before the first step, nil for 0.
	initial() []*Param
}

func (g *ONNXGraph) recurrent(r *recurrence, c recurrentCell, x string) string {
	if g.padding == "" && !g.Float64() {
		return g.recurrentOp(r, c, x)
	}
	return g.recurrentScan(r, c, x)
}

// recurrentOp is the operator for all steps, which has the steps first.
func (g *ONNXGraph) recurrentOp(r *recurrence, c recurrentCell, x string) string {
	op, a, bx, bh, gates := c.operator()
	a["hidden_size"] = r.hidden
	n := r.gates * r.hidden
	bias := make([]float64, 0, 2*n)
	for _, q := range []*Param{bx, bh} {
		for _, gate := range gates {
			if q == nil {
				bias = append(bias, make([]float64, r.hidden)...)
			} else {
				bias = append(bias, q.Value.Data[gate*r.hidden:][:r.hidden]...)
			}
		}
	}
	swap := attrs{"perm": []int{1, 0, 2}}
	inputs := []string{
		g.Node("Transpose", swap, x),
		g.constant("W", gateRows(r, r.wx.Value, gates), 1, n, r.in),
		g.constant("R", gateRows(r, r.wh.Value, gates), 1, n, r.hidden),
		g.constant("B", bias, 1, 2*n),
	}
	if r.h0 != nil {
		inputs = append(inputs, "") // all sequences have all steps
		for _, q := range c.initial() {
			inputs = append(inputs, g.perSample(g.Weight(q, 1, 1, r.hidden), x, 1, -1, r.hidden))
		}
	}
	y := g.Node("Squeeze", nil, g.Node(op, a, inputs...), g.Ints(1)) // (steps, directions, batch, hidden)
	return g.Node("Transpose", swap, y)
}

// gateRows returns the transpose of w with the columns of its gates in the given
// order.
func gateRows(r *recurrence, w *Matrix, gates []int) []float64 {
	t := new(Matrix).T(w)
	data := make([]float64, 0, len(t.Data))
	for _, gate := range gates {
		data = append(data, t.RowRange(gate*r.hidden, (gate+1)*r.hidden).Data...)
	}
	return data
}

// perSample repeats a value for all samples of x: to the shape dims, in which −1
// is the batch.
func (g *ONNXGraph) perSample(value, x string, dims ...int) string {
	at := slices.Index(dims, -1)
	var shape []string
	if at > 0 {
		shape = append(shape, g.Ints(dims[:at]...))
	}
	shape = append(shape, g.Node("Shape", attrs{"start": 0, "end": 1}, x), g.Ints(dims[at+1:]...))
	return g.Node("Expand", nil, value, g.Node("Concat", attrs{"axis": 0}, shape...))
}

// recurrentScan is the loop over the steps with a graph for one: for float64, and for
// padding, which may be anywhere in a sequence.
func (g *ONNXGraph) recurrentScan(r *recurrence, c recurrentCell, x string) string {
	n := r.gates * r.hidden
	_, _, bias, _, _ := c.operator()
	z := g.Node("MatMul", nil, x, g.Weight(r.wx))
	z = g.Node("Add", nil, z, g.Weight(bias, n))
	var inputs []string // states, then what is scanned
	for _, q := range c.initial() {
		first := ""
		if q == nil {
			first = g.constant("start", make([]float64, r.hidden), 1, r.hidden)
		} else {
			first = g.Weight(q)
		}
		inputs = append(inputs, g.perSample(first, x, -1, r.hidden))
	}
	states := len(inputs)
	inputs = append(inputs, z)
	if g.padding != "" {
		inputs = append(inputs, g.Node("Unsqueeze", nil, g.padding, g.Ints(2)))
	}

	body := &onnxBody{name: g.name("step")}
	outer := g.nodes
	g.nodes = nil
	var names []string
	for i := range inputs {
		v := onnxValue{g.name("in"), g.kind, []int{-1, r.hidden}}
		switch i {
		case states:
			v.dims = []int{-1, n}
		case states + 1:
			v.kind, v.dims = onnxBool, []int{-1, 1}
		}
		body.inputs = append(body.inputs, v)
		names = append(names, v.name)
	}
	after := c.step(g, names[states], names[:states])
	for i := range after {
		if g.padding != "" {
			after[i] = g.Node("Where", nil, names[states+1], names[i], after[i])
		}
		body.outputs = append(body.outputs, onnxValue{after[i], g.kind, []int{-1, r.hidden}})
	}
	y := g.Node("Identity", nil, after[0]) // hₜ is an output of the step, too
	body.outputs = append(body.outputs, onnxValue{y, g.kind, []int{-1, r.hidden}})
	body.nodes, g.nodes = g.nodes, outer

	scans := len(inputs) - states
	a := attrs{"body": body, "num_scan_inputs": scans, "scan_input_axes": slices.Repeat([]int{1}, scans), "scan_output_axes": []int{1}}
	return g.node("Scan", a, states+1, inputs...)[states]
}

// gatesOf returns the blocks of z, one for each gate.
func (g *ONNXGraph) gatesOf(z string, gates, hidden int) []string {
	return g.node("Split", attrs{"axis": 1}, gates, z, g.Ints(slices.Repeat([]int{hidden}, gates)...))
}

// plus returns z + h·Wh.
func (g *ONNXGraph) plus(z, h string, wh *Param) string {
	return g.Node("Add", nil, z, g.Node("MatMul", nil, h, g.Weight(wh)))
}

type rnnCell struct{ *RNNLayer }

func (c rnnCell) operator() (string, attrs, *Param, *Param, []int) {
	function := "Tanh"
	if c.ReLU {
		function = "Relu"
	}
	return "RNN", attrs{"activations": []string{function}}, c.B, nil, []int{0}
}

func (c rnnCell) initial() []*Param { return []*Param{c.H0} }

func (c rnnCell) step(g *ONNXGraph, z string, state []string) []string {
	f := Tanh
	if c.ReLU {
		f = ReLU
	}
	return []string{g.activation(f, g.plus(z, state[0], c.Wh))}
}

type lstmCell struct{ *LSTMLayer }

// The order of gates is i, o, f, g in ONNX, i, f, g, o here.
func (c lstmCell) operator() (string, attrs, *Param, *Param, []int) {
	return "LSTM", attrs{}, c.B, nil, []int{0, 3, 1, 2}
}

func (c lstmCell) initial() []*Param { return []*Param{c.H0, c.C0} }

func (c lstmCell) step(g *ONNXGraph, z string, state []string) []string {
	gates := g.gatesOf(g.plus(z, state[0], c.Wh), 4, c.Hidden)
	i, f, o := g.Node("Sigmoid", nil, gates[0]), g.Node("Sigmoid", nil, gates[1]), g.Node("Sigmoid", nil, gates[3])
	cell := g.Node("Mul", nil, i, g.Node("Tanh", nil, gates[2]))
	cell = g.Node("Add", nil, g.Node("Mul", nil, f, state[1]), cell)
	return []string{g.Node("Mul", nil, o, g.Node("Tanh", nil, cell)), cell}
}

type gruCell struct{ *GRULayer }

// The order of gates is z, r, n in ONNX, r, z, n here.
func (c gruCell) operator() (string, attrs, *Param, *Param, []int) {
	return "GRU", attrs{"linear_before_reset": 1}, c.B, c.Bh, []int{1, 0, 2}
}

func (c gruCell) initial() []*Param { return []*Param{c.H0} }

func (c gruCell) step(g *ONNXGraph, z string, state []string) []string {
	h := state[0]
	a := g.gatesOf(z, 3, c.Hidden)
	u := g.gatesOf(g.plus(g.Weight(c.Bh, 3*c.Hidden), h, c.Wh), 3, c.Hidden)
	reset := g.Node("Sigmoid", nil, g.Node("Add", nil, a[0], u[0]))
	keep := g.Node("Sigmoid", nil, g.Node("Add", nil, a[1], u[1]))
	n := g.Node("Tanh", nil, g.Node("Add", nil, a[2], g.Node("Mul", nil, reset, u[2])))
	// hₜ = n + z ⊙ (hₜ₋₁ − n)
	return []string{g.Node("Add", nil, n, g.Node("Mul", nil, keep, g.Node("Sub", nil, h, n)))}
}

// attention has Q, K and V of the heads in the shape (heads, steps, width).
func (g *ONNXGraph) attention(l *AttentionLayer, x string) string {
	q, k, v := g.project(l, x)
	queries, keys := l.split()
	if l.Rotary > 0 {
		q, k = g.rotate(l, q), g.rotate(l, k)
	}
	k = g.Node("Transpose", attrs{"perm": []int{0, 1, 3, 2}}, k)
	// A factor for each column, because one number would be kept as a float32: see
	// hardSigmoid.
	scale := make([]float64, l.n/l.Heads)
	fill(scale, l.scale())
	p := g.Node("MatMul", nil, g.Node("Mul", nil, q, g.constant("scale", scale, len(scale))), k)
	mask := g.attentionMask(l, queries, keys)
	if mask != "" {
		p = g.Node("Where", nil, mask, g.Scalar(-1e30), p) // its exponential is 0
	}
	p = g.Node("Softmax", attrs{"axis": -1}, p)
	if g.padding != "" {
		p = g.Node("Where", nil, mask, g.Scalar(0), p) // also if there is nothing to attend to
	}
	o := g.Node("Transpose", attrs{"perm": []int{0, 2, 1, 3}}, g.Node("MatMul", nil, p, v))
	y := g.Node("MatMul", nil, g.reshape(o, queries, l.n), g.Weight(l.Wo))
	if l.Bo == nil {
		return y
	}
	return g.Node("Add", nil, y, g.Weight(l.Bo, l.n))
}

// project returns Q, K and V.
func (g *ONNXGraph) project(l *AttentionLayer, x string) (q, k, v string) {
	n := l.n
	w, b := g.Weight(l.Wqkv), ""
	if l.Bqkv != nil {
		b = g.Weight(l.Bqkv, 3*n)
	}
	linear := func(x, w, b string) string {
		y := g.Node("MatMul", nil, x, w)
		if b == "" {
			return y
		}
		return g.Node("Add", nil, y, b)
	}
	var parts []string
	if l.Queries == 0 {
		parts = g.node("Split", attrs{"axis": 2}, 3, linear(x, w, b), g.Ints(n, n, n))
	} else {
		sizes := g.Ints(n, 2*n)
		ws, bs := g.node("Split", attrs{"axis": 1}, 2, w, sizes), []string{"", ""}
		if b != "" {
			bs = g.node("Split", attrs{"axis": 0}, 2, b, sizes)
		}
		q := linear(g.slice(x, 0, l.Queries), ws[0], bs[0])
		kv := linear(g.slice(x, l.Queries, l.steps), ws[1], bs[1])
		parts = append([]string{q}, g.node("Split", attrs{"axis": 2}, 2, kv, g.Ints(n, n))...)
	}
	queries, keys := l.split()
	for i, steps := range []int{queries, keys, keys} {
		heads := g.reshape(parts[i], steps, l.Heads, n/l.Heads)
		parts[i] = g.Node("Transpose", attrs{"perm": []int{0, 2, 1, 3}}, heads)
	}
	return parts[0], parts[1], parts[2]
}

// rotate turns the pairs of neighbours (x₀, x₁) of each step by its angles: x
// times the cosines, and (x₁, x₀) times the sines, the first of them negative.
func (g *ONNXGraph) rotate(l *AttentionLayer, x string) string {
	d := l.n / l.Heads
	angles := l.angles.get(l.steps, d, l.Rotary)
	sines, cosines := NewMatrix(l.steps, d), NewMatrix(l.steps, d)
	for i := 0; i < len(angles.Data); i += 2 {
		s, c := angles.Data[i], angles.Data[i+1]
		sines.Data[i], sines.Data[i+1] = -s, s
		cosines.Data[i], cosines.Data[i+1] = c, c
	}
	swap := make([]int, d)
	for i := range swap {
		swap[i] = i ^ 1
	}
	turned := g.Node("Gather", attrs{"axis": 3}, x, g.Ints(swap...))
	return g.Node("Add", nil,
		g.Node("Mul", nil, x, g.constant("cosines", cosines.Data, l.steps, d)),
		g.Node("Mul", nil, turned, g.constant("sines", sines.Data, l.steps, d)))
}

// attentionMask is true where a query does not see a key, for want of a causal
// mask and padding "".
func (g *ONNXGraph) attentionMask(l *AttentionLayer, queries, keys int) string {
	mask := ""
	if l.Causal {
		// Positions of keys behind those of queries.
		at := make([]int, max(queries, keys))
		for i := range at {
			at[i] = i
		}
		mask = g.Node("Greater", nil, g.intTensor(at[:keys], keys), g.intTensor(at[:queries], queries, 1))
	}
	if g.padding == "" {
		return mask
	}
	padding := g.padding
	if l.Queries > 0 {
		padding = g.slice(padding, l.Queries, l.steps)
	}
	padding = g.Node("Unsqueeze", nil, padding, g.Ints(1, 2)) // for all heads and queries
	if mask == "" {
		return padding
	}
	return g.Node("Or", nil, mask, padding)
}
