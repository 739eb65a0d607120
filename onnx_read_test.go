package nn

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A reader of ONNX files, to test the writer with. It is as strict as it can
// be: fields in order, none that the writer has no need for.

// protoField is a field of a protobuf message: v for types 0 and 5, b for type 2.
type protoField struct {
	number, wire int
	v            uint64
	b            []byte
}

func protoFields(b []byte) (fs []protoField, err error) {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, fmt.Errorf("bad key")
		}
		b = b[n:]
		f := protoField{number: int(key >> 3), wire: int(key & 7)}
		switch f.wire {
		case 0, 2:
			if f.v, n = binary.Uvarint(b); n <= 0 {
				return nil, fmt.Errorf("field %d: bad integer", f.number)
			}
			b = b[n:]
			if f.wire == 2 {
				if f.v > uint64(len(b)) {
					return nil, fmt.Errorf("field %d: %d bytes of %d", f.number, len(b), f.v)
				}
				f.b, b = b[:f.v], b[f.v:]
			}
		case 5:
			if len(b) < 4 {
				return nil, fmt.Errorf("field %d: no 4 bytes", f.number)
			}
			f.v, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			return nil, fmt.Errorf("field %d: type %d", f.number, f.wire)
		}
		if len(fs) > 0 && f.number < fs[len(fs)-1].number {
			return nil, fmt.Errorf("field %d comes after field %d", f.number, fs[len(fs)-1].number)
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// readNode is a NodeProto as it is read.
type readNode struct {
	op, name        string
	inputs, outputs []string
	attrs           map[string]any // int, float64, string, *readGraph, []int, []float64, []string
}

type readValue struct {
	name string
	kind int
	dims []any // int, or the name of a dimension
}

type readGraph struct {
	name            string
	nodes           []readNode
	weights         map[string]*array
	order           []string // of the weights
	inputs, outputs []readValue
}

type readModel struct {
	readGraph
	ir, opset int
	producer  string
	meta      map[string]string
}

// An array is a tensor of any type. Integers and truth values are numbers.
type array struct {
	kind int
	dims []int
	data []float64
}

// protoError lets the readers below give up; readONNX catches it.
type protoError struct{ error }

func protoFail(format string, args ...any) { panic(protoError{fmt.Errorf(format, args...)}) }

func readONNX(b []byte) (m *readModel, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(protoError)
			if !ok {
				panic(r)
			}
			err = e.error
		}
	}()
	m = &readModel{meta: map[string]string{}}
	for _, f := range mustFields("model", b) {
		switch f.number {
		case 1:
			m.ir = int(f.v)
		case 2:
			m.producer = string(f.b)
		case 7:
			if m.nodes != nil {
				protoFail("two graphs")
			}
			m.readGraph = *protoGraph(f.b)
		case 8:
			for _, f := range mustFields("opset", f.b) {
				if f.number == 2 {
					m.opset = int(f.v)
				} else if f.number != 1 || len(f.b) != 0 {
					protoFail("opset: domain %q", f.b)
				}
			}
		case 14:
			kv := mustFields("metadata", f.b)
			if len(kv) != 2 || kv[0].number != 1 || kv[1].number != 2 {
				protoFail("metadata: %v", kv)
			}
			m.meta[string(kv[0].b)] = string(kv[1].b)
		default:
			protoFail("model: field %d", f.number)
		}
	}
	return m, nil
}

func mustFields(what string, b []byte) []protoField {
	fs, err := protoFields(b)
	if err != nil {
		protoFail("%s: %w", what, err)
	}
	return fs
}

func protoGraph(b []byte) *readGraph {
	g := &readGraph{weights: map[string]*array{}}
	for _, f := range mustFields("graph", b) {
		switch f.number {
		case 1:
			g.nodes = append(g.nodes, protoNode(f.b))
		case 2:
			g.name = string(f.b)
		case 5:
			name, a := protoTensor(f.b)
			if name == "" || g.weights[name] != nil {
				protoFail("tensor %q is unnamed or there twice", name)
			}
			g.weights[name] = a
			g.order = append(g.order, name)
		case 11:
			g.inputs = append(g.inputs, protoValue(f.b))
		case 12:
			g.outputs = append(g.outputs, protoValue(f.b))
		default:
			protoFail("graph: field %d", f.number)
		}
	}
	return g
}

func protoNode(b []byte) readNode {
	n := readNode{attrs: map[string]any{}}
	for _, f := range mustFields("node", b) {
		switch f.number {
		case 1:
			n.inputs = append(n.inputs, string(f.b))
		case 2:
			n.outputs = append(n.outputs, string(f.b))
		case 3:
			n.name = string(f.b)
		case 4:
			n.op = string(f.b)
		case 5:
			name, v := protoAttr(f.b)
			if n.attrs[name] != nil {
				protoFail("node %s: two attributes %s", n.name, name)
			}
			n.attrs[name] = v
		default:
			protoFail("node: field %d", f.number)
		}
	}
	return n
}

func protoAttr(b []byte) (name string, v any) {
	var (
		kind    int
		ints    []int
		floats  []float64
		strings []string
		fields  []int
	)
	for _, f := range mustFields("attribute", b) {
		if n := f.number; n != 1 && n != 20 && !slices.Contains(fields, n) {
			fields = append(fields, n)
		}
		switch f.number {
		case 1:
			name = string(f.b)
		case 2, 7:
			floats = append(floats, float64(math.Float32frombits(uint32(f.v))))
		case 3, 8:
			ints = append(ints, int(int64(f.v)))
		case 4, 9:
			strings = append(strings, string(f.b))
		case 6:
			v = protoGraph(f.b)
		case 20:
			kind = int(f.v)
		default:
			protoFail("attribute: field %d", f.number)
		}
	}
	field := map[int]int{1: 2, 2: 3, 3: 4, 5: 6, 6: 7, 7: 8, 8: 9}[kind]
	if name == "" || len(fields) != 1 || fields[0] != field {
		protoFail("attribute %q of type %d has fields %v", name, kind, fields)
	}
	switch kind {
	case 1:
		v = floats[0]
	case 2:
		v = ints[0]
	case 3:
		v = strings[0]
	case 6:
		v = floats
	case 7:
		v = ints
	case 8:
		v = strings
	}
	return name, v
}

func protoTensor(b []byte) (name string, a *array) {
	a = &array{dims: []int{}}
	size := 1
	for _, f := range mustFields("tensor", b) {
		switch f.number {
		case 1:
			a.dims = append(a.dims, int(f.v))
			size *= int(f.v)
		case 2:
			a.kind = int(f.v)
		case 8:
			name = string(f.b)
		case 9:
			width := map[int]int{onnxFloat: 4, onnxInt64: 8, onnxDouble: 8}[a.kind]
			if width == 0 || len(f.b) != width*size {
				protoFail("tensor %s of type %d and shape %v has %d bytes", name, a.kind, a.dims, len(f.b))
			}
			for ; len(f.b) > 0; f.b = f.b[width:] {
				switch a.kind {
				case onnxFloat:
					a.data = append(a.data, float64(math.Float32frombits(binary.LittleEndian.Uint32(f.b))))
				case onnxInt64:
					a.data = append(a.data, float64(int64(binary.LittleEndian.Uint64(f.b))))
				default:
					a.data = append(a.data, math.Float64frombits(binary.LittleEndian.Uint64(f.b)))
				}
			}
		default:
			protoFail("tensor: field %d", f.number)
		}
	}
	if len(a.data) != size {
		protoFail("tensor %s of shape %v has %d values", name, a.dims, len(a.data))
	}
	return name, a
}

// protoValue reads a ValueInfoProto: name=1, type=2 {tensor_type=1 {elem_type=1,
// shape=2 {dim=1 {dim_value=1 or dim_param=2}}}}.
func protoValue(b []byte) (v readValue) {
	v.dims = []any{}
	for _, f := range mustFields("value", b) {
		if f.number == 1 {
			v.name = string(f.b)
			continue
		}
		types := mustFields("type", f.b)
		if f.number != 2 || len(types) != 1 || types[0].number != 1 {
			protoFail("value %s has no tensor type", v.name)
		}
		shapes := 0
		for _, f := range mustFields("tensor type", types[0].b) {
			if f.number == 1 {
				v.kind = int(f.v)
				continue
			}
			shapes++
			for _, f := range mustFields("shape", f.b) {
				dim := mustFields("dimension", f.b)
				switch {
				case f.number != 1 || len(dim) != 1:
					protoFail("value %s: dimension %v", v.name, dim)
				case dim[0].number == 1:
					v.dims = append(v.dims, int(dim[0].v))
				default:
					v.dims = append(v.dims, string(dim[0].b))
				}
			}
		}
		if shapes != 1 {
			protoFail("value %s has %d shapes", v.name, shapes)
		}
	}
	return v
}

// check returns an error unless the graph is in order: names of nodes and values
// are unique, every node comes after what it takes, outputs are made, weights
// are used. Values of the graph around it are in outer.
func (g *readGraph) check(outer map[string]bool) error {
	known, used, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for k := range outer {
		known[k] = true
	}
	define := func(name string) error {
		if name == "" || known[name] {
			return fmt.Errorf("value %q is unnamed or there twice", name)
		}
		known[name] = true
		return nil
	}
	for _, v := range g.inputs {
		if err := define(v.name); err != nil {
			return err
		}
	}
	for _, name := range g.order {
		if err := define(name); err != nil {
			return err
		}
	}
	for _, n := range g.nodes {
		if n.name == "" || names[n.name] || n.op == "" || len(n.outputs) == 0 {
			return fmt.Errorf("node %q, %s is unnamed, there twice or empty", n.name, n.op)
		}
		names[n.name] = true
		for _, x := range n.inputs {
			if x != "" && !known[x] {
				return fmt.Errorf("node %s takes %q, which is not there yet", n.name, x)
			}
			used[x] = true
		}
		for _, v := range n.attrs {
			if body, ok := v.(*readGraph); ok {
				if err := body.check(known); err != nil {
					return fmt.Errorf("node %s: %w", n.name, err)
				}
				for _, n := range body.nodes {
					for _, x := range n.inputs {
						used[x] = true
					}
				}
			}
		}
		for _, y := range n.outputs {
			if err := define(y); err != nil {
				return err
			}
		}
	}
	for _, v := range g.outputs {
		if !known[v.name] {
			return fmt.Errorf("output %q is not made", v.name)
		}
	}
	for _, name := range g.order {
		if !used[name] {
			return fmt.Errorf("tensor %q is not used", name)
		}
	}
	return nil
}
