package nn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTrainXOR(t *testing.T) {
	for _, test := range []struct {
		name string
		tr   Trainer
	}{
		{"sgd", Trainer{Optimizer: &SGD{LearningRate: 0.5, Momentum: 0.9}}},
		{"adam", Trainer{Optimizer: &Adam{LearningRate: 0.05}}},
		{"mse", Trainer{Optimizer: &Adam{LearningRate: 0.05}, Loss: MSE}},
		{"clipped", Trainer{Optimizer: &Adam{LearningRate: 0.05}, ClipNorm: 1, ClipValue: 0.5, L2: 1e-5, L1: 1e-5, InOrder: true, BatchSize: 2, Accumulate: 2}},
	} {
		tr := test.tr
		tr.Net = New(rand.NewPCG(1, 2), Input(2), Dense(8), Tanh, Dense(1), Sigmoid)
		d := xorData()
		for range tr.Train(d, 1000) {
		}
		for i, y := range tr.Net.Predict(d.X).Data {
			if math.Abs(y-d.Y.Data[i]) > 0.1 {
				t.Errorf("%s: sample %d gives %v, want %v", test.name, i, y, d.Y.Data[i])
			}
		}
		if n := len(tr.History); n != 1000 || tr.History[999].N != 1000 {
			t.Errorf("%s: history of %d epochs, want 1000", test.name, n)
		}
	}
}

// The defaults are those that the fields document.
func TestTrainerDefaults(t *testing.T) {
	for _, test := range []struct {
		last Layer
		want Loss
	}{{Softmax(), CrossEntropy}, {Sigmoid, BinaryCrossEntropy}, {Tanh, MSE}, {Layers{Dense(2), Layers{Softmax()}}, CrossEntropy}} {
		tr := Trainer{Net: New(nil, Input(2), Dense(2), test.last)}
		tr.Step(NewMatrix(1, 2), NewMatrix(1, 2))
		if _, ok := tr.Optimizer.(*Adam); !ok || tr.loss() != test.want {
			t.Errorf("after %s: loss %v and optimizer %T, want %v and *nn.Adam", describe(test.last), tr.loss(), tr.Optimizer, test.want)
		}
	}
	tr := Trainer{Net: New(nil, Input(3))}
	if loss := tr.Step(NewMatrix(1, 3, 1, 2, 3), NewMatrix(1, 3)); loss != 14.0/3 {
		t.Errorf("a network without layers has loss %v, want 14/3", loss)
	}
}

func TestTrainerPanics(t *testing.T) {
	net := func() *Network { return New(nil, Input(2), Dense(3), Softmax()) }
	x, y := NewMatrix(4, 2), NewMatrix(4, 1)
	for _, test := range []struct {
		want string
		f    func()
	}{
		{"nn: Trainer: Net is not set", func() { new(Trainer).Step(x, y) }},
		{"the loss", func() { (&Trainer{Net: New(nil, Input(2), Dense(1)), Loss: CrossEntropy}).Step(x, y) }},
		{"ends with Dense(1)", func() { (&Trainer{Net: New(nil, Input(2), Dense(1)), Loss: BinaryCrossEntropy}).Step(x, y) }},
		{"ends with nothing", func() { (&Trainer{Net: New(nil, Input(2)), Loss: CrossEntropy}).Step(x, y) }},
		{"nn: Step: x is 4×3", func() { (&Trainer{Net: net()}).Step(NewMatrix(4, 3), y) }},
		{"nn: Step: x is 4×2 and y 3×1", func() { (&Trainer{Net: net()}).Step(x, NewMatrix(3, 1)) }},
		{"nn: Step: x is 0×2", func() { (&Trainer{Net: net()}).Step(NewMatrix(0, 2), NewMatrix(0, 1)) }},
		{"nn: Evaluate: x is 4×2 and y 3×1", func() { (&Trainer{Net: net()}).Evaluate(Dataset{x, NewMatrix(3, 1)}) }},
		{"nn: Step: 1 matrices that Forward pushed", func() {
			(&Trainer{Net: New(nil, Input(2), &gain{hidden: 1, mistake: "push"})}).Step(x, x)
		}},
		{"ends with Dense(1); end it with Softmax()", func() { (&Trainer{Net: New(nil, Input(2), Dense(1)), Loss: CrossEntropy}).Step(x, y) }},
		{"nn: Step: x is nil", func() { (&Trainer{Net: net()}).Step(nil, y) }},
		{"nn: Step: y is nil", func() { (&Trainer{Net: net()}).Step(x, nil) }},
		{"nn: Trainer: the network ends with Softmax of one value, which is always 1; end it with Sigmoid", func() {
			(&Trainer{Net: New(nil, Input(2), Dense(1), Layers{Softmax()})}).Step(x, NewMatrix(x.Rows, 1))
		}},
		{"nn: Step: a 4×1 matrix has 3 values", func() { (&Trainer{Net: net()}).Step(x, &Matrix{4, 1, make([]float64, 3)}) }},
		{"nn: Evaluate: the dataset has no samples", func() { (&Trainer{Net: net()}).Evaluate(Dataset{X: x}) }},
		{"nn: Train: the dataset has no samples", func() { (&Trainer{Net: net()}).Fit(nil, Dataset{}, 1) }},
		{"L2 NaN", func() { (&Trainer{Net: net(), L2: math.NaN()}).Step(x, y) }},
		{"BatchSize -1", func() { (&Trainer{Net: net(), BatchSize: -1}).Step(x, y) }},
		{"LearningRate is NaN", func() { (&Trainer{Net: net(), Optimizer: &SGD{LearningRate: math.NaN()}}).Step(x, y) }},
		{"LearningRate is -1", func() { (&Trainer{Net: net(), Optimizer: &Adam{Schedule: ConstantRate(-1)}}).Step(x, y) }},
		{"WeightDecay is +Inf", func() { (&Trainer{Net: net(), Optimizer: &Adam{WeightDecay: math.Inf(1)}}).Step(x, y) }},
		{"nn: Step: the layers return 1×1; their Build promised 4×2", func() { (&Trainer{Net: New(nil, Input(2), short{}), Loss: MSE}).Step(x, x) }},
		{"nn: Averaged: no step", func() { (&Trainer{Net: net(), EMA: &EMA{}}).Averaged() }},
		{"nn: Averaged: EMA is not set", func() { (&Trainer{Net: net()}).Averaged() }},
	} {
		wantPanic(t, test.want, test.f)
	}
}

// short returns less than its Build promises.
type short struct{}

func (short) Build(in Shape, _ *rand.Rand) (Shape, error) { return in, nil }
func (short) Forward(p *Pass, _ *Matrix) *Matrix          { return p.New(1, 1) }
func (short) Backward(_ *Pass, dy *Matrix) *Matrix        { return dy }
func (short) Params() []*Param                            { return nil }

// Fields may change while batches wait for a step: the step is still that of
// the mean of their gradients. Another network begins anew.
func TestTrainerChanges(t *testing.T) {
	x, y := NewMatrix(2, 1, 1, 1), NewMatrix(2, 1, 3, 3)
	net := func() *Network {
		n := New(nil, Input(1), Dense(1).WithoutBias())
		n.params[0].Value.Fill(1)
		return n
	}
	// The gradient of (w−3)² at w = 1 is −4.
	tr := Trainer{Net: net(), Loss: MSE, Optimizer: &SGD{LearningRate: 0.1}, Accumulate: 3}
	tr.Step(x, y)
	tr.Step(x, y)
	tr.Accumulate = 1
	tr.Step(x, y)
	if w := tr.Net.params[0].Value.Data[0]; math.Abs(w-1.4) > 1e-15 {
		t.Errorf("after a change of Accumulate the weight is %v, want 1.4", w)
	}
	tr.Accumulate = 2
	tr.Net = net()
	tr.Step(x, y)
	tr.Net = net()
	tr.Step(x, y)
	if w := tr.Net.params[0].Value.Data[0]; w != 1 {
		t.Errorf("another network makes a step after one batch of two: its weight is %v", w)
	}
	tr.Net.params[0].Grad = nil // is made again, without what the first batch added
	tr.Step(x, y)
	if w := tr.Net.params[0].Value.Data[0]; math.Abs(w-1.2) > 1e-15 {
		t.Errorf("without the gradient of one batch of two the weight is %v, want 1.2", w)
	}
}

// The gradient of a layer that training does not go back to is 0, not that of
// the step before it was frozen.
func TestFrozenGradient(t *testing.T) {
	net := New(nil, Input(2), Dense(3), Dense(1))
	tr := Trainer{Net: net, Loss: MSE}
	x, y := NewMatrix(1, 2, 1, 2), NewMatrix(1, 1, 5)
	tr.Step(x, y)
	if net.params[0].Grad.Norm() == 0 {
		t.Fatal("no gradient")
	}
	net.params[0].Frozen, net.params[1].Frozen = true, true
	tr.Step(x, y)
	for _, q := range net.params[:2] {
		if q.Grad.Norm() != 0 {
			t.Errorf("%s: gradient %v, want 0", q.Name, q.Grad.Data)
		}
	}
}

func TestTrainAllocs(t *testing.T) {
	d := mixedData(50)
	for _, test := range []struct {
		name string
		tr   *Trainer
	}{
		{"adam", &Trainer{Optimizer: &Adam{}}},
		{"everything", &Trainer{Optimizer: &SGD{Momentum: 0.9, Nesterov: true}, ClipNorm: 1, ClipValue: 1, L1: 1e-4, L2: 1e-4, Accumulate: 3, EMA: &EMA{Decay: 0.9}}},
	} {
		tr := test.tr
		tr.Net, tr.BatchSize = mixedNet(), 8
		tr.History = make([]Epoch, 0, 100)
		for range tr.Train(d, 2) {
		}
		x, y := d.X.RowRange(0, 8), d.Y.RowRange(0, 8)
		tr.Evaluate(d)
		ctx := context.Background()
		for what, f := range map[string]func(){
			"Step":     func() { tr.Step(x, y) },
			"Evaluate": func() { tr.Evaluate(d) },
			"Fit":      func() { tr.Fit(ctx, d, 1) },
			"Train": func() {
				for range tr.Train(d, 1) {
				}
			},
		} {
			if a := testing.AllocsPerRun(10, f); a != 0 {
				t.Errorf("%s: %s: %v allocations", test.name, what, a)
			}
		}
	}
}

// Accumulated batches give the same weights as one batch of all their samples,
// but for rounding.
func TestAccumulate(t *testing.T) {
	d := Dataset{X: mixedData(50).X, Y: mixedData(50).Y}
	train := func(size, accumulate int) *Network {
		net := New(rand.NewPCG(1, 2), Input(6), Dense(8), Tanh, Dense(3), Softmax())
		tr := Trainer{Net: net, Optimizer: &SGD{LearningRate: 0.1}, BatchSize: size, Accumulate: accumulate, InOrder: true, L2: 0.01}
		for range tr.Train(d, 3) {
		}
		return net
	}
	want := train(24, 0) // batches of 24, 24, 2
	got := train(8, 3)   // 8+8+8, 8+8+8, 2
	for i, q := range got.Params() {
		if !q.Value.Equal(want.Params()[i].Value, 1e-12) {
			t.Errorf("%s differs:\n%v\nwant\n%v", q.Name, q.Value, want.Params()[i].Value)
		}
	}
}

// Gradients stay readable after Step, and are those of that step alone.
func TestStepGradients(t *testing.T) {
	net := New(nil, Input(2), Dense(1))
	tr := Trainer{Net: net, Loss: MSE, Optimizer: &SGD{LearningRate: 1e-9}}
	x, y := NewMatrix(1, 2, 1, 2), NewMatrix(1, 1, 5)
	for range 3 {
		e := net.Predict(x).Data[0] - 5
		tr.Step(x, y)
		if got := net.Params()[0].Grad.Data; got[0] != 2*e || got[1] != 2*e*2 {
			t.Errorf("gradient %v, want [%v %v]", got, 2*e, 4*e)
		}
	}
}

func TestPenalty(t *testing.T) {
	net := New(nil, Input(2), Dense(1))
	w := net.Params()[0].Value
	w.Data[0], w.Data[1] = 3, -4
	tr := Trainer{Net: net, Loss: MSE, Optimizer: &SGD{LearningRate: 1}, L1: 0.1, L2: 0.01}
	x, y := NewMatrix(1, 2), NewMatrix(1, 1) // no loss of their own
	if got, want := tr.Step(x, y), 0.1*7+0.005*25; math.Abs(got-want) > 1e-15 {
		t.Errorf("loss %v, want the penalty %v", got, want)
	}
	if want := NewMatrix(2, 1, 3-0.1-0.03, -4+0.1+0.04); !w.Equal(want, 1e-15) {
		t.Errorf("weights %v, want %v", w.Data, want.Data)
	}
	if b := net.Params()[1].Value.Data[0]; b != 0 {
		t.Errorf("bias %v, want 0: it has no penalty", b)
	}
}

// Frozen layers keep their weights; those before the first trained one are not
// gone back through.
func TestFrozen(t *testing.T) {
	d := mixedData(40)
	for _, frozen := range [][]int{{0, 1}, {0, 1, 2, 3}, {2}, {6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}} {
		net := mixedNet()
		params := net.Params()
		before := make([]*Matrix, len(params))
		for i, q := range params {
			before[i] = q.Value.Clone()
			q.Frozen = slices.Contains(frozen, i)
		}
		tr := Trainer{Net: net, Optimizer: &Adam{WeightDecay: 0.1}, L2: 0.1, ClipNorm: 0.1}
		for range tr.Train(d, 2) {
		}
		for i, q := range params {
			if sameBits(q.Value.Data, before[i].Data) != q.Frozen {
				t.Errorf("frozen %v: %s changed: %v", frozen, q.Name, q.Frozen)
			}
		}
	}
}

func TestFitCancel(t *testing.T) {
	d := mixedData(100)
	train := func() *Trainer { return &Trainer{Net: mixedNet(), BatchSize: 8} }
	a := train()
	if err := a.Fit(context.Background(), d, 4); err != nil {
		t.Fatal(err)
	}

	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	b := train()
	b.Loss = LossFunc(func(dy, y, target *Matrix) float64 { // stops in the middle of epoch 3
		if len(b.History) == 2 && b.batch.pos == 48 {
			cancel(cause)
		}
		return CrossEntropy.(fused).evalLogits(dy, y, target)
	})
	b.Net.layers = b.Net.layers[:5] // the softmax is in the loss
	if err := b.Fit(ctx, d, 4); err != cause || len(b.History) != 2 {
		t.Fatalf("Fit: %v after %d epochs, want %v after 2", err, len(b.History), cause)
	}
	if err := b.Fit(context.Background(), d, 2); err != nil {
		t.Fatal(err)
	}
	for i, q := range b.Net.Params() {
		if !sameBits(q.Value.Data, a.Net.Params()[i].Value.Data) {
			t.Errorf("%s differs from training that was not stopped", q.Name)
		}
	}
	for i, e := range b.History {
		if e.Loss != a.History[i].Loss {
			t.Errorf("epoch %d: loss %v, want %v", e.N, e.Loss, a.History[i].Loss)
		}
	}
	// With other data the epoch that was begun is given up.
	b.resumed = true
	if err := b.Fit(context.Background(), mixedData(30), 1); err != nil {
		t.Fatal(err)
	}
}

func TestFitDiverges(t *testing.T) {
	inf := math.Inf(1)
	base := func() (*Trainer, Dataset) {
		net := New(rand.NewPCG(1, 2), Input(6), Dense(8), ReLU, Dense(1))
		d := Dataset{X: mixedData(20).X, Y: NewMatrix(20, 1)}
		return &Trainer{Net: net, BatchSize: 5, InOrder: true, Optimizer: &SGD{LearningRate: 0.01}}, d
	}
	for _, test := range []struct {
		name, want string
		spoil      func(tr *Trainer, d Dataset)
	}{
		{"x", "epoch 1, step 2: the batch has NaN in row 1, column 2 of x", func(_ *Trainer, d Dataset) { d.X.Set(6, 2, math.NaN()) }},
		{"y", "epoch 1, step 4: the batch has +Inf in row 4, column 0 of y", func(_ *Trainer, d Dataset) { d.Y.Data[19] = inf }},
		{"weights", "parameter 0.bias of layer 0, Dense(8), has NaN since the step before", func(tr *Trainer, _ Dataset) { tr.Net.Params()[1].Value.Data[3] = math.NaN() }},
		{"layer", "epoch 1, step 1: the output of layer 2, Dense(1), has ", func(tr *Trainer, _ Dataset) { tr.Net.Params()[2].Value.Fill(1e308) }},
		{"loss", "the loss of a finite output is not finite", func(tr *Trainer, _ Dataset) { tr.Net.Params()[3].Value.Fill(1e200) }},
		{"rate", "epoch 1, step ", func(tr *Trainer, _ Dataset) { tr.Optimizer = &SGD{LearningRate: 1e200} }},
		{"last step", "epoch 1, step 4: parameter 2.weight of layer 2, Dense(1), has NaN", func(tr *Trainer, d Dataset) {
			tr.Loss = LossFunc(func(dy, y, _ *Matrix) float64 {
				dy.Fill(0)
				if tr.steps == 3 {
					dy.Fill(inf)
				}
				return 1
			})
		}},
	} {
		tr, d := base()
		test.spoil(tr, d)
		err := tr.Fit(context.Background(), d, 3)
		if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want ErrDiverged with %q", test.name, err, test.want)
		}
	}
	// The step that would have spoiled the weights is not made, and nothing is
	// left of it for training that goes on.
	tr, d := base()
	tr.Accumulate = 2
	d.X.Set(6, 2, math.NaN())
	if err := tr.Fit(nil, d, 1); !errors.Is(err, ErrDiverged) {
		t.Errorf("Fit: %v, want ErrDiverged", err)
	}
	d.X.Set(6, 2, 0)
	if err := tr.Fit(nil, d, 1); err != nil {
		t.Errorf("Fit after the sample was mended: %v", err)
	}
}

func TestEvaluate(t *testing.T) {
	d := mixedData(3000)
	net := New(rand.NewPCG(1, 2), Input(6), Dense(8), Tanh, Dense(3), Softmax())
	tr := Trainer{Net: net, Optimizer: &SGD{LearningRate: 1e-300}}
	got, want := tr.Evaluate(d), tr.Step(d.X, d.Y)
	if math.Abs(got-want) > 1e-14 {
		t.Errorf("Evaluate gives %v, Step %v", got, want)
	}
	drop := Trainer{Net: mixedNet()}
	if a, b := drop.Evaluate(d), drop.Evaluate(d); a != b {
		t.Errorf("Evaluate gives %v, then %v: it drops units", a, b)
	}
}

// A network with an output of (steps, n) is trained as on steps separate rows.
func TestTrainSteps(t *testing.T) {
	x := randomMatrix(testRand(), 3, 4*2)
	indices := NewMatrix(3, 4, 0, 1, 2, 0, 2, 2, 1, 1, 0, 0, 1, 2)
	run := func(y *Matrix) float64 {
		tr := Trainer{Net: New(rand.NewPCG(1, 2), Input(4, 2), Dense(8), Tanh, Dense(3), Softmax())}
		loss := 0.0
		for range 10 {
			loss = tr.Step(x, y)
		}
		return loss
	}
	oneHot := NewMatrix(3, 12)
	for i, k := range indices.Data {
		oneHot.Data[3*i+int(k)] = 1
	}
	if a, b := run(indices), run(oneHot); a != b {
		t.Errorf("class indices give loss %v, one-hot rows %v", a, b)
	}
}

func TestTrainStream(t *testing.T) {
	d := mixedData(50)
	a, b := Trainer{Net: mixedNet(), InOrder: true}, Trainer{Net: mixedNet()}
	for range a.Train(d, 3) {
	}
	for e := range b.TrainStream(d.Batches(32, nil), 5) {
		if e.N == 3 {
			break
		}
	}
	for i, q := range b.Net.Params() {
		if !sameBits(q.Value.Data, a.Net.Params()[i].Value.Data) {
			t.Errorf("%s: TrainStream differs from Train", q.Name)
		}
	}
	if a.History[2].Loss != b.History[2].Loss {
		t.Errorf("loss %v, want %v", b.History[2].Loss, a.History[2].Loss)
	}
	for e := range b.TrainStream(func(func(_, _ *Matrix) bool) {}, 1) {
		if !math.IsNaN(e.Loss) {
			t.Errorf("an epoch without batches has loss %v, want NaN", e.Loss)
		}
	}
}

func TestPatience(t *testing.T) {
	for _, test := range []struct {
		p      Patience
		losses []float64
		stop   int // the call that reports true, −1 for none
	}{
		{Patience{}, []float64{3, 2, 2}, 2},
		{Patience{Epochs: 2}, []float64{3, 4, 2, 2, 5, 2}, 4},
		{Patience{Epochs: 2}, []float64{3, 2, 2, 2, 1}, 3},
		{Patience{Epochs: 2, MinDelta: 0.5}, []float64{3, 2.6, 2.4, 2.3, 2.2}, 4},
		{Patience{Epochs: 2}, []float64{math.NaN(), math.NaN()}, 1},
		{Patience{Epochs: 2}, []float64{math.NaN(), -1, -2}, -1},
		{Patience{Epochs: 2}, []float64{1, math.Inf(1), 0.5}, -1},
	} {
		stop := -1
		for i, loss := range test.losses {
			if test.p.After(loss) {
				stop = i
				break
			}
		}
		if stop != test.stop {
			t.Errorf("losses %v stop at %d, want %d", test.losses, stop, test.stop)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	tr := &Trainer{Net: mixedNet(), Progress: &out, BatchSize: 10}
	for range tr.Train(mixedData(30), 2) {
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "epoch 1: loss ") || lines[1] != tr.History[1].String() {
		t.Errorf("progress is %q, want a line for each of 2 epochs", out.String())
	}

	// On a terminal, as a bar.
	out.Reset()
	tr.bar.begin(tr, 30)
	tr.bar.terminal = true
	tr.sum = 15
	tr.bar.show(tr, 10) // too soon to be drawn
	if out.Len() != 0 {
		t.Errorf("drawn at once: %q", out.String())
	}
	tr.bar.shown = tr.bar.shown.Add(-time.Second)
	tr.bar.show(tr, 20)
	tr.bar.end(tr, tr.History[1])
	for _, want := range []string{"\r\x1b[Kepoch 3 ━━━━━━━━━━━━━━━━──────── 20/30  loss 0.75  ", " samples/s", "  rate 0.001", " left\r\x1b[Kepoch 2: loss "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("bar is %q, want %q in it", out.String(), want)
		}
	}
	if got := tr.bar.line(tr, 20, 2*time.Second); !strings.Contains(got, "  10 samples/s") || !strings.HasSuffix(got, "  1s left") {
		t.Errorf("bar is %q", got)
	}
	tr.bar.total = 0
	if got := tr.bar.line(tr, 20, 2*time.Second); !strings.Contains(got, "epoch 3 20 samples  loss") {
		t.Errorf("bar is %q", got)
	}

	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(&out) {
		t.Error("a file or buffer is taken for a terminal")
	}
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		defer null.Close()
		tr.Progress = null // a character device, like a terminal
		for range tr.Train(mixedData(30), 1) {
		}
	}
}

func TestShortTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		125*time.Second + 3e6: "2m5s", 4242 * time.Millisecond: "4.2s", 310*time.Millisecond + 4e5: "310ms", 1234 * time.Nanosecond: "1µs",
	} {
		if got := shortTime(d).String(); got != want {
			t.Errorf("shortTime(%v) = %s, want %s", d, got, want)
		}
	}
}

// Whole training runs give the losses and weights that PyTorch gives.
func TestGoldenTraces(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "traces") {
		if c.str("model") != "mlp" {
			continue // needs layers that are not of this file
		}
		seen++
		opt := c.Attrs["optimizer"].(map[string]any)
		rate := opt["lr"].(float64)
		var o Optimizer = &SGD{LearningRate: rate}
		if opt["name"] == "adam" {
			o = &Adam{LearningRate: rate, Beta1: opt["beta1"].(float64), Beta2: opt["beta2"].(float64), Epsilon: opt["eps"].(float64)}
		}
		net := New(nil, Input(4), Dense(6), ReLU, Dense(3), Softmax())
		names := []string{"W1", "b1", "W2", "b2"}
		for i, name := range names {
			copy(net.Params()[i].Value.Data, c.Param[name].floats())
		}
		x, labels, batches := c.In["X"].matrix(), c.In["labels"].floats(), c.In["batches"].matrix()
		tr := Trainer{Net: net, Optimizer: o}
		var losses []float64
		for s := range batches.Rows {
			bx, by := NewMatrix(batches.Cols, x.Cols), NewMatrix(batches.Cols, 1)
			for i, r := range batches.Row(s) {
				copy(bx.Row(i), x.Row(int(r)))
				by.Data[i] = labels[int(r)]
			}
			losses = append(losses, tr.Step(bx, by))
			if s == 0 {
				for i, name := range names {
					c.check(t, "gradient of "+name, net.Params()[i].Grad.Data, c.Grad[name])
				}
			}
		}
		c.check(t, "loss", losses, c.Out["loss"])
		for i, name := range names {
			c.check(t, "final/"+name, net.Params()[i].Value.Data, c.Out["final/"+name])
		}
	}
	if seen != 4 {
		t.Errorf("%d traces checked, want 4", seen)
	}
}
