package nn

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
)

var (
	makers = map[string]func() Layer{}
	names  = map[reflect.Type]string{}
)

// Register makes a layer type known to Load under the given name.
func Register(name string, make func() Layer) {
	t := reflect.TypeOf(make())
	if makers[name] != nil || names[t] != "" {
		panic("nn: Register: " + name + " registered twice")
	}
	makers[name], names[t] = make, name
}

func init() {
	Register("Dense", func() Layer { return new(DenseLayer) })
	Register("Dropout", func() Layer { return new(DropoutLayer) })
	Register("Softmax", func() Layer { return new(SoftmaxLayer) })
	Register("Flatten", func() Layer { return new(FlattenLayer) })
	Register("Reshape", func() Layer { return new(ReshapeLayer) })
	Register("GaussianNoise", func() Layer { return new(GaussianNoiseLayer) })
	Register("Embedding", func() Layer { return new(EmbeddingLayer) })
	Register("Concat", func() Layer { return new(ConcatLayer) })
	Register("Layers", func() Layer { return Layers(nil) })
	Register("Residual", func() Layer { return new(ResidualLayer) })
	Register("Activation", func() Layer { return Activation(0) })
}

type layerJSON struct {
	Layer  string          `json:"layer"`
	Config json.RawMessage `json:"config"`
}

func (ls Layers) MarshalJSON() ([]byte, error) {
	out := []layerJSON{}
	for _, l := range ls {
		name := names[reflect.TypeOf(l)]
		if name == "" {
			return nil, fmt.Errorf("layer type %T is not registered", l)
		}
		c, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		out = append(out, layerJSON{name, c})
	}
	return json.Marshal(out)
}

func (ls *Layers) UnmarshalJSON(b []byte) error {
	var in []layerJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*ls = nil
	for _, j := range in {
		mk := makers[j.Layer]
		if mk == nil {
			return fmt.Errorf("layer %q is not registered", j.Layer)
		}
		v := reflect.New(reflect.TypeOf(mk()))
		v.Elem().Set(reflect.ValueOf(mk()))
		if err := json.Unmarshal(j.Config, v.Interface()); err != nil {
			return err
		}
		*ls = append(*ls, v.Elem().Interface().(Layer))
	}
	return nil
}

type tensorJSON struct {
	DType   string `json:"dtype"`
	Shape   [2]int `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// named returns the matrices by name, and the names in order.
func (n *Network) named() (map[string]*Matrix, []string) {
	m := map[string]*Matrix{}
	for _, p := range n.params {
		m[p.Name] = p.Value
	}
	return m, slices.Sorted(maps.Keys(m))
}

// Save writes the network in safetensors format.
func (n *Network) Save(w io.Writer) error {
	ms, keys := n.named()
	arch, err := json.Marshal(n.layers)
	if err != nil {
		return fmt.Errorf("nn: Save: %w", err)
	}
	in, _ := json.Marshal(n.in)
	return writeTensors(w, map[string]string{"nn.layers": string(arch), "nn.input": string(in)}, keys, ms)
}

func writeTensors(w io.Writer, meta map[string]string, keys []string, ms map[string]*Matrix) error {
	head := map[string]any{"__metadata__": meta}
	off := 0
	for _, k := range keys {
		m := ms[k]
		head[k] = tensorJSON{"F64", [2]int{m.Rows, m.Cols}, [2]int{off, off + 8*len(m.Data)}}
		off += 8 * len(m.Data)
	}
	h, err := json.Marshal(head)
	if err != nil {
		return err
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	bw := bufio.NewWriter(w)
	binary.Write(bw, binary.LittleEndian, uint64(len(h)))
	bw.Write(h)
	for _, k := range keys {
		binary.Write(bw, binary.LittleEndian, ms[k].Data)
	}
	return bw.Flush()
}

// Load reads a network written by Save.
func Load(r io.Reader) (*Network, error) {
	n, err := load(r)
	if err != nil {
		return nil, fmt.Errorf("nn: Load: %w", err)
	}
	return n, nil
}

func load(r io.Reader) (*Network, error) {
	var size uint64
	if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
		return nil, err
	}
	if size > 1<<24 {
		return nil, fmt.Errorf("header of %d bytes", size)
	}
	h := make([]byte, size)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, err
	}
	var head map[string]json.RawMessage
	if err := json.Unmarshal(h, &head); err != nil {
		return nil, err
	}
	var meta map[string]string
	if err := json.Unmarshal(head["__metadata__"], &meta); err != nil {
		return nil, err
	}
	var layers Layers
	if err := json.Unmarshal([]byte(meta["nn.layers"]), &layers); err != nil {
		return nil, err
	}
	var in Shape
	if err := json.Unmarshal([]byte(meta["nn.input"]), &in); err != nil {
		return nil, err
	}
	n, err := newNetwork(rand.NewPCG(1, 2), in, layers, false)
	if err != nil {
		return nil, err
	}
	ms, keys := n.named()
	for _, k := range keys {
		var t tensorJSON
		if err := json.Unmarshal(head[k], &t); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", k, err)
		}
		m := ms[k]
		if t.Shape != [2]int{m.Rows, m.Cols} {
			return nil, fmt.Errorf("tensor %q is %v, want %d×%d", k, t.Shape, m.Rows, m.Cols)
		}
		if err := binary.Read(r, binary.LittleEndian, m.Data); err != nil {
			return nil, err
		}
	}
	return n, nil
}
