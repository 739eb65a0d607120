package nn

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A task is the body of a loop whose steps may run in any order and at the same
// time. run does the steps lo ≤ i < hi. What a step computes must not depend on
// how the loop is cut: a sum over the whole loop, for example, takes parts of a
// fixed size as its steps and adds their results in order afterwards.
type task interface {
	run(lo, hi int)
}

// A loop is cut into up to chunksPerProc chunks for each processor. More than one
// lets the others take the work of a processor that comes late.
const chunksPerProc = 2

const (
	hotGrains  = 2 // a loop as long as this is split among workers that poll,
	coldGrains = 8 // and one as long as this is worth starting workers for

	// pollTime is how long a worker looks for the next loop before it ends.
	pollTime = 200 * time.Microsecond
)

// alwaysSplit makes every loop split, however short. Only tests set it.
var alwaysSplit bool

// tooShort reports whether parallel does not split a loop in any case.
func tooShort(n, grain int) bool { return n < hotGrains*grain && !alwaysSplit }

// parallel runs the n steps of t on up to GOMAXPROCS goroutines and returns when
// all are done. grain is the number of steps that take some 4 µs: no chunk is
// smaller. A processor that sleeps takes up to 80 µs to wake, so workers stay
// awake for a while after a loop; a short loop is split only if it finds them.
//
// The caller works too, so any number of callers, also from inside a task, get
// on. If a step panics no further chunk begins, and the caller panics with the
// same value; if a step ends its goroutine, as [runtime.Goexit] does, the caller
// ends too. Nothing is allocated if t is a pointer.
func parallel(n, grain int, t task) {
	if tooShort(n, grain) {
		if n > 0 {
			t.run(0, n)
		}
		return
	}
	if alwaysSplit {
		grain = 1
	}
	grain = max(grain, 1)
	procs := 1
	long := n/coldGrains >= grain || alwaysSplit
	if long || n/hotGrains >= grain && polling.Load() > 0 {
		procs = min(runtime.GOMAXPROCS(0), len(workers)+1)
		if !long {
			procs = min(procs, int(polling.Load())+1)
		}
	}
	if procs == 1 || n <= 1 {
		if n > 0 {
			t.run(0, n)
		}
		return
	}
	j := jobs.get()
	j.task, j.n = t, n
	j.size = max(grain, ceilDiv(n, procs*chunksPerProc))
	j.chunks = ceilDiv(n, j.size)
	j.taken.Store(0)
	helpers := min(procs, j.chunks) - 1
	for i := range workers {
		if helpers == 0 {
			break
		}
		if w := &workers[i]; (long || w.polling.Load()) && w.give(j) {
			helpers--
		}
	}
	defer j.finish()
	j.work(true)
}

// A job is one call of parallel: the caller and its helpers take chunks from it
// until none is left.
type job struct {
	task    task
	n, size int
	chunks  int
	taken   atomic.Uint64  // chunks: 32 bits for those at the front, 32 for those at the back
	pending atomic.Int32   // helpers that have not finished,
	helpers sync.WaitGroup // and the same to sleep on

	mu     sync.Mutex
	panic  any  // value of the first panic, or nil
	exited bool // a step has ended its goroutine
}

var jobs freelist[job]

// work runs chunks until none is left, and notes a panic or the end of the
// goroutine. The caller takes them from the front and helpers from the back: so in one loop
// after another over the same memory a processor mostly meets again what is in
// its own cache.
func (j *job) work(front bool) {
	done := false
	defer func() {
		v := recover()
		if done {
			return
		}
		j.stop()
		j.mu.Lock()
		if v == nil {
			j.exited = true
		} else if j.panic == nil {
			j.panic = v
		}
		j.mu.Unlock()
	}()
	for {
		one := uint64(1)
		if front {
			one <<= 32
		}
		taken := j.taken.Add(one)
		first, last := int(taken>>32), int(uint32(taken))
		if first+last > j.chunks {
			done = true
			return
		}
		lo := (first - 1) * j.size
		if !front {
			lo = (j.chunks - last) * j.size
		}
		j.task.run(lo, min(lo+j.size, j.n))
	}
}

// stop leaves no chunk to be taken.
func (j *job) stop() { j.taken.Store(uint64(j.chunks) << 32) }

// leave says that a helper will not touch the job again.
func (j *job) leave() {
	j.pending.Add(-1)
	j.helpers.Done()
}

// finish takes the job back from workers that have not begun it, waits for the
// others, frees the job, and panics or ends the goroutine if a step did.
func (j *job) finish() {
	for i := 0; i < len(workers) && j.pending.Load() > 0; i++ {
		if workers[i].job.CompareAndSwap(j, nil) {
			j.leave()
		}
	}
	// Their last chunks take a few microseconds: less than to sleep and wake.
	for i := 0; i < 500 && j.pending.Load() > 0; i++ {
		runtime.Gosched()
	}
	j.helpers.Wait()
	v, exited := j.panic, j.exited
	j.task, j.panic, j.exited = nil, nil, false
	jobs.put(j)
	switch {
	case v != nil:
		panic(v)
	case exited:
		runtime.Goexit()
	}
}

// A worker is a goroutine that helps with one job after the other. It begins when
// a job is given to it, and ends when none has come for pollTime: there are no
// more workers than the largest GOMAXPROCS there has been, and none that a test
// for leaked goroutines would find a moment later.
type worker struct {
	job     atomic.Pointer[job] // the next job
	alive   atomic.Bool         // there is a goroutine
	polling atomic.Bool         // it waits for a job
	start   func()              // loop: a go statement with a receiver would allocate
	_       [40]byte            // the next worker has its own cache line
}

// workers are as many as could ever be of use.
var workers [63]worker

// polling is the number of workers that wait for a job.
var polling atomic.Int32

// give makes j the next job of w, and reports whether it was free to take it.
func (w *worker) give(j *job) bool {
	if w.job.Load() != nil {
		return false
	}
	j.pending.Add(1)
	j.helpers.Add(1)
	if !w.job.CompareAndSwap(nil, j) {
		j.leave()
		return false
	}
	w.wake()
	return true
}

// wake starts a goroutine if there is none.
func (w *worker) wake() {
	if !w.alive.Load() && w.alive.CompareAndSwap(false, true) {
		if w.start == nil {
			w.start = w.loop
		}
		go w.start()
	}
}

// loop helps until nothing has come for a while.
func (w *worker) loop() {
	defer w.end() // also if a step ends the goroutine
	for w.poll() {
		w.help()
	}
}

// end lets the next job start a goroutine. One that has just come did not.
func (w *worker) end() {
	w.alive.Store(false)
	if w.job.Load() != nil {
		w.wake()
	}
}

// help works on the job that has come, unless it has been taken back.
func (w *worker) help() {
	if j := w.job.Swap(nil); j != nil {
		defer j.leave()
		j.work(false)
	}
}

// poll waits for a job, and reports whether there is one.
func (w *worker) poll() bool {
	if w.job.Load() != nil {
		return true
	}
	if !w.polls() {
		return false
	}
	w.polling.Store(true)
	polling.Add(1)
	defer func() {
		polling.Add(-1)
		w.polling.Store(false)
	}()
	for start := time.Now(); time.Since(start) < pollTime; {
		for range 100 {
			if w.job.Load() != nil {
				return true
			}
		}
		runtime.Gosched()
	}
	return false
}

// polls reports whether there is a processor to poll on beside those that others
// poll and compute on: GOMAXPROCS can be larger than the machine.
func (w *worker) polls() bool {
	return int(polling.Load()) < min(runtime.NumCPU(), runtime.GOMAXPROCS(0))-1
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
