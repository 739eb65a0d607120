package nn_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/seed55f1b796/nn"
)

// xor is the exclusive or as data: four samples of two features, a target each.
func xor() nn.Dataset {
	return nn.Dataset{
		X: nn.NewMatrix(4, 2, 0, 0, 0, 1, 1, 0, 1, 1),
		Y: nn.NewMatrix(4, 1, 0, 1, 1, 0),
	}
}

// rings returns n points of two classes: near the circle of radius 1, or 2.
func rings(n int, rng *rand.Rand) nn.Dataset {
	d := nn.Dataset{X: nn.NewMatrix(n, 2), Y: nn.NewMatrix(n, 1)}
	for i := range n {
		x, y := rng.Float64()-0.5, rng.Float64()-0.5
		p := nn.NewMatrix(1, 2, x, y)
		class := i % 2
		r := (float64(class+1) + 0.2*(rng.Float64()-0.5)) / p.Norm()
		copy(d.X.Row(i), p.Scale(r, p).Data)
		d.Y.Set(i, 0, float64(class))
	}
	return d
}

// The exclusive or, which no network of one layer can learn.
func Example() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2),
		nn.Dense(8), nn.Tanh,
		nn.Dense(1), nn.Sigmoid)

	trainer := nn.Trainer{Net: net, Optimizer: &nn.SGD{LearningRate: 0.5}}
	for range trainer.Train(xor(), 2000) {
	}
	fmt.Printf("%.2f\n", net.Predict(xor().X))
	// Output:
	// [[0.00]
	//  [1.00]
	//  [1.00]
	//  [0.00]]
}

// Scale multiplies every feature by a learned gain: y = g ⊙ x.
type Scale struct{ gain *nn.Param }

func (s *Scale) Build(in nn.Shape, _ *rand.Rand) (nn.Shape, error) {
	s.gain = nn.NewParam("gain", 1, in.Size())
	s.gain.Value.Fill(1)
	return in, nil
}

func (s *Scale) Params() []*nn.Param { return []*nn.Param{s.gain} }

func (s *Scale) Forward(p *nn.Pass, x *nn.Matrix) *nn.Matrix {
	p.Push(x)
	return p.New(x.Rows, x.Cols).MulElem(x, s.gain.Value)
}

func (s *Scale) Backward(p *nn.Pass, dy *nn.Matrix) *nn.Matrix {
	x, dx := p.Pop(), p.New(dy.Rows, dy.Cols)
	dx.MulElem(dy, x)
	s.gain.Grad.AddSumRows(dx)          // dg = Σᵢ dyᵢ ⊙ xᵢ
	return dx.MulElem(dy, s.gain.Value) // dx = dy ⊙ g
}

func init() { nn.Register("Scale", func() nn.Layer { return new(Scale) }) }

// A layer of one's own is a type with four methods. TestLayer proves its
// gradients; Register makes networks with it loadable.
func ExampleTestLayer() {
	fmt.Println(nn.TestLayer(&Scale{}, nn.Shape{5}))
	// Output: <nil>
}

func ExampleRegister() {
	// type Scale struct{ … } is a layer; in its package:
	//
	//	func init() { nn.Register("Scale", func() nn.Layer { return new(Scale) }) }
	net := nn.New(nil, nn.Input(3), &Scale{}, nn.Residual(nn.Dense(3), &Scale{}))
	var file bytes.Buffer
	if err := net.Save(&file); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := nn.Load(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := nn.NewMatrix(1, 3, 1, 2, 3)
	fmt.Println(net.Predict(x).Equal(loaded.Predict(x), 0))
	// Output: true
}

// A loss of one's own is a function that returns the mean loss and sets its
// gradient. This is log-cosh-like: smooth near 0, linear far away.
func ExampleLossFunc() {
	smooth := nn.LossFunc(func(dy, y, t *nn.Matrix) float64 {
		n := float64(len(y.Data))
		e := new(nn.Matrix).Sub(y, t)
		// L = Σ (√(1 + e²) − 1)/n and dL/de = e/√(1 + e²)/n
		root := new(nn.Matrix).MulElem(e, e)
		root.Apply(root, func(v float64) float64 { return v + 1 }).Sqrt(root)
		if dy != nil {
			dy.DivElem(e, root).Scale(1/n, dy)
		}
		return root.Sum()/n - 1
	})
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dense(1), nn.Sigmoid)
	trainer := nn.Trainer{Net: net, Loss: smooth, Optimizer: &nn.Adam{LearningRate: 0.05}}
	for range trainer.Train(xor(), 1000) {
	}
	fmt.Printf("%.2f\n", net.Predict(xor().X))
	// Output:
	// [[0.00]
	//  [1.00]
	//  [1.00]
	//  [0.00]]
}

// Train in four lines of one's own, with full control over each batch.
func ExampleTrainer_Step() {
	data := rings(200, rand.New(rand.NewPCG(1, 2)))
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(16), nn.ReLU, nn.Dense(2), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.01}}

	rng := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		for x, y := range data.Batches(20, rng) {
			if rng.IntN(2) == 0 {
				x.Scale(-1, x) // the rings look the same from behind
			}
			trainer.Step(x, y)
		}
	}
	fmt.Println(nn.Accuracy(net.Predict(data.X), data.Y))
	// Output: 1
}

// Early stopping is a break.
func ExamplePatience() {
	rng := rand.New(rand.NewPCG(1, 2))
	train, valid := rings(100, rng), rings(100, rng)
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(16), nn.ReLU, nn.Dense(2), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.1}}

	stop := nn.Patience{Epochs: 5}
	for range trainer.Train(train, 1000) {
		if stop.After(trainer.Evaluate(valid)) {
			break
		}
	}
	fmt.Println("stopped before the end:", len(trainer.History) < 1000)
	fmt.Println("accuracy:", nn.Accuracy(net.Predict(valid.X), valid.Y))
	// Output:
	// stopped before the end: true
	// accuracy: 1
}

// Schedules are functions of the step, and combine by calls.
func ExampleSchedule() {
	schedule := nn.Warmup(4, nn.CosineDecay(0.1, 8))
	for step := range 5 {
		fmt.Printf("%.4f\n", schedule(3*step))
	}

	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dense(1), nn.Sigmoid)
	trainer := nn.Trainer{Net: net, Optimizer: &nn.SGD{Schedule: nn.StepDecay(1, 0.5, 1000)}}
	for range trainer.Train(xor(), 3000) {
	}
	fmt.Printf("%.2f\n", net.Predict(xor().X))
	// Output:
	// 0.0250
	// 0.1000
	// 0.0854
	// 0.0309
	// 0.0000
	// [[0.00]
	//  [1.00]
	//  [1.00]
	//  [0.00]]
}

// A checkpoint holds all that training needs to go on to the same bits.
func ExampleTrainer_Resume() {
	newTrainer := func() *nn.Trainer {
		net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dropout(0.1), nn.Dense(1), nn.Sigmoid)
		return &nn.Trainer{Net: net, Optimizer: &nn.Adam{}, BatchSize: 3}
	}
	straight := newTrainer()
	for range straight.Train(xor(), 20) {
	}

	stopped := newTrainer()
	for range stopped.Train(xor(), 7) {
	}
	var checkpoint bytes.Buffer // in a program, a file: see SaveFile
	if err := stopped.Save(&checkpoint); err != nil {
		fmt.Println(err)
		return
	}

	resumed := newTrainer()
	if err := resumed.Resume(&checkpoint); err != nil {
		fmt.Println(err)
		return
	}
	for range resumed.Train(xor(), 13) {
	}
	x := xor().X
	fmt.Println(slices.Equal(resumed.Net.Predict(x).Data, straight.Net.Predict(x).Data))
	// Output: true
}

func ExampleNetwork_Save() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(4), nn.Dense(8), nn.ReLU, nn.Dense(3), nn.Softmax())
	var file bytes.Buffer // in a program, a file: see SaveFile
	if err := net.Save(&file); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := nn.Load(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(loaded)
	x := nn.NewMatrix(1, 4, 5.1, 3.5, 1.4, 0.2)
	fmt.Println(slices.Equal(net.Predict(x).Data, loaded.Predict(x).Data))
	// Output:
	//    layer      output  parameters
	//    input      (4)
	// 0  Dense(8)   (8)     40
	// 1  ReLU       (8)     0
	// 2  Dense(3)   (3)     27
	// 3  Softmax()  (3)     0
	// total: 67 parameters
	// true
}

// Transfer: the layers of a trained network, but the last, serve another task.
// They are frozen; only the new head learns.
func ExampleNetwork_Layers() {
	rng := rand.New(rand.NewPCG(1, 2))
	data := rings(200, rng)
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(16), nn.ReLU, nn.Dense(2), nn.Softmax())
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.01}}
	for range trainer.Train(data, 30) {
	}

	// Copies of the layers get weights of their own in New, and then those learned.
	body := net.Layers()[:2].Clone()
	transfer := nn.New(rand.NewPCG(3, 4), nn.Input(2), append(body, nn.Dense(1))...)
	for i, p := range net.Params()[:2] {
		q := transfer.Params()[i]
		q.Value.Copy(p.Value)
		q.Frozen = true
	}
	radius := nn.Dataset{X: data.X, Y: new(nn.Matrix).NormCols(data.X)} // the new task
	trainer = nn.Trainer{Net: transfer, Optimizer: &nn.Adam{LearningRate: 0.05}}
	for range trainer.Train(radius, 30) {
	}
	fmt.Println("body unchanged:", transfer.Params()[0].Value.Equal(net.Params()[0].Value, 0))
	fmt.Println("R² above 0.95:", nn.R2(transfer.Predict(radius.X), radius.Y) > 0.95)
	// Output:
	// body unchanged: true
	// R² above 0.95: true
}

// The first layers of a trained autoencoder are an encoder.
func ExampleNetwork_Prefix() {
	rng := rand.New(rand.NewPCG(1, 2))
	x := nn.NewMatrix(100, 3) // points on a line in space
	for i := range x.Rows {
		v := rng.Float64()
		copy(x.Row(i), []float64{v, 2 * v, -v})
	}
	net := nn.New(rand.NewPCG(1, 2), nn.Input(3), nn.Dense(1), nn.Dense(3))
	trainer := nn.Trainer{Net: net, Optimizer: &nn.Adam{LearningRate: 0.01}}
	for range trainer.Train(nn.Dataset{X: x, Y: x}, 200) {
	}
	code := net.Prefix(1).Predict(x)
	fmt.Println(code.Rows, code.Cols)
	fmt.Println(net.Predict(x).Equal(x, 1e-3))
	// Output:
	// 100 1
	// true
}

// One network serves any number of goroutines, without locks.
func ExampleNetwork_Predict() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dense(1), nn.Sigmoid)
	want := net.Predict(xor().X)

	var wg sync.WaitGroup
	equal := make([]bool, 8)
	for i := range equal {
		wg.Go(func() { equal[i] = slices.Equal(net.Predict(xor().X).Data, want.Data) })
	}
	wg.Wait()
	fmt.Println(equal)
	// Output: [true true true true true true true true]
}

// The matrix plays the part of NumPy: a layer by hand, forward and back.
func ExampleMatrix() {
	x := nn.NewMatrix(2, 3,
		1, 2, 3,
		4, 5, 6)
	w := nn.NewMatrix(3, 2,
		1, -1,
		0, 2,
		1, 0)
	b := nn.NewMatrix(1, 2, 0.5, -0.5)

	var z, y nn.Matrix
	z.Mul(x, w)  // x @ w
	z.Add(&z, b) // + b, on every row
	y.Tanh(z.Scale(0.1, &z))
	fmt.Printf("%.3f\n", &y)

	dy := new(nn.Matrix).Resize(2, 2).Fill(1)
	var dz, dw, dx nn.Matrix
	dz.Apply(&y, func(v float64) float64 { return 1 - v*v }).MulElem(&dz, dy).Scale(0.1, &dz)
	dw.TMul(x, &dz) // x.T @ dz
	dx.MulT(&dz, w) // dz @ w.T
	fmt.Printf("%.2f\n%.2f\n", &dw, &dx)
	fmt.Printf("%.2f %.2f\n", x.Mean(), new(nn.Matrix).SumRows(x))
	// Output:
	// [[0.422 0.245]
	//  [0.782 0.501]]
	// [[0.24 0.39]
	//  [0.36 0.56]
	//  [0.48 0.73]]
	// [[-0.01  0.19  0.08]
	//  [-0.04  0.15  0.04]]
	// 3.50 [[5.00 7.00 9.00]]
}
