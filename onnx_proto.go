package nn

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// The protobuf format: a message is a list of fields, and a field is
//
//	key = number·8 + type, then
//	type 0   an integer: 7 bits in each byte, the lowest first, 128 added to all but the last
//	type 2   a length, as such an integer, and so many bytes: a string, or a message
//	type 5   4 bytes, little-endian
//
// The numbers of the fields are those of onnx.proto (github.com/onnx/onnx). They
// stand in the order of their numbers, so equal models have equal bytes.

// maxProto is the most bytes of a protobuf message.
const maxProto = math.MaxInt32

// The types of numbers in an ONNX file.
const (
	onnxFloat  = 1
	onnxInt64  = 7
	onnxBool   = 9
	onnxDouble = 11
)

// A message is a protobuf message in its bytes, or the beginning of one.
type message []byte

func (m message) key(field, wire int) message {
	return binary.AppendUvarint(m, uint64(field)<<3|uint64(wire))
}

func (m message) int(field int, v int64) message {
	return binary.AppendUvarint(m.key(field, 0), uint64(v))
}

func (m message) string(field int, s string) message {
	return append(binary.AppendUvarint(m.key(field, 2), uint64(len(s))), s...)
}

func (m message) message(field int, sub message) message { return m.string(field, string(sub)) }

func (m message) float(field int, v float32) message {
	return binary.LittleEndian.AppendUint32(m.key(field, 5), math.Float32bits(v))
}

// An onnxNode is a NodeProto: an operator and the names of what it takes and
// gives. Its own name is that of its first output.
type onnxNode struct {
	op              string
	inputs, outputs []string
	attrs           message // as fields of the NodeProto
}

// An onnxValue is a ValueInfoProto: the name, type and shape of an input or
// output. A dimension of −1 is the batch.
type onnxValue struct {
	name string
	kind int
	dims []int
}

// An onnxBody is a graph inside a node.
type onnxBody struct {
	name            string
	nodes           []onnxNode
	inputs, outputs []onnxValue
}

// An onnxTensor is a TensorProto: numbers known in advance.
type onnxTensor struct {
	name string
	kind int
	dims []int
	data []float64 // unless kind is onnxInt64:
	ints []int
}

func (n *onnxNode) encode() message {
	var m message
	for _, s := range n.inputs {
		m = m.string(1, s)
	}
	for _, s := range n.outputs {
		m = m.string(2, s)
	}
	return append(m.string(3, n.outputs[0]).string(4, n.op), n.attrs...)
}

// encodeAttrs returns attributes as fields of a NodeProto. It panics if ONNX has
// none of a value's type.
func encodeAttrs(a map[string]any) (m message) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		m = m.message(5, encodeAttr(name, a[name]))
	}
	return m
}

// encodeAttr returns an AttributeProto.
func encodeAttr(name string, value any) message {
	m := message{}.string(1, name)
	switch v := value.(type) {
	case float64:
		return m.float(2, float32(v)).int(20, 1)
	case int:
		return m.int(3, int64(v)).int(20, 2)
	case string:
		return m.string(4, v).int(20, 3)
	case *onnxBody:
		return m.message(6, v.encode()).int(20, 5)
	case []float64:
		for _, x := range v {
			m = m.float(7, float32(x))
		}
		return m.int(20, 6)
	case []int:
		for _, x := range v {
			m = m.int(8, int64(x))
		}
		return m.int(20, 7)
	case []string:
		for _, x := range v {
			m = m.string(9, x)
		}
		return m.int(20, 8)
	}
	panic(fmt.Sprintf("nn: ONNX: attribute %s is a %T; it must be an int, float64, string or a slice of these", name, value))
}

func (b *onnxBody) encode() message {
	var m message
	for i := range b.nodes {
		m = m.message(1, b.nodes[i].encode())
	}
	return encodeValues(m.string(2, b.name), b.inputs, b.outputs)
}

// encodeValues appends the inputs and outputs of a GraphProto to it.
func encodeValues(m message, inputs, outputs []onnxValue) message {
	for _, v := range inputs {
		m = m.message(11, v.encode())
	}
	for _, v := range outputs {
		m = m.message(12, v.encode())
	}
	return m
}

func (v *onnxValue) encode() message {
	var shape message
	for _, d := range v.dims {
		var dim message
		if d < 0 {
			dim = dim.string(2, "batch")
		} else {
			dim = dim.int(1, int64(d))
		}
		shape = shape.message(1, dim)
	}
	tensor := message{}.int(1, int64(v.kind)).message(2, shape)
	return message{}.string(1, v.name).message(2, message{}.message(1, tensor))
}

// size returns the number of bytes of the numbers.
func (t *onnxTensor) size() int64 {
	n := int64(8)
	if t.kind == onnxFloat {
		n = 4
	}
	for _, d := range t.dims {
		n *= int64(d)
	}
	return n
}

// encode returns the TensorProto as a field of the GraphProto, but for the
// numbers, which end it.
func (t *onnxTensor) encode() message {
	var m message
	for _, d := range t.dims {
		m = m.int(1, int64(d))
	}
	m = m.int(2, int64(t.kind)).string(8, t.name)
	m = binary.AppendUvarint(m.key(9, 2), uint64(t.size()))
	return append(binary.AppendUvarint(message{}.key(5, 2), uint64(len(m))+uint64(t.size())), m...)
}

// check returns an error if a number can't be written in the tensor's type.
func (t *onnxTensor) check() error {
	for _, v := range t.data {
		if t.kind == onnxFloat && math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
			return fmt.Errorf("tensor %q: %v is too large for a float32; see ONNX.Float64", t.name, v)
		}
	}
	return nil
}

// write writes the numbers.
func (t *onnxTensor) write(w *bufio.Writer) {
	var b [8]byte
	for _, v := range t.ints {
		w.Write(binary.LittleEndian.AppendUint64(b[:0], uint64(v)))
	}
	for _, v := range t.data {
		if t.kind == onnxFloat {
			w.Write(binary.LittleEndian.AppendUint32(b[:0], float32Bits(v)))
		} else {
			w.Write(binary.LittleEndian.AppendUint64(b[:0], math.Float64bits(v)))
		}
	}
}

// An onnxModel is a ModelProto.
type onnxModel struct {
	graph   onnxBody
	tensors []onnxTensor
	meta    map[string]string
}

// write writes the model. It checks first what could go wrong, so that w gets
// all or, but for errors of its own, nothing.
func (m *onnxModel) write(w io.Writer) error {
	var nodes message
	for i := range m.graph.nodes {
		nodes = nodes.message(1, m.graph.nodes[i].encode())
	}
	nodes = nodes.string(2, m.graph.name)
	tail := encodeValues(nil, m.graph.inputs, m.graph.outputs)
	heads := make([]message, len(m.tensors))
	size := int64(len(nodes) + len(tail))
	for i := range m.tensors {
		heads[i] = m.tensors[i].encode()
		size += int64(len(heads[i])) + m.tensors[i].size()
	}
	head := message{}.int(1, 8).string(2, "nn") // ir_version, producer_name
	head = binary.AppendUvarint(head.key(7, 2), uint64(size))
	end := message{}.message(8, message{}.string(1, "").int(2, onnxOpset))
	for _, key := range slices.Sorted(maps.Keys(m.meta)) {
		end = end.message(14, message{}.string(1, key).string(2, m.meta[key]))
	}
	if size += int64(len(head) + len(end)); size > maxProto {
		return fmt.Errorf("the file would have %d bytes; %d are the most", size, maxProto)
	}
	for i := range m.tensors {
		if err := m.tensors[i].check(); err != nil {
			return err
		}
	}

	b := bufio.NewWriterSize(w, 1<<16) // keeps the first error for Flush
	b.Write(head)
	b.Write(nodes)
	for i := range m.tensors {
		b.Write(heads[i])
		m.tensors[i].write(b)
	}
	b.Write(tail)
	b.Write(end)
	return b.Flush()
}
