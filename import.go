package nn

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Mapping says how the parameters of a network are called and laid out among
// [Tensors] of another program, which [Network.Import] takes and [Network.Export]
// gives. The zero Mapping is that of PyTorch for the same layers in an
// nn.Sequential: Dense(8), ReLU, Dense(2) has the parameters 0.weight, 0.bias,
// 2.weight and 2.bias on both sides.
//
// The modules of PyTorch that belong to the layers, and the shapes of their
// tensors, are
//
//	Dense             Linear             weight (out, in), the transpose of ours, bias
//	Conv1D            Conv1d             weight (filters, channels/groups, kernel), bias
//	Conv2D            Conv2d             weight (filters, channels/groups, h, w), bias
//	ConvTranspose2D   ConvTranspose2d    weight (channels, filters/groups, h, w), bias
//	BatchNorm         BatchNorm1d, 2d    weight, bias, running_mean, running_var
//	LayerNorm         LayerNorm          weight, bias
//	GroupNorm         GroupNorm          weight, bias
//	InstanceNorm      InstanceNorm2d     weight, bias
//	RMSNorm           RMSNorm            weight
//	PReLU             PReLU              weight
//	Embedding         Embedding          weight (vocab, dim)
//	Positions         Embedding          weight (steps, n)
//	RNN, LSTM, GRU    RNN, LSTM, GRU     weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0
//	Bidirectional     the same           and those with _reverse at the end
//	Attention         MultiheadAttention in_proj_weight (3n, n), in_proj_bias,
//	                                     out_proj.weight (n, n), out_proj.bias
//
// Where PyTorch has two biases that are added, in RNN and LSTM, Import adds them
// and Export gives the second the value 0. num_batches_tracked of a BatchNorm has no
// counterpart and is passed over. Other parameters keep their names, and
// the shape (rows, columns) or, if they have one row, (columns). What is no
// parameter, such as the epsilon of a normalization, is not in the tensors: set it
// in the layer.
type Mapping struct {
	// Names gives other places to parameters: it has the place of a layer in the
	// network, such as 0 or 3.body.1, for a key and the module that the other
	// program has there for a value, such as fc1 or, in a file with more than the
	// model in it, model.fc1; or a whole name such as 1.running_mean, which a
	// tensor would have without Names, for a key, and its name for a value. The
	// longest key counts. The key "" stands for all parameters, the value "" for
	// a module that was saved alone.
	//
	// The place of a layer is what the names of its parameters in
	// [Network.Params] begin with; the table of [Network.String] has its first
	// number.
	//
	// Recurrent layers that are given the same module are its layers l0, l1, … in
	// their order.
	Names map[string]string

	// Ignore are patterns, as [path.Match] has them, of names of tensors. Import
	// passes over those that match, and leaves the parameters that they
	// belong to, if there are any, as they are. Export leaves them out.
	Ignore []string

	// Native means that parameters have the names and layout that they have in
	// this package, where a weight of [Dense] is (in, out), as it is in Keras and in
	// the files of GPT-2, and not those of PyTorch.
	Native bool
}

// An ImportError reports all that keeps tensors from becoming the parameters of a
// network. [Network.Import] returns it wrapped; [errors.As] finds it.
type ImportError struct {
	Missing []string            // tensors that are needed, in the order of the network's parameters
	Left    []string            // tensors that belong to no parameter, sorted
	Shapes  map[string][2]Shape // tensors of another shape than needed: the one that they have, and the one needed
}

func (e *ImportError) Error() string {
	var parts []string
	add := func(what string, names []string) {
		if len(names) == 0 {
			return
		}
		more := ""
		if n := len(names) - 20; n > 0 {
			names, more = names[:20], fmt.Sprintf(" and %d more", n)
		}
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = fmt.Sprintf("%.80q", name)
		}
		parts = append(parts, what+" "+strings.Join(quoted, ", ")+more)
	}
	add("missing tensors", e.Missing)
	add("no parameter for", e.Left)
	shapes := slices.Sorted(maps.Keys(e.Shapes))
	for _, name := range shapes[:min(20, len(shapes))] {
		s := e.Shapes[name]
		parts = append(parts, fmt.Sprintf("%.80q has shape %v, not %v", name, s[0], s[1]))
	}
	if n := len(shapes) - 20; n > 0 {
		parts = append(parts, fmt.Sprintf("%d more have other shapes", n))
	}
	return strings.Join(parts, "; ")
}

// Import sets the parameters of n, and the statistics that its layers keep, to the
// tensors that m says. There must be one for each parameter and none besides,
// but for those that m.Ignore names; otherwise Import returns an [ImportError],
// which lists all that is wrong, and changes nothing. So
//
//	ts, err := nn.ReadTorchFile("model.pt")
//	…
//	err = net.Import(ts, nn.Mapping{Names: map[string]string{"0": "fc1", "2": "fc2"}})
//
// takes over a model whose forward is fc2(relu(fc1(x))). A tensor may serve several
// parameters.
//
// Import panics if a key of m.Names is the place of no parameter, or if a pattern
// of m.Ignore is malformed.
func (n *Network) Import(ts Tensors, m Mapping) error {
	n.checkBuilt("Import")
	left := make(map[string]bool, len(ts))
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		ts[name].check("Import", name)
		left[name] = !m.ignores("Import", name)
	}
	list, spare := n.counterparts("Import", m)
	for _, name := range spare {
		left[name] = false
	}
	e := ImportError{Shapes: map[string][2]Shape{}}
	for _, c := range list {
		for _, name := range c.names {
			t, ok := ts[name]
			left[name] = false
			switch {
			case m.ignores("Import", name):
			case !ok && slices.Contains(e.Missing, name):
			case !ok:
				e.Missing = append(e.Missing, name)
			case !slices.ContainsFunc(c.shapes, func(s Shape) bool { return slices.Equal(s, t.Shape) }):
				e.Shapes[name] = [2]Shape{t.Shape, c.shapes[0]}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if left[name] {
			e.Left = append(e.Left, name)
		}
	}
	if len(e.Missing)+len(e.Left)+len(e.Shapes) > 0 {
		return fmt.Errorf("nn: Import: %w", &e)
	}
	for _, c := range list {
		sum := false
		for _, name := range c.names {
			if !m.ignores("Import", name) {
				c.set(ts[name].Data, sum)
				sum = true
			}
		}
	}
	return nil
}

// Export returns copies of the parameters of n, and of the statistics that its
// layers keep, under the names and in the layout that m says. So
//
//	err := net.Export(nn.Mapping{}).SaveFile("model.safetensors", nn.SaveOptions{Float32: true})
//
// writes what a model of PyTorch takes by
//
//	model.load_state_dict(safetensors.torch.load_file("model.safetensors"))
//
// It panics if a key of m.Names is the place of no parameter, if two parameters
// that are not equal get the same name, or if a pattern of m.Ignore is malformed.
func (n *Network) Export(m Mapping) Tensors {
	n.checkBuilt("Export")
	ts := Tensors{}
	list, _ := n.counterparts("Export", m)
	for _, c := range list {
		for i, name := range c.names {
			if m.ignores("Export", name) {
				continue
			}
			data := make([]float64, len(c.param.Value.Data))
			if i == 0 {
				c.get(data)
			}
			t := tensorOf(slices.Clone(c.shapes[0]), data)
			if old, ok := ts[name]; ok && !(slices.Equal(old.Shape, t.Shape) && old.Equal(t.Matrix, 0)) {
				panic(fmt.Sprintf("nn: Export: two parameters become %q", name))
			}
			ts[name] = t
		}
	}
	return ts
}

// ignores reports whether a pattern of m.Ignore matches name.
func (m Mapping) ignores(op, name string) bool {
	for _, pattern := range m.Ignore {
		ok, err := path.Match(pattern, name)
		if err != nil {
			panic(fmt.Sprintf("nn: %s: Ignore: the pattern %q is malformed", op, pattern))
		}
		if ok {
			return true
		}
	}
	return false
}

// rename returns the other program's name for a parameter or a place. It notes the
// key in used.
func (m Mapping) rename(name string, used map[string]bool) string {
	for end := len(name); ; end = strings.LastIndexByte(name[:end], '.') {
		key := name[:max(end, 0)]
		if to, ok := m.Names[key]; ok {
			used[key] = true
			return join(to, strings.TrimPrefix(name[len(key):], "."))
		}
		if end <= 0 {
			return name
		}
	}
}

// join returns the name of what is called name at a place.
func join(place, name string) string {
	if place == "" || name == "" {
		return place + name
	}
	return place + "." + name
}

// A counterpart is what another program has in place of a parameter.
type counterpart struct {
	param  *Param
	own    string   // name of the parameter in its layer
	names  []string // there; those of several tensors if it is their sum
	shapes []Shape  // there, any of them; the first is the usual one
	transp bool     // the tensor is the transpose of the parameter
}

// set sets the parameter to data, or adds data to it.
func (c *counterpart) set(data []float64, add bool) {
	v := c.param.Value
	if c.transp {
		data = new(Matrix).T(&Matrix{v.Cols, v.Rows, data}).Data
	}
	if add {
		vadd(v.Data, v.Data, data)
	} else {
		copy(v.Data, data)
	}
}

// get sets data to the parameter.
func (c *counterpart) get(data []float64) {
	if v := c.param.Value; c.transp {
		copy(data, new(Matrix).T(v).Data)
	} else {
		copy(data, v.Data)
	}
}

// counterparts returns the counterparts of all parameters, in their order, and the
// names of tensors that may be there besides.
func (n *Network) counterparts(op string, m Mapping) (list []counterpart, spare []string) {
	used := map[string]bool{}
	w := torchWalk{m: m, used: used, found: map[*Param]counterpart{}, stacked: map[string]int{}, seen: map[Layer]bool{}}
	if !m.Native {
		w.layers(n.layers)
	}
	for _, q := range n.params {
		c, ok := w.found[q]
		if !ok {
			c = counterpart{param: q, names: []string{m.rename(q.Name, used)}, shapes: []Shape{{q.Value.Rows, q.Value.Cols}}}
			if q.Value.Rows == 1 {
				c.shapes = append(c.shapes, Shape{q.Value.Cols})
			}
		}
		list = append(list, c)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Names)) {
		if !used[key] {
			panic(fmt.Sprintf("nn: %s: Names: the network has no parameter at %q", op, key))
		}
	}
	return list, w.spare
}

// A torchWalk goes through the layers of a network and finds their counterparts in
// PyTorch.
type torchWalk struct {
	m       Mapping
	used    map[string]bool
	found   map[*Param]counterpart
	spare   []string
	stacked map[string]int // how many recurrent layers a module has so far
	seen    map[Layer]bool
}

func (w *torchWalk) layers(ls Layers) {
	for _, l := range ls {
		w.layer(l)
	}
}

func (w *torchWalk) layer(l Layer) {
	if v := reflect.ValueOf(l); v.Kind() == reflect.Pointer {
		if v.IsNil() || w.seen[l] {
			return
		}
		w.seen[l] = true
	}
	if b, ok := l.(*BidirectionalLayer); ok && len(b.Ahead) == 1 && len(b.Back) == 1 {
		ahead, back := b.Ahead[0], b.Back[0]
		if isCell(ahead) && reflect.TypeOf(ahead) == reflect.TypeOf(back) {
			k := w.recurrent(torchParts(ahead), ".ahead.0", "", -1)
			w.recurrent(torchParts(back), ".back.0", "_reverse", k)
			return
		}
	}
	parts := torchParts(l)
	if isCell(l) {
		w.recurrent(parts, "", "", -1)
		return
	}
	if len(parts) == 0 {
		w.inside(l)
		return
	}
	for i, c := range parts {
		place, ok := strings.CutSuffix(c.param.Name, "."+c.own)
		if !ok {
			return // a layer in one that has names of its own for the parameters
		}
		c.names[0] = w.m.rename(join(place, c.names[0]), w.used)
		w.found[c.param] = c
		if _, ok := l.(*BatchNormLayer); ok && i == 0 {
			w.spare = append(w.spare, w.m.rename(join(place, "num_batches_tracked"), w.used))
		}
	}
}

// recurrent notes the parts of a recurrent layer. inner is its place in the layer
// that counts, k its number in the module; −1: the next.
func (w *torchWalk) recurrent(parts []counterpart, inner, direction string, k int) int {
	for i, c := range parts {
		place, ok := strings.CutSuffix(c.param.Name, inner+"."+c.own)
		if !ok {
			return k
		}
		module := w.m.rename(place, w.used)
		if i == 0 && k < 0 {
			k = w.stacked[module]
			w.stacked[module]++
		}
		for i, name := range c.names {
			exact := join(place, name+"_l0"+direction)
			if _, ok := w.m.Names[exact]; ok {
				c.names[i] = w.m.rename(exact, w.used)
			} else {
				c.names[i] = join(module, name+"_l"+strconv.Itoa(k)+direction)
			}
		}
		w.found[c.param] = c
	}
	return k
}

// inside goes through the layers in l, which stand in its exported fields.
func (w *torchWalk) inside(l Layer) {
	if ls, ok := l.(Layers); ok {
		w.layers(ls)
		return
	}
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanInterface() {
			continue
		}
		if f.CanAddr() && f.Kind() == reflect.Struct {
			f = f.Addr()
		}
		switch x := f.Interface().(type) {
		case Layer:
			w.layer(x)
		case []Layers:
			for _, ls := range x {
				w.layers(ls)
			}
		case []Layer:
			w.layers(x)
		}
	}
}

func isCell(l Layer) bool {
	_, ok := l.(cell)
	return ok
}

// torchParts returns the counterparts of the parameters of a layer of this package,
// by their names in the module, those of recurrent layers without _l0.
func torchParts(l Layer) (parts []counterpart) {
	add := func(q *Param, own string, transp bool, shape Shape, names ...string) {
		if q != nil {
			parts = append(parts, counterpart{q, own, names, []Shape{shape}, transp})
		}
	}
	// vector is a parameter of one row, matrix the transpose of one.
	vector := func(q *Param, own string, names ...string) {
		if q != nil {
			add(q, own, false, Shape{q.Value.Cols}, names...)
		}
	}
	matrix := func(q *Param, own, name string) {
		if q != nil {
			add(q, own, true, Shape{q.Value.Cols, q.Value.Rows}, name)
		}
	}
	switch l := l.(type) {
	case *DenseLayer:
		matrix(l.W, "weight", "weight")
		vector(l.B, "bias", "bias")
	case *Conv1DLayer:
		g := &l.conv
		add(l.W, "weight", false, Shape{g.f, g.c / max(g.groups, 1), g.cols.kernel}, "weight")
		vector(l.B, "bias", "bias")
	case *Conv2DLayer:
		add(l.W, "weight", false, l.conv.weightShape(), "weight")
		vector(l.B, "bias", "bias")
	case *ConvTranspose2DLayer:
		add(l.W, "weight", false, l.conv.weightShape(), "weight")
		vector(l.B, "bias", "bias")
	case *BatchNormLayer:
		vector(l.Gain, "gain", "weight")
		vector(l.Bias, "bias", "bias")
		vector(l.Mean, "mean", "running_mean")
		vector(l.Var, "var", "running_var")
	case *LayerNormLayer:
		add(l.Gain, "gain", false, l.shape, "weight")
		add(l.Bias, "bias", false, l.shape, "bias")
	case *GroupNormLayer:
		vector(l.Gain, "gain", "weight")
		vector(l.Bias, "bias", "bias")
	case *RMSNormLayer:
		vector(l.Gain, "gain", "weight")
	case *PReLULayer:
		vector(l.Slope, "slope", "weight")
	case *EmbeddingLayer:
		add(l.Table, "weight", false, Shape{l.Vocab, l.Dim}, "weight")
	case *PositionsLayer:
		if l.W != nil {
			add(l.W, "weight", false, Shape{l.W.Value.Rows, l.W.Value.Cols}, "weight")
		}
	case *RNNLayer:
		matrix(l.Wx, "wx", "weight_ih")
		matrix(l.Wh, "wh", "weight_hh")
		vector(l.B, "bias", "bias_ih", "bias_hh")
	case *LSTMLayer:
		matrix(l.Wx, "wx", "weight_ih")
		matrix(l.Wh, "wh", "weight_hh")
		vector(l.B, "bias", "bias_ih", "bias_hh")
	case *GRULayer:
		matrix(l.Wx, "wx", "weight_ih")
		matrix(l.Wh, "wh", "weight_hh")
		vector(l.B, "bias", "bias_ih")
		vector(l.Bh, "hidden_bias", "bias_hh")
	case *AttentionLayer:
		matrix(l.Wqkv, "qkv.weight", "in_proj_weight")
		vector(l.Bqkv, "qkv.bias", "in_proj_bias")
		matrix(l.Wo, "out.weight", "out_proj.weight")
		vector(l.Bo, "out.bias", "out_proj.bias")
	}
	return parts
}

// weightShape returns the dimensions of the weight in the order of its elements.
func (g *convolution) weightShape() Shape {
	return Shape{g.f, g.c / max(g.groups, 1), g.rows.kernel, g.cols.kernel}
}
