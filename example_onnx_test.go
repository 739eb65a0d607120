package nn_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/seed55f1b796/nn"
)

// A network for ONNX Runtime. In Python,
//
//	session = onnxruntime.InferenceSession("xor.onnx")
//	[y] = session.run(None, {"input": x})
//
// gives what Predict gives, for x of type float32 and shape (batch, 2).
func ExampleNetwork_WriteONNX() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2),
		nn.Dense(8), nn.Tanh,
		nn.Dense(1), nn.Sigmoid)

	var file bytes.Buffer // in a program, a file: see WriteONNXFile
	if err := net.WriteONNX(&file); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Len(), "bytes")
	// Output: 485 bytes
}

// In float64, a runtime gives what Predict gives to about 12 digits.
func ExampleONNX() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(1, 8, 8),
		nn.Conv2D(4, 3), nn.ReLU, nn.Flatten(), nn.Dense(10), nn.Softmax())

	name := filepath.Join(os.TempDir(), "digits.onnx")
	defer os.Remove(name)
	fmt.Println(nn.ONNX{Float64: true}.WriteFile(name, net))
	// Output: <nil>
}

// ExportONNX makes Scale, the layer of the example of TestLayer, exportable:
// y = g ⊙ x is the operator Mul.
func (s *Scale) ExportONNX(g *nn.ONNXGraph, x string, in nn.Shape) (string, nn.Shape, error) {
	return g.Node("Mul", nil, x, g.Weight(s.gain, in...)), in, nil
}

// Softcap keeps its input between −Cap and Cap: y = Cap·tanh(x/Cap).
type Softcap struct{ Cap float64 }

func (s *Softcap) Build(in nn.Shape, _ *rand.Rand) (nn.Shape, error) { return in, nil }

func (s *Softcap) Params() []*nn.Param { return nil }

func (s *Softcap) Forward(p *nn.Pass, x *nn.Matrix) *nn.Matrix {
	y := p.New(x.Rows, x.Cols)
	y.Scale(s.Cap, y.Tanh(y.Scale(1/s.Cap, x)))
	p.Push(y)
	return y
}

// Backward: y′ = 1 − tanh²(x/Cap) = 1 − (y/Cap)².
func (s *Softcap) Backward(p *nn.Pass, dy *nn.Matrix) *nn.Matrix {
	y, dx := p.Pop(), p.New(dy.Rows, dy.Cols)
	dx.MulElem(y, y)
	dx.AddScalar(dx.Scale(-1/(s.Cap*s.Cap), dx), 1)
	return dx.MulElem(dx, dy)
}

func (s *Softcap) ExportONNX(g *nn.ONNXGraph, x string, in nn.Shape) (string, nn.Shape, error) {
	limit := g.Scalar(s.Cap)
	y := g.Node("Tanh", nil, g.Node("Div", nil, x, limit))
	return g.Node("Mul", nil, y, limit), in, nil
}

// A layer of one's own is exported if it says by which operators; without that the
// export says which layer can't be.
func ExampleONNXLayer() {
	fmt.Println(nn.TestLayer(&Softcap{Cap: 5}, nn.Shape{3}))

	net := nn.New(rand.NewPCG(1, 2), nn.Input(4), nn.Dense(3), &Softcap{Cap: 5}, nn.Residual(nn.Dense(3), &Scale{}))
	var file bytes.Buffer
	fmt.Println(net.WriteONNX(&file))
	// Output:
	// <nil>
	// <nil>
}
