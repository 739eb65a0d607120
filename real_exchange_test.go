//go:build real

package nn

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// torchScript runs testdata/exchange/exchange.py, or fails the test if no Python
// with torch is there.
func torchScript(t *testing.T, args ...string) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import torch").Run() != nil {
			continue
		}
		out, err := exec.Command(python, append([]string{"testdata/exchange/exchange.py"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("exchange.py %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	t.Skip("no python3 can import torch")
	return ""
}

// PyTorch writes, in every format, and we predict the same.
func TestRealImport(t *testing.T) {
	for _, seed := range []string{"1", "2", "3"} {
		dir := t.TempDir()
		torchScript(t, "make", dir, seed)
		if n := testExchange(t, dir); n != 8 {
			t.Errorf("seed %s: %d files of models, want 8", seed, n)
		}
		testTypes(t, dir)
	}
}

// We write, PyTorch loads with load_state_dict(strict=True) and predicts the same.
func TestRealExport(t *testing.T) {
	dir := t.TempDir()
	for _, c := range exchangeModels() {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, q := range c.net.params {
			if strings.HasSuffix(q.Name, ".var") {
				q.Value.FillUniform(rng, 0.5, 2)
			} else if q.Value.Rows == 1 {
				q.Value.FillUniform(rng, -1, 1)
			}
		}
		x := NewMatrix(5, c.net.in.Size()).FillNormal(rng, 0, 1)
		if c.net.layers.Indices() > 0 {
			x.Apply(x, func(float64) float64 { return float64(rng.IntN(7)) })
		}
		io := Tensors{"x": NewTensor(x, append([]int{5}, c.net.in...)...), "y": NewTensor(c.net.Predict(x))}
		for name, ts := range map[string]Tensors{".safetensors": c.net.Export(c.mapping), ".io.safetensors": io} {
			if err := ts.SaveFile(filepath.Join(dir, c.name+name), SaveOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Log("largest differences:\n" + torchScript(t, "check", dir))
}
