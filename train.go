package nn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"
)

// A Trainer trains a network. Only Net must be set; the other fields may be
// changed at any time between two steps. It is not safe for concurrent use, nor
// is a network that two of them train; it uses all processors by itself.
type Trainer struct {
	Net        *Network
	Loss       Loss      // nil: CrossEntropy after Softmax, BinaryCrossEntropy after Sigmoid, else MSE
	Optimizer  Optimizer // nil: &Adam{}
	BatchSize  int       // samples in a batch; 0 means 32
	InOrder    bool      // do not shuffle the samples before each epoch
	Accumulate int       // batches whose mean gradient makes one step of the optimizer; 0 means 1
	L1, L2     float64   // penalty L1·Σ|w| + L2/2·Σw² on the weights, but those marked NoDecay
	ClipValue  float64   // if positive, every gradient is cut to ±ClipValue
	ClipNorm   float64   // if positive, the largest norm of all gradients together
	EMA        *EMA      // if not nil, averages the weights over the steps
	Progress   io.Writer // if not nil, shows how training goes: a bar on a terminal, else a line for each epoch
	History    []Epoch   // the epochs trained so far

	net     *Network   // that the rest is made for
	params  []*Param   // of net
	byLayer [][]*Param // the same by layer

	pass    Pass
	logits  logitLoss
	batch   batcher
	layers  Layers  // of net; a list at their end is taken apart
	pending int     // batches whose gradients wait for a step of the optimizer
	samples float64 // samples in them
	weighed bool    // their gradients are weighed by samples
	steps   int     // batches trained on, ever
	sum     float64 // of the loss of the samples of the epoch so far
	resumed bool    // batch and sum are those of an epoch that was begun
	bar     progress
}

// An Epoch reports one pass over the training data.
type Epoch struct {
	N    int           // number of the epoch, from 1
	Loss float64       // mean loss of the samples in training, each before its step, with penalties
	Time time.Duration // time taken
}

// String returns the report in one line: "epoch 3: loss 0.1057 (4.2s)".
func (e Epoch) String() string {
	return fmt.Sprintf("epoch %d: loss %.4g (%v)", e.N, e.Loss, shortTime(e.Time))
}

// ErrDiverged is wrapped by the error of [Trainer.Fit] when a number is no
// longer finite.
var ErrDiverged = errors.New("training diverged")

// Step trains on one batch, a sample in each row of x and its target in the
// same row of y, and returns its mean loss, penalties included. It is what
// Train does with each batch; with [Dataset.Batches], a program can write its
// own Train. The gradients stay in Param.Grad until the next Step.
//
// Targets are laid out like the network's output, or, for losses that take
// them, have one class index for each row of probabilities.
//
// With Accumulate > 1 only every Accumulate-th call changes the weights.
func (t *Trainer) Step(x, y *Matrix) float64 {
	loss := t.gradients(x, y)
	t.update()
	return loss
}

// gradients computes the loss of a batch, and adds its gradients to those of
// the batches that wait for an update.
func (t *Trainer) gradients(x, y *Matrix) float64 {
	t.setup()
	t.checkBatch("Step", x, y)
	for _, q := range t.params {
		q.checkGrad()
		switch {
		case q.Grad == nil:
			q.zeroGrad()
		case t.pending == 0 && q.lazy:
			q.fresh = true
		case t.pending == 0:
			q.zeroGrad()
		}
	}
	p := &t.pass
	p.reset(true, t.Net.rng)
	layers, loss := t.head()
	first := t.firstTrained(len(layers))

	x = layers[:first].Forward(p, x)
	p.stack = p.stack[:0] // nobody goes back there
	out := layers[first:].Forward(p, x)

	t.Net.checkOutput("Step", out, y.Rows)
	dy := p.raw(out.Rows, out.Cols)
	l := loss.Eval(t.rows(dy, out.Rows), t.rows(out, out.Rows), t.rows(y, out.Rows))
	t.weighed = t.Accumulate > 1 || t.pending > 0
	if t.weighed { // by its samples; apply divides by their sum
		vscale(dy.Data, float64(out.Rows), dy.Data)
	}

	layers[first:].BackwardParams(p, dy)
	if len(p.stack) != 0 {
		panic(fmt.Sprintf("nn: Step: %d matrices that Forward pushed were not popped by Backward", len(p.stack)))
	}
	for _, q := range t.params { // of layers that nobody went back through
		if q.fresh {
			q.fresh = false
			q.zeroGrad()
		}
	}
	t.pending++
	t.samples += float64(out.Rows)
	t.steps++
	if t.L1 != 0 || t.L2 != 0 {
		l += penalty(t.params, t.L1, t.L2)
	}
	return l
}

// update makes a step of the optimizer if enough batches wait for it.
func (t *Trainer) update() {
	if t.pending >= t.Accumulate {
		t.apply()
	}
}

// apply makes a step of the optimizer.
func (t *Trainer) apply() {
	if t.weighed {
		for _, q := range t.params {
			if q.Grad != nil {
				vscale(q.Grad.Data, 1/t.samples, q.Grad.Data)
			}
		}
	}
	t.pending, t.samples = 0, 0
	if t.L1 != 0 || t.L2 != 0 {
		addPenalty(t.params, t.L1, t.L2)
	}
	if t.ClipValue > 0 {
		clipValue(t.params, t.ClipValue)
	}
	if t.ClipNorm > 0 {
		clipNorm(t.params, t.ClipNorm)
	}
	t.Optimizer.Step(t.params)
	if t.EMA != nil {
		t.EMA.Update(t.params)
	}
}

// setup prepares training of Net, anew if it is another than before.
func (t *Trainer) setup() {
	if t.Net == nil {
		panic("nn: Trainer: Net is not set")
	}
	if t.Optimizer == nil {
		t.Optimizer = &Adam{}
	}
	if !(t.L1 >= 0 && t.L2 >= 0 && t.ClipValue >= 0 && t.ClipNorm >= 0 && t.BatchSize >= 0 && t.Accumulate >= 0) {
		panic(fmt.Sprintf("nn: Trainer: a field is negative or NaN: L1 %v, L2 %v, ClipValue %v, ClipNorm %v, BatchSize %d, Accumulate %d",
			t.L1, t.L2, t.ClipValue, t.ClipNorm, t.BatchSize, t.Accumulate))
	}
	if t.net == t.Net {
		return
	}
	t.Net.checkBuilt("Trainer")
	if isNil(t.Optimizer) {
		panic(fmt.Sprintf("nn: Trainer: Optimizer is a nil %T", t.Optimizer))
	}
	if t.Loss != nil && isNil(t.Loss) {
		panic(fmt.Sprintf("nn: Trainer: Loss is a nil %T", t.Loss))
	}
	t.net, t.params, t.layers, t.byLayer = t.Net, t.Net.params, t.Net.layers, nil
	for n := len(t.layers); n > 0; n = len(t.layers) {
		inner, ok := t.layers[n-1].(Layers)
		if !ok {
			break
		}
		t.layers = append(t.layers[:n-1:n-1], inner...)
	}
	if n := len(t.layers); n > 0 && isSoftmax(t.layers[n-1]) {
		if width, _ := t.Net.out().last(); width == 1 {
			panic("nn: Trainer: the network ends with Softmax of one value, which is always 1; end it with Sigmoid")
		}
	}
	for _, l := range t.layers {
		t.byLayer = append(t.byLayer, l.Params())
	}
	t.pending, t.samples, t.resumed = 0, 0, false
}

func (t *Trainer) batchSize() int {
	if t.BatchSize == 0 {
		return 32
	}
	return t.BatchSize
}

// loss returns Loss or, if that is nil, the loss that fits the last layer.
func (t *Trainer) loss() Loss {
	if t.Loss != nil {
		return t.Loss
	}
	if n := len(t.layers); n > 0 {
		for _, l := range [...]Loss{CrossEntropy, BinaryCrossEntropy} {
			if l.(fused).absorbs(t.layers[n-1]) {
				return l
			}
		}
	}
	return MSE
}

// head returns the layers to run and the loss to apply to their output. A loss
// that is better computed from the input of the last activation absorbs it.
func (t *Trainer) head() (Layers, Loss) {
	loss := t.loss()
	f, ok := loss.(fused)
	if !ok {
		return t.layers, loss
	}
	n := len(t.layers) - 1
	if n < 0 || !f.absorbs(t.layers[n]) {
		last, remedy := "nothing", "Softmax()"
		if n >= 0 {
			last = describe(t.layers[n])
		}
		if f.absorbs(Sigmoid) {
			remedy = "Sigmoid"
		}
		panic(fmt.Sprintf("nn: Trainer: the loss %v does not fit a network that ends with %s; end it with %s", loss, last, remedy))
	}
	t.logits.fused = f
	return t.layers[:n], &t.logits
}

// logitLoss is a loss of the input of the activation that it absorbs.
type logitLoss struct{ fused }

func (l *logitLoss) Eval(dz, z, t *Matrix) float64 { return l.evalLogits(dz, z, t) }

// firstTrained returns the first of n layers that has something to learn.
func (t *Trainer) firstTrained(n int) int {
	for i, params := range t.byLayer[:n] {
		for _, q := range params {
			if !q.Frozen && !q.Stat {
				return i
			}
		}
	}
	return n
}

// rows returns a batch of samples with one prediction, or target, in each row:
// samples of shape (steps, n) have steps of them.
func (t *Trainer) rows(m *Matrix, samples int) *Matrix {
	_, steps := t.Net.out().last()
	if steps == 1 {
		return m
	}
	return t.pass.Reshape(m, samples*steps, len(m.Data)/(samples*steps))
}

func (t *Trainer) checkBatch(op string, x, y *Matrix) {
	t.Net.checkInput(op, x)
	if y == nil {
		panic("nn: " + op + ": y is nil")
	}
	y.check(op)
	_, steps := t.Net.out().last()
	if x.Rows == 0 || x.Rows != y.Rows || y.Cols == 0 || y.Cols%steps != 0 {
		panic(fmt.Sprintf("nn: %s: x is %d×%d and y %d×%d; the network's output is %v", op, x.Rows, x.Cols, y.Rows, y.Cols, t.Net.out()))
	}
}

// Train trains on d for the given number of epochs and yields a report after
// each:
//
//	for epoch := range trainer.Train(data, 20) {
//		fmt.Println(epoch, nn.Accuracy(net.Predict(test.X), test.Y))
//	}
//
// What other libraries call a callback is the body of the loop: there the
// program may evaluate, save, change the learning rate, or stop by a break.
// Training happens only as the loop asks for it, and goes on where it was if
// Train is called again. Train does not stop if training diverges: the loss that
// it reports is NaN then. [Trainer.Fit] does, and says where.
func (t *Trainer) Train(d Dataset, epochs int) iter.Seq[Epoch] {
	return func(yield func(Epoch) bool) {
		for range epochs {
			e, _ := t.epoch(nil, d)
			if !yield(e) {
				return
			}
		}
	}
}

// TrainStream is Train on batches that come from an iterator, such as
// [Stream], for data that do not fit in memory. Every epoch ranges over
// batches anew, so an iterator over a file has to open it each time. An epoch
// without batches has the loss NaN.
func (t *Trainer) TrainStream(batches iter.Seq2[*Matrix, *Matrix], epochs int) iter.Seq[Epoch] {
	return func(yield func(Epoch) bool) {
		for range epochs {
			start, n := time.Now(), 0
			t.sum = 0
			t.bar.begin(t, 0)
			for x, y := range batches {
				t.sum += float64(t.Step(x, y) * float64(x.Rows))
				n += x.Rows
				t.bar.show(t, n)
			}
			if !yield(t.endEpoch(n, start)) {
				return
			}
		}
	}
}

// Fit trains on d for the given number of epochs. It stops between two steps
// when ctx is done, and returns its cause; a later call goes on with the rest
// of that epoch, if d has as many samples.
//
// When the loss is no longer finite, Fit stops before the step that would
// spoil the weights, and returns an error that wraps [ErrDiverged] and says in
// which step and layer the first NaN or infinity arose.
func (t *Trainer) Fit(ctx context.Context, d Dataset, epochs int) error {
	if ctx == nil {
		ctx = context.Background()
	}
	for range epochs {
		if _, err := t.epoch(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// epoch trains on d once. Without a context it stops for nothing.
func (t *Trainer) epoch(ctx context.Context, d Dataset) (Epoch, error) {
	t.setup()
	if d.X == nil || d.Y == nil || d.X.Rows == 0 {
		panic("nn: Train: the dataset has no samples, or no targets")
	}
	start := time.Now()
	b := &t.batch
	if t.resumed && len(b.order) == d.Len() {
		b.d, b.size = d, t.batchSize()
	} else {
		rng := t.Net.rng
		if t.InOrder {
			rng = nil
		}
		b.begin(d, t.batchSize(), rng)
		t.sum = 0
	}
	t.resumed = false
	t.bar.begin(t, d.Len())
	for {
		if ctx != nil && ctx.Err() != nil {
			t.resumed = true
			return Epoch{}, context.Cause(ctx)
		}
		if !b.next() {
			break
		}
		loss := t.gradients(&b.x, &b.y)
		if ctx != nil && !isFinite(loss) {
			t.pending, t.samples = 0, 0 // those gradients are of no use
			return Epoch{}, fmt.Errorf("nn: Fit: epoch %d, step %d: %s: %w", len(t.History)+1, t.steps, t.diagnose(&b.x, &b.y), ErrDiverged)
		}
		t.update()
		t.sum += float64(loss * float64(b.x.Rows))
		t.bar.show(t, b.pos)
	}
	e := t.endEpoch(d.Len(), start)
	if ctx != nil {
		if what := t.badParam(); what != "" {
			return e, fmt.Errorf("nn: Fit: epoch %d, step %d: %s: %w", e.N, t.steps, what, ErrDiverged)
		}
	}
	return e, nil
}

// endEpoch lets no gradients wait for the next epoch, and reports this one, of
// n samples.
func (t *Trainer) endEpoch(n int, start time.Time) Epoch {
	if t.pending > 0 {
		t.apply()
	}
	e := Epoch{N: len(t.History) + 1, Loss: t.sum / float64(n), Time: time.Since(start)}
	t.History = append(t.History, e)
	t.bar.end(t, e)
	return e
}

// diagnose says where the first number that is not finite arose, for a batch
// that has the loss NaN or infinite.
func (t *Trainer) diagnose(x, y *Matrix) string {
	if i := firstBad(x.Data); i >= 0 {
		return fmt.Sprintf("the batch has %v in row %d, column %d of x", x.Data[i], i/x.Cols, i%x.Cols)
	}
	if i := firstBad(y.Data); i >= 0 {
		return fmt.Sprintf("the batch has %v in row %d, column %d of y", y.Data[i], i/y.Cols, i%y.Cols)
	}
	if what := t.badParam(); what != "" {
		return what + " since the step before"
	}
	p := &t.pass
	seed := p.seed
	p.reset(true, nil)
	p.seed, p.rng = seed, t.Net.rng
	layers, _ := t.head()
	for i, l := range layers {
		x = l.Forward(p, x)
		if k := firstBad(x.Data); k >= 0 {
			return fmt.Sprintf("the output of layer %d, %s, has %v for sample %d of the batch", i, describe(l), x.Data[k], k/x.Cols)
		}
	}
	return "the loss of a finite output is not finite"
}

// badParam says which parameter is not finite, if one is: that nearest to the
// loss, where the gradient came from.
func (t *Trainer) badParam() string {
	for i := len(t.byLayer) - 1; i >= 0; i-- {
		for _, q := range t.byLayer[i] {
			if k := firstBad(q.Value.Data); k >= 0 {
				return fmt.Sprintf("parameter %s of layer %d, %s, has %v", q.Name, i, describe(t.layers[i]), q.Value.Data[k])
			}
		}
	}
	return ""
}

// firstBad returns the index of the first NaN or infinity, or −1.
func firstBad(x []float64) int {
	for i, v := range x {
		if !isFinite(v) {
			return i
		}
	}
	return -1
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Evaluate returns the mean loss on d, without training. It is the mean over
// batches, weighted by their samples, and has no penalties in it.
func (t *Trainer) Evaluate(d Dataset) float64 {
	t.setup()
	if d.X == nil || d.Y == nil {
		panic("nn: Evaluate: the dataset has no samples, or no targets")
	}
	t.checkBatch("Evaluate", d.X, d.Y)
	layers, loss := t.head()
	p, sum := &t.pass, 0.0
	for lo := 0; lo < d.X.Rows; lo += t.Net.rows {
		p.reset(false, nil)
		hi := min(lo+t.Net.rows, d.X.Rows)
		out := layers.Forward(p, p.rowRange(d.X, lo, hi))
		t.Net.checkOutput("Evaluate", out, hi-lo)
		l := loss.Eval(nil, t.rows(out, hi-lo), t.rows(p.rowRange(d.Y, lo, hi), hi-lo))
		sum += float64(l * float64(hi-lo))
	}
	return sum / float64(d.X.Rows)
}

// Patience stops training that no longer improves:
//
//	stop := nn.Patience{Epochs: 5}
//	for range trainer.Train(data, 100) {
//		if stop.After(trainer.Evaluate(valid)) {
//			break
//		}
//		if stop.Waited == 0 { // to keep the best network, not the last
//			best = net.Clone()
//		}
//	}
type Patience struct {
	Epochs   int     // how many in a row may be no better before training stops; 0 means 1
	MinDelta float64 // how much better a loss must be than the best before

	Best   float64 // the best loss so far, once After was called
	Waited int     // epochs since that loss
	seen   bool
}

// After notes the loss and reports whether patience has run out. NaN is no
// better than any loss.
func (p *Patience) After(loss float64) bool {
	if !math.IsNaN(loss) && (!p.seen || loss < p.Best-p.MinDelta) {
		p.Best, p.Waited, p.seen = loss, 0, true
		return false
	}
	p.Waited++
	return p.Waited >= p.Epochs
}
