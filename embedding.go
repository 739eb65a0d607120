package nn

import (
	"fmt"
	"math/rand/v2"
)

// An EmbeddingLayer replaces every index k in the input, 0 ≤ k < Vocab, by row
// k of its table:
//
//	y_t = W[x_t]    dW[k] = Σ_{t: x_t = k} dy_t
//
// with x (batch, steps), W (Vocab, Dim), y (batch, steps·Dim): (steps) becomes
// (steps, Dim). The table, named weight, begins with values from the standard
// normal distribution. There is no gradient with respect to the input.
// Forward panics if a value of the input is not an index.
type EmbeddingLayer struct {
	Vocab, Dim int
	Padding    *int `json:",omitempty"` // an index whose row starts at 0 and has no gradient

	Table *Param `json:"-"` // W, set by Build
}

// Embedding returns an EmbeddingLayer for indices less than vocab that gives
// each a vector of dim values.
func Embedding(vocab, dim int) *EmbeddingLayer { return &EmbeddingLayer{Vocab: vocab, Dim: dim} }

// WithPadding makes k the index of padding: its row is 0 and is not learned.
// It returns e.
func (e *EmbeddingLayer) WithPadding(k int) *EmbeddingLayer {
	e.Padding = &k
	return e
}

func (e *EmbeddingLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := (Shape{e.Vocab, e.Dim}).check(); err != nil {
		return nil, fmt.Errorf("Embedding(%d, %d): %w", e.Vocab, e.Dim, err)
	}
	if len(in) != 1 {
		return nil, fmt.Errorf("Embedding(%d, %d): input is %v; it must be (steps)", e.Vocab, e.Dim, in)
	}
	if e.Padding != nil && (*e.Padding < 0 || *e.Padding >= e.Vocab) {
		return nil, fmt.Errorf("Embedding(%d, %d): padding is %d, not an index", e.Vocab, e.Dim, *e.Padding)
	}
	if err := (Shape{in[0], e.Dim}).check(); err != nil {
		return nil, fmt.Errorf("Embedding(%d, %d): %w", e.Vocab, e.Dim, err)
	}
	e.Table = newParam("weight", e.Vocab, e.Dim, rng)
	e.Table.fixed = e.Padding
	if rng != nil {
		for i := range e.Table.Value.Data {
			e.Table.Value.Data[i] = normal(rng)
		}
		if e.Padding != nil {
			clear(e.Table.Value.Row(*e.Padding))
		}
	}
	return Shape{in[0], e.Dim}, nil
}

// Indices returns Vocab.
func (e *EmbeddingLayer) Indices() int { return e.Vocab }

func (e *EmbeddingLayer) Params() []*Param {
	if e.Table == nil {
		return nil
	}
	return []*Param{e.Table}
}

func (e *EmbeddingLayer) Forward(p *Pass, x *Matrix) *Matrix {
	if e.Table == nil {
		panic("nn: Embedding: the layer is not built; give it to New")
	}
	y, table := p.raw(len(x.Data), e.Dim), e.Table.of(e.Vocab, e.Dim)
	for t, v := range x.Data {
		copy(y.Row(t), table.Row(e.index(v)))
	}
	p.Push(x)
	return p.Reshape(y, x.Rows, x.Cols*e.Dim)
}

// index returns v as a row of the table.
func (e *EmbeddingLayer) index(v float64) int {
	if !(v >= 0 && v < float64(e.Vocab)) || v != float64(int(v)) {
		panic(fmt.Sprintf("nn: Embedding(%d, %d): %v is not an index from 0 to %d", e.Vocab, e.Dim, v, e.Vocab-1))
	}
	return int(v)
}

// Backward adds dy_t to the row that Forward took for step t, in order of
// samples and steps, and returns zeros.
func (e *EmbeddingLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	e.BackwardParams(p, dy)
	return p.New(dy.Rows, dy.Cols/e.Dim)
}

// BackwardParams adds dW.
func (e *EmbeddingLayer) BackwardParams(p *Pass, dy *Matrix) {
	x := p.Pop()
	dy = p.Reshape(dy, len(x.Data), e.Dim)
	for t, v := range x.Data {
		k := int(v)
		if e.Padding == nil || k != *e.Padding {
			row := e.Table.Grad.Row(k)
			vadd(row, row, dy.Row(t))
		}
	}
}
