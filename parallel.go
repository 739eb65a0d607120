package nn

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A task is the body of a loop whose steps may run in any order and at the same
// time. run does the steps lo ≤ i < hi. What a step computes must not depend on
// how the loop is cut: a sum over the whole loop, for example, takes parts of a
// fixed size as its steps and adds their results in order afterwards.
type task interface {
	run(lo, hi int)
}

// chunksPerProc is how many chunks of a loop fall to one processor. More than
// one lets the others take the work of a processor that comes late.
const chunksPerProc = 2

// alwaysSplit makes every loop split, however short. Only tests set it.
var alwaysSplit bool

// parallel runs the n steps of t on up to GOMAXPROCS goroutines and returns when
// all are done. grain is the number of steps that take some 30 µs: a chunk is no
// smaller, and a loop of fewer than four runs on the calling goroutine alone,
// since a processor that sleeps takes up to 80 µs to wake.
//
// The caller works too, so any number of callers, also from inside a task, get
// on. If a step panics no further chunk begins, and the caller panics with the
// same value. Nothing is allocated if t is a pointer.
func parallel(n, grain int, t task) {
	if alwaysSplit {
		grain = 1
	}
	procs := 1
	if n >= 4*grain || alwaysSplit {
		procs = runtime.GOMAXPROCS(0)
	}
	if procs == 1 || n <= 1 {
		if n > 0 {
			t.run(0, n)
		}
		return
	}
	j := jobs.get()
	if j.help == nil {
		j.help = func() {
			defer j.helpers.Done()
			j.work()
		}
	}
	j.task, j.n = t, n
	j.size = max(grain, 1, ceilDiv(n, procs*chunksPerProc))
	j.next.Store(0)
	helpers := min(procs, ceilDiv(n, j.size)) - 1
	j.helpers.Add(helpers)
	for range helpers {
		go j.help()
	}
	defer j.finish()
	j.work()
}

// A job is one call of parallel: the caller and its helpers take chunks from it
// until none is left.
type job struct {
	task    task
	n, size int
	next    atomic.Int64 // first step that nobody has taken
	helpers sync.WaitGroup
	help    func() // made once, so that a go statement allocates nothing

	mu    sync.Mutex
	panic any // value of the first panic, or nil
}

var jobs freelist[job]

// work runs chunks until none is left, and keeps the value of a panic.
func (j *job) work() {
	defer func() {
		if v := recover(); v != nil {
			j.next.Store(int64(j.n))
			j.mu.Lock()
			if j.panic == nil {
				j.panic = v
			}
			j.mu.Unlock()
		}
	}()
	for {
		hi := int(j.next.Add(int64(j.size)))
		lo := hi - j.size
		if lo >= j.n {
			return
		}
		j.task.run(lo, min(hi, j.n))
	}
}

// finish waits for the helpers, frees the job and panics if a step did.
func (j *job) finish() {
	j.helpers.Wait()
	v := j.panic
	j.task, j.panic = nil, nil
	jobs.put(j)
	if v != nil {
		panic(v)
	}
}

// A freelist keeps up to 32 values for reuse; the zero freelist is empty. Unlike a
// sync.Pool it never forgets one, so that a loop which has run once never
// allocates again.
type freelist[T any] struct {
	slots [32]atomic.Pointer[T]
}

// get returns a value from the list, or a new zero one.
func (p *freelist[T]) get() *T {
	for i := range p.slots {
		if s := &p.slots[i]; s.Load() != nil {
			if x := s.Swap(nil); x != nil {
				return x
			}
		}
	}
	return new(T)
}

// put returns x to the list; a full list drops it.
func (p *freelist[T]) put(x *T) {
	for i := range p.slots {
		if s := &p.slots[i]; s.Load() == nil && s.CompareAndSwap(nil, x) {
			return
		}
	}
}

func ceilDiv[T int | int64](x, y T) T { return (x + y - 1) / y }
