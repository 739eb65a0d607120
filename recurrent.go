package nn

import (
	"fmt"
	"math/rand/v2"
)

// A recurrence is what [RNNLayer], [LSTMLayer] and [GRULayer] have in common. A
// step of a sample has gates·hidden numbers, a block for each gate.
//
// The products xₜ·Wx of all samples and steps are one product. Those of the
// states, hₜ₋₁·Wh, come one step after the other, but no sample waits
// for another: portions of the batch go through all steps on their own.
type recurrence struct {
	steps, in, hidden, gates int

	wx, wh *Param
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
	r.wx.lazy = true
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

	// ahead makes the gates and the new state of sample i at step s from the
	// sums in z.
	ahead(t *recurrentTask, i, s int)

	// back takes ∂L/∂hₛ from dh. It sets z to the gradient with respect to the
	// sums, and dh to ∂L/∂hₛ₋₁ but for the way through the products. d is scratch of
	// the size of z.
	back(t *recurrentTask, i, s int, d []float64)
}

// A recurrentTask is all steps of a batch, there or back, as a loop over the
// samples.
type recurrentTask struct {
	r       *recurrence
	cell    cell
	padding *Matrix // of the Pass

	x  *Matrix // (batch, steps·in)
	z  *Matrix // sums, then gates, then gradients of the sums; (batch, steps·gates·hidden)
	y  *Matrix // the states h; (batch, steps·hidden)
	h0 *Matrix // the states before the first step; (batch, hidden)

	// for GRU
	u *Matrix // hₛ₋₁·Wh of the last gate, which then is not in z; (batch, steps·hidden)

	// for LSTM
	c, tc *Matrix // c and tanh(c); (batch, steps·hidden), nil when not in training
	c0    *Matrix // c before the first step, or the present one when not in training; (batch, hidden)

	dy     *Matrix // nil in a Forward
	dh, dc *Matrix // (batch, hidden)
	d      *Matrix // scratch; (batch, gates·hidden)
	whT    *Matrix // Whᵀ
}

var recurrentTasks freelist[recurrentTask]

// begin returns the task of a Forward, with z = xₜ·Wx for all samples and steps.
func (r *recurrence) begin(p *Pass, c cell, x *Matrix) *recurrentTask {
	checkPadding(p.padding, c, x.Rows, r.steps)
	t := recurrentTasks.get()
	*t = recurrentTask{r: r, cell: c, padding: p.padding, x: x, h0: r.start(p, r.h0, x.Rows)}
	xs := p.Reshape(x, x.Rows*r.steps, r.in)
	t.z = p.raw(xs.Rows, r.gates*r.hidden).Mul(xs, r.wx.Value)
	return t
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
	y := t.y
	p.Push(t.x, y, t.padding)
	t.do()
	return y
}

// beginBack returns the task of a Backward, but for what the layer pushed
// before it called forward.
func (r *recurrence) beginBack(p *Pass, c cell, dy *Matrix) *recurrentTask {
	t := recurrentTasks.get()
	*t = recurrentTask{r: r, cell: c, dy: dy, padding: p.Pop(), y: p.Pop(), x: p.Pop(), h0: r.start(p, r.h0, dy.Rows)}
	t.dh, t.d = p.New(dy.Rows, r.hidden), p.raw(dy.Rows, r.gates*r.hidden)
	t.whT = p.raw(r.wh.Value.Cols, r.wh.Value.Rows).T(r.wh.Value)
	return t
}

// backward does the task and adds the gradients of the weights but for the
// biases:
//
//	dWx = Σ xₜᵀ·dzₜ    dWh = Σ hₜ₋₁ᵀ·dzₜ    dh₀ = Σ ∂L/∂h₀
//
// where the sums are over samples and steps.
func (r *recurrence) backward(p *Pass, t *recurrentTask) {
	x, y, u, dh, dc := t.x, t.y, t.u, t.dh, t.dc
	h0, n, w := t.h0, r.hidden, r.gates*r.hidden
	dz := p.Reshape(t.z, x.Rows*r.steps, w)
	t.do()
	r.wx.addTMul(p.Reshape(x, dz.Rows, r.in), dz)
	before := p.raw(x.Rows, r.steps*n) // hₜ₋₁
	for i := range x.Rows {
		copy(before.Row(i), h0.Row(i))
		copy(before.Row(i)[n:], y.Row(i))
	}
	if u == nil {
		r.wh.addTMul(p.Reshape(before, dz.Rows, n), dz)
	} else {
		dwh := r.wh.Grad.Data
		gemm(true, false, n, w-n, dz.Rows, before.Data, n, dz.Data, w, dwh, w, true)
		gemm(true, false, n, n, dz.Rows, before.Data, n, u.Data, n, dwh[w-n:], w, true)
	}
	if r.h0 != nil {
		r.h0.Grad.AddSumRows(dh)
	}
	if r.c0 != nil {
		r.c0.Grad.AddSumRows(dc)
	}
}

// inputGrad returns dx = dz·Wxᵀ.
func (r *recurrence) inputGrad(p *Pass, dz *Matrix) *Matrix {
	dz = p.Reshape(dz, len(dz.Data)/(r.gates*r.hidden), r.gates*r.hidden)
	dx := p.raw(dz.Rows, r.in).MulT(dz, r.wx.Value)
	return p.Reshape(dx, dx.Rows/r.steps, r.steps*r.in)
}

// do does the task and frees it.
func (t *recurrentTask) do() {
	work := t.r.steps * t.r.gates * t.r.hidden * t.r.hidden
	parallel(t.y.Rows, max(8, 1<<18/work), t)
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

// at returns the values of sample i, step s, of x.
func (t *recurrentTask) at(x *Matrix, i, s int) []float64 {
	w := len(x.Data) / (t.y.Rows * t.r.steps)
	return x.Data[(i*t.r.steps+s)*w:][:w]
}

// before returns the state of sample i before step s, first or one of all.
func (t *recurrentTask) before(first, all *Matrix, i, s int) []float64 {
	if s == 0 {
		return first.Row(i)
	}
	return t.at(all, i, s-1)
}

// pads reports whether step s of sample i is padding. Then the state stays.
func (t *recurrentTask) pads(i, s int) bool { return t.padding != nil && t.padding.At(i, s) != 0 }

// mul is [gemm]; a portion of the batch keeps to its goroutine.
func (t *recurrentTask) mul(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	if m == t.y.Rows {
		gemm(false, false, m, n, k, a, lda, b, ldb, c, ldc, acc)
	} else {
		gemmSerial(false, false, m, n, k, a, lda, b, ldb, c, ldc, acc)
	}
}

func (t *recurrentTask) forward(lo, hi int) {
	steps, n, w, m := t.r.steps, t.r.hidden, t.r.gates*t.r.hidden, hi-lo
	wh := t.r.wh.Value.Data
	for s := range steps {
		at := lo*steps + s
		h, ldh := t.h0.Data[lo*n:], n
		if s > 0 {
			h, ldh = t.y.Data[(at-1)*n:], steps*n
		}
		switch {
		case s == 0 && t.r.h0 == nil: // h is 0
			for i := lo; i < hi && t.u != nil; i++ {
				clear(t.at(t.u, i, 0))
			}
		case t.u == nil:
			t.mul(m, w, n, h, ldh, wh, w, t.z.Data[at*w:], steps*w, true)
		default:
			t.mul(m, w-n, n, h, ldh, wh, w, t.z.Data[at*w:], steps*w, true)
			t.mul(m, n, n, h, ldh, wh[w-n:], w, t.u.Data[at*n:], steps*n, false)
		}
		for i := lo; i < hi; i++ {
			if !t.pads(i, s) {
				t.cell.ahead(t, i, s)
				continue
			}
			copy(t.at(t.y, i, s), t.before(t.h0, t.y, i, s))
			if t.c != nil {
				copy(t.at(t.c, i, s), t.before(t.c0, t.c, i, s))
			}
		}
	}
}

// backward goes back through time. hₛ is output, and the next step begins with it:
// what comes from there is in dh.
func (t *recurrentTask) backward(lo, hi int) {
	steps, n, w, m := t.r.steps, t.r.hidden, t.r.gates*t.r.hidden, hi-lo
	for s := steps - 1; s >= 0; s-- {
		for i := lo; i < hi; i++ {
			dh := t.dh.Row(i)
			vadd(dh, dh, t.at(t.dy, i, s))
			if !t.pads(i, s) {
				t.cell.back(t, i, s, t.d.Row(lo))
				continue
			}
			clear(t.at(t.z, i, s))
			if t.u != nil {
				clear(t.at(t.u, i, s))
			}
		}
		at, dh, whT := lo*steps+s, t.dh.Data[lo*n:], t.whT.Data
		switch {
		case s == 0 && t.r.h0 == nil: // nobody asks for dh
		case t.u == nil:
			t.mul(m, n, w, t.z.Data[at*w:], steps*w, whT, n, dh, n, true)
		default:
			t.mul(m, n, w-n, t.z.Data[at*w:], steps*w, whT, n, dh, n, true)
			t.mul(m, n, n, t.u.Data[at*n:], steps*n, whT[(w-n)*n:], n, dh, n, true)
		}
	}
}

// step begins a [Stepper]'s Step: it returns the state h, and z = x·Wx.
func (r *recurrence) step(p *Pass, s *State, x *Matrix) (h, z *Matrix) {
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
