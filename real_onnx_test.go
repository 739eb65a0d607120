//go:build real

package nn

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Tests of exported networks in the programs that they are for. They need
//
//	ONNX Runtime for Node.js: the folder where `npm install onnxruntime-node` was
//	run, named by the environment variable NN_ONNXRUNTIME, and node
//	onnx for Python (Debian's python3-onnx): a python3 that can import it

// A realONNX is an exported network, written to a file.
type realONNX struct {
	onnxCase
	ONNX
	file string
}

func (c *realONNX) label() string { return fmt.Sprintf("%s float64=%v", c.name, c.Float64) }

// writeReal writes all cases to files in dir.
func writeReal(t *testing.T, dir string) []realONNX {
	var models []realONNX
	for i, c := range onnxCases() {
		for _, o := range []ONNX{{}, {Float64: true}} {
			m := realONNX{c, o, filepath.Join(dir, fmt.Sprintf("%d-%v.onnx", i, o.Float64))}
			if err := o.WriteFile(m.file, c.net); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			models = append(models, m)
		}
	}
	return models
}

func TestRealONNXChecker(t *testing.T) {
	python := ""
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import onnx").Run() == nil {
			python = name
			break
		}
	}
	if python == "" {
		t.Skip("no python3 can import onnx")
	}
	dir := t.TempDir()
	models := writeReal(t, dir)
	var names []string
	for _, m := range models {
		names = append(names, m.file)
	}
	out, err := exec.Command(python, append([]string{"-c", `
import sys, onnx
for name in sys.argv[1:]:
    try:
        model = onnx.load(name)
        onnx.checker.check_model(model, full_check=True)
        # What the shapes follow to is what the file says of its output.
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph.output[0]
        assert inferred == model.graph.output[0], (inferred, model.graph.output[0])
    except Exception as e:
        print(name, e)
`}, names...)...).CombinedOutput()
	text := string(out)
	for _, m := range models {
		text = strings.ReplaceAll(text, m.file, m.label())
	}
	if err != nil || text != "" {
		t.Fatalf("%v\n%s", err, text)
	}
}

func TestRealONNXRuntime(t *testing.T) {
	modules := os.Getenv("NN_ONNXRUNTIME")
	if modules == "" {
		t.Skip("NN_ONNXRUNTIME names no folder with onnxruntime-node")
	}
	type job struct {
		Model    string `json:"model"`
		Optimize string `json:"optimize"`
		Type     string `json:"type"`
		Dims     []int  `json:"dims"`
		Input    string `json:"input"`
		Output   string `json:"output"`

		m *realONNX
		x *Matrix
	}
	dir := t.TempDir()
	var jobs []job
	models := writeReal(t, dir)
	for i := range models {
		m := &models[i]
		for _, batch := range []int{1, 3} {
			x := m.samples(batch)
			kind := "float32"
			var data []byte
			for _, v := range x.Data {
				switch {
				case m.net.layers.Indices() > 0:
					kind, data = "int64", binary.LittleEndian.AppendUint64(data, uint64(v))
				case m.Float64:
					kind, data = "float64", binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
				default:
					data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
				}
			}
			input := fmt.Sprintf("%s.%d", m.file, batch)
			if err := os.WriteFile(input, data, 0o666); err != nil {
				t.Fatal(err)
			}
			for _, optimize := range []string{"disabled", "all"} {
				dims := append([]int{batch}, m.net.in...)
				jobs = append(jobs, job{m.file, optimize, kind, dims, input, input + optimize, m, x})
			}
		}
	}
	list, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	listFile := filepath.Join(dir, "list.json")
	if err := os.WriteFile(listFile, list, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("node", "testdata/onnx/run.cjs", modules, listFile).CombinedOutput()
	text := string(out)
	for _, m := range models {
		text = strings.ReplaceAll(text, m.file, m.label())
	}
	if err != nil || text != "" {
		t.Errorf("%v\n%s", err, text)
	}
	worst := map[string]float64{}
	for _, j := range jobs {
		want := j.m.net.Predict(j.x)
		b, err := os.ReadFile(j.Output)
		if err != nil {
			continue // node has told why
		}
		y, tolerance := NewMatrix(want.Rows, want.Cols), 1e-5
		size := 4
		if j.m.Float64 {
			size, tolerance = 8, 1e-12
		}
		if len(b) != size*len(y.Data) {
			t.Errorf("%s: output of %d bytes, want %d values", j.m.label(), len(b), len(y.Data))
			continue
		}
		for i := range y.Data {
			if j.m.Float64 {
				y.Data[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
			} else {
				y.Data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
			}
		}
		d := maxDistance(y, want)
		if !(d <= tolerance) {
			t.Errorf("%s, batch of %d, optimization %s: %v off\ngot  %v\nwant %v", j.m.label(), j.x.Rows, j.Optimize, d, y, want)
		}
		worst[j.m.label()] = max(worst[j.m.label()], d)
	}
	for _, m := range models {
		t.Logf("%.1e  %s", worst[m.label()], m.label())
	}
}
