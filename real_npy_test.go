//go:build real

package nn

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// numPy runs a program with NumPy as np and a folder as its working directory.
func numPy(t *testing.T, dir, program string) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import numpy").Run() != nil {
			continue
		}
		cmd := exec.Command(python, "-c", "import json, sys\nimport numpy as np\nfrom numpy.lib import format\n"+program)
		cmd.Dir = dir
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.Bytes())
		}
		return string(out)
	}
	t.Skip("no python3 can import numpy")
	return ""
}

// realSeed returns the seed of what a test makes up: that of NN_SEED, to look
// further than the one that is tried every time.
func realSeed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("NN_SEED")
	if s == "" {
		return 1
	}
	seed, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// rawFloats returns the float64 numbers of a file.
func rawFloats(t *testing.T, name string) []float64 {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, len(b)/8)
	for i := range x {
		x[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return x
}

// NumPy writes arrays of random bits, shapes, types and orders, and the same
// converted to float64 by itself; we read the same bits.
func TestRealNumPyWrites(t *testing.T) {
	dir, seed := t.TempDir(), realSeed(t)
	out := numPy(t, dir, fmt.Sprintf(`
rng = np.random.default_rng(%d)
arrays, shapes = {}, {}
for i in range(400):
    kind = rng.choice("b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8".split())
    shape = tuple(int(d) for d in rng.integers(0 if i %% 20 == 0 else 1, 9, rng.integers(0, 6)))
    n = int(np.prod(shape))
    raw = rng.integers(0, 2 if kind == "b1" else 256, n * int(kind[1]), dtype=np.uint8)
    x = raw.view("<" + kind).reshape(shape).astype(rng.choice(["<", ">"]) + kind)
    if rng.integers(2):
        x = np.array(x, order="F")
    elif x.ndim > 1 and rng.integers(2):
        x = x.swapaxes(0, -1)  # neither C nor Fortran order
    name = "x%%d" %% i
    arrays[name], shapes[name] = x, list(x.shape)
    with open(name + ".npy", "wb") as f:
        format.write_array(f, x, version=(int(rng.integers(1, 4)), 0))
    with np.errstate(all="ignore"):
        np.ascontiguousarray(x).astype("<f8").tofile(name + ".raw")
np.savez("all.npz", **arrays)
np.savez_compressed("compressed.npz", **arrays)
print(json.dumps(shapes))
`, seed))
	var shapes map[string]Shape
	if err := json.Unmarshal([]byte(out), &shapes); err != nil || len(shapes) != 400 {
		t.Fatal(len(shapes), err)
	}
	files := map[string]Tensors{}
	for _, name := range []string{"all.npz", "compressed.npz"} {
		ts, err := ReadNPZFile(filepath.Join(dir, name))
		if err != nil || len(ts) != len(shapes) {
			t.Fatalf("%s: %d arrays, %v", name, len(ts), err)
		}
		files[name] = ts
	}
	for name, shape := range shapes {
		x, err := ReadNPYFile(filepath.Join(dir, name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		want := rawFloats(t, filepath.Join(dir, name+".raw"))
		for file, y := range map[string]Tensor{name + ".npy": x, "all.npz": files["all.npz"][name], "compressed.npz": files["compressed.npz"][name]} {
			if !slices.Equal(y.Shape, shape) || !sameBits(y.Data, want) {
				t.Errorf("%s: %s is %v %v, want %v %v", file, name, y.Shape, y.Data, shape, want)
			}
		}
	}
}

// We write random arrays, and NumPy reads the same bits.
func TestRealNumPyReads(t *testing.T) {
	dir, seed := t.TempDir(), realSeed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	ts := Tensors{}
	for i := range 100 {
		shape := Shape{}
		for range intN(rng, 6) {
			shape = append(shape, intN(rng, 8)+min(i%20, 1))
		}
		x := tensorOf(shape, make([]float64, shape.Size()))
		for k := range x.Data {
			if x.Data[k] = math.Float64frombits(rng.Uint64()); i%2 == 0 {
				x.Data[k] = normal(rng)
			}
		}
		ts[fmt.Sprintf("x%d/é.y", i)] = x
	}
	for _, bits := range []int{32, 64} {
		name := fmt.Sprintf("ours%d", bits)
		if err := WriteNPZFile(filepath.Join(dir, name+".npz"), ts, bits); err != nil {
			t.Fatal(err)
		}
		for key, x := range ts {
			if err := WriteNPYFile(filepath.Join(dir, name+strings.ReplaceAll(key, "/", "_")), x, bits); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := numPy(t, dir, `
shapes = {}
for bits in 32, 64:
    ours = np.load("ours%d.npz" % bits)
    for name in ours.files:
        x, y = ours[name], np.load("ours%d%s" % (bits, name.replace("/", "_")))
        assert x.dtype == y.dtype == np.dtype("<f%d" % (bits // 8)), x.dtype
        assert x.shape == y.shape and x.tobytes() == y.tobytes(), name
        assert x.flags.c_contiguous and y.flags.c_contiguous
        shapes[name] = x.shape
        with np.errstate(all="ignore"):
            x.astype("<f8").tofile("%s.%d.raw" % (name.replace("/", "_"), bits))
    assert ours.zip.testzip() is None
print(json.dumps(shapes))
`)
	var shapes map[string]Shape
	if err := json.Unmarshal([]byte(out), &shapes); err != nil || len(shapes) != len(ts) {
		t.Fatal(len(shapes), err)
	}
	for name, x := range ts {
		for _, bits := range []int{32, 64} {
			want := slices.Clone(x.Data)
			for i, v := range want {
				if bits == 32 {
					want[i] = float64(float32(v))
				}
			}
			got := rawFloats(t, filepath.Join(dir, fmt.Sprintf("%s.%d.raw", strings.ReplaceAll(name, "/", "_"), bits)))
			if !slices.Equal(shapes[name], x.Shape) || !sameBits(got, want) {
				t.Errorf("%s in %d bits is %v %v, want %v %v", name, bits, shapes[name], got, x.Shape, want)
			}
		}
	}
}

// Whatever headers we accept NumPy accepts, and takes for the same array.
func TestRealNumPyHeaders(t *testing.T) {
	dir, seed := t.TempDir(), realSeed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	parts := []string{"{", "}", "(", ")", ",", ":", "'", `"`, "L", " ", "\n", "\t", "\f", "0", "1", "2", "3", "True", "False", "'descr'", "<", ">", "|", "=",
		"'<i2'", "'|u1'", "'>f4'", "'b1'", "()", "(2,)", "(3, 2)", "(2L, 1,)", "é", "\\", "+", "-", "#", ";", "None", "1,", "\x00", "\r", "'shape'", "fortran_order"}
	accepted := map[string]Tensor{}
	for i := range 8000 {
		shape := [...]string{"()", "(2,)", "(2, 3)", "(3L, 1L)", "(1, 2, 3, )"}[intN(rng, 5)]
		kind := [...]string{"<i2", ">i2", "|u1", "<f4", "b1", "=i1", ">f8", "<U3"}[intN(rng, 8)]
		text := fmt.Sprintf(`{'descr': '%s', "fortran_order" : %v, 'shape': %s, }`, kind, [...]string{"True", "False"}[intN(rng, 2)], shape)
		for range intN(rng, 4) {
			at := intN(rng, len(text)+1)
			end := min(at+intN(rng, 3), len(text))
			text = text[:at] + parts[intN(rng, len(parts))] + text[end:]
		}
		data := make([]byte, 48)
		for k := range data {
			data[k] = byte(k * 37)
		}
		b := npyVersion(byte(1+intN(rng, 3)), text, data...)
		x, err := ReadNPY(bytes.NewReader(b))
		if err != nil {
			continue
		}
		name := fmt.Sprintf("%d.npy", i)
		accepted[name] = x
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if len(accepted) < 800 {
		t.Fatalf("only %d headers were accepted", len(accepted))
	}
	out := numPy(t, dir, `
import glob, warnings
warnings.simplefilter("ignore")
shapes = {}
for name in glob.glob("*.npy"):
    try:
        x = np.load(name)
    except Exception as e:
        print(name, repr(e), open(name, "rb").read(), file=sys.stderr)
        sys.exit(1)
    shapes[name] = x.shape
    if x.dtype == np.bool_:
        x = x.view(np.uint8) != 0
    np.ascontiguousarray(x).astype("<f8").tofile(name + ".raw")
print(json.dumps(shapes))
`)
	var shapes map[string]Shape
	if err := json.Unmarshal([]byte(out), &shapes); err != nil || len(shapes) != len(accepted) {
		t.Fatal(len(shapes), err)
	}
	for name, x := range accepted {
		if want := rawFloats(t, filepath.Join(dir, name+".raw")); !slices.Equal(x.Shape, shapes[name]) || !sameBits(x.Data, want) {
			t.Errorf("%s: %v %v, want %v %v", name, x.Shape, x.Data, shapes[name], want)
		}
	}
	t.Logf("%d headers accepted", len(accepted))
}
