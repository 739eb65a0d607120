package nn

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// ONNX says how to write a network in the ONNX format (Open Neural Network
// Exchange, onnx.ai), for programs such as ONNX Runtime that predict with it:
//
//	err := nn.ONNX{Float64: true}.WriteFile("digits.onnx", net)
//
// The file is an ONNX model of IR version 8 and operator set 17. Its graph has
// one input, named input, and one output, named output, of the shapes of the
// network's input and output with the size of the batch, named batch, before
// them: (batch, 1, 28, 28) for [Input](1, 28, 28). Both are float32, or float64
// with Float64, but the input of a network that begins with an [IndexLayer] such
// as [Embedding] is int64.
//
// The graph computes what [Network.Predict] computes, up to rounding. In float64
// it has only operators that ONNX Runtime's CPU provider has for float64, and
// agrees with Predict to 12 digits; convolutions, which are products with
// gathered values then, and recurrent layers, which are loops, take longer. At
// infinite values a graph may give NaN where Predict gives a limit.
//
// Values are named after the layer and the operator that they come from,
// "3.body.0/Conv". Parameters keep their names where the operator takes them in
// their order.
//
// The model's metadata are nn.input and nn.output, the two shapes as JSON, and, as
// in [Network.Save], nn.classes and Meta if the network has any.
type ONNX struct {
	Float64 bool // numbers are float64, not float32
}

// onnxOpset is the version of the operators. It is the first with
// LayerNormalization, and those of ONNX Runtime for float64 are of this version.
const onnxOpset = 17

// Write writes n. It returns an error if w does; and, before anything is written,
// if a layer can't be exported, which it names (see [ONNXLayer]), if a weight is
// too large for a float32, or if the file would be larger than protobuf allows,
// 2³¹ − 1 bytes. Equal networks give equal bytes.
func (o ONNX) Write(w io.Writer, n *Network) error {
	m, err := o.model(n)
	if err == nil {
		err = m.write(w)
	}
	if err != nil {
		return fmt.Errorf("nn: WriteONNX: %w", err)
	}
	return nil
}

// WriteFile writes n to a file, which it replaces only when all is written, as
// [Network.SaveFile] does.
func (o ONNX) WriteFile(name string, n *Network) error {
	m, err := o.model(n)
	if err == nil {
		err = writeFile(name, m.write)
	}
	if err != nil {
		return fmt.Errorf("nn: WriteONNXFile: %w", err)
	}
	return nil
}

// WriteONNX writes the network in the ONNX format, in float32. For more see [ONNX].
func (n *Network) WriteONNX(w io.Writer) error { return ONNX{}.Write(w, n) }

// WriteONNXFile writes to a file, in float32. For more see [ONNX].
func (n *Network) WriteONNXFile(name string) error { return ONNX{}.WriteFile(name, n) }

// model returns n as an ONNX model.
func (o ONNX) model(n *Network) (*onnxModel, error) {
	n.checkBuilt("WriteONNX")
	const input, output = "input", "output"
	g := &ONNXGraph{
		kind:   onnxFloat,
		names:  map[string]int{input: 1, output: 1},
		values: map[string]bool{input: true},
		ints:   map[string]string{},
	}
	if o.Float64 {
		g.kind = onnxDouble
	}
	in := onnxValue{input, g.kind, append([]int{-1}, n.in...)}
	if n.layers.Indices() > 0 {
		in.kind, g.ints[input] = onnxInt64, ""
	}
	y, _, err := g.layers(n.layers, "", input, n.in, n.shapes)
	if err != nil {
		return nil, err
	}
	g.rename(g.float(y), output)
	dims, _ := json.Marshal(n.in) // numbers are always JSON
	out, _ := json.Marshal(n.out())
	meta := map[string]string{"nn.input": string(dims), "nn.output": string(out)}
	if err := n.addLabels(meta); err != nil {
		return nil, err
	}
	return &onnxModel{
		graph: onnxBody{
			name:    "nn",
			nodes:   g.nodes,
			inputs:  []onnxValue{in},
			outputs: []onnxValue{{output, g.kind, append([]int{-1}, n.out()...)}},
		},
		tensors: g.tensors,
		meta:    meta,
	}, nil
}

// An ONNXLayer is a layer that [ONNX] can export though it is not of this
// package: it says by which operators it computes its output. For a layer that
// multiplies by a gain,
//
//	func (s *Scale) ExportONNX(g *nn.ONNXGraph, x string, in nn.Shape) (string, nn.Shape, error) {
//		return g.Node("Mul", nil, x, g.Weight(s.gain, in...)), in, nil
//	}
type ONNXLayer interface {
	Layer

	// ExportONNX adds to g the operators that compute, without training, the
	// layer's output from its input, and returns the name of the value that is
	// the output, and its shape; or an error if there are none. The input is
	// the value named x. It has the shape that Build was given, in, with the
	// batch before it: (batch, 1, 28, 28) for (1, 28, 28). So has the output,
	// with the shape that Build returned. Both hold numbers of g's type; only
	// an [IndexLayer] with Indices() > 0 is given int64.
	ExportONNX(g *ONNXGraph, x string, in Shape) (y string, out Shape, err error)
}

// An ONNXGraph is the graph of a network that is being exported: nodes, each an
// operator applied to values, which have names. An [ONNXLayer] adds to it.
// The operators are described at onnx.ai/onnx/operators.
type ONNXGraph struct {
	kind    int // of numbers
	nodes   []onnxNode
	tensors []onnxTensor

	place  string            // of the present layer: "3.body.0"
	names  map[string]int    // how often a name was wanted
	values map[string]bool   // names of values
	ints   map[string]string // indices of type int64; the same as numbers, or ""
	err    error             // the first

	padding string // the steps that are padding, of type bool, (batch, steps); "": none
	steps   int    // of padding
}

// Float64 reports whether the graph's numbers are float64, not float32.
func (g *ONNXGraph) Float64() bool { return g.kind == onnxDouble }

// Node adds an operator to the graph and returns the name of its output, the
// first if it has several. An attribute is an int, a float64, a string, or a
// slice of these; ONNX has float attributes in float32 only. The inputs are
// names of values, or "" for one that is left out.
//
// Node panics if an input is no value of the graph. If the graph is of float64
// and ONNX Runtime has no such operator, the export fails.
func (g *ONNXGraph) Node(op string, attrs map[string]any, inputs ...string) string {
	return g.node(op, attrs, 1, inputs...)[0]
}

// node is Node for any number of outputs.
func (g *ONNXGraph) node(op string, attrs map[string]any, outputs int, inputs ...string) []string {
	if op == "" {
		panic("nn: ONNX: Node: the operator has no name")
	}
	for _, x := range inputs {
		if x != "" && !g.values[x] {
			panic(fmt.Sprintf("nn: ONNX: %s: there is no value %q", op, x))
		}
	}
	if g.Float64() && slices.Contains(noFloat64[:], op) && g.err == nil {
		g.err = fmt.Errorf("ONNX Runtime computes %s in float32 only", op)
	}
	n := onnxNode{op: op, inputs: slices.Clone(inputs), attrs: encodeAttrs(attrs)}
	for range outputs {
		n.outputs = append(n.outputs, g.name(op))
	}
	g.nodes = append(g.nodes, n)
	return slices.Clone(n.outputs)
}

// noFloat64 lists the operators that ONNX Runtime's CPU provider has, in
// version 1.30 and operator set 17, for float32 and not for float64.
var noFloat64 = [...]string{
	"AveragePool", "Celu", "Conv", "ConvInteger", "ConvTranspose", "Elu", "Erf", "GRU", "GlobalAveragePool", "GlobalMaxPool",
	"HardSigmoid", "HardSwish", "InstanceNormalization", "LRN", "LSTM", "RNN", "Selu", "Softplus", "Softsign", "ThresholdedRelu",
}

// Weight returns the name of a value that is a parameter, in the shape of the given
// dimensions or, if there are none, as the matrix that it is. It panics if the
// parameter has not as many values.
func (g *ONNXGraph) Weight(p *Param, dims ...int) string {
	if len(dims) == 0 {
		dims = []int{p.Value.Rows, p.Value.Cols}
	}
	if n, ok := volume(dims); !ok || n != p.Value.Rows*p.Value.Cols {
		panic(fmt.Sprintf("nn: ONNX: Weight: %q is %d×%d; it can't have the shape %v", p.Name, p.Value.Rows, p.Value.Cols, Shape(dims)))
	}
	return g.tensor(onnxTensor{g.unique(p.Name), g.kind, slices.Clone(dims), p.Value.Data, nil})
}

// Const returns the name of a value that is always t. It panics if t has not the
// values of its shape.
func (g *ONNXGraph) Const(t Tensor) string {
	t.check("ONNX", "const")
	return g.constant("const", t.Data, t.Shape...)
}

// Scalar returns the name of a value that is always the number v, of shape ().
// (ONNX Runtime unites a MatMul with a Mul or Div by one number beside it, and
// keeps that number as a float32; where that matters, give it as a longer [Tensor].)
func (g *ONNXGraph) Scalar(v float64) string { return g.constant("const", []float64{v}) }

// Ints returns the name of a value that is always these integers, of type int64
// and shape (len(v)): axes, indices, or a shape, as many operators take them.
func (g *ONNXGraph) Ints(v ...int) string { return g.intTensor(v, len(v)) }

// intTensor is Ints for any shape.
func (g *ONNXGraph) intTensor(v []int, dims ...int) string {
	return g.tensor(onnxTensor{g.name("const"), onnxInt64, dims, nil, slices.Clone(v)})
}

// constant returns the name of a value with the given numbers, dimensions, and
// name in the layer.
func (g *ONNXGraph) constant(name string, data []float64, dims ...int) string {
	return g.tensor(onnxTensor{g.name(name), g.kind, slices.Clone(dims), data, nil})
}

func (g *ONNXGraph) tensor(t onnxTensor) string {
	g.tensors = append(g.tensors, t)
	g.values[t.name] = true
	return t.name
}

// name returns a new name, of a value of the present layer.
func (g *ONNXGraph) name(s string) string {
	if g.place != "" {
		s = g.place + "/" + s
	}
	s = g.unique(s)
	g.values[s] = true
	return s
}

// unique returns s, or with a number behind it if the name is taken.
func (g *ONNXGraph) unique(s string) string {
	for {
		k := g.names[s]
		g.names[s]++
		if k == 0 {
			return s
		}
		if t := s + "_" + strconv.Itoa(k); g.names[t] == 0 {
			s = t
		}
	}
}

// rename gives the value that is the graph's output its name.
func (g *ONNXGraph) rename(y, output string) {
	for i := range g.nodes {
		if at := slices.Index(g.nodes[i].outputs, y); at >= 0 {
			g.nodes[i].outputs[at] = output
			for _, n := range g.nodes[i+1:] {
				for k, x := range n.inputs {
					if x == y {
						n.inputs[k] = output
					}
				}
			}
			return
		}
	}
	g.nodes = append(g.nodes, onnxNode{op: "Identity", inputs: []string{y}, outputs: []string{output}})
}

// float returns indices as numbers of the graph's type, and other values as they are.
func (g *ONNXGraph) float(x string) string {
	y, ok := g.ints[x]
	if !ok {
		return x
	}
	if y == "" {
		y = g.Node("Cast", attrs{"to": g.kind}, x)
		g.ints[x] = y
	}
	return y
}

// int64 returns x as indices.
func (g *ONNXGraph) int64(x string) string {
	if _, ok := g.ints[x]; ok {
		return x
	}
	y := g.Node("Cast", attrs{"to": onnxInt64}, x)
	g.ints[y] = x
	return y
}

// Layers adds the layers of a list to the graph, each applied to the output of the
// one before, and returns the output of the last and its shape. It is for an
// [ONNXLayer] that has layers in it.
func (g *ONNXGraph) Layers(ls Layers, x string, in Shape) (y string, out Shape, err error) {
	return g.list("", ls, x, in)
}

// list is Layers for a list that the present layer has a name for, "body" for
// example, or "" if it is the only one.
func (g *ONNXGraph) list(name string, ls Layers, x string, in Shape) (y string, out Shape, err error) {
	return g.layers(ls, name, x, in, nil)
}

// layers is list that checks the shapes of the layers' outputs, if they are known.
func (g *ONNXGraph) layers(ls Layers, name, x string, in Shape, shapes []Shape) (string, Shape, error) {
	place := g.place
	defer func() { g.place = place }()
	path := ""
	for _, s := range []string{place, name} {
		if s != "" {
			path += s + "."
		}
	}
	for i, l := range ls {
		g.place = path + strconv.Itoa(i)
		y, out, err := g.layer(l, x, slices.Clone(in))
		if err == nil {
			err = g.err
		}
		if err == nil && shapes != nil && !slices.Equal(out, shapes[i]) {
			err = fmt.Errorf("ExportONNX returns the shape %v; Build returned %v", out, shapes[i])
		}
		if err == nil && !g.values[y] {
			err = fmt.Errorf("ExportONNX returns %q, which is no value of the graph", y)
		}
		if err != nil {
			if _, ok := err.(*onnxError); !ok { // else a layer inside says it
				err = &onnxError{g.place, l, err}
			}
			return "", nil, err
		}
		x, in = y, out
	}
	return x, in, nil
}

// An onnxError says which layer can't be exported.
type onnxError struct {
	place string
	layer Layer
	err   error
}

func (e *onnxError) Error() string {
	return fmt.Sprintf("layer %s, %s of type %T: %v", e.place, describe(e.layer), e.layer, e.err)
}

func (e *onnxError) Unwrap() error { return e.err }

// layer adds one layer to the graph. A layer of this package is known by its own type:
// one that embeds it may compute something else.
func (g *ONNXGraph) layer(l Layer, x string, in Shape) (string, Shape, error) {
	switch l := l.(type) {
	case Layers:
		return g.Layers(l, x, in)
	case *ResidualLayer:
		return g.residual(l, x, in)
	case *ConcatLayer:
		return g.concat(l, x, in)
	case *BidirectionalLayer:
		return g.bidirectional(l, g.float(x), in)
	case *EmbeddingLayer:
		return g.embedding(l, x), append(in, l.Dim), nil
	case *DropoutLayer, *ChannelDropoutLayer, *GaussianNoiseLayer:
		return x, in, nil
	case ONNXLayer:
		if ix, ok := l.(IndexLayer); ok && ix.Indices() > 0 {
			return l.ExportONNX(g, g.int64(x), in)
		}
		return l.ExportONNX(g, g.float(x), in)
	}
	x = g.float(x)
	switch l := l.(type) {
	case Activation:
		return g.activation(l, x), in, nil
	case *DenseLayer:
		return g.dense(l, x, in), append(in[:len(in)-1], l.Out), nil
	case *FlattenLayer:
		return g.flatten(x, in), Shape{in.Size()}, nil
	case *ReshapeLayer:
		out, err := l.Build(in, nil)
		return g.reshape(x, out...), out, err
	case *PReLULayer:
		return g.prelu(l, x, in), in, nil
	case *SoftmaxLayer:
		return g.Node("Softmax", attrs{"axis": -1}, x), in, nil
	case *BatchNormLayer:
		return g.batchNorm(l, x, in), in, nil
	case *LayerNormLayer:
		return g.layerNorm(l, x, in), in, nil
	case *GroupNormLayer:
		return g.groupNorm(l, x, in), in, nil
	case *RMSNormLayer:
		return g.rmsNorm(l, x), in, nil

	case *Conv1DLayer:
		return g.conv(&l.conv, l.W, l.B, x, 1), Shape{l.Filters, l.conv.cols.out}, nil
	case *Conv2DLayer:
		return g.conv(&l.conv, l.W, l.B, x, 2), Shape{l.Filters, l.conv.rows.out, l.conv.cols.out}, nil
	case *ConvTranspose2DLayer:
		return g.convTranspose(l, x), Shape{l.Filters, l.conv.rows.in, l.conv.cols.in}, nil
	case *MaxPool1DLayer:
		return g.maxPool(&l.pool, x, 1), l.pool.shape(1), nil
	case *MaxPool2DLayer:
		return g.maxPool(&l.pool, x, 2), l.pool.shape(2), nil
	case *AvgPool1DLayer:
		return g.meanPool(&l.pool, x, 1), l.pool.shape(1), nil
	case *AvgPool2DLayer:
		return g.meanPool(&l.pool, x, 2), l.pool.shape(2), nil
	case *AdaptiveAvgPool2DLayer:
		return g.meanPool(&l.pool, x, 2), l.pool.shape(2), nil
	case *GlobalAvgPool2DLayer:
		return g.overArea("ReduceMean", x, in), in[:1], nil
	case *GlobalMaxPool2DLayer:
		return g.overArea("ReduceMax", x, in), in[:1], nil

	case *PositionsLayer:
		return g.Node("Add", nil, x, g.Weight(l.W)), in, nil
	case *SinusoidalPositionsLayer:
		waves := l.waves.get(l.steps, l.n, 10000)
		return g.Node("Add", nil, x, g.constant("waves", waves.Data, in...)), in, nil
	case *PaddingLayer:
		g.notePadding(x, in)
		return x, in, nil
	case *StepsLayer:
		return g.stepRange(l, x), Shape{l.To - l.From, l.n}, nil
	case *MeanStepsLayer:
		return g.meanSteps(x, in), in[1:], g.checkPadding(in[0])
	case *LastLayer:
		return g.last(x, in), in[1:], g.checkPadding(in[0])
	case *RNNLayer:
		return g.recurrent(&l.rec, rnnCell{l}, x), Shape{in[0], l.Hidden}, g.checkPadding(in[0])
	case *LSTMLayer:
		return g.recurrent(&l.rec, lstmCell{l}, x), Shape{in[0], l.Hidden}, g.checkPadding(in[0])
	case *GRULayer:
		return g.recurrent(&l.rec, gruCell{l}, x), Shape{in[0], l.Hidden}, g.checkPadding(in[0])
	case *AttentionLayer:
		queries, _ := l.split()
		return g.attention(l, x), Shape{queries, l.n}, g.checkPadding(in[0])
	}
	return "", nil, fmt.Errorf("the type has no method ExportONNX; see ONNXLayer")
}
