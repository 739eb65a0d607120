package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed55f1b796/nn"
)

// A batcher gathers the samples of requests into batches. While its workers
// predict, the requests for the next batch queue up; so batches grow with the
// load, and a request that comes alone is predicted at once.
type batcher struct {
	size    int           // most samples of a batch, unless a request has more
	wait    time.Duration // for requests that are coming
	predict func(m *model, x *nn.Matrix) (*nn.Matrix, error)

	coming atomic.Int32 // requests that will be in the queue in a moment
	queue  chan *call
	quit   chan struct{} // closed when no more requests come
}

// A call is a request in the queue.
type call struct {
	ctx   context.Context
	model *model
	x     *nn.Matrix
	y     *nn.Matrix // set when done is closed, or err is
	err   error
	done  chan struct{}
}

var errQuit = errors.New("the server is shutting down")

// do returns the outputs of m for the samples x.
func (b *batcher) do(ctx context.Context, m *model, x *nn.Matrix) (*nn.Matrix, error) {
	if b.size == 1 {
		return b.predict(m, x)
	}
	c := &call{ctx: ctx, model: m, x: x, done: make(chan struct{})}
	select {
	case b.queue <- c:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.quit:
		return nil, errQuit
	}
	select {
	case <-c.done:
		return c.y, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.quit:
		return nil, errQuit
	}
}

// run is a worker: it predicts until quit is closed.
func (b *batcher) run() {
	var next *call // does not fit in the batch before
	for {
		first := next
		if next = nil; first == nil {
			select {
			case first = <-b.queue:
			case <-b.quit:
				return
			}
		}
		batch, samples := []*call{first}, first.x.Rows
		for late := time.After(b.wait); samples < b.size; {
			c := b.take(late)
			if c == nil {
				break
			}
			// A model may have been replaced while requests for it wait.
			if c.model != first.model || samples+c.x.Rows > b.size {
				next = c
				break
			}
			batch, samples = append(batch, c), samples+c.x.Rows
		}
		b.answer(batch)
	}
}

// take returns a call from the queue. If that is empty it waits for a call only if
// one is coming, and not for longer than it takes late to fire.
func (b *batcher) take(late <-chan time.Time) *call {
	select {
	case c := <-b.queue:
		return c
	default:
	}
	if b.coming.Load() == 0 {
		return nil
	}
	select {
	case c := <-b.queue:
		return c
	case <-late:
	case <-b.quit:
	}
	return nil
}

// answer predicts for all calls at once. If that fails, they are predicted one by
// one, so that none fails because of another.
func (b *batcher) answer(batch []*call) {
	var xs []*nn.Matrix
	var live []*call
	for _, c := range batch {
		if c.ctx.Err() == nil { // else nobody waits for it
			live, xs = append(live, c), append(xs, c.x)
		}
	}
	if len(live) == 0 {
		return
	}
	x := xs[0]
	if len(xs) > 1 {
		x = new(nn.Matrix).VStack(xs...)
	}
	y, err := b.predict(live[0].model, x)
	if err != nil && len(live) > 1 {
		for _, c := range live {
			b.answer([]*call{c})
		}
		return
	}
	at := 0
	for _, c := range live {
		if c.err = err; err == nil {
			c.y = y.RowRange(at, at+c.x.Rows)
		}
		at += c.x.Rows
		close(c.done)
	}
}

// predict returns the outputs of m for x, or an error if the network panics: a
// layer may refuse the values of its input, or be anyone's.
func predict(m *model, x *nn.Matrix) (y *nn.Matrix, err error) {
	defer func() {
		if r := recover(); r != nil {
			y, err = nil, fmt.Errorf("the network can't take the inputs: %v", r)
		}
	}()
	return m.net.Predict(x), nil
}
