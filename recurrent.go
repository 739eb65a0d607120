package nn

import (
	"fmt"
	"math/rand/v2"
)

// A recurrence is what [RNNLayer], [LSTMLayer] and [GRULayer] have in common. A
// step of a sample has gates·hidden numbers, a block for each gate.
//
// The products with the states come one step after the other, but no sample waits
// for another: portions of the batch go through all steps on their own. Each value
// is one chain of fused multiply-adds, through xₜ·Wx and then hₜ₋₁·Wh, also where
// both are one product.
type recurrence struct {
	steps, in, hidden, gates int

	wx, wh *Param
	b      *Param // the only bias, nil if there are others
	h0, c0 *Param // the state before the first step; nil: 0
}

// build sets r and makes its weights. A block of Wx begins with values for in
// inputs and hidden outputs, a block of Wh orthogonal.
func (r *recurrence) build(name string, in Shape, hidden, gates int, after Activation, init Initializer, rng *rand.Rand) error {
	if hidden <= 0 {
		return fmt.Errorf("%s: the number of hidden features must be positive", name)
	}
	if err := checkSequence(name, in); err != nil {
		return err
	}
	*r = recurrence{steps: in[0], in: in[1], hidden: hidden, gates: gates}
	for _, shape := range []Shape{{hidden, hidden, gates}, {r.in, hidden, gates}, {r.steps, hidden, gates}} {
		if err := shape.check(); err != nil {
			return fmt.Errorf("%s: input is %v: %w", name, in, err)
		}
	}
	r.wx = newParam("wx", r.in, gates*hidden, rng)
	r.wh = newParam("wh", hidden, gates*hidden, rng)
	r.wx.lazy, r.wh.lazy = true, true
	initialize(init, after, r.wx.Value, r.in, hidden, rng)
	if rng == nil {
		return nil
	}
	block := NewMatrix(hidden, hidden)
	for g := range gates {
		Orthogonal(block, hidden, hidden, rng)
		for i := range hidden {
			copy(r.wh.Value.Row(i)[g*hidden:], block.Row(i))
		}
	}
	return nil
}

// checkSequence returns an error unless in is (steps, n).
func checkSequence(name string, in Shape) error {
	if err := in.check(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(in) != 2 {
		return fmt.Errorf("%s: input is %v; it must be (steps, n): Embedding or Reshape give that", name, in)
	}
	return nil
}

// state makes a parameter for the state before the first step, 0 to begin with.
func (r *recurrence) state(name string, rng *rand.Rand) *Param {
	q := newParam(name, 1, r.hidden, rng)
	q.NoDecay = true
	return q
}

// A cell is a recurrent layer. It computes one step of one sample.
type cell interface {
	Layer

	// ahead makes the gates and the new state of sample i at step s from the sums.
	ahead(t *recurrentTask, i, s int)

	// back takes ∂L/∂hₛ from dh. It sets z to the gradient with respect to the
	// sums, and dh to ∂L/∂hₛ₋₁ but for the way through the products. d is scratch of
	// the size of z.
	back(t *recurrentTask, i, s int, d []float64)

	// forward is Forward, but returns the last states alone if last is set. backward then
	// takes only their gradient. It returns dz, the gradient of the sums.
	forward(p *Pass, x *Matrix, last bool) *Matrix
	backward(p *Pass, dy *Matrix, last bool) *Matrix

	// inputGrad returns dx = dz·Wxᵀ.
	inputGrad(p *Pass, dz *Matrix) *Matrix
}

// A recurrentTask is all steps of a batch, there or back, as a loop over the
// samples. Its matrices have a row for each step of each sample, or for each sample:
// the present step, where the others need not be kept.
type recurrentTask struct {
	r       *recurrence
	cell    cell
	padding *Matrix // of the Pass
	batch   int
	packed  bool // the weights are; see recurrentPacked
	alone   bool // y and dy are of the last step alone

	x  *Matrix // (batch, steps·in)
	xh *Matrix // rows of 1, xₛ and hₛ₋₁
	y  *Matrix // the states h, or the last ones
	z  *Matrix // gates, then gradients of the sums; gates·hidden columns
	u  *Matrix // for GRU: hₛ₋₁·Wh of the last gate, which then is not in z

	sums, sumsU *Matrix // what z and u are made from, or z and u themselves

	// for LSTM
	c  *Matrix // nil when not in training
	c0 *Matrix // c before the first step, or the present one when not in training

	dy     *Matrix // nil in a Forward
	dh, dc *Matrix // (batch, hidden)
	d      *Matrix // scratch, then what Whᵀ is multiplied by; (batch, gates·hidden)

	w, last packedB // Wx above Wh, for GRU with the last gate in last; in a Backward, w is Whᵀ
	whT     *Matrix // Whᵀ if not packed
}

var recurrentTasks freelist[recurrentTask]

// recurrentPacked is the number of samples from which on it pays to pack the weights.
// Then a step of the samples is one product, (xₛ, hₛ₋₁)·(Wx, Wh). Else xₛ·Wx is
// computed for all steps at once, and hₛ₋₁·Wh added.
const recurrentPacked = 8

// begin returns the task of a Forward.
func (r *recurrence) begin(p *Pass, c cell, x *Matrix, last bool) *recurrentTask {
	r.check()
	checkWidth("recurrent layer", x, r.steps*r.in)
	checkPadding(p.padding, c, x.Rows, r.steps)
	t := recurrentTasks.get()
	*t = recurrentTask{r: r, cell: c, padding: p.padding, batch: x.Rows, x: x, alone: last}
	t.packed = canPackB() && x.Rows >= recurrentPacked
	t.y = p.raw(t.returned()*x.Rows, r.hidden)
	t.xh = p.raw(t.kept(p), 1+r.in+r.hidden)
	return t
}

// check panics if a parameter has lost its size.
func (r *recurrence) check() {
	w := r.gates * r.hidden
	r.wx.of(r.in, w)
	r.wh.of(r.hidden, w)
	if r.b != nil {
		r.b.of(1, w)
	}
	if r.h0 != nil {
		r.h0.of(1, r.hidden)
	}
	if r.c0 != nil {
		r.c0.of(1, r.hidden)
	}
}

// kept returns the number of rows of matrices that only training and products for
// all steps have whole.
func (t *recurrentTask) kept(p *Pass) int {
	if t.packed && !p.Training() {
		return t.batch
	}
	return t.batch * t.r.steps
}

// returned returns the number of steps whose states y has.
func (t *recurrentTask) returned() int {
	if t.alone {
		return 1
	}
	return t.r.steps
}

// start returns the states before the first step.
func (r *recurrence) start(p *Pass, state *Param, batch int) *Matrix {
	h := p.New(batch, r.hidden)
	for i := 0; i < batch && state != nil; i++ {
		copy(h.Row(i), state.Value.Data)
	}
	return h
}

// forward does the task and returns the output.
func (r *recurrence) forward(p *Pass, t *recurrentTask) *Matrix {
	y, n, w := t.y, r.hidden, r.gates*r.hidden
	batch, steps := t.batch, t.returned() // t is gone at the end
	p.Push(t.xh, y, t.padding)
	t.sums, t.sumsU = t.z, t.u
	if t.packed {
		// A product is fastest to memory that is near.
		if t.z.Rows > t.batch {
			t.sums = p.raw(t.batch, w)
		}
		if t.u != nil && t.u.Rows > t.batch {
			t.sumsU = p.raw(t.batch, n)
		}
		r.pack(p, &t.w, 0, t.first())
		if t.u != nil {
			r.pack(p, &t.last, w-n, n)
		}
	} else {
		t.z.Mul(p.Reshape(t.x, t.z.Rows, r.in), r.wx.Value)
	}
	t.do()
	return p.Reshape(y, batch, steps*n)
}

// pack sets b to n columns, from the j-th on, of Wx above Wh.
func (r *recurrence) pack(p *Pass, b *packedB, j, n int) {
	b.reset(r.in+r.hidden, n, p.raw(r.in+r.hidden, n).Data)
	b.put(0, r.in, r.wx.Value.Data[j:], r.wx.Value.Cols)
	b.put(r.in, r.hidden, r.wh.Value.Data[j:], r.wh.Value.Cols)
}

// beginBack returns the task of a Backward, but for what the layer pushed
// before it called forward.
func (r *recurrence) beginBack(p *Pass, c cell, dy *Matrix, last bool) *recurrentTask {
	t := recurrentTasks.get()
	*t = recurrentTask{r: r, cell: c, batch: dy.Rows, padding: p.Pop(), y: p.Pop(), xh: p.Pop(), alone: last}
	t.packed = canPackB() && dy.Rows >= recurrentPacked
	t.dy = p.Reshape(dy, t.returned()*dy.Rows, r.hidden)
	t.dh, t.d = p.New(dy.Rows, r.hidden), p.raw(dy.Rows, r.gates*r.hidden)
	wh, whT := r.wh.Value, p.raw(r.wh.Value.Cols, r.wh.Value.Rows)
	if t.packed {
		t.w.reset(wh.Cols, wh.Rows, whT.Data)
		t.w.putT(wh.Data, wh.Cols)
	} else {
		t.whT = whT.T(wh)
	}
	return t
}

// backward does the task and adds the gradients of the parameters:
//
//	dWx = Σ xₜᵀ·dzₜ    dWh = Σ hₜ₋₁ᵀ·dzₜ    db = Σ 1·dzₜ    dh₀ = Σ ∂L/∂h₀
//
// where the sums are over samples and steps: the first three are one product.
// Those for GRU have no b: it takes the sum, from 0, that is returned.
func (r *recurrence) backward(p *Pass, t *recurrentTask) []float64 {
	xh, dz, u, dh, dc := t.xh, t.z, t.u, t.dh, t.dc
	n, w, e := r.hidden, r.gates*r.hidden, 1+r.in
	t.do()
	g := p.raw(e+n, w)
	db, dwx, dwh := g.Data[:w], g.Data[w:e*w], g.Data[e*w:]
	clear(db)
	if r.b != nil {
		r.b.loadGrad(db)
	}
	r.wx.loadGrad(dwx)
	r.wh.loadGrad(dwh)
	if u == nil {
		gemm(true, false, e+n, w, xh.Rows, xh.Data, e+n, dz.Data, w, g.Data, w, true)
	} else {
		gemm(true, false, e+n, w-n, xh.Rows, xh.Data, e+n, dz.Data, w, g.Data, w, true)
		gemm(true, false, e, n, xh.Rows, xh.Data, e+n, operand(dz.Data, w, w-n, dz.Rows, true), w, g.Data[w-n:], w, true)
		gemm(true, false, n, n, xh.Rows, operand(xh.Data, e+n, e, xh.Rows, true), e+n, u.Data, n, dwh[w-n:], w, true)
	}
	if r.b != nil {
		r.b.storeGrad(db)
	}
	r.wx.storeGrad(dwx)
	r.wh.storeGrad(dwh)
	if r.h0 != nil {
		r.h0.Grad.AddSumRows(dh)
	}
	if r.c0 != nil {
		r.c0.Grad.AddSumRows(dc)
	}
	return db
}

// inputGrad returns dx = dz·Wxᵀ.
func (r *recurrence) inputGrad(p *Pass, dz *Matrix) *Matrix {
	dx := p.raw(dz.Rows, r.in).MulT(dz, r.wx.Value)
	return p.Reshape(dx, dx.Rows/r.steps, r.steps*r.in)
}

// do does the task and frees it.
func (t *recurrentTask) do() {
	work := t.r.steps * t.r.gates * t.r.hidden * t.r.hidden
	parallel(t.batch, max(8, 1<<18/work), t)
	*t = recurrentTask{}
	recurrentTasks.put(t)
}

func (t *recurrentTask) run(lo, hi int) {
	if t.dy == nil {
		t.forward(lo, hi)
	} else {
		t.backward(lo, hi)
	}
}

// rows returns what x has from sample i, step s, on, and how far apart the samples
// lie.
func (t *recurrentTask) rows(x *Matrix, i, s int) (data []float64, ld int) {
	if x.Rows == t.batch {
		return x.Data[i*x.Cols:], x.Cols
	}
	return x.Data[(i*t.r.steps+s)*x.Cols:], t.r.steps * x.Cols
}

// at returns the values of sample i, step s, of x.
func (t *recurrentTask) at(x *Matrix, i, s int) []float64 {
	data, _ := t.rows(x, i, s)
	return data[:x.Cols]
}

// h returns the state of sample i before step s.
func (t *recurrentTask) h(i, s int) []float64 { return t.at(t.xh, i, s)[1+t.r.in:] }

// state returns where the state of sample i after step s is: in y or, if that has
// only the last one, where the next step has it.
func (t *recurrentTask) state(i, s int) []float64 {
	if t.alone && s+1 < t.r.steps {
		return t.h(i, s+1)
	}
	return t.at(t.y, i, s)
}

// cBefore returns c of sample i before step s, when in training.
func (t *recurrentTask) cBefore(i, s int) []float64 {
	if s == 0 {
		return t.c0.Row(i)
	}
	return t.at(t.c, i, s-1)
}

// first returns how many columns of z are sums with hₛ₋₁·Wh.
func (t *recurrentTask) first() int {
	if t.u != nil {
		return (t.r.gates - 1) * t.r.hidden
	}
	return t.r.gates * t.r.hidden
}

// pads reports whether step s of sample i is padding. Then the state stays.
func (t *recurrentTask) pads(i, s int) bool { return t.padding != nil && t.padding.At(i, s) != 0 }

func (t *recurrentTask) forward(lo, hi int) {
	r := t.r
	for i := lo; i < hi; i++ {
		clear(t.h(i, 0))
		if r.h0 != nil {
			copy(t.h(i, 0), r.h0.Value.Data)
		}
	}
	for s := range r.steps {
		for i := lo; i < hi; i++ {
			row := t.at(t.xh, i, s)
			row[0] = 1
			copy(row[1:], t.x.Row(i)[s*r.in:][:r.in])
		}
		t.sum(lo, hi, s)
		for i := lo; i < hi; i++ {
			if i+1 < hi {
				t.prefetch(i+1, s)
			}
			y := t.state(i, s)
			if t.pads(i, s) {
				copy(y, t.h(i, s))
				if t.c != nil {
					copy(t.at(t.c, i, s), t.cBefore(i, s))
				}
			} else {
				t.cell.ahead(t, i, s)
			}
			if s+1 < r.steps && !t.alone {
				copy(t.h(i, s+1), y)
			}
		}
	}
}

// prefetch asks for what ahead and back of sample i at step s will use: the rows of
// samples lie far apart, so the processor doesn't guess the next one.
func (t *recurrentTask) prefetch(i, s int) {
	prefetch(t.at(t.z, i, s))
	if t.c != nil {
		prefetch(t.at(t.c, i, s))
	}
	if t.u != nil {
		prefetch(t.at(t.u, i, s))
	}
}

// sum sets sums and sumsU of a portion of the samples at step s.
func (t *recurrentTask) sum(lo, hi, s int) {
	r, m := t.r, hi-lo
	n, w, k := r.hidden, r.gates*r.hidden, r.in+r.hidden
	if s == 0 && r.h0 == nil {
		k = r.in // h is 0
		for i := lo; i < hi && t.u != nil; i++ {
			clear(t.at(t.sumsU, i, 0))
		}
	}
	x, ldx := t.rows(t.xh, lo, s)
	z, ldz := t.rows(t.sums, lo, s)
	x, h := x[1:], x[1+r.in:]
	if t.packed {
		t.mulPacked(&t.w, m, 0, k, x, ldx, z, ldz, false)
	} else if k > r.in {
		t.mul(m, t.first(), n, h, ldx, r.wh.Value.Data, w, z, ldz, true)
	}
	if t.u == nil {
		return
	}
	u, ldu := t.rows(t.sumsU, lo, s)
	if t.packed {
		t.mulPacked(&t.last, m, 0, r.in, x, ldx, z[w-n:], ldz, false)
		if k > r.in {
			t.mulPacked(&t.last, m, r.in, k, h, ldx, u, ldu, false)
		}
	} else if k > r.in {
		t.mul(m, n, n, h, ldx, r.wh.Value.Data[w-n:], w, u, ldu, false)
	}
}

// mul is [gemm]; a portion of the batch keeps to its goroutine.
func (t *recurrentTask) mul(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	if m == t.batch {
		gemm(false, false, m, n, k, a, lda, b, ldb, c, ldc, acc)
	} else {
		gemmSerial(false, false, m, n, k, a, lda, b, ldb, c, ldc, acc)
	}
}

// mulPacked is mul for packed weights.
func (t *recurrentTask) mulPacked(b *packedB, m, from, to int, a []float64, lda int, c []float64, ldc int, acc bool) {
	if m == t.batch {
		b.mulParallel(m, from, to, a, lda, c, ldc, acc)
	} else {
		b.mul(m, from, to, a, lda, c, ldc, acc)
	}
}

// backward goes back through time. hₛ is output, and the next step begins with it:
// what comes from there is in dh.
func (t *recurrentTask) backward(lo, hi int) {
	n, w, m := t.r.hidden, t.r.gates*t.r.hidden, hi-lo
	for s := t.r.steps - 1; s >= 0; s-- {
		for i := lo; i < hi; i++ {
			if i+1 < hi {
				t.prefetch(i+1, s)
			}
			dh, d, z := t.dh.Row(i), t.d.Row(i), t.at(t.z, i, s)
			if !t.alone || s+1 == t.r.steps {
				vadd(dh, dh, t.at(t.dy, i, s))
			}
			if !t.pads(i, s) {
				t.cell.back(t, i, s, d)
			} else {
				clear(z)
				if t.u != nil {
					clear(t.at(t.u, i, s))
				}
			}
			copy(d, z)
			if t.u != nil {
				copy(d[w-n:], t.at(t.u, i, s))
			}
		}
		if s == 0 && t.r.h0 == nil {
			return // nobody asks for dh
		}
		d, dh := t.d.Data[lo*w:], t.dh.Data[lo*n:]
		if t.packed {
			t.mulPacked(&t.w, m, 0, w, d, w, dh, n, true)
		} else {
			t.mul(m, n, w, d, w, t.whT.Data, n, dh, n, true)
		}
	}
}

// step begins a [Stepper]'s Step: it returns the state h, and z = x·Wx.
func (r *recurrence) step(p *Pass, s *State, x *Matrix) (h, z *Matrix) {
	r.check()
	h = s.Matrix(x.Rows, r.hidden)
	r.startStep(s, h, r.h0)
	return h, p.raw(x.Rows, r.gates*r.hidden).Mul(x, r.wx.Value)
}

// startStep sets h, in the first step, to the state before it.
func (r *recurrence) startStep(s *State, h *Matrix, state *Param) {
	for i := 0; i < h.Rows && s.Time() == 0 && state != nil; i++ {
		copy(h.Row(i), state.Value.Data)
	}
}

// hasState reports whether there is a state other than 0 before the step.
func (r *recurrence) hasState(s *State) bool { return s.Time() > 0 || r.h0 != nil }
