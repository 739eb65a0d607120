package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// The registry: every type of layer has one name, every name a way to make one.
var (
	makers = map[string]func() Layer{}
	names  = map[reflect.Type]string{}
)

// Register makes layers of the type that make returns known to [Load] and
// [Network.Clone]. A layer is saved as the given name, its exported fields in
// JSON, and its parameters. Fields that are not configuration take the tag
// `json:"-"`; layers inside the layer stand in fields of type [Layers].
//
// make returns a new layer every time; Load sets its fields and calls its
// Build with rng nil. The fields and the shape that Build is given are
// then a file's word: where files come from strangers, Build should return an
// error for sizes that it would rather not allocate.
//
// Register is meant to be called from an init function: it is not safe
// for concurrent use. It panics if the name is empty or taken, if make or what it
// returns is nil, or if the type is registered already.
func Register(name string, make func() Layer) {
	if name == "" {
		panic("nn: Register: the name is empty")
	}
	if make == nil {
		panic(fmt.Sprintf("nn: Register: make of %q is nil", name))
	}
	l := reflect.ValueOf(make())
	if !l.IsValid() || l.Kind() == reflect.Pointer && l.IsNil() {
		panic(fmt.Sprintf("nn: Register: make of %q returns nil", name))
	}
	if makers[name] != nil {
		panic(fmt.Sprintf("nn: Register: the name %q is taken by %T", name, makers[name]()))
	}
	t := l.Type()
	if names[t] != "" {
		panic(fmt.Sprintf("nn: Register: %v is registered as %q already", t, names[t]))
	}
	makers[name], names[t] = make, name
}

func init() {
	Register("Activation", func() Layer { return Identity })
	Register("AdaptiveAvgPool2D", func() Layer { return new(AdaptiveAvgPool2DLayer) })
	Register("Attention", func() Layer { return new(AttentionLayer) })
	Register("AvgPool1D", func() Layer { return new(AvgPool1DLayer) })
	Register("AvgPool2D", func() Layer { return new(AvgPool2DLayer) })
	Register("BatchNorm", func() Layer { return new(BatchNormLayer) })
	Register("Bidirectional", func() Layer { return new(BidirectionalLayer) })
	Register("ChannelDropout", func() Layer { return new(ChannelDropoutLayer) })
	Register("Concat", func() Layer { return new(ConcatLayer) })
	Register("Conv1D", func() Layer { return new(Conv1DLayer) })
	Register("Conv2D", func() Layer { return new(Conv2DLayer) })
	Register("ConvTranspose2D", func() Layer { return new(ConvTranspose2DLayer) })
	Register("Dense", func() Layer { return new(DenseLayer) })
	Register("Dropout", func() Layer { return new(DropoutLayer) })
	Register("Embedding", func() Layer { return new(EmbeddingLayer) })
	Register("Flatten", func() Layer { return new(FlattenLayer) })
	Register("GRU", func() Layer { return new(GRULayer) })
	Register("GaussianNoise", func() Layer { return new(GaussianNoiseLayer) })
	Register("GlobalAvgPool2D", func() Layer { return new(GlobalAvgPool2DLayer) })
	Register("GlobalMaxPool2D", func() Layer { return new(GlobalMaxPool2DLayer) })
	Register("GroupNorm", func() Layer { return new(GroupNormLayer) })
	Register("LSTM", func() Layer { return new(LSTMLayer) })
	Register("Last", func() Layer { return new(LastLayer) })
	Register("LayerNorm", func() Layer { return new(LayerNormLayer) })
	Register("Layers", func() Layer { return Layers(nil) })
	Register("MaxPool1D", func() Layer { return new(MaxPool1DLayer) })
	Register("MaxPool2D", func() Layer { return new(MaxPool2DLayer) })
	Register("MeanSteps", func() Layer { return new(MeanStepsLayer) })
	Register("PReLU", func() Layer { return new(PReLULayer) })
	Register("Padding", func() Layer { return new(PaddingLayer) })
	Register("Positions", func() Layer { return new(PositionsLayer) })
	Register("RMSNorm", func() Layer { return new(RMSNormLayer) })
	Register("RNN", func() Layer { return new(RNNLayer) })
	Register("Reshape", func() Layer { return new(ReshapeLayer) })
	Register("Residual", func() Layer { return new(ResidualLayer) })
	Register("SinusoidalPositions", func() Layer { return new(SinusoidalPositionsLayer) })
	Register("Softmax", func() Layer { return new(SoftmaxLayer) })
	Register("Steps", func() Layer { return new(StepsLayer) })
}

// MarshalJSON returns the layers as a list of {"layer": name, "config":
// exported fields}, with the names that they are registered by. So a layer with a
// field of type Layers is saved with the layers in it.
func (ls Layers) MarshalJSON() ([]byte, error) {
	type entry struct {
		Layer  string          `json:"layer"`
		Config json.RawMessage `json:"config"`
	}
	list := make([]entry, len(ls))
	for i, l := range ls {
		name := names[reflect.TypeOf(l)]
		if name == "" {
			return nil, fmt.Errorf("layer %d: type %T is not registered; see Register", i, l)
		}
		config, err := json.Marshal(l)
		if err != nil {
			// Layers inside l say for themselves which of them it is.
			if e := (*json.MarshalerError)(nil); errors.As(err, &e) {
				err = e.Err
			}
			return nil, fmt.Errorf("layer %d: %s: %w", i, name, err)
		}
		list[i] = entry{name, config}
	}
	return json.Marshal(list)
}

// UnmarshalJSON sets ls to the layers that MarshalJSON wrote. They are not built.
func (ls *Layers) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return badFormat("%.80s is not a list of layers", text)
	}
	*ls = make(Layers, len(list))
	for i, text := range list {
		l, err := unmarshalLayer(text)
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		(*ls)[i] = l
	}
	return nil
}

func unmarshalLayer(text []byte) (Layer, error) {
	// A map, because a struct would take keys in any case.
	entry, err := object(text)
	if err != nil {
		return nil, err
	}
	if len(entry) != 2 || entry["layer"] == nil || entry["config"] == nil {
		return nil, badFormat(`%.80s has not just "layer" and "config"`, text)
	}
	name, err := stringOf(entry["layer"])
	if err != nil {
		return nil, err
	}
	mk := makers[name]
	if mk == nil {
		return nil, badFormat("%.80q is not registered; see Register", name)
	}
	config := entry["config"]
	if config[0] == 'n' { // null would leave the layer as made, or make it nil
		return nil, badFormat("%s: config is null", name)
	}
	// Reflection makes the layer addressable if its type is not a pointer, as
	// Activation and Layers are.
	l := reflect.ValueOf(mk())
	p := l
	if l.Kind() != reflect.Pointer {
		p = reflect.New(l.Type())
		p.Elem().Set(l)
	}
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(p.Interface()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if l.Kind() != reflect.Pointer {
		l = p.Elem()
	}
	return l.Interface().(Layer), nil
}

// Bounds on the description of the layers, for writer and reader. Each level
// of layers within layers is parsed again by the level above, so that the time
// to read it is the product of the two.
const (
	maxLayersText  = 1 << 20 // bytes
	maxLayersDepth = 64      // brackets within brackets; a Residual takes 3
)

// Save writes the network in the safetensors format: a JSON header, then the
// parameters as little-endian float64. Other programs can read the parameters
// by their names; the header's metadata describes the layers, so that [Load]
// needs nothing else:
//
//	nn.layers  the layers, as JSON; see [Register]
//	nn.input   the shape of the input, as JSON
//	nn.frozen  the names of the parameters that are Frozen, as JSON
//	nn.classes Classes, as JSON, if there are any
//
// and each key of Meta stands for itself.
//
// Equal networks give equal bytes. The random source is not saved, nor
// are functions such as Init of [DenseLayer], which have done their work.
//
// Save returns an error if w does, if the type of a layer is not registered, if
// a field of a layer can't be put into JSON, such as NaN, or if Classes or Meta
// are not valid UTF-8 or a key of Meta begins with "nn.".
func (n *Network) Save(w io.Writer) error {
	if err := n.save(w); err != nil {
		return fmt.Errorf("nn: Save: %w", err)
	}
	return nil
}

// SaveFile saves to a file, which it replaces only when all is written: the
// file always holds a whole network, the old one or the new one. A file that
// exists keeps its permissions.
func (n *Network) SaveFile(name string) error {
	if err := writeFile(name, n.save); err != nil {
		return fmt.Errorf("nn: SaveFile: %w", err)
	}
	return nil
}

func (n *Network) save(w io.Writer) error {
	meta, err := n.metadata()
	if err != nil {
		return err
	}
	return writeTensors(w, meta, n.named())
}

// metadata returns what a file says of n besides the parameters.
func (n *Network) metadata() (map[string]string, error) {
	n.checkBuilt("Save")
	layers, err := n.layers.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if err := checkLayersText(layers); err != nil {
		return nil, err
	}
	frozen := []string{}
	for _, q := range n.params {
		if q.Frozen {
			frozen = append(frozen, q.Name)
		}
	}
	// Numbers and strings are always JSON.
	in, _ := json.Marshal(n.in)
	list, _ := json.Marshal(frozen)
	meta := map[string]string{"nn.layers": string(layers), "nn.input": string(in), "nn.frozen": string(list)}
	return meta, n.addLabels(meta)
}

// addLabels adds Classes and Meta to the metadata of a file.
func (n *Network) addLabels(meta map[string]string) error {
	for k, v := range n.Meta {
		if strings.HasPrefix(k, metaPrefix) {
			return fmt.Errorf("the key %q of Meta begins with %q", k, metaPrefix)
		}
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("metadata %q is not valid UTF-8", k)
		}
		meta[k] = v
	}
	if len(n.Classes) == 0 {
		return nil
	}
	for i, name := range n.Classes {
		if !utf8.ValidString(name) {
			return fmt.Errorf("class %d: the name %q is not valid UTF-8", i, name)
		}
	}
	list, _ := json.Marshal(n.Classes)
	meta["nn.classes"] = string(list)
	return nil
}

// metaPrefix begins the keys of the metadata that are not the program's.
const metaPrefix = "nn."

// addMeta adds to Meta what the metadata of a file have for the program.
func (n *Network) addMeta(file map[string]string) {
	meta := maps.Clone(file)
	maps.DeleteFunc(meta, func(k, _ string) bool { return strings.HasPrefix(k, metaPrefix) })
	if len(meta) > 0 {
		all := maps.Clone(n.Meta) // the map may be the program's
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, meta)
		n.Meta = all
	}
}

// classesOf returns the names of the classes in the metadata of a file, or nil.
func classesOf(meta map[string]string) ([]string, error) {
	text, ok := meta["nn.classes"]
	if !ok {
		return nil, nil
	}
	if err := checkJSON([]byte(text), 1); err != nil {
		return nil, fmt.Errorf("nn.classes: %w", err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) == 0 {
		return nil, badFormat("nn.classes: %.80q is not a list of names", text)
	}
	classes := make([]string, len(list))
	for i, name := range list {
		var err error
		if classes[i], err = stringOf(name); err != nil {
			return nil, fmt.Errorf("nn.classes: %w", err)
		}
	}
	return classes, nil
}

func checkLayersText(text []byte) error {
	if len(text) > maxLayersText {
		return badFormat("layers: their description has %d bytes; %d are the most", len(text), maxLayersText)
	}
	if err := checkJSON(text, maxLayersDepth); err != nil {
		return fmt.Errorf("layers: %w", err)
	}
	return nil
}

// named returns the parameters by their names.
func (n *Network) named() []tensor {
	ts := make([]tensor, len(n.params))
	for i, q := range n.params {
		ts[i] = tensor{q.Name, q.Value}
	}
	return ts
}

// fill sets the parameters to the tensors of the same names.
func (n *Network) fill(ts map[string]*Matrix) error { return fillTensors(n.named(), ts) }

// fillTensors is checkTensors and, if all is well, copyTensors.
func fillTensors(dst []tensor, src map[string]*Matrix) error {
	if err := checkTensors(dst, src); err != nil {
		return err
	}
	copyTensors(dst, src)
	return nil
}

// checkTensors returns an error unless src has the same names and shapes as dst.
func checkTensors(dst []tensor, src map[string]*Matrix) error {
	for _, t := range dst {
		m := src[t.name]
		if m == nil {
			return badFormat("tensor %q is missing", t.name)
		}
		if m.Rows != t.m.Rows || m.Cols != t.m.Cols {
			return badFormat("tensor %q is %d×%d; the layers need %d×%d", t.name, m.Rows, m.Cols, t.m.Rows, t.m.Cols)
		}
	}
	if len(src) != len(dst) {
		left := maps.Clone(src)
		for _, t := range dst {
			delete(left, t.name)
		}
		return badFormat("tensor %.80q belongs to no layer", slices.Sorted(maps.Keys(left))[0])
	}
	return nil
}

// copyTensors sets every matrix of dst to the one of its name in src. A matrix
// of dst that has a shape but no memory takes that of src.
func copyTensors(dst []tensor, src map[string]*Matrix) {
	for _, t := range dst {
		if t.m.Data == nil {
			t.m.Data = src[t.name].Data
		} else {
			copy(t.m.Data, src[t.name].Data)
		}
	}
}

// freeze sets Frozen of the parameters in the list, nn.frozen of a file, and
// clears it of all others.
func (n *Network) freeze(list string) error {
	var frozen []string
	if err := json.Unmarshal([]byte(list), &frozen); err != nil {
		return badFormat("nn.frozen: %.80q is not a list of names", list)
	}
	params := map[string]*Param{}
	for _, q := range n.params {
		params[q.Name] = q
	}
	for _, name := range frozen {
		if params[name] == nil {
			return badFormat("nn.frozen: no parameter is named %.80q", name)
		}
	}
	for _, q := range n.params {
		q.Frozen = false
	}
	for _, name := range frozen {
		params[name].Frozen = true
	}
	return nil
}

// Load reads a network written by [Network.Save], up to the end of r. The random source
// of the network is as of [New] with a nil source.
//
// Its error is a [FormatError] if the data are not such a network, or if they
// name a layer that is not registered. The data may come from a stranger:
// whatever they are, Load does not panic, not even if Build of a layer does,
// and allocates memory in proportion to their length; but see [Register].
func Load(r io.Reader) (*Network, error) {
	n, err := load(r)
	if err != nil {
		return nil, fmt.Errorf("nn: Load: %w", err)
	}
	return n, nil
}

// LoadFile loads from a file.
func LoadFile(name string) (*Network, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("nn: LoadFile: %w", err)
	}
	defer f.Close()
	n, err := load(f)
	if err != nil {
		return nil, fmt.Errorf("nn: LoadFile: %s: %w", name, err)
	}
	return n, nil
}

func load(r io.Reader) (*Network, error) {
	meta, ts, err := readTensors(r)
	if err != nil {
		return nil, err
	}
	withoutTrainer(ts)
	return restore(meta, ts)
}

// restore returns the network that the metadata describe with the parameters
// ts. It takes the memory of ts.
//
// The layers' Build is given no random numbers. The layers of this package
// then allocate nothing, whatever the sizes in the description: the parameters
// become those in ts, for which the file had the bytes.
func restore(meta map[string]string, ts map[string]*Matrix) (n *Network, err error) {
	for _, key := range []string{"nn.layers", "nn.input"} {
		if meta[key] == "" {
			return nil, badFormat("the metadata have no %s; this is not a network written by Save", key)
		}
	}
	// The layers may be of any type that the program registered.
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, badFormat("the layers panic: %v", r)
		}
	}()
	if err := checkLayersText([]byte(meta["nn.layers"])); err != nil {
		return nil, err
	}
	var layers Layers
	if err := layers.UnmarshalJSON([]byte(meta["nn.layers"])); err != nil {
		return nil, badFormat("%v", err)
	}
	var in Shape
	if err := json.Unmarshal([]byte(meta["nn.input"]), &in); err != nil {
		return nil, badFormat("nn.input: %.80q is not a shape", meta["nn.input"])
	}
	n, err = newNetwork(rand.NewPCG(0, 0), in, layers, false)
	if err != nil {
		return nil, badFormat("%v", err)
	}
	if err := n.fill(ts); err != nil {
		return nil, err
	}
	if list, ok := meta["nn.frozen"]; ok {
		if err := n.freeze(list); err != nil {
			return nil, err
		}
	}
	if n.Classes, err = classesOf(meta); err != nil {
		return nil, err
	}
	n.addMeta(meta)
	return n, nil
}

// Clone returns layers of the same types and exported fields that are not
// built: for another network, with parameters of its own. Fields that are
// functions, such as Init of [DenseLayer], are left out. It panics if the type
// of a layer is not registered; see [Register].
func (ls Layers) Clone() Layers {
	var c Layers
	text, err := ls.MarshalJSON()
	if err == nil {
		err = c.UnmarshalJSON(text)
	}
	if err != nil {
		panic("nn: Clone: " + err.Error())
	}
	return c
}

// Clone returns a copy of n that shares no memory with it: layers of the same
// configuration, parameters of the same values and flags, without gradients,
// Classes and Meta. It panics if the type of a layer is not registered; see
// [Register].
//
// A source of type [rand.PCG] or [rand.ChaCha8] is copied in its present state;
// a source of any other type is replaced by rand.NewPCG(0, 0).
func (n *Network) Clone() *Network {
	n.checkBuilt("Clone")
	layers := n.layers.Clone()
	var src rand.Source = rand.NewPCG(0, 0)
	switch s := n.src.(type) {
	case *rand.PCG:
		c := *s
		src = &c
	case *rand.ChaCha8:
		c := *s
		src = &c
	}
	c, err := newNetwork(src, n.in, layers, false)
	if err != nil {
		panic("nn: Clone: " + err.Error())
	}
	values := map[string]*Matrix{}
	for _, q := range n.params {
		values[q.Name] = q.Value.Clone()
	}
	if err := c.fill(values); err != nil {
		panic("nn: Clone: " + err.Error())
	}
	c.Classes, c.Meta = slices.Clone(n.Classes), maps.Clone(n.Meta)
	for i, q := range n.params {
		c.params[i].Frozen, c.params[i].NoDecay, c.params[i].Stat = q.Frozen, q.NoDecay, q.Stat
	}
	return c
}
