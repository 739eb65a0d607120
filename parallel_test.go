package nn

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// splitLoops makes every loop split, on p processors, until the test ends.
func splitLoops(t testing.TB, p int) {
	old := runtime.GOMAXPROCS(p)
	alwaysSplit = true
	t.Cleanup(func() {
		runtime.GOMAXPROCS(old)
		alwaysSplit = false
	})
}

// countTask is a task that counts how often each of its steps is run.
type countTask struct {
	n     []atomic.Int32
	calls atomic.Int32
	inner int // steps of a loop within each step
	fail  int // step that panics, or −1
}

func (t *countTask) run(lo, hi int) {
	t.calls.Add(1)
	for i := lo; i < hi; i++ {
		if i == t.fail {
			panic("step failed")
		}
		if t.inner > 0 {
			u := &countTask{n: make([]atomic.Int32, t.inner), fail: -1}
			parallel(t.inner, 1, u)
			for j := range u.n {
				if u.n[j].Load() != 1 {
					panic("inner step not run once")
				}
			}
		}
		t.n[i].Add(1)
	}
}

func (t *countTask) check(tb testing.TB, want int32) {
	tb.Helper()
	for i := range t.n {
		if got := t.n[i].Load(); got != want {
			tb.Fatalf("parallel over %d: step %d run %d times, want %d", len(t.n), i, got, want)
		}
	}
}

func newCountTask(n int) *countTask { return &countTask{n: make([]atomic.Int32, n), fail: -1} }

func TestParallel(t *testing.T) {
	for _, p := range []int{1, 2, 7} {
		splitLoops(t, p)
		for n := range 40 {
			c := newCountTask(n)
			parallel(n, 1, c)
			c.check(t, 1)
			if calls := int(c.calls.Load()); calls > p*chunksPerProc || p > 1 && n > 1 && calls < 2 {
				t.Errorf("parallel over %d on %d processors: %d chunks", n, p, calls)
			}
		}
		c := newCountTask(20)
		c.inner = 20
		parallel(20, 1, c)
		c.check(t, 1)
	}
}

// A loop of eight grains is split, into chunks of at least one; one of less than
// two is not, and one between only if there are workers awake.
func TestParallelGrain(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	for _, x := range []struct{ n, grain, least, most int }{
		{-1, 1, 0, 0}, {0, 1, 0, 0}, {1, 1, 1, 1}, {1, 0, 1, 1}, {19, 10, 1, 1}, {20, 10, 1, 2}, {7, 1, 1, 7}, {79, 10, 1, 8},
		{80, 10, 8, 8}, {81, 10, 9, 9}, {1600, 10, 16, 16}, {8, 1, 8, 8}, {9, 0, 9, 9}, {9, math.MaxInt, 1, 1},
	} {
		c := newCountTask(max(x.n, 0))
		parallel(x.n, x.grain, c)
		c.check(t, 1)
		if got := int(c.calls.Load()); got < x.least || got > x.most {
			t.Errorf("parallel(%d, %d): %d chunks, want %d to %d", x.n, x.grain, got, x.least, x.most)
		}
	}
}

func TestParallelPanic(t *testing.T) {
	for _, p := range []int{1, 2, 7} {
		splitLoops(t, p)
		for range 20 {
			for _, fail := range []int{0, 17, 63} {
				c := newCountTask(64)
				c.fail = fail
				got := func() (v any) {
					defer func() { v = recover() }()
					parallel(64, 1, c)
					return nil
				}()
				if got != "step failed" {
					t.Fatalf("step %d of 64 panics on %d processors: caller got %v", fail, p, got)
				}
			}
			c := newCountTask(64) // the job is reused after a panic
			parallel(64, 1, c)
			c.check(t, 1)
		}
	}
}

// panicTask is a loop whose first step panics when the last has begun, which then
// goes on for a while.
type panicTask struct{ begun, failed, more atomic.Bool }

func (t *panicTask) run(lo, hi int) {
	switch lo {
	case 0:
		for !t.begun.Load() {
			runtime.Gosched()
		}
		t.failed.Store(true)
		panic("step failed")
	case 3:
		t.begun.Store(true)
		for !t.failed.Load() {
			runtime.Gosched()
		}
		time.Sleep(time.Millisecond)
	default:
		t.more.Store(true)
	}
}

// After a panic no further chunk begins. It may before the panic has been noted, so
// one of some tries is enough.
func TestParallelPanicStops(t *testing.T) {
	splitLoops(t, 2)
	for range 50 {
		x := new(panicTask)
		func() {
			defer func() {
				if v := recover(); v != "step failed" {
					t.Fatalf("caller got %v", v)
				}
			}()
			parallel(4, 1, x)
		}()
		if !x.more.Load() {
			return
		}
	}
	t.Error("chunks begin after a panic")
}

// A panic in a loop within a step comes out of both.
func TestParallelPanicNested(t *testing.T) {
	splitLoops(t, 3)
	for range 20 {
		got := func() (v any) {
			defer func() { v = recover() }()
			parallel(6, 1, nestedTask{})
			return nil
		}()
		if got != "step failed" {
			t.Fatalf("caller got %v", got)
		}
	}
	c := newCountTask(30)
	c.inner = 30
	parallel(30, 1, c)
	c.check(t, 1)
}

// nestedTask is a loop over loops whose last step panics.
type nestedTask struct{}

func (nestedTask) run(lo, hi int) {
	c := newCountTask(9)
	c.fail = 8
	parallel(9, 1, c)
}

// GOMAXPROCS may change at any time.
func TestParallelProcs(t *testing.T) {
	splitLoops(t, 4)
	stop := make(chan bool)
	var wg, changer sync.WaitGroup
	changer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				runtime.GOMAXPROCS(1 + i%6)
				runtime.Gosched()
			}
		}
	})
	callAtOnce(t, &wg, 8)
	wg.Wait()
	close(stop)
	changer.Wait()
}

// lateTask is a loop of two steps. The first ends when the second has begun on another
// goroutine; the second goes on for a while.
type lateTask struct{ begun, done atomic.Bool }

func (t *lateTask) run(lo, hi int) {
	if lo == 0 {
		for !t.begun.Load() {
			runtime.Gosched()
		}
		return
	}
	t.begun.Store(true)
	for range 1000 {
		runtime.Gosched()
	}
	t.done.Store(true)
}

// The caller waits for the steps of others.
func TestParallelWaits(t *testing.T) {
	splitLoops(t, 2)
	for range 20 {
		x := new(lateTask)
		parallel(2, 1, x)
		if !x.done.Load() {
			t.Fatal("parallel returned before its last step was done")
		}
	}
}

// exitTask is a task in which a step ends its goroutine, as t.FailNow does.
type exitTask struct{ countTask }

func (t *exitTask) run(lo, hi int) {
	t.countTask.run(lo, hi)
	runtime.Goexit()
}

func TestParallelGoexit(t *testing.T) {
	splitLoops(t, 3)
	done := make(chan bool)
	go func() {
		defer close(done)
		parallel(8, 1, &exitTask{countTask{n: make([]atomic.Int32, 8), fail: -1}})
		t.Error("parallel returned though each of its goroutines has ended")
	}()
	<-done
	c := newCountTask(8)
	parallel(8, 1, c)
	c.check(t, 1)
}

// failLateTask is a loop of two steps. The second, on another goroutine than the
// caller's, fails.
type failLateTask struct {
	begun atomic.Bool
	fail  func()
}

func (t *failLateTask) run(lo, hi int) {
	if lo > 0 {
		t.begun.Store(true)
		t.fail()
	}
	for !t.begun.Load() {
		runtime.Gosched()
	}
}

// Where a helper's goroutine ends amid a step, the caller does not go on as if all
// were done.
func TestParallelGoexitOfHelper(t *testing.T) {
	splitLoops(t, 2)
	for range 20 {
		done := make(chan bool)
		go func() {
			defer close(done)
			parallel(2, 1, &failLateTask{fail: runtime.Goexit})
			t.Error("parallel returned though a step has not ended")
		}()
		<-done
		c := newCountTask(8) // the job is reused
		parallel(8, 1, c)
		c.check(t, 1)
	}
}

// A helper's panic is the caller's.
func TestParallelPanicOfHelper(t *testing.T) {
	splitLoops(t, 2)
	for range 20 {
		func() {
			defer func() {
				if v := recover(); v != "helper failed" {
					t.Fatalf("caller got %v", v)
				}
			}()
			parallel(2, 1, &failLateTask{fail: func() { panic("helper failed") }})
		}()
	}
}

// callAtOnce starts callers of parallel, each of which calls it a hundred times.
func callAtOnce(t *testing.T, wg *sync.WaitGroup, callers int) {
	for range callers {
		wg.Go(func() {
			for range 100 {
				c := newCountTask(30)
				parallel(30, 1, c)
				c.check(t, 1)
			}
		})
	}
}

func TestParallelCallers(t *testing.T) {
	splitLoops(t, 4)
	var wg sync.WaitGroup
	callAtOnce(t, &wg, 16)
	wg.Wait()
}

// No goroutine outlives its call for long.
func TestParallelGoroutines(t *testing.T) {
	splitLoops(t, 7)
	c := newCountTask(100)
	for range 100 {
		parallel(100, 1, c)
	}
	alive := func() (n int) {
		for i := range workers {
			if workers[i].alive.Load() {
				n++
			}
		}
		return n
	}
	for start := time.Now(); alive() > 0; runtime.Gosched() {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d workers are alive 10 s after the last loop", alive())
		}
	}
	// A worker counts as a goroutine for a moment after it has ended.
	buf := make([]byte, 1<<20)
	for i := 0; i < 1e4 && bytes.Contains(buf[:runtime.Stack(buf, true)], []byte("(*worker).loop")); i++ {
		runtime.Gosched()
	}
	if s := buf[:runtime.Stack(buf, true)]; bytes.Contains(s, []byte("(*worker).loop")) {
		t.Errorf("a worker is left:\n%s", s)
	}
	if n := polling.Load(); n != 0 {
		t.Errorf("%d workers poll, none is alive", n)
	}
}

// allocsPerRun is testing.AllocsPerRun without its GOMAXPROCS(1), which would keep
// every loop on one goroutine. The runtime itself allocates now and then, for a new
// thread, say: so it is the least of several averages.
func allocsPerRun(f func()) uint64 {
	const runs = 10
	least := ^uint64(0)
	for range 4 {
		var before, after runtime.MemStats
		f()
		runtime.ReadMemStats(&before)
		for range runs {
			f()
		}
		runtime.ReadMemStats(&after)
		least = min(least, (after.Mallocs-before.Mallocs)/runs)
	}
	return least
}

func TestParallelAllocs(t *testing.T) {
	for _, p := range []int{1, 2, 7} {
		splitLoops(t, p)
		c := newCountTask(100)
		if a := allocsPerRun(func() { parallel(100, 1, c) }); a != 0 {
			t.Errorf("parallel on %d processors allocates %d times", p, a)
		}
	}
}

func TestFreelist(t *testing.T) {
	var p freelist[int]
	var xs []*int
	for range 40 {
		xs = append(xs, p.get())
	}
	for _, x := range xs {
		p.put(x)
	}
	for i := range 40 {
		x := p.get()
		if in := slices.Contains(xs, x); in != (i < 32) {
			t.Fatalf("value %d: from the list %v, want %v", i, in, i < 32)
		}
	}
}
