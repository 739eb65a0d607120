package nn

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The golden values in testdata/golden were computed by other programs
// (PyTorch 1.13 in float64, mpmath, scikit-learn) and checked a second way.
// A case gives inputs, parameters, upstream gradients ∂L/∂out, and the outputs
// and gradients that belong to them.

// goldenNumber is a float64 that also decodes "NaN", "Inf" and "-Inf".
type goldenNumber float64

func (f *goldenNumber) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"NaN"`:
		*f = goldenNumber(math.NaN())
	case `"Inf"`:
		*f = goldenNumber(math.Inf(1))
	case `"-Inf"`:
		*f = goldenNumber(math.Inf(-1))
	default:
		return json.Unmarshal(b, (*float64)(f))
	}
	return nil
}

type goldenArray struct {
	Shape []int          `json:"shape"`
	Data  []goldenNumber `json:"data"`
}

// floats returns a copy of the numbers.
func (a *goldenArray) floats() []float64 {
	x := make([]float64, len(a.Data))
	for i, v := range a.Data {
		x[i] = float64(v)
	}
	return x
}

// matrix returns the array with its last dimension as columns and all others as rows.
func (a *goldenArray) matrix() *Matrix {
	cols := 1
	if n := len(a.Shape); n > 0 {
		cols = a.Shape[n-1]
	}
	return NewMatrix(len(a.Data)/max(cols, 1), cols, a.floats()...)
}

type goldenTol struct{ RTol, ATol float64 }

type goldenCase struct {
	Name     string
	Op       string
	Kind     string
	Attrs    map[string]any
	In       map[string]*goldenArray
	Param    map[string]*goldenArray
	Upstream map[string]*goldenArray
	Out      map[string]*goldenArray
	Grad     map[string]*goldenArray
	Tol      goldenTol
	TolFor   map[string]goldenTol `json:"tol_for"`
}

func (c *goldenCase) num(key string) float64 { v, _ := c.Attrs[key].(float64); return v }
func (c *goldenCase) str(key string) string  { v, _ := c.Attrs[key].(string); return v }
func (c *goldenCase) bool(key string) bool   { v, _ := c.Attrs[key].(bool); return v }

// golden returns the cases of testdata/golden/topic.json.
func golden(t *testing.T, topic string) []*goldenCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "golden", topic+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []*goldenCase }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// check compares got with the array want, named what, within the tolerance of
// the case: relative to each element for activations, else to the largest.
// NaN must meet NaN, and infinities must agree.
func (c *goldenCase) check(t *testing.T, what string, got []float64, want *goldenArray) {
	t.Helper()
	tol := c.Tol
	if v, ok := c.TolFor[what]; ok {
		tol = v
	}
	if len(got) != len(want.Data) {
		t.Errorf("%s: %s has %d values, want %d", c.Name, what, len(got), len(want.Data))
		return
	}
	largest := 0.0
	for _, w := range want.floats() {
		if !math.IsInf(w, 0) && !math.IsNaN(w) {
			largest = max(largest, math.Abs(w))
		}
	}
	for i, w := range want.floats() {
		g := got[i]
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		scale := largest
		if c.Op == "activation" {
			scale = math.Abs(w)
		}
		if math.IsInf(w, 0) || !(math.Abs(g-w) <= tol.ATol+tol.RTol*scale) {
			t.Errorf("%s: %s[%d] = %v, want %v", c.Name, what, i, g, w)
			return
		}
	}
}
