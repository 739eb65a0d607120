package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// An AttentionLayer is multi-head attention. With the steps x (steps, n) of a
// sample and for every head, which has d = n/Heads columns of Q, K and V for
// itself,
//
//	Q, K, V = x·Wq + bq, x·Wk + bk, x·Wv + bv
//	P       = softmax(Q·Kᵀ/√d)
//	head    = P·V
//	y       = [head₁, head₂, …]·Wo + bo
//
// where the softmax is that of each row: P, the weights, say how much of every
// step a step takes. (steps, n) becomes (steps, n). The gradients are at
// [AttentionLayer.Backward].
//
// If Causal is set, a step attends to itself and the steps before it only: no
// bit of its output depends on later steps. Steps that [Padding] has noted are
// attended to by none; if nothing is left to attend to, head is 0.
//
// With Queries set, it is cross-attention: the first Queries steps of x give Q,
// and they attend to the others, which give K and V. (steps, n) becomes
// (Queries, n).
//
// With Rotary set, the columns 2i and 2i+1 of Q and K of every head are
// rotated, at step t, by the angle t·Rotary^(−2i/d), so that Q·Kᵀ depends on how far
// apart two steps are, and not on where they are.
//
// The parameters are qkv.weight (n, 3n), in which Wq, Wk, Wv stand side by side,
// qkv.bias (1, 3n), in which bq, bk, bv do, out.weight (n, n) and out.bias (1, n).
// Head h has the columns from h·d on of each of Wq, Wk and Wv, and those rows of Wo.
//
// Vaswani et al., Attention Is All You Need, arXiv:1706.03762; Su et al.,
// RoFormer, arXiv:2104.09864.
type AttentionLayer struct {
	Heads   int         // must divide n
	Causal  bool        `json:",omitempty"`
	Queries int         `json:",omitempty"` // if positive, the steps that attend to the others
	Rotary  float64     `json:",omitempty"` // if positive, the base of the rotation; 10000 is usual, and d must be even
	NoBias  bool        `json:",omitempty"` // leave out bq, bk, bv and bo
	Init    Initializer `json:"-"`          // of Wq, Wk, Wv and Wo; nil: fit for the activation that follows, see [Initializer]

	// Set by Build; Bqkv and Bo are nil if NoBias is set.
	Wqkv, Bqkv, Wo, Bo *Param `json:"-"`

	steps, n int        // of the input
	after    Activation // the activation that follows
	angles   table      // of the rotation
}

// Attention returns an AttentionLayer with the given number of heads, in which
// every step attends to all steps.
func Attention(heads int) *AttentionLayer { return &AttentionLayer{Heads: heads} }

// CrossAttention returns an AttentionLayer in which the first steps of its
// input, as many as queries says, attend to those after them:
//
//	Concat(Layers{…}, Layers{…}),
//	Residual(CrossAttention(4, 10)).WithShortcut(Steps(0, 10)),
//
// lets the 10 steps that the first branch gives attend to those of the second.
// It panics unless queries is positive.
func CrossAttention(heads, queries int) *AttentionLayer {
	if queries <= 0 {
		panic(fmt.Sprintf("nn: CrossAttention: queries is %d; it must be positive", queries))
	}
	return &AttentionLayer{Heads: heads, Queries: queries}
}

// WithCausalMask sets Causal and returns a.
func (a *AttentionLayer) WithCausalMask() *AttentionLayer {
	a.Causal = true
	return a
}

// WithRotary sets Rotary to 10000 and returns a.
func (a *AttentionLayer) WithRotary() *AttentionLayer {
	a.Rotary = 10000
	return a
}

// WithoutBias sets NoBias and returns a.
func (a *AttentionLayer) WithoutBias() *AttentionLayer {
	a.NoBias = true
	return a
}

// WithInit sets Init and returns a.
func (a *AttentionLayer) WithInit(init Initializer) *AttentionLayer {
	a.Init = init
	return a
}

// TransformerBlock returns a block of a transformer for steps of the given
// width, with the normalisation first:
//
//	x = x + attention(LayerNorm(x))
//	x = x + W2·GELU(W1·LayerNorm(x))
//
// where W1 and W2 are [Dense] layers of hidden and of width outputs; hidden is
// usually 4·width. If dropout is not 0, what is added to x goes through a
// [Dropout] of that rate first.
//
// It is a nn.TransformerEncoderLayer of PyTorch with activation="gelu" and
// norm_first=True. In a [Mapping] for that, with the block in place 3 and the
// attribute called enc, the names are
//
//	"3.0.body.0": "enc.norm1", "3.0.body.1": "enc.self_attn", "3.1.body.0": "enc.norm2",
//	"3.1.body.1": "enc.linear1", "3.1.body.3": "enc.linear2"
//
// A GPT of four layers is
//
//	net := nn.New(src, nn.Input(64), nn.Embedding(vocab, 128), nn.Positions(),
//		nn.TransformerBlock(nn.Attention(4).WithCausalMask(), 128, 512, 0.1),
//		…
//		nn.LayerNorm(), nn.Dense(vocab), nn.Softmax())
//
// Xiong et al., On Layer Normalization in the Transformer Architecture,
// arXiv:2002.04745.
func TransformerBlock(attention Layer, width, hidden int, dropout float64) Layers {
	attend := Layers{LayerNorm(), attention}
	think := Layers{LayerNorm(), Dense(hidden), GELU, Dense(width)}
	if dropout != 0 {
		attend = append(attend, Dropout(dropout))
		think = append(think, Dropout(dropout))
	}
	return Layers{Residual(attend...), Residual(think...)}
}

func (a *AttentionLayer) hintInit(after Layers) { a.after = after.activation() }

func (a *AttentionLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := a.check(in); err != nil {
		return nil, fmt.Errorf("%s: %w", describe(a), err)
	}
	a.steps, a.n = in[0], in[1]
	n := a.n
	a.Wqkv, a.Wo = newParam("qkv.weight", n, 3*n, rng), newParam("out.weight", n, n, rng)
	a.Bqkv, a.Bo = nil, nil
	if !a.NoBias {
		a.Bqkv, a.Bo = newParam("qkv.bias", 1, 3*n, rng), newParam("out.bias", 1, n, rng)
		a.Bqkv.NoDecay, a.Bo.NoDecay = true, true
	}
	if rng != nil {
		var w Matrix
		for at := 0; at < 3*n; at += n {
			initialize(a.Init, Identity, w.Resize(n, n), n, n, rng)
			for i := range n {
				copy(a.Wqkv.Value.Row(i)[at:], w.Row(i))
			}
		}
	}
	initialize(a.Init, a.after, a.Wo.Value, n, n, rng)
	a.angles.reset()
	queries, _ := a.split()
	return Shape{queries, n}, nil
}

// check returns an error unless the layer is well configured for inputs of the
// shape in.
func (a *AttentionLayer) check(in Shape) error {
	if len(in) != 2 {
		return fmt.Errorf("input is %v; it must be (steps, n)", in)
	}
	if err := in.check(); err != nil {
		return err
	}
	steps, n := in[0], in[1]
	if a.Heads <= 0 || n%a.Heads != 0 {
		return fmt.Errorf("input is %v; the number of heads must be positive and divide %d", in, n)
	}
	if err := (Shape{n, 3, n}).check(); err != nil {
		return fmt.Errorf("weight: %w", err)
	}
	if err := (Shape{a.Heads, steps, steps}).check(); err != nil {
		return fmt.Errorf("attention of %d steps: %w", steps, err)
	}
	if a.Queries < 0 || a.Queries >= steps {
		return fmt.Errorf("input is %v; Queries must be less than %d, so that there are steps to attend to", in, steps)
	}
	if a.Queries > 0 && (a.Causal || a.Rotary != 0) {
		return fmt.Errorf("a causal mask and rotary positions need queries and keys from the same steps; there are %d queries apart", a.Queries)
	}
	if !(a.Rotary >= 0) || math.IsInf(a.Rotary, 0) {
		return fmt.Errorf("the base of the rotation is %v; it must be positive and finite", a.Rotary)
	}
	if d := n / a.Heads; a.Rotary > 0 && d%2 != 0 {
		return fmt.Errorf("input is %v; rotary positions need heads of an even width, not %d", in, d)
	}
	return nil
}

// split returns the numbers of steps that give Q, and that give K and V.
func (a *AttentionLayer) split() (queries, keys int) {
	if a.Queries > 0 {
		return a.Queries, a.steps - a.Queries
	}
	return a.steps, a.steps
}

func (a *AttentionLayer) Params() []*Param {
	if a.NoBias {
		return []*Param{a.Wqkv, a.Wo}
	}
	return []*Param{a.Wqkv, a.Bqkv, a.Wo, a.Bo}
}

func (a *AttentionLayer) Forward(p *Pass, x *Matrix) *Matrix {
	a.Wqkv.checkBuilt()
	batch := x.Rows
	queries, keys := a.split()
	xq, xk := p.Reshape(x, batch*a.steps, a.n), (*Matrix)(nil)
	if a.Queries > 0 {
		xq, xk = p.cut(x, 0, queries*a.n), p.cut(x, queries*a.n, a.steps*a.n)
		xq, xk = p.Reshape(xq, batch*queries, a.n), p.Reshape(xk, batch*keys, a.n)
	} else {
		xk = xq
	}
	q, kv := a.project(p, xq, xk)
	o := p.raw(q.Rows, a.n)
	t := a.task(batch, queries, keys, q, kv)
	t.causal = a.Causal
	t.o = sequences{o.Data, a.n, queries * a.n}
	t.padding, t.padded = a.padding(p, batch)
	if a.Rotary > 0 {
		t.angles = a.angles.get(a.steps, a.n/a.Heads, a.Rotary)
	}
	if p.Training() {
		weights := p.raw(batch*a.Heads*queries, keys)
		t.weights = weights.Data
		p.Push(xq, xk, q, kv, weights, o)
	}
	t.start()
	return p.Reshape(a.output(p, o), batch, queries*a.n)
}

// output returns o·Wo + bo.
func (a *AttentionLayer) output(p *Pass, o *Matrix) *Matrix {
	y := p.raw(o.Rows, a.n).Mul(o, a.Wo.of(a.n, a.n))
	if a.Bo != nil {
		addBias(y, a.Bo.of(1, a.n).Data)
	}
	return y
}

// cut returns a copy of the columns from lo to hi of x.
func (p *Pass) cut(x *Matrix, lo, hi int) *Matrix {
	y := p.raw(x.Rows, hi-lo)
	for i := range x.Rows {
		copy(y.Row(i), x.Row(i)[lo:hi])
	}
	return y
}

// project returns Q/√d, of which the scores are made, and [K, V]. So √d is a
// factor of few numbers, not of all scores.
func (a *AttentionLayer) project(p *Pass, xq, xk *Matrix) (q, kv *Matrix) {
	n, w := a.n, a.Wqkv.of(a.n, 3*a.n).Data
	q, kv = p.raw(xq.Rows, n), p.raw(xk.Rows, 2*n)
	gemm(false, false, xq.Rows, n, n, xq.Data, n, w, 3*n, q.Data, n, false)
	gemm(false, false, xk.Rows, 2*n, n, xk.Data, n, w[n:], 3*n, kv.Data, 2*n, false)
	if a.Bqkv != nil {
		b := a.Bqkv.of(1, 3*n).Data
		addBias(q, b[:n])
		addBias(kv, b[n:])
	}
	vscale(q.Data, a.scale(), q.Data)
	return q, kv
}

// scale returns 1/√d.
func (a *AttentionLayer) scale() float64 { return 1 / math.Sqrt(float64(a.n/a.Heads)) }

// task returns the task of attention between q and kv, in whole sequences.
func (a *AttentionLayer) task(batch, queries, keys int, q, kv *Matrix) *attendTask {
	n := a.n
	t := attendTasks.get()
	*t = attendTask{
		batch: batch, heads: a.Heads, width: n / a.Heads, queries: queries, keys: keys,
		q: sequences{q.Data, n, queries * n},
		k: sequences{kv.Data, 2 * n, keys * 2 * n},
		v: sequences{kv.Data[min(n, len(kv.Data)):], 2 * n, keys * 2 * n},
	}
	return t
}

// padding returns for each key of a sample whether it is padding, and how far
// the samples are apart; nil if nothing is.
func (a *AttentionLayer) padding(p *Pass, batch int) ([]float64, int) {
	m := p.padding
	if m == nil || len(m.Data) == 0 {
		return nil, 0
	}
	checkPadding(m, a, batch, a.steps)
	return m.Data[a.Queries:], m.Cols // the queries come first
}

// back adds the gradients of the parameters and returns those of Q and of [K, V].
// The formulas are those of Backward.
func (a *AttentionLayer) back(p *Pass, dy *Matrix) (dq, dkv *Matrix) {
	o, weights, kv, q, xk, xq := p.Pop(), p.Pop(), p.Pop(), p.Pop(), p.Pop(), p.Pop()
	batch, n := dy.Rows, a.n
	queries, keys := a.split()
	dy = p.Reshape(dy, batch*queries, n)
	a.Wo.Grad.AddTMul(o, dy)
	if a.Bo != nil {
		a.Bo.Grad.AddSumRows(dy)
	}
	do := p.raw(dy.Rows, n).MulT(dy, a.Wo.Value)

	dq, dkv = p.raw(q.Rows, n), p.raw(kv.Rows, 2*n)
	t := a.task(batch, queries, keys, q, kv)
	t.causal, t.weights, t.back = a.Causal, weights.Data, true
	t.o = sequences{do.Data, n, queries * n}
	t.dq = sequences{dq.Data, n, t.q.sample}
	t.dk = sequences{dkv.Data, 2 * n, t.k.sample}
	t.dv = sequences{dkv.Data[min(n, len(dkv.Data)):], 2 * n, t.v.sample}
	if a.Rotary > 0 {
		t.angles = a.angles.get(a.steps, n/a.Heads, a.Rotary)
	}
	t.start()
	vscale(dq.Data, a.scale(), dq.Data)

	g := a.Wqkv.Grad.Data
	gemm(true, false, n, n, xq.Rows, xq.Data, n, dq.Data, n, g, 3*n, true)
	gemm(true, false, n, 2*n, xk.Rows, xk.Data, n, dkv.Data, 2*n, g[n:], 3*n, true)
	if a.Bqkv != nil {
		vsumrows(a.Bqkv.Grad.Data[:n], dq.Data)
		vsumrows(a.Bqkv.Grad.Data[n:], dkv.Data)
	}
	return dq, dkv
}

// BackwardParams adds the gradients of the parameters, and leaves out dx.
func (a *AttentionLayer) BackwardParams(p *Pass, dy *Matrix) { a.back(p, dy) }

// Backward: for one head and sample, with S = Q·Kᵀ/√d, P = softmax(S), o = P·V,
// y = o·Wo + bo,
//
//	do = dy·Woᵀ    dWo = oᵀ·dy    dbo = Σᵢ dyᵢ       as of a Dense layer
//	dP = do·Vᵀ     dV = Pᵀ·do                        from o = P·V
//	dSᵢⱼ = Pᵢⱼ·(dPᵢⱼ − Σₖ dPᵢₖ·Pᵢₖ)                  softmax of row i
//	dQ = dS·K/√d   dK = dSᵀ·Q/√d                     from S = Q·Kᵀ/√d
//
// A score that is masked has P = 0, so dS = 0. A rotation goes back by the
// opposite angle. As Q, K and V are Dense layers of x,
//
//	dWq = xᵀ·dQ    dbq = Σᵢ dQᵢ    dx = dQ·Wqᵀ + dK·Wkᵀ + dV·Wvᵀ
//
// and so on for k and v. dbk is 0 but for rounding: bk adds Qᵢ·bk to all scores
// of row i, which the softmax does not see.
func (a *AttentionLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	batch, n, w := dy.Rows, a.n, a.Wqkv.Value.Data
	queries, keys := a.split()
	dq, dkv := a.back(p, dy)
	dx := p.raw(dq.Rows, n)
	gemm(false, true, dq.Rows, n, n, dq.Data, n, w, 3*n, dx.Data, n, false)
	if a.Queries == 0 {
		gemm(false, true, dkv.Rows, n, 2*n, dkv.Data, 2*n, w[n:], 3*n, dx.Data, n, true)
		return p.Reshape(dx, batch, a.steps*n)
	}
	dk := p.raw(dkv.Rows, n)
	gemm(false, true, dkv.Rows, n, 2*n, dkv.Data, 2*n, w[n:], 3*n, dk.Data, n, false)
	both := p.raw(batch, a.steps*n)
	for b := range batch {
		copy(both.Row(b), dx.Data[b*queries*n:(b+1)*queries*n])
		copy(both.Row(b)[queries*n:], dk.Data[b*keys*n:(b+1)*keys*n])
	}
	return both
}

// CanStep returns an error unless Causal is set.
func (a *AttentionLayer) CanStep() error {
	if !a.Causal {
		return fmt.Errorf("%s looks ahead; WithCausalMask makes it look back only", describe(a))
	}
	return nil
}

// Step implements [Stepper]. The state is K and V of the steps so far, so that a
// step costs one row of every product, and one row of scores.
func (a *AttentionLayer) Step(p *Pass, s *State, x *Matrix) *Matrix {
	batch, n, now := x.Rows, a.n, s.Time()
	q, kv := a.project(p, x, x)
	if a.Rotary > 0 {
		d := n / a.Heads
		row := a.angles.row(p, now, a.steps, d, a.Rotary)
		for b := range batch {
			for at := 0; at < n; at += d {
				rotate(q.Row(b)[at:at+d], row, 1)
				rotate(kv.Row(b)[at:at+d], row, 1)
			}
		}
	}
	// Row t is step t of all samples, so that there is room for more steps at
	// the end. One more than Build was told is enough for most.
	room := a.steps + 1
	for room <= now {
		room *= 2
	}
	past := s.Matrix(room, batch*2*n)
	copy(past.Row(now), kv.Data)

	o := p.raw(batch, n)
	t := a.task(batch, 1, now+1, q, past)
	t.k.step, t.k.sample = past.Cols, 2*n
	t.v.step, t.v.sample = past.Cols, 2*n
	t.o = sequences{o.Data, n, n}
	t.start()
	if now+1 == room {
		past.Data = append(past.Data, make([]float64, len(past.Data))...)
		past.Rows *= 2
	}
	return a.output(p, o)
}
