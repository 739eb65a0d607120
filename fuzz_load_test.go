package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fuzzNetworks are small networks with every kind of layer in them.
func fuzzNetworks() []*Network {
	ns := []*Network{
		New(nil, Input(1)),
		New(nil, Input(2), Dense(2), Tanh, Dense(1), Sigmoid),
		New(nil, Input(2, 3), Flatten(), Dense(2).WithoutBias(), Softmax(), Dropout(0.5)),
		New(nil, Input(2), Embedding(3, 2), Reshape(-1), Layers{Concat(Layers{}, Layers{Dense(1)})}),
		New(nil, Input(2), Residual(Dense(2)).WithShortcut(new(gainLayer)), scaleLayer{Factor: 3}, GaussianNoise(1)),
		variety(),
	}
	for _, n := range ns {
		if len(n.params) > 1 {
			n.params[1].Frozen = true
		}
	}
	ns[1].Classes, ns[1].Meta = []string{"no", "yes"}, map[string]string{"encoder": `{"columns":[]}`, "": "\n"}
	return ns
}

// FuzzLoad: whatever the bytes, Load does not panic, allocates in proportion to
// their number, and returns a FormatError or a network that predicts and
// is the same when saved and loaded again.
func FuzzLoad(f *testing.F) {
	for _, n := range fuzzNetworks() {
		b := saved(f, n)
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(b[:len(b):len(b)], 0))
		f.Add(bytes.Replace(b, []byte(`[0,`), []byte(`[8,`), 1))
		f.Add(bytes.Replace(b, []byte(`Out\":2`), []byte(`Out\":9`), 1))
		f.Add(bytes.Replace(b, []byte(`"__meta`), []byte(`{__meta`), 1))
	}
	f.Fuzz(tryLoad)
}

// FuzzLoadParts is FuzzLoad with files that are nearly right: in their JSON some
// values are replaced, taken away, put twice or moved, and everything around fits.
func FuzzLoadParts(f *testing.F) {
	for seed := range uint64(1000) {
		f.Add(seed)
	}
	networks := fuzzNetworks()
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		n := networks[intN(rng, len(networks))]
		if intN(rng, 2) == 0 {
			b := saved(t, n)
			size := 8 + int(b[0]) + int(b[1])<<8
			tryLoad(t, append(rawTensors(mangle(rng, string(b[8:size])), 0), b[size:]...))
			return
		}
		meta, err := n.metadata()
		if err != nil {
			t.Fatal(err)
		}
		key := []string{"nn.layers", "nn.layers", "nn.layers", "nn.input", "nn.frozen", "nn.classes"}[intN(rng, 6)]
		if meta[key] == "" {
			meta[key] = `["a","b"]`
		}
		meta[key] = mangle(rng, meta[key])
		var b bytes.Buffer
		if err := writeTensors(&b, meta, fitting(meta, n.named())); err != nil {
			t.Fatal(err)
		}
		tryLoad(t, b.Bytes())
	})
}

// mangle returns a valid JSON text with one to three values changed.
func mangle(rng *rand.Rand, text string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	for range 1 + intN(rng, 3) {
		v = mangleValue(rng, v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var strangers = []string{"0", "1", "2", "3", "4", "-1", "65536", "2000000000", "2147483647", "9223372036854775807", "18446744073709551616",
	"1e9", "0.5", "1e999", "null", "true", "[]", "{}", `[[],[]]`, `""`, `"ReLU"`, `"Dense"`, `"Layers"`, `"F64"`, `"0.weight"`, `"\ufffd"`,
	`{"layer":"Dense","config":{"Out":3}}`, `{"layer":"Layers","config":[]}`, `{"layer":"Flatten","config":{}}`,
	`{"layer":"Residual","config":{"Body":[]}}`, `{"layer":"Softmax","config":{}}`, `{"layer":"Concat","config":{"Branches":[[],[]]}}`}

// mangleValue changes v or something in it.
func mangleValue(rng *rand.Rand, v any) any {
	stranger := func() any { return json.RawMessage(strangers[intN(rng, len(strangers))]) }
	if raw, ok := v.(json.RawMessage); ok {
		v = nil
		if err := json.Unmarshal(raw, &v); err != nil { // 1e999
			return raw
		}
	}
	switch v := v.(type) {
	case []any:
		switch k := intN(rng, 12); {
		case len(v) == 0 || k == 0:
			return append(v, stranger())
		case k == 1:
			return slices.Insert(v, intN(rng, len(v)), stranger())
		case k == 2:
			return slices.Insert(v, intN(rng, len(v)), v[intN(rng, len(v))])
		case k == 3:
			i := intN(rng, len(v))
			return slices.Delete(v, i, i+1)
		case k == 4:
			i, j := intN(rng, len(v)), intN(rng, len(v))
			v[i], v[j] = v[j], v[i]
		case k < 11:
			i := intN(rng, len(v))
			v[i] = mangleValue(rng, v[i])
		default:
			return stranger()
		}
		return v
	case map[string]any:
		if len(v) == 0 {
			return stranger()
		}
		keys := slices.Sorted(maps.Keys(v))
		key := keys[intN(rng, len(keys))]
		switch k := intN(rng, 12); k {
		case 0:
			delete(v, key)
		case 1:
			v[strings.ToLower(key)] = v[key]
		case 2:
			v[keys[intN(rng, len(keys))]] = v[key]
		case 3:
			return stranger()
		default:
			v[key] = mangleValue(rng, v[key])
		}
		return v
	case string:
		if json.Valid([]byte(v)) && len(v) > 1 && intN(rng, 3) > 0 {
			return mangle(rng, v) // metadata
		}
	}
	return stranger()
}

// fitting returns the parameters that the layers need, so far as they are
// found and small, or else ts.
func fitting(meta map[string]string, ts []tensor) (fit []tensor) {
	defer func() {
		if recover() != nil {
			fit = ts
		}
	}()
	var layers Layers
	var in Shape
	if json.Unmarshal([]byte(meta["nn.layers"]), &layers) != nil || json.Unmarshal([]byte(meta["nn.input"]), &in) != nil {
		return ts
	}
	n, err := newNetwork(rand.NewPCG(0, 0), in, layers, false)
	if err != nil {
		return ts
	}
	for _, q := range n.params {
		r, c := q.Value.Rows, q.Value.Cols
		if r > 64 || c > 64 {
			return ts
		}
		fit = append(fit, tensor{q.Name, NewMatrix(r, c).Fill(0.5)})
	}
	return fit
}

func tryLoad(t *testing.T, data []byte) {
	t.Helper()
	var n *Network
	var err error
	if used, limit := allocated(func() { n, err = Load(bytes.NewReader(data)) }), loadLimit(len(data)); used > limit {
		t.Errorf("%d bytes were allocated for %d, more than %d", used, len(data), limit)
	}
	if err != nil {
		if e := FormatError(""); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "nn: Load: ") {
			t.Errorf("error %v is not a FormatError of Load", err)
		}
		return
	}
	b := saved(t, n)
	m, err := Load(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("saved and loaded again: %v", err)
	}
	if !bytes.Equal(b, saved(t, m)) {
		t.Fatal("saved again, the bytes differ")
	}
	// Layers inside others may be wider than the ends, but not by much in so few bytes.
	size := n.in.Size()
	for _, s := range n.shapes {
		size = max(size, s.Size())
	}
	if size > 1<<12 {
		return
	}
	defer func() {
		// Indices are Embedding's to check, wherever it stands.
		if r := recover(); r != nil && !strings.Contains(fmt.Sprint(r), "is not an index") {
			panic(r)
		}
	}()
	x := NewMatrix(2, n.in.Size())
	y, z := n.Predict(x), m.Predict(x)
	for i, v := range y.Data {
		if w := z.Data[i]; w != v && (w == w || v == v) {
			t.Fatalf("the network predicts %v, saved and loaded %v", y, z)
		}
	}
}
